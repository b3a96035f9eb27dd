"""How large a person is in the picture: the unit that everything else is measured in."""

from __future__ import annotations

from math import exp, hypot, inf

import numpy as np
import numpy.typing as npt

from edged.types import KEYPOINT_SEEN

Points = npt.NDArray[np.float64]
"""float64 (17, 2): x, y of the keypoints in a unit that is the same both ways, y down."""
Scores = npt.NDArray[np.float64]
"""float64 (17,), 0..1."""

TORSO = 0.288
"""Shoulders to hips, as a share of a person's height."""
UPPER_ARM, FOREARM, THIGH, SHANK = 0.186, 0.146, 0.245, 0.246
"""Drillis and Contini, "Body Segment Parameters" (1966), as everybody quotes them."""
_SHOULDERS = 0.20
"""Between the joints, not the outlines: less than the 0.259 of Drillis and Contini."""

ARMS_REACH = 0.87
"""What is seen of arms counts so much: they reach towards the camera, which makes them larger, and
of short bones an error of a keypoint is a larger share."""
_SEGMENTS = (
    (5, 7, UPPER_ARM / ARMS_REACH),
    (6, 8, UPPER_ARM / ARMS_REACH),
    (7, 9, FOREARM / ARMS_REACH),
    (8, 10, FOREARM / ARMS_REACH),
    (11, 13, THIGH),
    (12, 14, THIGH),
    (13, 15, SHANK),
    (14, 16, SHANK),
    (5, 6, _SHOULDERS),
    (5, 11, TORSO),
    (6, 12, TORSO),
)
STEADIES_S = 0.3
"""Over which each segment is averaged: keypoints tremble."""
FORGETS_S = 3.0
"""A segment that was seen longer ago begins anew."""
GROWS_S, SHRINKS_S = 0.4, 3.0
"""Seconds to follow. What is seen longer tells more; what is shorter may be turned away."""


class Stature:
    """Follows a person's standing height in the picture, also where they do not stand.

    A segment of the body is seen at most as long as it is, so the one that is seen longest against
    what anatomy says tells the size; the second longest, since one keypoint may be astray.
    """

    def __init__(self) -> None:
        self._height = 0.0
        self._last_s = 0.0
        self._lengths: list[float] = [0.0] * len(_SEGMENTS)
        """Of each segment, as the height that it tells; 0.0: not seen yet."""
        self._seen_s: list[float] = [-inf] * len(_SEGMENTS)

    def update(self, t_s: float, points: Points, scores: Scores) -> float:
        """The height now, in the unit of `points`; 0.0: nothing was ever seen of anybody.

        Args:
            t_s: seconds, never less than the last time.
            points: (17, 2), y down.
            scores: (17,).
        """
        found = self._found(t_s, points.tolist(), scores.tolist())
        if found > 0.0:
            if self._height <= 0.0:
                self._height = found
            else:
                tau_s = GROWS_S if found > self._height else SHRINKS_S
                share = 1.0 - exp(-max(0.0, t_s - self._last_s) / tau_s)
                self._height += (found - self._height) * min(1.0, share)
        self._last_s = t_s
        return self._height

    def _found(self, t_s: float, points: list[list[float]], scores: list[float]) -> float:
        """The second longest of what is seen."""
        longest = second = 0.0
        for place, (start, end, length) in enumerate(_SEGMENTS):
            if scores[start] < KEYPOINT_SEEN or scores[end] < KEYPOINT_SEEN:
                continue
            (x, y), (u, v) = points[start], points[end]
            height = hypot(u - x, v - y) / length
            passed_s = t_s - self._seen_s[place]
            share = passed_s / (passed_s + STEADIES_S) if passed_s < FORGETS_S else 1.0
            self._seen_s[place] = t_s
            self._lengths[place] += share * (height - self._lengths[place])
            height = self._lengths[place]
            if height > longest:
                longest, second = height, longest
            elif height > second:
                second = height
        return second

    def forget(self) -> None:
        """Somebody else may be next."""
        self._height = 0.0
        self._seen_s = [-inf] * len(_SEGMENTS)
