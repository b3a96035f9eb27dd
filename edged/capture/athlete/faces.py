"""Flat parts of the world, cut at the edges of the frame and filled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edged.capture.athlete.lens import Floats, Lens
from edged.capture.athlete.scene import Light, Rgb
from edged.cv import cv2
from edged.types import Pixels

_SHIFT = 4
"""Fractional bits of the coordinates that OpenCV gets."""
_NEAR_M = 0.05
_TRIANGLE = 3


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A flat part of the world: corners (n, 3) in order, and its colour in this light."""

    corners: Floats
    colour: Rgb


def fill(canvas: Pixels, lens: Lens, face: Face) -> None:
    """Paint what of a face the camera sees, in place."""
    seen = _cut((face.corners - lens.position) @ lens.rotation.T, lens)
    if len(seen) < _TRIANGLE:
        return
    pixels = seen[:, :2] / seen[:, 2:] * lens.focal + (lens.width / 2, lens.height / 2)
    points = np.round((pixels - 0.5) * (1 << _SHIFT)).astype(np.int32)
    colour = [255.0 * min(max(value, 0.0), 1.0) for value in face.colour]
    cv2.fillConvexPoly(canvas, points, colour, cv2.LINE_AA, _SHIFT)


def _cut(corners: Floats, lens: Lens) -> Floats:
    """What of a polygon the camera sees (Sutherland and Hodgman, 1974); camera coordinates."""
    across, along = (size / 2 / lens.focal * 1.02 for size in (lens.width, lens.height))
    sides = ((0, 0, 1, -_NEAR_M), (1, 0, across, 0), (-1, 0, across, 0))
    for x, y, z, offset in (*sides, (0, 1, along, 0), (0, -1, along, 0)):
        inside = corners @ (float(x), float(y), float(z)) + offset
        if len(corners) == 0 or inside.min() >= 0:
            continue
        kept = []
        for i, (corner, value) in enumerate(zip(corners, inside, strict=True)):
            before, value_before = corners[i - 1], inside[i - 1]
            if (value < 0) != (value_before < 0):
                part = value / (value - value_before)
                kept.append(corner + part * (before - corner))
            if value >= 0:
                kept.append(corner)
        corners = np.array(kept).reshape(-1, 3)
    return corners


def lit(colour: Rgb, light: Light, normal: Floats) -> Rgb:
    """A surface of this direction in the light, white balance and gain included."""
    towards = max(0.0, float(np.dot(normal, light.direction)))
    red, green, blue = np.multiply(colour, light.tint) * (light.ambient + light.strength * towards)
    return float(red), float(green), float(blue)
