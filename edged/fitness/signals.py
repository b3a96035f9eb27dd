"""What a body does, as numbers by name: angles, heights, distances. The words of exercises.toml.

| name | what | unit |
|---|---|---|
| `elbow`, `shoulder`, `hip`, `knee` | a joint's angle as it is seen, 180 = straight | degrees |
| `trunk` | the hips-to-shoulders line above level, 90 = upright; not from in front | degrees |
| `wrist-over-shoulder`, any two points | how much higher the first is | body heights |
| `shoulder-to-wrist`, any two points | how far they are apart | body heights |
| `ankles-apart`, any point | left from right, across | body heights |
| `knees-uneven`, any point | left from right, up and down | body heights |
| `shoulder-rise`, any point | how much higher than at the start of the rep | body heights |
| `hip-over-feet` | how much higher the hips are than the lower foot | body heights |
| `legs-uneven` | how differently the legs stand, whatever the view: a lunge 0.3 | body heights |
| `arms-aside` | where level arms point: 0 = ahead, 1 = aside | |

Points are nose, shoulder, elbow, wrist, hip, knee and ankle. A body height is that of the standing
person (see `stature`), so that size and distance do not matter; heights need an upright picture.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from math import atan2, degrees, hypot, nan
from typing import Literal, TypeAlias

from edged.fitness.smoothing import Steady
from edged.fitness.stature import FOREARM, SHANK, THIGH, TORSO, UPPER_ARM

Limb: TypeAlias = Literal["arm", "leg", "body"]
Pair: TypeAlias = tuple[float, float]
"""Of the left and the right side; nan: not seen. What has no sides is twice the same."""
_Compute: TypeAlias = "Callable[[list[float], list[float]], Pair]"
"""Of x (17) and y (17) in body heights, y up, nan where not seen."""

POINTS = {"nose": 0, "shoulder": 5, "elbow": 7, "wrist": 9, "hip": 11, "knee": 13, "ankle": 15}
"""The left one of each in COCO's order; the right one is the next (the nose is alone)."""
_PLURAL = {f"{name}s": index for name, index in POINTS.items() if name != "nose"}
_ARM = {"elbow", "wrist"}
_LEG = {"knee", "ankle", "hip"}
_ANGLES = {"elbow": (5, 7, 9), "shoulder": (11, 5, 7), "hip": (5, 11, 13), "knee": (11, 13, 15)}
_BONES = {
    "elbow": (UPPER_ARM, FOREARM),
    "shoulder": (TORSO, UPPER_ARM),
    "hip": (TORSO, THIGH),
    "knee": (THIGH, SHANK),
}
_POINTS_AT_US = 0.35
"""A bone that is seen shorter than this share of its length points at the camera or away from it,
and an angle with it is chance."""
_NAME = re.compile(r"(?:([a-z]+)-(over|to)-([a-z]+)|([a-z]+)-(apart|uneven|rise))\Z")

_FROM_ASIDE = 0.5
"""From in front every trunk looks upright, and can be told from a lying one by its length only."""
_TOLERANCES = {"arms-aside": 0.4, "legs-uneven": 0.08}
_SHOULDERS, _ARM_LENGTH = 0.20, 0.33
_KNEES = 1.75
"""A lunge lets one knee down by 0.17 body heights, and puts a foot 0.3 to 0.5 ahead."""
_MOST_ANGLE = 180.0


@dataclass(frozen=True, slots=True)
class Signal:
    """Something to be measured."""

    name: str
    limb: Limb
    """Whose keypoints it needs."""
    is_angle: bool
    """In degrees; otherwise in body heights, or a share."""
    is_rise: bool
    """Counts from where it is at the start of a rep."""
    compute: _Compute

    @property
    def tolerance(self) -> float:
        """By how much people differ who do the same."""
        if self.is_angle:
            return 35.0
        # A turned body hardly makes one knee look higher than the other.
        return _TOLERANCES.get(self.name, 0.05 if self.name.endswith("-uneven") else 0.10)

    @property
    def bounds(self) -> tuple[float, float]:
        """What the value can be."""
        if self.name == "trunk":
            return -90.0, 90.0
        return (0.0, _MOST_ANGLE) if self.is_angle else (-2.0, 2.0)


def signal(name: str) -> Signal:
    """The signal of a name.

    Raises:
        ValueError: there is none; the text says what may be meant.
    """
    if name in _ANGLES:
        limb: Limb = "arm" if name in _ARM else "leg" if name in {"knee", "hip"} else "body"
        return Signal(
            name, limb, is_angle=True, is_rise=False, compute=_angle(_ANGLES[name], _BONES[name])
        )
    if name == "trunk":
        return Signal(name, "body", is_angle=True, is_rise=False, compute=_trunk)
    if name in _SPECIAL:
        return Signal(name, "body", is_angle=False, is_rise=False, compute=_SPECIAL[name])
    found = _NAME.match(name)
    if found:
        one, how, other, alone, what = found.groups()
        if how and one in POINTS and other in POINTS and one != other:
            make = _over if how == "over" else _to
            return Signal(
                name,
                _limb({one, other}),
                is_angle=False,
                is_rise=False,
                compute=make(POINTS[one], POINTS[other]),
            )
        if what == "rise" and alone in POINTS:
            return Signal(
                name, "body", is_angle=False, is_rise=True, compute=_height(POINTS[alone])
            )
        if what in {"apart", "uneven"} and alone in _PLURAL:
            make_two = _apart if what == "apart" else _uneven
            return Signal(
                name, "body", is_angle=False, is_rise=False, compute=make_two(_PLURAL[alone])
            )
    near = get_close_matches(name[:60], names(), n=1)
    raise ValueError(f'did you mean "{near[0]}"?' if near else "see edged.fitness.signals")


