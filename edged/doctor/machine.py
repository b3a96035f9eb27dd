"""Where the doctor looks at the machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Machine:
    """The directories by which Linux tells of itself, and those of the service."""

    sys: Path = Path("/sys")
    proc: Path = Path("/proc")
    dev: Path = Path("/dev")
    state: Path = Path("/var/lib/edged")
    """`StateDirectory=` of the service."""


def text_of(path: Path) -> str:
    """What a small file of the kernel says; empty: it is not there, not ours, or says nothing."""
    try:
        return path.read_text(errors="replace").strip("\0\n ")
    except OSError:
        return ""


def number_in(path: Path) -> int | None:
    """The decimal number that such a file holds; None: it holds none."""
    try:
        return int(text_of(path))
    except ValueError:
        return None


def is_raspberry_pi(machine: Machine) -> bool:
    """By the device tree."""
    return "Raspberry Pi" in text_of(machine.proc / "device-tree" / "model")
