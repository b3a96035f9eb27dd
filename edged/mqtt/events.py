"""What an event is while it waits for the broker, and how old it is on a device without a battery.

A Pi has no clock that runs while it is off: after a start its wall clock may be months behind, and
jumps when the network is there, which is just when events can leave. Within one boot, ages are
therefore by the boot's own clock, which never jumps; over a boot there is only the wall clock,
which is believed when it has not jumped for an hour.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
JUMP_S = 60.0
"""Of the wall clock against the boot's: more than clocks are slewed by, less than what matters."""
SETTLED_S = 3600.0
"""To keep an event for an hour too long costs nothing. To drop one that only looks old loses it."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A moment, by all clocks that there are."""

    wall: float
    """Seconds since 1970."""
    boot: str
    """Which boot of the machine; empty: unknown, and never the same."""
    up_s: float
    """Seconds since that boot, suspended time included (CLOCK_BOOTTIME)."""


@dataclass(eq=False, slots=True)
class Event:
    """An event on its way. Compared by identity: the same id may be handed over twice."""

    id: str
    topic: str
    payload: bytes
    stamp: Stamp
    """When it was handed over."""
    row: int = 0
    """Its place in the file; 0: it is not there."""
    is_done: bool = False
    """The broker has it, or it was dropped."""


def _boot() -> str:
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


_BOOT = _boot()


def now() -> Stamp:
    """This moment. Takes half a microsecond."""
    return Stamp(time.time(), _BOOT, time.clock_gettime(time.CLOCK_BOOTTIME))


def age_s(stamp: Stamp, at: Stamp) -> float:
    """Seconds from `stamp` to `at`; never negative, whatever the wall clock does."""
    if stamp.boot and stamp.boot == at.boot:
        return max(0.0, at.up_s - stamp.up_s)
    return max(0.0, at.wall - stamp.wall)


class Calendar:
    """Tells which events are too old, and distrusts a wall clock that has just jumped."""

    def __init__(self, began: Stamp) -> None:
        """`began` is the first look at the clocks: the machine may have started just now."""
        self._offset = began.wall - began.up_s
        self._settled_s = began.up_s + SETTLED_S

    def look(self, at: Stamp) -> None:
        """Notice whether the wall clock has jumped."""
        offset = at.wall - at.up_s
        if abs(offset - self._offset) > JUMP_S:
            self._settled_s = at.up_s + SETTLED_S
        self._offset = offset

    def is_past(self, stamp: Stamp, at: Stamp, limit_s: float) -> bool:
        """Whether an event of `stamp` is certainly older than `limit_s`."""
        is_sure = (stamp.boot and stamp.boot == at.boot) or at.up_s >= self._settled_s
        return bool(is_sure) and age_s(stamp, at) > limit_s
