"""Memory, from files and from this machine."""

from __future__ import annotations

import pytest
from machines import Write

from edged.doctor.finding import Level
from edged.doctor.machine import Machine
from edged.doctor.memory import MemoryFacts, judge, measure


def test_memory_is_what_the_kernel_says(machine: Machine, write: Write) -> None:
    write({"proc/meminfo": "MemTotal: 4000000 kB\nMemFree: 1 kB\nMemAvailable:  500000 kB\n"})
    assert measure(machine) == MemoryFacts(4096.0, 512.0)


def test_this_machine_has_some() -> None:
    facts = measure(Machine())
    assert 0 < facts.available_mb <= facts.total_mb


def test_a_kernel_that_does_not_tell_is_an_error(machine: Machine, write: Write) -> None:
    write({"proc/meminfo": "MemTotal: much\n"})
    with pytest.raises(OSError, match="does not tell the memory"):
        measure(machine)


@pytest.mark.parametrize(
    ("available_mb", "is_running", "level"),
    [
        (400.0, False, Level.OK),
        (100.0, False, Level.WARNING),
        (100.0, True, Level.OK),
        (10.0, True, Level.WARNING),
    ],
)
def test_too_little_is_a_warning(available_mb: float, *, is_running: bool, level: Level) -> None:
    assert judge(MemoryFacts(500.0, available_mb), is_running=is_running).level is level
