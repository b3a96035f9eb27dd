"""The service, as a systemctl tells of it that is a real program."""

from __future__ import annotations

from pathlib import Path

import pytest
from machines import AddProgram, Write

from edged.doctor.finding import Level
from edged.doctor.machine import Machine
from edged.doctor.service import judge, measure, unit_of


def systemctl(**properties: object) -> str:
    return "\n".join(f"echo '{name}={value}'" for name, value in properties.items())


@pytest.mark.parametrize(
    ("file", "unit"),
    [
        (None, "edged.service"),
        (Path("/etc/edged/edged.toml"), "edged.service"),
        (Path("/etc/edged/door.toml"), "edged@door.service"),
        (Path("/home/pi/try.toml"), "edged.service"),
    ],
)
def test_a_configuration_has_its_unit(file: Path | None, unit: str) -> None:
    assert unit_of(file) == unit


@pytest.mark.parametrize(
    ("properties", "level", "said"),
    [
        (
            {"LoadState": "loaded", "ActiveState": "active", "User": "edged", "NRestarts": 0},
            Level.OK,
            "edged.service is active, as edged",
        ),
        (
            {"LoadState": "loaded", "ActiveState": "active", "User": "edged", "NRestarts": 3},
            Level.WARNING,
            "systemd has started it again 3 times: journalctl -u edged.service",
        ),
        (
            {
                "LoadState": "loaded",
                "ActiveState": "failed",
                "Result": "exit-code",
                "ExecMainStatus": 78,
            },
            Level.PROBLEM,
            "edged.service has failed (exit code 78, its configuration)",
        ),
        (
            {"LoadState": "loaded", "ActiveState": "failed", "Result": "watchdog"},
            Level.PROBLEM,
            "has failed (watchdog): journalctl",
        ),
        (
            {"LoadState": "loaded", "ActiveState": "activating", "NRestarts": 1},
            Level.PROBLEM,
            "was started again once and does not get ready",
        ),
        (
            {"LoadState": "loaded", "ActiveState": "inactive"},
            Level.OK,
            "is inactive: sudo systemctl enable --now edged.service",
        ),
        ({"LoadState": "not-found", "ActiveState": "inactive"}, Level.OK, "is not installed"),
    ],
)
def test_what_systemd_tells(
    machine: Machine,
    add_program: AddProgram,
    properties: dict[str, object],
    level: Level,
    said: str,
) -> None:
    add_program(
        "systemctl", f'test "$1 $2" = "show edged.service" || exit 1\n{systemctl(**properties)}'
    )
    finding = judge(measure(machine, None))
    assert finding.level is level
    assert said in finding.lines[0][1]


@pytest.mark.parametrize("script", ["echo 'no systemd here' >&2; exit 1", "exec sleep 0"])
def test_without_systemd_nothing_is_wrong(
    machine: Machine, add_program: AddProgram, script: str
) -> None:
    add_program("systemctl", script)
    facts = measure(machine, None)
    assert facts.installed is None
    assert judge(facts).level is Level.OK


def test_one_that_somebody_started_is_seen(
    machine: Machine, add_program: AddProgram, write: Write
) -> None:
    add_program("systemctl", "exit 1")
    write({"proc/77/cmdline": "python3\0-m\0edged\0run\0", "proc/77/comm": "python3\n"})
    assert "edged run (PID 77) runs" in judge(measure(machine, None)).lines[0][1]
