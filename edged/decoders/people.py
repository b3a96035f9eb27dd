"""Those whom a model sees, one or several, and how they become poses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edged.types import Box, Keypoints, Pose

MOST = 20
"""More people are not told: as many as Coral's PoseNet gives."""

COORDINATE_LIMITS = (-0.5, 1.5)
"""Of the input. Beyond lies no guess about a body, only an answer gone wrong."""

Floats: TypeAlias = npt.NDArray[np.float32]

Move: TypeAlias = Callable[[Floats], Floats]
"""From an array with the columns x and y first to the same with others."""


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """The best is first; nobody is 0 of them. x and y in 0..1, of the input until `moved`."""

    keypoints: Floats
    """(n, 17, 3): x, y, score."""
    scores: Floats
    """(n,): 0..1."""
    corners: Floats | None = None
    """(n, 2, 2): x, y of the upper left and of the lower right corner of a box that the model tells
    itself."""

    def moved(self, move: Move) -> People:
        """The same people in other coordinates."""
        corners = None if self.corners is None else move(self.corners)
        return People(move(self.keypoints), self.scores, corners)

    def poses(self, min_score: float) -> list[Pose]:
        """Those whose score is at least so; an empty list: nobody there."""
        return [
            Pose(self.keypoints[place], score, bounds=self._bounds(place))
            for place, score in enumerate(self.scores.tolist())
            if score >= min_score
        ]

    def _bounds(self, place: int) -> Box | None:
        if self.corners is None:
            return None
        (left, top), (right, bottom) = self.corners[place].tolist()
        return left, top, right - left, bottom - top


def one(keypoints: Keypoints) -> People:
    """The only person that a model looks for.

    The score of the pose is the mean of all 17 keypoint scores. Measured with Lightning int8 on
    whole frames: animals, noise and plain colours reach 0.20, titles and empty rooms 0.18 (2 of 320
    frames 0.29); of 6,034 frames of people exercising 9 fall below 0.25, all behind a post. Of
    athlete-pose the card tells: rendered people and empty rooms lie far to both sides of 0.25.
    """
    return People(keypoints[None], keypoints[None, :, 2].mean(axis=1))


def best(
    keypoints: npt.NDArray[np.floating],
    scores: npt.NDArray[np.floating],
    corners: npt.NDArray[np.floating] | None = None,
) -> People:
    """People in any order, best first; of equals, who came first. No more than `MOST`.

    What lies outside `COORDINATE_LIMITS`, and scores outside 0..1, come to the limit.
    """
    order = np.argsort(-scores, kind="stable")[:MOST]
    sorted_keypoints = keypoints[order].astype(np.float32)
    np.clip(sorted_keypoints[..., :2], *COORDINATE_LIMITS, out=sorted_keypoints[..., :2])
    np.clip(sorted_keypoints[..., 2], 0.0, 1.0, out=sorted_keypoints[..., 2])
    return People(
        sorted_keypoints,
        np.clip(scores[order], 0.0, 1.0).astype(np.float32),
        None if corners is None else np.clip(corners[order], *COORDINATE_LIMITS).astype(np.float32),
    )


NOBODY = People(np.empty((0, 17, 3), np.float32), np.empty(0, np.float32))
