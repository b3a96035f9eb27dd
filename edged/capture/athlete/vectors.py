"""Vectors and rotations of a figure, as plain tuples: at three numbers each, numpy is slower."""

from __future__ import annotations

from math import acos, cos, hypot, sin
from typing import TypeAlias

Vector: TypeAlias = tuple[float, float, float]
Axes: TypeAlias = tuple[Vector, Vector, Vector]
"""A rotation, by where it takes forward (x), left (y) and up (z)."""

FORWARD: Vector = (1.0, 0.0, 0.0)
LEFT: Vector = (0.0, 1.0, 0.0)
UP: Vector = (0.0, 0.0, 1.0)
DOWN: Vector = (0.0, 0.0, -1.0)
WORLD: Axes = (FORWARD, LEFT, UP)

_PARALLEL = 1e-6


def plus(a: Vector, b: Vector, times: float = 1.0) -> Vector:
    """Return a + times b."""
    return a[0] + times * b[0], a[1] + times * b[1], a[2] + times * b[2]


def minus(a: Vector, b: Vector) -> Vector:
    """Return a - b."""
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def scaled(a: Vector, times: float) -> Vector:
    """Return times a."""
    return a[0] * times, a[1] * times, a[2] * times


def dot(a: Vector, b: Vector) -> float:
    """Return the scalar product."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a: Vector, b: Vector) -> Vector:
    """Return the vector product."""
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def length(a: Vector) -> float:
    """Return the Euclidean length."""
    return hypot(*a)


def unit(a: Vector) -> Vector:
    """Return the direction; of nothing: up."""
    size = hypot(*a)
    return (a[0] / size, a[1] / size, a[2] / size) if size > _PARALLEL else UP


def lerp(a: Vector, b: Vector, share: float) -> Vector:
    """Return the point `share` of the way from a to b."""
    rest = 1.0 - share
    return rest * a[0] + share * b[0], rest * a[1] + share * b[1], rest * a[2] + share * b[2]


def across(a: Vector, axis: Vector) -> Vector:
    """Return the direction of what of `a` is at right angles to a unit `axis`; some, if nothing."""
    rest = plus(a, axis, -dot(a, axis))
    if length(rest) > _PARALLEL:
        return unit(rest)
    return unit(cross(axis, UP if abs(axis[2]) < 0.9 else FORWARD))  # noqa: PLR2004


def slerp(a: Vector, b: Vector, share: float) -> Vector:
    """Return the direction `share` of the way from direction a to b, on the great circle.

    Shoemake, "Animating Rotation with Quaternion Curves" (1985), here for directions.
    """
    angle = acos(max(-1.0, min(1.0, dot(a, b))))
    if angle < _PARALLEL:
        return a
    side = across(b, a)
    return unit(plus(scaled(a, cos(share * angle)), side, sin(share * angle)))


def placed(axes: Axes, local: Vector) -> Vector:
    """Return a vector of the axes' own frame in the world's."""
    (ax, ay, az), (bx, by, bz), (cx, cy, cz) = axes
    x, y, z = local
    return x * ax + y * bx + z * cx, x * ay + y * by + z * cy, x * az + y * bz + z * cz


def pitched(axes: Axes, angle: float) -> Axes:
    """Return the axes turned about their left: up leans forward by `angle`."""
    x, y, z = axes
    c, s = cos(angle), sin(angle)
    return plus(scaled(x, c), z, -s), y, plus(scaled(x, s), z, c)


def rolled(axes: Axes, angle: float) -> Axes:
    """Return the axes turned about their forward: up leans to the right by `angle`."""
    x, y, z = axes
    c, s = cos(angle), sin(angle)
    return x, plus(scaled(y, c), z, s), plus(scaled(y, -s), z, c)


def yawed(axes: Axes, angle: float) -> Axes:
    """Return the axes turned about their up: forward turns left by `angle`."""
    x, y, z = axes
    c, s = cos(angle), sin(angle)
    return plus(scaled(x, c), y, s), plus(scaled(x, -s), y, c), z
