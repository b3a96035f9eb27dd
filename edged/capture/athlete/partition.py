"""The wall that is sat against: free-standing, behind the athlete, wherever the athlete is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edged.capture.athlete.equipment import Wall
from edged.capture.athlete.faces import Face, lit
from edged.capture.athlete.lens import Floats, Lens
from edged.capture.athlete.scene import Rgb, Scene

_THICK_M = 0.12
_SKIRTING_M = 0.09
_COURSES = 9
"""Bands from the floor to the top, each a little brighter: light is never even."""


def faces(scene: Scene, lens: Lens) -> Iterator[Face]:
    """The wall as the camera sees it, from far to near; of none there is nothing.

    Who looks from behind sees where it stands and, as on a stage, through it.
    """
    wall = scene.wall
    if wall is None:
        return
    light, behind = scene.light, wall.x - _THICK_M
    up = np.array([0.0, 0.0, 1.0])
    if lens.position[0] <= wall.x:
        foot = _flat(wall, behind, 0.0)
        yield Face(foot, _times(lit(scene.room.trim_colour, light, up), 0.7))
        return
    colour = _other(scene.room.wall_colour)
    if lens.position[2] > wall.height:
        yield Face(_flat(wall, behind, wall.height), lit(colour, light, up))
    for sign in (-1.0, 1.0):
        if sign * lens.position[1] > wall.half:
            y = sign * wall.half
            end = np.array(
                [
                    *((behind, y, 0.0), (wall.x, y, 0.0)),
                    *((wall.x, y, wall.height), (behind, y, wall.height)),
                ]
            )
            yield Face(end, lit(colour, light, np.array([0.0, sign, 0.0])))
    ahead = np.array([1.0, 0.0, 0.0])
    tone = lit(colour, light, ahead)
    for course in range(_COURSES):
        low, high = (wall.height * (course + step) / _COURSES for step in (0, 1))
        yield Face(_upright(wall, low, high), _times(tone, 0.90 + 0.12 * course / _COURSES))
    yield Face(_upright(wall, 0.0, _SKIRTING_M), lit(scene.room.trim_colour, light, ahead))


def _upright(wall: Wall, low: float, high: float) -> Floats:
    """A band of the side that is leant on."""
    x, y = wall.x, wall.half
    return np.array([[x, -y, low], [x, y, low], [x, y, high], [x, -y, high]])


def _flat(wall: Wall, behind: float, z: float) -> Floats:
    x, y = wall.x, wall.half
    return np.array([[x, -y, z], [x, y, z], [behind, y, z], [behind, -y, z]])


def _other(colour: Rgb) -> Rgb:
    """Not quite that of the walls around."""
    red, green, blue = colour
    by = 0.86 if red + green + blue > 1.2 else 1.25  # noqa: PLR2004 - three times 0.4
    return min(1.0, red * by), min(1.0, green * by), min(1.0, blue * by)


def _times(colour: Rgb, by: float) -> Rgb:
    return colour[0] * by, colour[1] * by, colour[2] * by
