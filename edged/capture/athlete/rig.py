"""The bar that is hung from, as patches among those of the athlete: hands close around it."""

from __future__ import annotations

import math

import numpy as np

from edged.capture.athlete.equipment import Bar
from edged.capture.athlete.lens import Floats
from edged.capture.athlete.scene import Rgb
from edged.capture.athlete.tubes import Packed, Patches, band_corners

_SIDES = 8
_PIECES, _ROD_PIECES = 32, 8
"""So many parts, each drawn by its own distance: hands are around the bar."""
_STEEL: Rgb = (0.42, 0.43, 0.46)
_ROD_M = 6.0
"""So far up goes a rod: to the ceiling, or out of the picture."""
_ROD_RADIUS = 0.012


class Rig:
    """A bar between two rods; `vertices` (n, 3) stay where they are."""

    def __init__(self, bar: Bar, top: float) -> None:
        """Of a bar, hung from a ceiling that is `top` metres high, at most."""
        top = min(top, bar.z + _ROD_M)
        y, x, z = bar.half, bar.x, bar.z
        left, right = np.array([x, y, z]), np.array([x, -y, z])
        up = np.array([0.0, 0.0, top - z])
        tubes = [
            _tube(right, left, bar.radius, _PIECES),
            _tube(right, right + up, _ROD_RADIUS, _ROD_PIECES),
            _tube(left, left + up, _ROD_RADIUS, _ROD_PIECES),
        ]
        patches, before = Patches(), 0
        for tube in tubes:
            corners = band_corners(before, _SIDES, len(tube) // _SIDES).reshape(-1, 4)
            patches.add(corners, np.tile(np.array(_STEEL), (len(corners), 1)))
            before += len(tube)
        self.vertices: Floats = np.concatenate(tubes)
        self.patches: Packed = patches.packed()


def _tube(start: Floats, end: Floats, radius: float, pieces: int) -> Floats:
    """Vertices of rings from start to end, turning with the right hand about that direction."""
    way = (end - start) / np.linalg.norm(end - start)
    one = np.array([1.0, 0.0, 0.0])  # across both the bar and its rods
    other = np.cross(way, one)
    around = np.arange(_SIDES) / _SIDES * 2 * math.pi
    ring = radius * (np.cos(around)[:, None] * one + np.sin(around)[:, None] * other)
    centres = start + np.linspace(0.0, 1.0, pieces + 1)[:, None] * (end - start)
    tube: Floats = (centres[:, None] + ring).reshape(-1, 3)
    return tube
