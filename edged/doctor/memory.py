"""Memory: is there enough for the service?"""

from __future__ import annotations

from dataclasses import dataclass

from edged.doctor.finding import Finding, warning
from edged.doctor.machine import Machine, text_of

NEEDED_MB = 130.0
"""All processes of edged with one model, see docs/architecture.md."""


@dataclass(frozen=True, slots=True)
class MemoryFacts:
    """Millions of bytes."""

    total_mb: float
    available_mb: float
    """What programs can have without swapping, by the kernel's estimate."""


def measure(machine: Machine) -> MemoryFacts:
    """Read /proc/meminfo. Raises `OSError` when it does not tell."""
    values = {}
    for line in text_of(machine.proc / "meminfo").splitlines():
        name, _, value = line.partition(":")
        values[name] = value.split()
    try:
        total, available = (int(values[name][0]) for name in ("MemTotal", "MemAvailable"))
    except (KeyError, IndexError, ValueError) as error:
        raise OSError(f"{machine.proc / 'meminfo'} does not tell the memory") from error
    return MemoryFacts(round(total * 1024 / 1e6, 1), round(available * 1024 / 1e6, 1))


def judge(facts: MemoryFacts, *, is_running: bool) -> Finding:
    """What to say of it; a service that is running has its share already."""
    found = f"{facts.available_mb:.0f} of {facts.total_mb:.0f} MB available"
    needed = NEEDED_MB / 4 if is_running else NEEDED_MB
    if facts.available_mb < needed:
        todo = "end other programs (ps aux --sort=-rss | head tells which are large)"
        return Finding(found, (warning(f"edged needs {NEEDED_MB:.0f} MB", todo),))
    return Finding(found)
