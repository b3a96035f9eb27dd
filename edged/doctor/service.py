"""The service itself, as systemd and /proc tell of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from edged.capture.capture import PAUSED
from edged.config import CONFIGURATIONS, model_directories
from edged.doctor.finding import Finding, Trouble, problem, warning
from edged.doctor.identity import looked_for
from edged.doctor.machine import Machine
from edged.doctor.programs import Program, services

USER = "edged"
"""Whom the service runs as, where systemd does not tell."""
_PROPERTIES = (
    "LoadState",
    "ActiveState",
    "User",
    "Result",
    "ExecMainStatus",
    "NRestarts",
    "StatusText",
    "ProtectHome",
    "PrivateTmp",
)
_HOMES = ("/home", "/root", "/run/user")
_TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108 - nothing is put there
_TIMEOUT_S = 4.0
_BAD_CONFIGURATION = 78


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """How it is."""

    unit: str
    """As `edged@door.service`."""
    installed: bool | None
    """None: there is no systemd to ask."""
    state: str
    """systemd's: `active`, `activating`, `inactive`, `failed`, ...; empty: not told."""
    result: str
    """Why it ended the last time: `success`, `exit-code`, `watchdog`, ..."""
    exit_code: int
    restarts: int
    """By systemd since somebody started it."""
    user: str
    """Whom it runs as."""
    running: tuple[Program, ...]
    """Each `edged run` with this configuration, started by whomever."""
    status: str
    """What the service itself has told systemd last, as `systemctl status` shows it."""
    hidden: tuple[str, ...]
    """Directories whose content the unit keeps from the service."""

    @property
    def is_paused(self) -> bool:
        """The camera of the running service is closed on purpose, by what it says."""
        return self.state in UP and PAUSED in self.status.split("; ")

    @property
    def name(self) -> str:
        """As a person gives it to systemctl."""
        return self.unit.removesuffix(".service")


UP = ("active", "reloading")


def is_its(config_file: Path | None) -> bool:
    """Whether a configuration is that of a service on this machine."""
    return config_file is not None and config_file.parent == CONFIGURATIONS


def model_places(config_file: Path | None) -> tuple[Path, ...]:
    """Where the models of a configuration are looked for: by its service, or else by ourselves."""
    who, _ = looked_for(USER, is_its=is_its(config_file))
    return model_directories(None if who.uid == os.geteuid() else Path(who.home))


def unit_of(config_file: Path | None) -> str:
    """The unit that uses a configuration: `/etc/edged/door.toml` is `edged@door.service`'s.

    A file elsewhere is no unit's; what is asked then is how the usual one is.
    """
    name = config_file.stem if config_file is not None and is_its(config_file) else "edged"
    return "edged.service" if name == "edged" else f"edged@{name}.service"


def measure(machine: Machine, config_file: Path | None) -> ServiceFacts:
    """Ask systemd, if it is there, and look at the processes."""
    unit = unit_of(config_file)
    told = _ask_systemd(unit)
    loaded = told.get("LoadState")
    return ServiceFacts(
        unit=unit,
        installed=None if loaded is None else loaded == "loaded",
        state=told.get("ActiveState", "") if loaded == "loaded" else "",
        result=told.get("Result", ""),
        exit_code=_number(told.get("ExecMainStatus", "")),
        restarts=_number(told.get("NRestarts", "")),
        user=told.get("User", "") or USER,
        running=tuple(services(config_file, machine.proc)),
        status=told.get("StatusText", ""),
        hidden=tuple(_hidden(told)) if loaded == "loaded" else (),
    )


def _hidden(told: dict[str, str]) -> list[str]:
    """By systemd.exec(5), ProtectHome= and PrivateTmp=."""
    homes = _HOMES if told.get("ProtectHome") in ("yes", "tmpfs") else ()
    temporary = () if told.get("PrivateTmp", "no") == "no" else _TEMPORARY
    return [*homes, *temporary]


def _ask_systemd(unit: str) -> dict[str, str]:
    """What systemd knows of a unit; nothing: no systemd answers."""
    program = shutil.which("systemctl")
    if program is None:
        return {}
    try:
        done = subprocess.run(
            [program, "show", unit, f"--property={','.join(_PROPERTIES)}"],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    lines = (line.partition("=") for line in done.stdout.splitlines())
    return {name: value for name, _, value in lines}


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def judge(facts: ServiceFacts, *, is_rest_fine: bool) -> Finding:
    """What to say of it. One that nobody has started is no trouble.

    `is_rest_fine`: nothing else that was looked at keeps it from working.
    """
    trouble = _trouble(facts, is_rest_fine=is_rest_fine)
    if facts.state in UP:
        return _judge_running(facts, trouble)
    if trouble is not None:
        return Finding("", (trouble,))
    if facts.running:
        who = ", ".join(f"{one}" for one in facts.running)
        return Finding(f"{who} runs, not started by {facts.unit}")
    if facts.installed is None:
        return Finding("not running, and no systemd here to run it")
    if not facts.installed:
        return Finding(f"not running; {facts.unit} is not installed (sudo ./install.sh does it)")
    return Finding(f"{facts.unit} is {facts.state}: sudo systemctl enable --now {facts.unit}")


def _judge_running(facts: ServiceFacts, trouble: Trouble | None) -> Finding:
    """With what it says of itself, which no look from outside can tell."""
    found = f"{facts.unit} is {facts.state}, as {facts.user}"
    troubles = [] if trouble is None else [trouble]
    now, _, not_reloaded = facts.status.partition("; not reloaded: ")
    if now.startswith("degraded: "):
        troubles.append(warning(f"it says: {now}"))
    elif now:
        found += f": {now}"
    if not_reloaded:
        wrong = f"it still runs on the configuration of before: {not_reloaded}"
        troubles.append(warning(wrong, f"mend that, then sudo systemctl reload {facts.name}"))
    return Finding(found, tuple(troubles))


def _trouble(facts: ServiceFacts, *, is_rest_fine: bool) -> Trouble | None:
    journal = f"journalctl -u {facts.unit} -n 20 tells why"
    if facts.state == "failed":
        how = facts.result.replace("-", " ")
        if facts.result == "exit-code":
            how = f"exit code {facts.exit_code}"
            if facts.exit_code == _BAD_CONFIGURATION:
                how += ", its configuration"
        restart = f"sudo systemctl restart {facts.name}"
        todo = f"mend what is a problem here, then {restart} ({journal})"
        if is_rest_fine:
            todo = f"nothing that is seen here keeps it from working now: {restart} ({journal})"
        return problem(f"{facts.unit} has failed ({how})", todo)
    times = "once" if facts.restarts == 1 else f"{facts.restarts} times"
    if facts.restarts and facts.state == "activating":
        return problem(f"{facts.unit} was started again {times} and does not get ready", journal)
    if facts.restarts and facts.state == "active":
        return warning(f"systemd has started it again {times}", journal)
    return None
