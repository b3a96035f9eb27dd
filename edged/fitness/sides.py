"""Left stays left: models take the two sides of a body for each other, for some frames at a time."""

from __future__ import annotations

from math import hypot, inf
from typing import TypeAlias

from edged.types import KEYPOINT_SEEN

Place: TypeAlias = list[float]
"""x and y."""

_LIMBS = (5, 7, 9), (11, 13, 15)
"""The left joints that are taken for the right ones together: of arms, and of legs."""
CLEARLY = 0.4
"""Sides are exchanged where that leaves less than this share of the way that the joints would have
gone since the last frame..."""
LEAPS = 0.05
"""... of more than so many body heights each: who moves does not get there from frame to frame, or
so close to the other side's place."""
WITHIN_S = 0.3
"""What was seen longer ago tells nothing."""
BELIEVED_S = 3.0
"""A model that goes on saying so for so long is right."""


class Sides:
    """Gives the joints of each frame the sides that they had in the one before."""

    def __init__(self) -> None:
        self._last: list[Place] = []
        self._seen_s = [-inf] * 17
        self._since_s: list[float | None] = [None] * len(_LIMBS)

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
        for limb, joints in enumerate(_LIMBS):
            if not self._is_exchanged(t_s, joints, points, scores, height):
                self._since_s[limb] = None
                continue
            since_s = self._since_s[limb]
            self._since_s[limb] = since_s = t_s if since_s is None else since_s
            if t_s - since_s <= BELIEVED_S:
                for joint in joints:
                    order[joint], order[joint + 1] = joint + 1, joint
            else:
                self._since_s[limb] = None
        if not self._last:
            self._last = [list(point) for point in points]
        for joint, of in enumerate(order):
            if scores[of] >= KEYPOINT_SEEN:
                self._last[joint], self._seen_s[joint] = points[of], t_s
        return order

    def _is_exchanged(
        self,
        t_s: float,
        joints: tuple[int, ...],
        points: list[list[float]],
        scores: list[float],
        height: float,
    ) -> bool:
        stays = leaves = 0.0
        known = 0
        for left in joints:
            right = left + 1
            if min(scores[left], scores[right]) < KEYPOINT_SEEN:
                continue
            if t_s - min(self._seen_s[left], self._seen_s[right]) > WITHIN_S:
                continue
            known += 1
            stays += _way(self._last[left], points[left]) + _way(self._last[right], points[right])
            leaves += _way(self._last[left], points[right]) + _way(self._last[right], points[left])
        return stays > 2.0 * LEAPS * height * known and leaves < CLEARLY * stays

    def forget(self) -> None:
        """Somebody else may be next."""
        self._last = []
        self._seen_s = [-inf] * 17
        self._since_s = [None] * len(_LIMBS)


def _way(one: Place, other: Place) -> float:
    return hypot(one[0] - other[0], one[1] - other[1])
