"""Whether keypoints are those of a body, or of a curtain that a model takes for one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from math import exp, hypot, isnan, nan

from edged.types import KEYPOINT_SEEN

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
RESTLESS = 0.08
"""Body heights. However somebody moves, the left shoulder moves with the right one: within a fifth
of a second one comes off an even way to the other by less."""
STEP_S = 0.1
WORST = 0.15
"""One frame counts no more."""
_PAIRS = (5, 11)


class BodyCheck:
    """Watches what is rigid in a body, the trunk's four corners and the face, and how they move."""

    def __init__(self) -> None:
        self._shape = self._unrest = 0.0
        self._shape_s = self._unrest_s = 0.0
        self._past: deque[tuple[float, list[tuple[float, float]]]] = deque(maxlen=64)

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
        shape = [*_trunk(points, scores, height), *_face(points, scores, height)]
        if shape:
            self._shape += self._share(t_s - self._shape_s) * (min(WORST, max(shape)) - self._shape)
            self._shape_s = t_s
        for off in self._restless(t_s, points, scores, height):
            self._unrest += self._share(t_s - self._unrest_s) * (min(WORST, off) - self._unrest)
            self._unrest_s = t_s
        return self._shape + self._unrest <= DOUBTED

    @staticmethod
    def _share(passed_s: float) -> float:
        return 1.0 - exp(-min(RARE_S, max(0.0, passed_s)) / AVERAGED_S)

    def _restless(
        self, t_s: float, points: list[list[float]], scores: list[float], height: float
    ) -> Iterator[float]:
        """By how much left and right are off an even way to each other: shoulders or hips."""
        past = self._past
        widths = [
            (points[i][0] - points[i + 1][0], points[i][1] - points[i + 1][1])
            if min(scores[i], scores[i + 1]) >= KEYPOINT_SEEN
            else (nan, nan)  # one that is hidden is guessed in every frame anew
            for i in _PAIRS
        ]
        past.append((t_s, widths))
        while len(past) > 3 and t_s - past[1][0] >= 2.0 * STEP_S:  # noqa: PLR2004
            past.popleft()
        first_s, first = past[0]
        middle_s, middle = min(past, key=lambda one: abs(one[0] - (t_s + first_s) / 2.0))
        if not first_s < middle_s < t_s:
            return
        late, early = t_s - middle_s, middle_s - first_s
        off = [
            hypot((a - u) / late - (u - x) / early, (b - v) / late - (v - y) / early)
            for (x, y), (u, v), (a, b) in zip(first, middle, past[-1][1], strict=True)
        ]
        known = [one for one in off if not isnan(one)]
        if known:
            yield max(0.0, min(known) * (t_s - first_s) / 2.0 / height - RESTLESS)

    def forget(self) -> None:
        """Somebody else may be next."""
        self._shape = self._unrest = 0.0
        self._past.clear()


def _trunk(points: list[list[float]], scores: list[float], height: float) -> Iterator[float]:
    """By how much the line of the shoulders differs too much from that of the hips."""
    if min(scores[5], scores[6], scores[11], scores[12]) >= SURE:
        (a, b), (c, d), (e, f), (g, h) = points[5], points[6], points[11], points[12]
        off = min(
            hypot((a - c) - side * (e - g), (b - d) - side * (f - h)) for side in (1.0, -1.0)
        )  # models take left for right
        yield max(0.0, off / height - TRUNK)


def _face(points: list[list[float]], scores: list[float], height: float) -> Iterator[float]:
    """By how much the nose is too far from the eyes and ears."""
    seen = [point for point, score in zip(points[1:5], scores[1:5], strict=True) if score >= SURE]
    if scores[0] >= SURE and len(seen) > 1:
        x = sum(point[0] for point in seen) / len(seen)
        y = sum(point[1] for point in seen) / len(seen)
        yield max(0.0, hypot(x - points[0][0], y - points[0][1]) / height - FACE)
