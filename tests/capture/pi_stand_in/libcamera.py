"""Stand-in for `libcamera`'s Python module: as much as edged names of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Transform:
    """How a sensor is read out."""

    hflip: int = 0
    vflip: int = 0
    transpose: int = 0


class ColorSpace:
    """What numbers mean which colours."""

    @staticmethod
    def Smpte170m() -> ColorSpace:  # noqa: N802 - libcamera's name
        """BT.601, 16-235."""
        return ColorSpace()