def names() -> list[str]:
    """Every signal that there is."""
    pairs = [(a, b) for a in POINTS for b in POINTS if a != b]
    return [
        *_ANGLES,
        "trunk",
        *_SPECIAL,
        *(f"{a}-over-{b}" for a, b in pairs),
        *(f"{a}-to-{b}" for a, b in pairs),
        *(f"{a}-{what}" for a in _PLURAL for what in ("apart", "uneven")),
        *(f"{a}-rise" for a in POINTS),
    ]


class Measures:
    """Measures a list of signals in every frame."""

    def __init__(self, signals: Sequence[Signal]) -> None:
        self._computes = [one.compute for one in signals]

    def of(self, steady: Steady, height: float) -> list[Pair]:
        """The values, in the order of the signals.

        `height`: of the person in the unit of the keypoints, above 0.
        """
        xs, ys = [], []
        for (x, y), seen in zip(steady.points.tolist(), steady.seen.tolist(), strict=True):
            xs.append(x / height if seen else nan)
            ys.append(-y / height if seen else nan)
        return [compute(xs, ys) for compute in self._computes]


def _limb(points: set[str]) -> Limb:
    arm, leg = bool(points & _ARM), bool(points & _LEG)
    return "arm" if arm and not leg else "leg" if leg and not arm else "body"


def _angle(points: tuple[int, int, int], bones: tuple[float, float]) -> _Compute:
    first, middle, last = points
    least, least_too = (_POINTS_AT_US * length for length in bones)

    def one(xs: list[float], ys: list[float], side: int) -> float:
        a, b, c = first + side, middle + side, last + side
        u, v = xs[a] - xs[b], ys[a] - ys[b]
        w, z = xs[c] - xs[b], ys[c] - ys[b]
        if hypot(u, v) < least or hypot(w, z) < least_too:
            return nan
        return degrees(abs(atan2(u * z - v * w, u * w + v * z)))

    return lambda xs, ys: (one(xs, ys, 0), one(xs, ys, 1))


def _right(index: int) -> int:
    return index + 1 if index else 0


def _over(one: int, other: int) -> _Compute:
    right, below = _right(one), _right(other)
    return lambda _, ys: (ys[one] - ys[other], ys[right] - ys[below])


def _to(one: int, other: int) -> _Compute:
    a, b = _right(one), _right(other)
    return lambda xs, ys: (
        hypot(xs[one] - xs[other], ys[one] - ys[other]),
        hypot(xs[a] - xs[b], ys[a] - ys[b]),
    )


def _apart(one: int) -> _Compute:
    return lambda xs, _: (abs(xs[one] - xs[one + 1]),) * 2


def _uneven(one: int) -> _Compute:
    return lambda _, ys: (abs(ys[one] - ys[one + 1]),) * 2


def _height(one: int) -> _Compute:
    right = _right(one)
    return lambda _, ys: (_mean(ys[one], ys[right]),) * 2


def _mean(left: float, right: float) -> float:
    """Of what is seen."""
    if left != left:  # noqa: PLR0124 (nan)
        return right
    return left if right != right else (left + right) / 2.0  # noqa: PLR0124


def _trunk(xs: list[float], ys: list[float]) -> Pair:
    if _facing(xs) > _FROM_ASIDE:
        return nan, nan
    across = _mean(xs[5], xs[6]) - _mean(xs[11], xs[12])
    return (degrees(atan2(_mean(ys[5], ys[6]) - _mean(ys[11], ys[12]), abs(across))),) * 2


def _over_feet(xs: list[float], ys: list[float]) -> Pair:  # noqa: ARG001
    left, right = ys[15], ys[16]
    foot = _mean(left, right) if left != left or right != right else min(left, right)  # noqa: PLR0124
    return (_mean(ys[11], ys[12]) - foot,) * 2


def _facing(xs: list[float]) -> float:
    """How much of the front or back is seen, 0 = from aside, 1: by the width of the shoulders."""
    return min(1.0, abs(xs[5] - xs[6]) / _SHOULDERS)


def _legs(xs: list[float], ys: list[float]) -> Pair:
    """One foot before the other is seen from aside, one knee lower than the other from anywhere."""
    facing = _facing(xs)
    turned = (1.0 - facing * facing) ** 0.5
    knees = abs(ys[13] - ys[14]) * _KNEES
    ankles = max(abs(xs[15] - xs[16]) * turned, abs(ys[15] - ys[16]))
    return (max(knees, ankles),) * 2


def _aside(xs: list[float], ys: list[float]) -> Pair:  # noqa: ARG001
    """Where level arms point, from any side.

    Arms that point aside go apart in the picture by their length times the cosine of the view's
    angle, those that point ahead go the same way by its sine; how wide the shoulders are seen tells
    the angle. At least one of the two can be seen from anywhere.
    """
    left, right = xs[9] - xs[5], xs[10] - xs[6]
    apart, along = (left - right) / 2.0, abs(left + right) / 2.0
    if xs[5] < xs[6]:
        apart = -apart
    facing = _facing(xs)
    aside, ahead = _ARM_LENGTH * facing, _ARM_LENGTH * (1.0 - facing * facing) ** 0.5
    share = (apart - along + ahead) / (aside + ahead)
    return (max(0.0, min(1.0, share)),) * 2


_SPECIAL: dict[str, _Compute] = {
    "arms-aside": _aside,
    "hip-over-feet": _over_feet,
    "legs-uneven": _legs,
}
