"""Whether keypoints are those of a body, or of a curtain that a model takes for one."""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, hypot

SURE = 0.5
"""Only keypoints of this score tell: those that are hidden are guessed one by one."""
TRUNK, FACE = 0.12, 0.06
"""Body heights. Shoulders are about so much wider than hips, and a nose is so far before the middle
of eyes and ears: from no side does more of it show."""
DOUBTED = 0.03
"""Body heights of excess, on average: people stay below 0.001, seen from nearby below 0.025;
keypoints that go each its own way reach 0.04."""
AVERAGED_S, RARE_S = 2.0, 0.1
"""What is seen now and then only counts as if it had lasted for so long."""


class BodyCheck:
    """Watches what is rigid in a body: the trunk's four corners and the face."""

    def __init__(self) -> None:
        self._excess = 0.0
        self._last_s = 0.0

    def update(
        self, t_s: float, points: list[list[float]], scores: list[float], height: float
    ) -> bool:
        """Whether this may be a body, by what was seen in the last second.

        Args:
            t_s: seconds, never less than the last time.
            points: 17 of x, y, not smoothed.
            scores: 17.
            height: of the person, above 0, in the unit of the points.
        """
        told = [*_trunk(points, scores, height), *_face(points, scores, height)]
        if told:
            excess = min(1.0, max(told))
            share = 1.0 - exp(-min(RARE_S, max(0.0, t_s - self._last_s)) / AVERAGED_S)
            self._excess += share * (excess - self._excess)
            self._last_s = t_s
        return self._excess <= DOUBTED

    def forget(self) -> None:
        """Somebody else may be next."""
        self._excess = 0.0


def _trunk(points: list[list[float]], scores: list[float], height: float) -> Iterator[float]:
    """By how much the line of the shoulders differs too much from that of the hips."""
    if min(scores[5], scores[6], scores[11], scores[12]) >= SURE:
        (a, b), (c, d), (e, f), (g, h) = points[5], points[6], points[11], points[12]
        yield max(0.0, hypot((a - c) - (e - g), (b - d) - (f - h)) / height - TRUNK)


def _face(points: list[list[float]], scores: list[float], height: float) -> Iterator[float]:
    """By how much the nose is too far from the eyes and ears."""
    seen = [point for point, score in zip(points[1:5], scores[1:5], strict=True) if score >= SURE]
    if scores[0] >= SURE and len(seen) > 1:
        x = sum(point[0] for point in seen) / len(seen)
        y = sum(point[1] for point in seen) / len(seen)
        yield max(0.0, hypot(x - points[0][0], y - points[0][1]) / height - FACE)
