"""How good a network is on rendered frames, by the path that the pipeline takes.

Every frame is looked at twice: as a whole, with borders, as the pipeline does first; and then by
the crop that follows from the first answer, as `edged infer` does with pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from edged.decoders import people, person
from edged.evaluation.metrics import mark
from edged.evaluation.report import Report, Sample, report, view_of
from edged.inference import geometry
from edged.pipeline import SECOND_LOOK
from edged.types import Keypoints, Pixels, Pose, Truth
from models.training.frames import Frames

Ask: TypeAlias = Callable[[Pixels], Sequence[Keypoints]]
"""Pictures, uint8 (batch, size, size, 3), to the keypoints of each, in 0..1 of the picture."""

BATCH = 32
MIN_SCORE = 0.25
"""As `edged.config.PoseModel` has it: below it nobody is there."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Of a network."""

    whole: Report
    """Each frame looked at as a whole."""
    tracked: Report
    """Looked at again, by the crop that follows from the first look, where that counts."""
    ghosts: float
    """0..1: in how many of the frames without a person somebody was found at first sight."""


def score(frames: Frames, ask: Ask, size: int, model: str = "") -> Scores:
    """Compare a network's answers with the truth.

    Args:
        frames: at the size in which a camera gives them.
        ask: the network.
        size: pixels of its input.
        model: its name.
    """
    samples: tuple[list[Sample], list[Sample]] = ([], [])
    empty = ghosts = 0
    for begin in range(0, len(frames), BATCH):
        indices = range(begin, min(begin + BATCH, len(frames)))
        height, width, _ = frames.pixels(begin).shape
        plans = [geometry.letterbox((width, height), (size, size))] * len(indices)
        first = _look(frames, indices, ask, plans)
        regions = [person.next_region(poses, (width, height)) for poses in first]
        plans = [geometry.crop(region, (width, height), (size, size)) for region in regions]
        second = _look(frames, indices, ask, plans)
        for index, *answers in zip(indices, first, second, strict=True):
            truth = _truth(frames, index)
            if not truth.visibility.any():
                empty += 1
                ghosts += bool(answers[0])
            at_once, alone = answers
            chosen = alone if _score(alone) >= SECOND_LOOK * _score(at_once) else at_once
            for told, poses in zip(samples, (at_once, chosen), strict=True):
                found = poses[0].keypoints if poses else None
                told.append(
                    Sample(
                        exercise=str(frames.truths.exercise[index]),
                        view=view_of(float(frames.truths.azimuth[index])),
                        mark=mark(found, truth, (width, height)),
                    )
                )
    whole, tracked = (
        report(told, model=model, source="rendered", looks=looks)
        for looks, told in enumerate(samples, start=1)
    )
    return Scores(whole=whole, tracked=tracked, ghosts=ghosts / empty if empty else 0.0)


def _score(poses: Sequence[Pose]) -> float:
    return poses[0].score if poses else 0.0


def _truth(frames: Frames, index: int) -> Truth:
    truths = frames.truths
    return Truth(truths.keypoints[index], truths.visibility[index], float(truths.area[index]))


def _look(
    frames: Frames, indices: Sequence[int], ask: Ask, plans: Sequence[geometry.Plan]
) -> list[list[Pose]]:
    """Who is found in each of the frames."""
    pictures = np.zeros((len(plans), *plans[0].input_size[::-1], 3), np.uint8)
    for index, plan, picture in zip(indices, plans, pictures, strict=True):
        geometry.fill(plan, frames.pixels(index), picture)
    return [
        people.one(geometry.to_frame(plan, keypoints)).poses(MIN_SCORE)
        for plan, keypoints in zip(plans, ask(pictures), strict=True)
    ]
