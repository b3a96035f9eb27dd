"""`edged check`: the doctor. A line for each thing that the service needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from edged.doctor.examination import Report, examine
from edged.doctor.finding import Level, Trouble
from edged.doctor.machine import Machine
from edged.view.screen import clean

_COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.PROBLEM: "bold red"}


class TroubleLine(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as it should be, for programs."""

    level: Level
    wrong: str
    todo: str


class CheckLine(msgspec.Struct, frozen=True, kw_only=True):
    """A subject, for programs."""

    level: Level
    found: str
    troubles: list[TroubleLine]
    facts: Any
    """null: nothing could be measured."""


class ReportLine(msgspec.Struct, frozen=True, kw_only=True):
    """The whole, for programs."""

    v: int = 1
    level: Level
    checks: dict[str, CheckLine]


def run(config_file: Path | None, *, json: bool, machine: Machine = Machine()) -> int:  # noqa: B008
    """Examine and print. Returns the exit code: 1 when something keeps the service from working."""
    report = examine(config_file, machine)
    if json:
        print(msgspec.json.encode(as_line(report)).decode())
    else:
        _print(report)
    return int(report.level is Level.PROBLEM)


def as_line(report: Report) -> ReportLine:
    """What `--json` prints."""
    return ReportLine(
        level=report.level,
        checks={
            name: CheckLine(
                level=subject.finding.level,
                found=subject.finding.found,
                troubles=[trouble_line(one) for one in subject.finding.troubles],
                facts=subject.facts,
            )
            for name, subject in report.subjects.items()
        },
    )


def trouble_line(trouble: Trouble) -> TroubleLine:
    """For programs."""
    return TroubleLine(level=trouble.level, wrong=trouble.wrong, todo=trouble.todo)


def _print(report: Report) -> None:
    """With colours where a person looks. Whatever devices call themselves stays harmless."""
    console = Console(highlight=False, soft_wrap=True)
    width = max(map(len, report.subjects))
    for name, subject in report.subjects.items():
        for level, words in subject.finding.lines:
            line = Text(f"{level:7}", _COLOURS[level])
            line.append(f"  {name:{width}}  {clean(words)}", "")
            console.print(line)
    console.print(Text(_verdict(report), _COLOURS[report.level]))


def _verdict(report: Report) -> str:
    levels = [level for one in report.subjects.values() for level, _ in one.finding.lines]
    problems, warnings = levels.count(Level.PROBLEM), levels.count(Level.WARNING)
    if problems:
        return f"the service cannot work: {_count(problems, 'problem')}"
    if warnings:
        return f"the service can work, with {_count(warnings, 'warning')}"
    return "all is well"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
