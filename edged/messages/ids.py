"""Ids of events: UUIDs of version 7 (RFC 9562, section 5.7), which sort by time."""

from __future__ import annotations

from uuid import UUID

RANDOM_BITS = 74


def uuid7(wall_s: float, chance: int) -> str:
    """The id of something that happens at a time.

    Args:
        wall_s: seconds since 1970; before that, or beyond 48 bits of milliseconds, it is cut off.
        chance: `RANDOM_BITS` random bits.
    """
    milliseconds = min(max(int(wall_s * 1000), 0), (1 << 48) - 1)
    high, low = (chance >> 62) & 0xFFF, chance & ((1 << 62) - 1)
    return str(UUID(int=milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low))
