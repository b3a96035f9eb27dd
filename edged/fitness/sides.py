"""Left stays left: models take a body's two sides for each other, for some frames at a time."""

from __future__ import annotations

from math import exp, hypot, inf
from typing import TypeAlias

from edged.types import KEYPOINT_SEEN

Place: TypeAlias = list[float]
"""x and y."""

LIMBS = (5,), (7, 9), (11,), (13, 15)
"""The left ones of the joints that go together. Shoulders and hips each go by themselves: so models
mix them up."""
CLEARLY = 0.4
"""Sides are exchanged where that leaves less than this share of the way that the joints would have
gone since the last frame..."""
LEAPS = 0.05
"""... of more than so many body heights each: who moves does not get there from frame to frame, or
so close to the other side's place."""
WITHIN_S = 0.3
"""What was seen longer ago tells nothing."""
STEADY_S = 0.1
"""Over which a joint's speed is averaged: arms that swing past each other are not exchanged."""
BELIEVED_S, DOUBTED = 1.0, 0.25
"""A model that said so in all but this share of about so many seconds is right."""


class Sides:
    """Gives the joints of each frame the sides that they had in the one before."""

    def __init__(self) -> None:
        self._last: list[Place] = [[0.0, 0.0]] * 17
        self._speed: list[Place] = [[0.0, 0.0]] * 17
        self._seen_s = [-inf] * 17
        self._agrees = dict.fromkeys(LIMBS, 1.0)
        self._last_s = 0.0

    def order(
        self, t_s: float, points: list[list[float]], scores: list[float], height: float
    ) -> list[int]:
        """For each of the 17 keypoints the one that it is: itself, or its other side.

        Args:
            t_s: seconds, never less than the last time.
            points: 17 of x, y.
            scores: 17.
            height: of the person, above 0, in the unit of the points.
        """
        order = list(range(17))
        share = 1.0 - exp(-max(0.0, t_s - self._last_s) / BELIEVED_S)
        self._last_s = t_s
        for limb in LIMBS:
            is_exchanged = self._is_exchanged(t_s, limb, points, scores, height)
            agrees = self._agrees[limb] + share * ((not is_exchanged) - self._agrees[limb])
            if agrees < DOUBTED:
                is_exchanged, agrees = False, 1.0
            self._agrees[limb] = agrees
            if is_exchanged:
                for left in limb:
                    order[left], order[left + 1] = left + 1, left
        for joint, of in enumerate(order):
            if scores[of] >= KEYPOINT_SEEN:
                self._see(t_s, joint, points[of])
        return order

    def _see(self, t_s: float, joint: int, point: Place) -> None:
        passed_s = t_s - self._seen_s[joint]
        if 0.0 < passed_s <= WITHIN_S:
            share = passed_s / (passed_s + STEADY_S)
            (x, y), (u, v) = self._last[joint], self._speed[joint]
            self._speed[joint] = [
                u + share * ((point[0] - x) / passed_s - u),
                v + share * ((point[1] - y) / passed_s - v),
            ]
        elif passed_s > WITHIN_S:
            self._speed[joint] = [0.0, 0.0]
        self._last[joint], self._seen_s[joint] = point, t_s

    def _expected(self, t_s: float, joint: int) -> Place:
        passed_s = t_s - self._seen_s[joint]
        (x, y), (u, v) = self._last[joint], self._speed[joint]
        return [x + u * passed_s, y + v * passed_s]

    def _is_exchanged(
        self,
        t_s: float,
        limb: tuple[int, ...],
        points: list[list[float]],
        scores: list[float],
        height: float,
    ) -> bool:
        stays = 0.0
        pairs: list[tuple[Place, Place, Place, Place]] = []
        for left in limb:
            right = left + 1
            if min(scores[left], scores[right]) < KEYPOINT_SEEN:
                continue
            if t_s - min(self._seen_s[left], self._seen_s[right]) > WITHIN_S:
                continue
            one, other = points[left], points[right]
            was, was_other = self._expected(t_s, left), self._expected(t_s, right)
            pairs.append((was, was_other, one, other))
            stays += _way(was, one) + _way(was_other, other)
        if stays <= 2.0 * LEAPS * height * len(pairs):
            return False
        leaves = sum(_way(a, d) + _way(b, c) for a, b, c, d in pairs)
        return leaves < CLEARLY * stays

    def forget(self) -> None:
        """Somebody else may be next."""
        self._seen_s = [-inf] * 17
        self._agrees = dict.fromkeys(LIMBS, 1.0)


def _way(one: Place, other: Place) -> float:
    return hypot(one[0] - other[0], one[1] - other[1])
