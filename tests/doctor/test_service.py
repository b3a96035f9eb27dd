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
            "has failed (watchdog): nothing that is seen here keeps it from working now",
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
    finding = judge(measure(machine, None), is_rest_fine=True)
    assert finding.level is level
    assert said in finding.lines[0][1]


STARTED = {"LoadState": "loaded", "ActiveState": "active", "User": "edged", "NRestarts": 0}
LOST = "degraded: broker gym:1883 gave our place away: is there another client?; 2.0 frames/s"


@pytest.mark.parametrize(
    ("status", "level", "said"),
    [
        ("29.9 frames/s, movenet on cpu", Level.OK, "as edged: 29.9 frames/s, movenet on cpu"),
        ("the camera is paused; movenet on cpu", Level.OK, "as edged: the camera is paused;"),
        (LOST, Level.WARNING, f"as edged; it says: {LOST}"),
        (
            "30.0 frames/s, movenet on cpu; not reloaded: [camera] fps: expected a number",
            Level.WARNING,
            "[camera] fps: expected a number: mend that, then sudo systemctl reload edged",
        ),
    ],
)
def test_what_the_service_says_of_itself_is_told(
    machine: Machine, add_program: AddProgram, status: str, level: Level, said: str
) -> None:
    add_program("systemctl", systemctl(**STARTED, StatusText=status))
    facts = measure(machine, None)
    finding = judge(facts, is_rest_fine=True)
    assert finding.level is level
    assert said in finding.lines[0][1]
    assert facts.is_paused is status.startswith("the camera is paused")


def test_one_that_is_degraded_and_not_reloaded_is_told_both(
    machine: Machine, add_program: AddProgram
) -> None:
    add_program("systemctl", systemctl(**STARTED, StatusText=f"{LOST}; not reloaded: no file"))
    lines = judge(measure(machine, Path("/etc/edged/door.toml")), is_rest_fine=True).lines
    assert [LOST in lines[0][1], "reload edged@door" in lines[1][1]] == [True, True]


@pytest.mark.parametrize(
    ("is_rest_fine", "said"),
    [
        (True, "nothing that is seen here keeps it from working now: sudo systemctl restart edged"),
        (False, "mend what is a problem here, then sudo systemctl restart edged (journalctl"),
    ],
)
def test_one_that_has_failed_is_started_by_hand_when_all_is_mended(
    machine: Machine, add_program: AddProgram, *, is_rest_fine: bool, said: str
) -> None:
    failed = {"LoadState": "loaded", "ActiveState": "failed", "Result": "exit-code"}
    add_program("systemctl", systemctl(**failed, ExecMainStatus=78))
    finding = judge(measure(machine, None), is_rest_fine=is_rest_fine)
    assert finding.level is Level.PROBLEM
    assert said in finding.lines[0][1]


@pytest.mark.parametrize(
    ("properties", "hidden"),
    [
        ({"ProtectHome": "yes", "PrivateTmp": "yes"}, {"/home", "/root", "/run/user"}),
        ({"ProtectHome": "read-only", "PrivateTmp": "no"}, set()),
        ({}, set()),
    ],
)
def test_what_the_unit_hides_from_the_service(
    machine: Machine, add_program: AddProgram, properties: dict[str, str], hidden: set[str]
) -> None:
    add_program("systemctl", systemctl(LoadState="loaded", **properties))
    assert set(measure(machine, None).hidden) >= hidden
    assert bool(measure(machine, None).hidden) is bool(hidden)


@pytest.mark.parametrize("script", ["echo 'no systemd here' >&2; exit 1", "exec sleep 0"])
def test_without_systemd_nothing_is_wrong(
    machine: Machine, add_program: AddProgram, script: str
) -> None:
    add_program("systemctl", script)
    facts = measure(machine, None)
    assert facts.installed is None
    assert judge(facts, is_rest_fine=True).level is Level.OK


def test_one_that_somebody_started_is_seen(
    machine: Machine, add_program: AddProgram, write: Write
) -> None:
    add_program("systemctl", "exit 1")
    write({"proc/77/cmdline": "python3\0-m\0edged\0run\0", "proc/77/comm": "python3\n"})
    assert "edged run (PID 77) runs" in judge(measure(machine, None), is_rest_fine=True).lines[0][1]
