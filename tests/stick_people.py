"""People of lines, seen from the side or from in front: movements of which everything is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edged.types import Keypoints

Figure: TypeAlias = Callable[[float], npt.NDArray[np.float64]]
"""By depth 0..1 the keypoints (17, 2) in body heights, y down."""

_UPPER_ARM, _FOREARM, _THIGH, _SHANK, _TRUNK = 0.186, 0.146, 0.245, 0.246, 0.288
_DOWN = math.pi / 2


def _reach(start: npt.NDArray[np.float64], angle: float, length: float) -> npt.NDArray[np.float64]:
    """A place at an angle (0 = ahead, pi / 2 = down) from another."""
    return start + length * np.array([math.cos(angle), math.sin(angle)])


def _figure(
    hip: tuple[float, float],
    trunk: float,
    *,
    arm: tuple[float, float],
    leg: tuple[float, float],
    other_arm: tuple[float, float] | None = None,
    wide: float = 0.015,
) -> npt.NDArray[np.float64]:
    """Angles as in `_reach`; of arms and legs first the upper bone, then the lower one."""
    points = np.zeros((17, 2))
    middle = np.array(hip)
    neck = _reach(middle, trunk, _TRUNK)
    head = _reach(neck, trunk, 0.12)
    points[0] = head + np.array([0.03, 0.0])
    points[1:3], points[3:5] = head + np.array([0.02, -0.012]), head - np.array([0.0, 0.005])
    for side in (0, 1):
        aside = np.array([wide * (0.5 - side), 0.0])
        upper, fore = other_arm if side and other_arm is not None else arm
        shoulder, joint = neck + aside, middle + aside
        elbow = _reach(shoulder, upper, _UPPER_ARM)
        knee = _reach(joint, leg[0], _THIGH)
        places = shoulder, elbow, _reach(elbow, fore, _FOREARM), joint
        for index, place in zip((5, 7, 9, 11), places, strict=True):
            points[index + side] = place
        points[13 + side], points[15 + side] = knee, _reach(knee, leg[1], _SHANK)
    return points


_UP = -_DOWN
_HANGS = (_DOWN, _DOWN)
_STANDS = (_DOWN, _DOWN)


def squat(depth: float) -> npt.NDArray[np.float64]:
    """From the side, ankles in place."""
    thigh, shank = _DOWN - 1.4 * depth, _DOWN + 0.45 * depth
    knee = np.array([0.0, 0.0]) - _SHANK * np.array([math.cos(shank), math.sin(shank)])
    hip = knee - _THIGH * np.array([math.cos(thigh), math.sin(thigh)])
    return _figure(
        (hip[0], hip[1]), _UP + 0.5 * depth, arm=(_DOWN - 1.2 * depth,) * 2, leg=(thigh, shank)
    )


def curl(depth: float) -> npt.NDArray[np.float64]:
    """Both arms, from the side."""
    return _figure((0.0, 0.0), _UP, arm=(_DOWN, _DOWN - 0.2 - 2.3 * depth), leg=_STANDS)


def one_arm_curl(depth: float) -> npt.NDArray[np.float64]:
    """The left arm only."""
    working = _DOWN, _DOWN - 0.2 - 2.3 * depth
    return _figure(
        (0.0, 0.0), _UP, arm=working, other_arm=(_DOWN, _DOWN - 0.2), leg=_STANDS, wide=0.15
    )


def push_up(depth: float) -> npt.NDArray[np.float64]:
    """From the side, hands and feet in place."""
    slope = 0.35 - 0.24 * depth
    body = _THIGH + _SHANK
    hip = np.array([0.0, 0.0]) + body * np.array([math.cos(slope), -math.sin(slope)])
    shoulder = hip + _TRUNK * np.array([math.cos(slope), -math.sin(slope)])
    down = -shoulder[1] + 0.02
    reach = min(0.999, down / (_UPPER_ARM + _FOREARM))
    bend = math.acos(reach)
    back = math.pi - slope
    return _figure((hip[0], hip[1]), -slope, arm=(_DOWN + bend, _DOWN - bend), leg=(back, back))


def front_raise(depth: float) -> npt.NDArray[np.float64]:
    """From the side."""
    return _figure((0.0, 0.0), _UP, arm=(_DOWN - 1.55 * depth,) * 2, leg=_STANDS)


def sit_up(depth: float) -> npt.NDArray[np.float64]:
    """From the side, feet in place."""
    trunk = math.pi + 1.35 * depth
    return _figure((0.0, 0.0), trunk, arm=(trunk - 2.6, trunk - 4.5), leg=(-0.8, 0.9))


def pull_up(depth: float) -> npt.NDArray[np.float64]:
    """From in front: the hands stay at the bar, the body comes up to it."""
    bend = 1.35 * depth
    points = _figure((0.0, 0.0), _UP, arm=(_UP + bend, _UP - bend), leg=_STANDS, wide=0.2)
    points[[8, 10], 0] = 2 * points[[6, 6], 0] - points[[8, 10], 0] + 0.0
    points[:, 1] += 0.0 - points[9, 1] - 0.5
    return points


def triceps_extension(depth: float) -> npt.NDArray[np.float64]:
    """From the side, elbows up, the hands go down behind the head."""
    return _figure((0.0, 0.0), _UP, arm=(_UP, _UP - 2.3 * depth), leg=_STANDS)


def shoulder_press(depth: float) -> npt.NDArray[np.float64]:
    """From the side, from the shoulders to overhead."""
    upper = _DOWN - 0.3 - 2.8 * depth
    return _figure((0.0, 0.0), _UP, arm=(upper, _UP + 0.1 * (1 - depth)), leg=_STANDS)


def lateral_raise(depth: float) -> npt.NDArray[np.float64]:
    """From in front."""
    points = _figure((0.0, 0.0), _UP, arm=(_DOWN - 1.5 * depth,) * 2, leg=_STANDS, wide=0.2)
    points[[8, 10], 0] = 2 * points[6, 0] - points[[8, 10], 0]
    return points


def jumping_jack(depth: float) -> npt.NDArray[np.float64]:
    """From in front."""
    legs = _DOWN - 0.35 * depth
    points = _figure((0.0, 0.0), _UP, arm=(_DOWN - 2.9 * depth,) * 2, leg=(legs, legs), wide=0.2)
    for joint, start in ((8, 6), (10, 6), (14, 12), (16, 12)):
        points[joint, 0] = 2 * points[start, 0] - points[joint, 0]
    return points


def high_knee(depth: float) -> npt.NDArray[np.float64]:
    """From the side, the left knee comes up."""
    points = _figure((0.0, 0.0), _UP, arm=_HANGS, leg=_STANDS)
    hip = points[11]
    points[13] = _reach(hip, _DOWN - 1.5 * depth, _THIGH)
    points[15] = _reach(points[13], _DOWN + 0.3 * depth, _SHANK)
    return points


def deadlift(depth: float) -> npt.NDArray[np.float64]:
    """From the side, the arms hang."""
    thigh, shank = _DOWN - 0.75 * depth, _DOWN + 0.2 * depth
    knee = np.array([0.0, 0.0]) - _SHANK * np.array([math.cos(shank), math.sin(shank)])
    hip = knee - _THIGH * np.array([math.cos(thigh), math.sin(thigh)])
    return _figure((hip[0], hip[1]), _UP + 1.3 * depth, arm=_HANGS, leg=(thigh, shank))


def wall_sit(depth: float) -> npt.NDArray[np.float64]:
    """From the side; the depth is a breath."""
    return _figure((0.0, 0.002 * depth), _UP, arm=_HANGS, leg=(0.0, _DOWN))


def standing(depth: float) -> npt.NDArray[np.float64]:
    """At ease; the depth is a sway of 1 cm."""
    points = _figure((0.0, 0.0), _UP, arm=_HANGS, leg=_STANDS)
    points[:15, 0] += 0.006 * depth
    return points


@dataclass(frozen=True, slots=True)
class View:
    """How a figure lies in the frame."""

    size: float = 0.6
    """Frame heights that a body height is."""
    x: float = 0.5
    y: float = 0.5
    """Of the middle, in frame widths and heights."""
    mirrored: bool = False
    aspect: float = 4 / 3

    def place(self, points: npt.NDArray[np.float64], score: float = 0.8) -> Keypoints:
        """Keypoints in 0..1 of the frame."""
        across = points[:, 0] * (-1.0 if self.mirrored else 1.0)
        ys = self.y + points[:, 1] * self.size
        if self.mirrored:  # the left is the right in a mirror
            order = [0, *(i + 1 if i % 2 else i - 1 for i in range(1, 17))]
            across, ys = across[order], ys[order]
        xs = self.x + across * self.size / self.aspect
        return np.column_stack([xs, ys, np.full(17, score)]).astype(np.float32)


def moved(
    figure: Figure,
    *,
    reps: int,
    fps: float,
    rep_s: float = 1.6,
    rest_s: float = 0.8,
    phase: float = 0.0,
    depth: float = 1.0,
    view: View | None = None,
    noise: float = 0.0,
    uneven: float = 0.0,
    seed: int = 0,
) -> Iterator[tuple[float, Keypoints]]:
    """Reps as a sine, a rest before and after.

    `phase`: 0..1, how much of a further rep is already done when it begins.
    """
    view = view or View()
    draw = np.random.default_rng(seed)
    begin_s = 0.0 if phase else rest_s
    end_s = begin_s + (reps + (1.0 - phase if phase else 0.0)) * rep_s
    t_s, number = 0.0, 0
    while t_s < end_s + rest_s:
        share = (t_s - begin_s) / rep_s + phase
        is_moving = begin_s <= t_s < end_s
        now = depth * (0.5 - 0.5 * math.cos(2 * math.pi * share)) if is_moving else 0.0
        points = figure(now) + draw.normal(0.0, noise, (17, 2))
        yield t_s, view.place(points)
        number += 1
        t_s = (number + uneven * float(draw.uniform(-0.5, 0.5))) / fps
