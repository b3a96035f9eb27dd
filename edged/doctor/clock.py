"""The clock: is it set, and does somebody keep it right? Wall time is in every message and in TLS.

A Pi has no clock that runs while it is off (but for the Pi 5 with a battery): it starts with the
time of the last shutdown, and jumps when the network tells.
"""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edged.doctor.finding import Finding, problem, warning

BUILT = datetime(2026, 11, 1, tzinfo=UTC)
"""No clock that is right tells a time before this version of edged."""
MOST_ERROR_US = 16_000_000
"""As systemd's `timedatectl`: the kernel lets its estimate grow to this without a time server.
STA_UNSYNC is no sign: it may be set to keep the kernel from writing to the real-time clock."""
TOLERANCE_S = 86_400.0
"""A file may be so much younger than the clock."""
EPOCHS = (Path("/usr/lib/clock-epoch"), Path(__file__))
"""Files that cannot be from the future."""


@dataclass(frozen=True, slots=True)
class ClockFacts:
    """What the clock says."""

    now: str
    """Wall time, ISO 8601 in UTC."""
    synchronised: bool | None
    """By a time server, says the kernel; None: it does not say."""
    error_s: float | None
    """The most that it may be wrong, by the kernel's estimate."""
    behind_s: float
    """Seconds that it is behind a time that is known to be over; 0: none."""
    is_unset: bool
    """It tells a time before this version of edged was made."""
    tls: bool
    """The broker's certificate is compared with this clock."""


class _Timex(ctypes.Structure):
    """`struct timex` of adjtimex(2), as far as it is read here."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 512),
    )


def most_error_us() -> int | None:
    """The kernel's estimate of the most that the clock is wrong; None: it does not tell."""
    timex = _Timex()  # modes 0: only read
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        return None
    return int(timex.maxerror) if state >= 0 else None


def measure(*, tls: bool) -> ClockFacts:
    """Read the clock. Needs no rights."""
    now = time.time()
    error_us = most_error_us()
    over = max((BUILT.timestamp(), *(_age_of(path) for path in EPOCHS)))
    return ClockFacts(
        now=datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
        synchronised=None if error_us is None else error_us < MOST_ERROR_US,
        error_s=None if error_us is None else error_us / 1e6,
        behind_s=max(0.0, round(over - now, 1)),
        is_unset=now < BUILT.timestamp(),
        tls=tls,
    )


def _age_of(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def judge(facts: ClockFacts) -> Finding:
    """What to say of it."""
    wait = (
        "connect it to the network and wait a minute (timedatectl), or set it: "
        "sudo timedatectl set-time 'YYYY-MM-DD HH:MM'"
    )
    if facts.is_unset or facts.behind_s > TOLERANCE_S:
        how = "was never set" if facts.is_unset else f"is {facts.behind_s / 86_400:.0f} days behind"
        wrong = f"it is {facts.now}, says the clock, which {how}"
        if facts.tls:
            return Finding("", (problem(f"{wrong}, so that TLS fails", wait),))
        return Finding("", (warning(wrong, wait),))
    if facts.synchronised is False:
        todo = "sudo timedatectl set-ntp true, and let it reach the network"
        return Finding(facts.now, (warning("no time server keeps it right", todo),))
    if facts.synchronised is None:
        return Finding(f"{facts.now}; whether a time server keeps it right cannot be seen here")
    return Finding(f"{facts.now}, kept right by a time server")
