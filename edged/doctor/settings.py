"""The configuration: is it right, and which one is it?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edged.config import Config, load
from edged.doctor.finding import Finding, problem
from edged.doctor.machine import Machine
from edged.errors import ConfigError

SYSTEM_FILE = Path("/etc/edged/edged.toml")
"""The service's."""


@dataclass(frozen=True, slots=True)
class SettingsFacts:
    """The file, or what is wrong with it."""

    file: str
    """Empty: none, the defaults are in force."""
    wrong: tuple[str, ...]
    """A line for each thing."""


def measure(file: Path | None, machine: Machine) -> tuple[SettingsFacts, Config | None]:
    """Read it; None: it cannot be used. `file` None: the service's if there is one."""
    if file is None and SYSTEM_FILE.is_file():
        file = SYSTEM_FILE
    name = "" if file is None else str(file)
    try:
        return SettingsFacts(name, ()), load(file, credentials=machine.credentials)
    except ConfigError as error:
        return SettingsFacts(name, tuple(str(error).splitlines())), None


def judge(facts: SettingsFacts) -> Finding:
    """What to say of it."""
    if not facts.wrong:
        return Finding(facts.file or f"the defaults (there is no {SYSTEM_FILE})")
    troubles = []
    for line in facts.wrong:
        todo = "run this as root: sudo edged check" if "permission denied" in line else ""
        troubles.append(problem(line, todo))
    return Finding("", tuple(troubles))
