"""What is a body, and what is none."""

from __future__ import annotations

import idlers
import numpy as np
import pytest
import stick_people as people
from stick_people import moved

from edged.fitness.anatomy import BodyCheck
from edged.fitness.sides import Sides
from edged.fitness.stature import Stature
from edged.types import Keypoints


def believed(frames: list[tuple[float, Keypoints]]) -> list[bool]:
    check, stature = BodyCheck(), Stature()
    told = []
    for t_s, keypoints in frames:
        points = keypoints[:, :2].astype(np.float64) * (4 / 3, 1.0)
        scores = keypoints[:, 2].astype(np.float64)
        height = stature.update(t_s, points, scores)
        told.append(check.update(t_s, points.tolist(), scores.tolist(), height))
    return told


@pytest.mark.parametrize("figure", [people.squat, people.push_up, people.sit_up, people.curl])
@pytest.mark.parametrize(("fps", "rep_s"), [(10.0, 0.5), (30.0, 0.5), (120.0, 3.0)])
def test_people_who_exercise_are_believed(figure: people.Figure, fps: float, rep_s: float) -> None:
    view = people.View(x=0.3, y=0.6)
    frames = moved(figure, reps=6, fps=fps, rep_s=rep_s, noise=0.008, view=view)
    assert all(believed(list(frames)))


@pytest.mark.parametrize("kind", ["noise", "uniform noise"])
@pytest.mark.parametrize("fps", [10.0, 15.0, 30.0])
def test_noise_is_not_believed_for_long(kind: str, fps: float) -> None:
    frames = [(t_s, poses[0].keypoints) for t_s, poses in idlers.idle(kind, 20.0, fps)]
    told = believed(frames)[int(4 * fps) :]
    assert sum(told) < 0.2 * len(told)


def test_who_comes_after_noise_is_believed_soon() -> None:
    noise = [(t_s, poses[0].keypoints) for t_s, poses in idlers.idle("uniform noise", 4.0, 30.0)]
    person = [(4.0 + t_s, k) for t_s, k in moved(people.squat, reps=4, fps=30.0)]
    assert believed([*noise, *person])[-1]
    check = BodyCheck()
    check.forget()
    assert check.update(0.0, people.standing(0.0).tolist(), [0.9] * 17, 1.0)


def test_a_person_is_believed_whose_sides_are_exchanged_in_every_third_frame() -> None:
    mirror = [0, *(i + 1 if i % 2 else i - 1 for i in range(1, 17))]
    frames = list(moved(people.jumping_jack, reps=8, fps=30.0))
    mixed = [
        (t_s, keypoints[mirror] if number % 3 == 0 else keypoints)
        for number, (t_s, keypoints) in enumerate(frames)
    ]
    sides, check, stature = Sides(), BodyCheck(), Stature()
    for t_s, keypoints in mixed:
        points = keypoints[:, :2].astype(np.float64) * (4 / 3, 1.0)
        scores = keypoints[:, 2].astype(np.float64)
        height = stature.update(t_s, points, scores)
        points = points[sides.order(t_s, points.tolist(), scores.tolist(), height)]
        assert check.update(t_s, points.tolist(), scores.tolist(), height)
