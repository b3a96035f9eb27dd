"""How near a pose is to the truth: OKS and PCK. Pure.

OKS, object keypoint similarity, and its constants: https://cocodataset.org/#keypoints-eval
PCK, percentage of correct keypoints, of the torso: Sapp and Taskar, MODEC, CVPR 2013.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edged.types import Keypoints, Truth

Marks: TypeAlias = npt.NDArray[np.float64]
"""float64 (17,), 0..1 for each keypoint; NaN where the truth has none in the frame."""

SIGMAS: npt.NDArray[np.float64] = np.array(
    (
        *(0.026, 0.025, 0.025, 0.035, 0.035),  # nose, eyes, ears
        *(0.079, 0.079, 0.072, 0.072, 0.062, 0.062),  # shoulders, elbows, wrists
        *(0.107, 0.107, 0.087, 0.087, 0.089, 0.089),  # hips, knees, ankles
    )
)
"""How far people who mark the same keypoint differ, in square roots of the area; COCO's."""

TORSO_FRACTION = 0.2
"""PCK@0.2: a keypoint is right when it is nearer to the truth than this part of the torso."""

_DIAGONALS = ((5, 12), (6, 11))
"""From each shoulder to the opposite hip."""


@dataclass(frozen=True, slots=True, eq=False)
class Mark:
    """How near one pose is."""

    found: bool
    """False: there was no pose to compare, and everything is 0."""
    oks: Marks
    """exp(-d^2 / (2 area (2 sigma)^2)) of each keypoint."""
    pck: Marks
    """1: within `TORSO_FRACTION` of the longer diagonal of the torso; 0: not."""

    @property
    def mean_oks(self) -> float:
        """COCO's OKS of the pose: the mean over its labelled keypoints; NaN: it has none."""
        return mean(self.oks)


def mark(found: Keypoints | None, truth: Truth, size: tuple[int, int]) -> Mark:
    """Compare a pose with the truth. What was not found has no similarity.

    Args:
        found: None: nobody was found.
        truth: of the same frame.
        size: width and height of the frame in pixels; only their ratio matters.
    """
    outside = truth.visibility == 0
    points = truth.keypoints.astype(np.float64) * size
    if found is None:
        distance_2 = np.full(len(points), np.inf)
    else:
        distance_2 = np.square(found[:, :2] * size - points).sum(axis=1)
    area = max(truth.area * size[0] * size[1], np.finfo(float).tiny)
    with np.errstate(over="ignore", under="ignore"):  # as far as that is 0
        oks = np.exp(-distance_2 / (2 * area * np.square(2 * SIGMAS)))
    torso_2 = max(np.square(points[one] - points[other]).sum() for one, other in _DIAGONALS)
    pck = (distance_2 <= TORSO_FRACTION**2 * torso_2).astype(np.float64)
    return Mark(
        found=found is not None,
        oks=np.where(outside, np.nan, oks),
        pck=np.where(outside, np.nan, pck),
    )


def mean(marks: Marks) -> float:
    """Over what is labelled; NaN where nothing is."""
    labelled = marks[~np.isnan(marks)]
    return float(labelled.mean()) if len(labelled) else float("nan")
