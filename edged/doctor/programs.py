"""Running programs: which have a device open, and which are the service."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from os import getpid
from pathlib import Path

SERVICE = "edged run"
_WORKER = "edged.inference.worker"
_PARENT_FIELD = 1
"""Counted from behind the name in `/proc/PID/stat`."""


@dataclass(frozen=True, slots=True)
class Program:
    """A process."""

    pid: int
    name: str
    is_ours: bool
    """The service with the configuration that is looked at, or its worker."""

    def __str__(self) -> str:
        return f"{self.name} (PID {self.pid})"


def is_service(words: Sequence[str]) -> bool:
    """Whether a command line is that of `edged run`."""
    return any(
        word == "run" and Path(before).name == "edged" for before, word in itertools.pairwise(words)
    )


def config_of(words: Sequence[str]) -> str:
    """The configuration that a command line of `edged run` names; empty: none."""
    for before, word in itertools.pairwise(words):
        if before in ("--config", "-c"):
            return word
    return next((w.partition("=")[2] for w in words if w.startswith("--config=")), "")


def holders(nodes: Collection[str], config: Path | None, proc: Path) -> list[Program]:
    """Programs other than this one that have one of these files open, as far as we may look.

    Only root may look into the processes of others. `config`: of the service that is ours.
    """
    found = []
    for entry in _others(proc) if nodes else ():
        try:
            links = {str(link.readlink()) for link in (entry / "fd").iterdir()}
        except OSError:  # not ours to see, or gone
            continue
        if not links.isdisjoint(nodes):
            found.append(_program(entry, config))
    return found


def services(config: Path | None, proc: Path) -> list[Program]:
    """Each `edged run` with this configuration. Anybody may see these."""
    found = (_program(entry, config) for entry in _others(proc))
    return [one for one in found if one.is_ours and one.name == SERVICE]


def _others(proc: Path) -> Iterator[Path]:
    for entry in sorted(proc.glob("[0-9]*")):
        if entry.name != f"{getpid()}":
            yield entry


def _program(entry: Path, config: Path | None) -> Program:
    pid, words = int(entry.name), _command_line(entry)
    if is_service(words):
        return Program(pid, SERVICE, _is_of(entry, words, config))
    try:
        if _WORKER in words:
            fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
            parent = entry.with_name(fields[_PARENT_FIELD])
            its = _command_line(parent)
            is_ours = is_service(its) and _is_of(parent, its, config)
            return Program(pid, "a worker of edged", is_ours)
        return Program(pid, (entry / "comm").read_text(errors="replace").strip(), is_ours=False)
    except (OSError, IndexError):
        return Program(pid, "a program", is_ours=False)


def _command_line(entry: Path) -> list[str]:
    try:
        return (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def _is_of(entry: Path, words: Sequence[str], config: Path | None) -> bool:
    """Whether a service's configuration is this one."""
    named = config_of(words)
    if not named or config is None:
        return not named and config is None
    try:
        return entry.joinpath("cwd").readlink().joinpath(named).resolve() == config.resolve()
    except OSError:  # not ours to see
        return Path(named).resolve() == config.resolve()
