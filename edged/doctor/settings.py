"""The configuration: is it right, and which one is it?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edged.config import SYSTEM_FILE, Config, load
from edged.doctor.finding import Finding, problem
from edged.errors import ConfigError


@dataclass(frozen=True, slots=True)
class SettingsFacts:
    """The file, or what is wrong with it."""

    file: str
    """Empty: none, the defaults are in force."""
    wrong: tuple[str, ...]
    """A line for each thing."""


def measure(file: Path | None) -> tuple[SettingsFacts, Config | None]:
    """Read it; None: it cannot be used. `file` None: the service's if there is one."""
    if file is None and SYSTEM_FILE.is_file():
        file = SYSTEM_FILE
    name = "" if file is None else str(file)
    try:
        return SettingsFacts(name, ()), load(file)
    except ConfigError as error:
        return SettingsFacts(name, tuple(str(error).splitlines())), None


def judge(facts: SettingsFacts) -> Finding:
    """What to say of it."""
    if not facts.wrong:
        return Finding(facts.file or f"the defaults (there is no {SYSTEM_FILE})")
    return Finding("", tuple(problem(line) for line in facts.wrong))
