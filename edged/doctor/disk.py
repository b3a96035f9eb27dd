"""The disk: room where the service keeps its things, and what is known of the disk's health."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from edged.doctor.finding import Finding, Trouble, problem, warning
from edged.doctor.machine import Machine, number_in, text_of

LOW_MB, NONE_MB = 200.0, 10.0
"""Less than the first: soon full. Less than the second: nothing can be written any more."""
LOW_INODES, NONE_INODES = 1000, 10
WORN = 9
"""Of an eMMC's `life_time`: n is at most n x 10 % of its life, 11 is more (JEDEC JESD84-B51)."""
RESERVES_LOW = 2
"""Of its `pre_eol_info`: 1 normal, 2 80 % of the reserve blocks used, 3 urgent."""


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """The file system of a directory."""

    path: str
    free_mb: float
    """For anybody, not root alone."""
    total_mb: float
    free_inodes: int | None
    """None: the file system does not count them."""
    read_only: bool
    device: str
    """As `mmcblk0p2`; empty: none of its own."""
    errors: int
    """That ext4 has noted since it was last checked."""
    life_used: int | None
    """Of an eMMC, see `WORN`; None: it does not tell, as no SD card does."""
    reserves: int | None
    """Likewise, see `RESERVES_LOW`."""


def measure(machine: Machine, directory: Path) -> DiskFacts:
    """Look at the file system of a directory, or of the first one above it that exists.

    Raises:
        OSError: it does not answer.
    """
    place = next(path for path in (directory, *directory.parents) if os.path.lexists(path))
    told = os.statvfs(place)
    device = _device(machine, place)
    life, reserves = _wear(machine, device)
    return DiskFacts(
        path=str(place),
        free_mb=round(told.f_bavail * told.f_frsize / 1e6, 1),
        total_mb=round(told.f_blocks * told.f_frsize / 1e6, 1),
        free_inodes=told.f_favail if told.f_files else None,
        read_only=bool(told.f_flag & os.ST_RDONLY),
        device=device,
        errors=number_in(machine.sys / "fs" / "ext4" / device / "errors_count") or 0
        if device
        else 0,
        life_used=life,
        reserves=reserves,
    )


def _device(machine: Machine, place: Path) -> str:
    number = place.stat().st_dev
    link = machine.sys / "dev" / "block" / f"{os.major(number)}:{os.minor(number)}"
    return link.resolve().name if os.path.lexists(link) else ""


def _wear(machine: Machine, device: str) -> tuple[int | None, int | None]:
    """`life_time` (of the worse kind of cells) and `pre_eol_info`, which only an eMMC has."""
    if not device.startswith("mmcblk"):
        return None, None
    card = machine.sys / "block" / device.partition("p")[0] / "device"
    try:
        life = max(int(word, 16) for word in text_of(card / "life_time").split())
        reserves = int(text_of(card / "pre_eol_info"), 16)
    except ValueError:
        return None, None
    return life or None, reserves or None  # 0: not told


def judge(facts: DiskFacts) -> Finding:
    """What to say of it."""
    free = f"{facts.free_mb / 1000:.1f} GB" if facts.free_mb >= 1000 else f"{facts.free_mb:.0f} MB"  # noqa: PLR2004
    found = f"{free} free at {facts.path}"
    if facts.life_used is not None:
        found += f", {min(facts.life_used, 10) * 10} % of the eMMC's life used at most"
    return Finding(found, tuple(_troubles(facts)))


def _troubles(facts: DiskFacts) -> list[Trouble]:
    troubles = []
    room = "make room (sudo journalctl --vacuum-size=50M, sudo apt clean)"
    if facts.read_only:
        troubles.append(
            warning(
                "it is mounted read-only, so that nothing can be kept there",
                "if that is not on purpose, the card may be failing: dmesg tells",
            )
        )
    elif facts.free_mb < NONE_MB:
        troubles.append(problem("it is full", room))
    elif facts.free_mb < LOW_MB:
        troubles.append(warning("it is nearly full", room))
    if facts.free_inodes is not None and not facts.read_only:
        many = "delete directories of many small files (df -i tells)"
        if facts.free_inodes < NONE_INODES:
            troubles.append(problem("no more files can be made there (no inodes)", many))
        elif facts.free_inodes < LOW_INODES:
            troubles.append(warning(f"only {facts.free_inodes} more files can be made", many))
    if facts.errors:
        times = "once" if facts.errors == 1 else f"{facts.errors} times"
        todo = (
            "copy what you need elsewhere, and have it checked at the next start (fsck.mode=force)"
        )
        troubles.append(warning(f"{facts.device} was found damaged {times}", todo))
    if (facts.life_used or 0) > WORN or (facts.reserves or 0) >= RESERVES_LOW:
        troubles.append(warning("the eMMC is worn out", "copy what you need, and replace it"))
    return troubles
