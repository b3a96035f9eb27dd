"""Somebody who works out: the poses that simulated devices tell of."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edged.capture.athlete.source import open_athlete
from edged.messages.streams import PosePayload, pose_payload
from edged.sections import Camera
from edged.types import Pose

LOOP_S = 15.0
"""Of the workout: some five squats, over and over."""
MOST_POSES = 300
SCORES = (0.05, 0.6, 0.85)
"""Of a keypoint that is outside, hidden and seen, as MoveNet tells them; give or take `SPREAD`."""
SPREAD = 0.12


def poses(per_s: float, seed: int = 7) -> tuple[PosePayload, ...]:
    """The rendered athlete's true keypoints, `per_s` times a second for LOOP_S, or for MOST_POSES.

    They jitter and are scored as if a model had seen them, so that no number is shorter than such a
    model's are.
    """
    athlete = open_athlete(Camera(source=f"athlete:squat?seed={seed}", loop=True))
    draw = np.random.default_rng(seed)
    count = min(max(int(LOOP_S * per_s), 1), MOST_POSES)
    told = []
    for number in range(count):
        truth = athlete.truth(athlete.at(number / per_s))
        keypoints = np.empty((17, 3), np.float32)
        keypoints[:, :2] = truth.keypoints + draw.normal(0.0, 0.002, (17, 2))
        keypoints[:, 2] = _scores(truth.visibility, draw)
        score = float(keypoints[:, 2].mean())
        told.append(pose_payload(Pose(keypoints=keypoints, score=score)))
    return tuple(told)


def _scores(
    visibility: npt.NDArray[np.uint8], draw: np.random.Generator
) -> npt.NDArray[np.float64]:
    scores = np.array(SCORES)[visibility] + draw.uniform(-SPREAD, SPREAD, len(visibility))
    return np.clip(scores, 0.0, 1.0)
