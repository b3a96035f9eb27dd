"""Pictures from which the tiny model of poses reads an athlete who works out."""

from __future__ import annotations

from pathlib import Path

import athletes
import cv2
import numpy as np

from edged.capture.athlete.exercises import Exercise
from edged.capture.athlete.script import Course, Script, Set, Tempo

SIZE = 32
DIVISOR = 250.0
"""Of `tiny_models.pose_model`: a byte is 1/250 of the frame."""


def write_workout(
    directory: Path, fps: float, *, exercise: Exercise = "squat", reps: int = 10, rest_s: float = 20
) -> int:
    """One set with the rest after it, to be shown over and over.

    Returns:
        How many pictures: 32x32, whose first 51 bytes are the keypoints (y, x, score).
    """
    one = Set(exercise=exercise, reps=reps, tempo=Tempo(0.9, 0.2, 0.8, 0.3), rest_s=0)
    truth = athletes.truths(Script(workout=Course(seed=3), set=(one,)), 60.0, fps)
    # The camera of the athlete sees 4:3, the film is square.
    points = truth.points * (1.0, 0.75) + (0.0, 0.125)
    still = np.repeat(points[-1:], round(rest_s * fps), axis=0)
    shown = np.concatenate([points, still])
    picture = np.zeros((SIZE, SIZE, 3), np.uint8)
    scores = np.full((17, 1), 0.9)
    for number, frame in enumerate(shown):
        rows = np.hstack([frame[:, ::-1], scores]).clip(0.0, 1.0)
        picture.reshape(-1)[:51] = np.round(rows * DIVISOR).reshape(-1)
        cv2.imwrite(str(directory / f"{number:05}.png"), picture[:, :, ::-1])
    return len(shown)
