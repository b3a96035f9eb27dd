"""Left stays left while a model exchanges the sides; who turns round is left alone."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stick_people import View, moved, squat

from edged.fitness.sides import Sides

MIRROR = [0, *(i + 1 if i % 2 else i - 1 for i in range(1, 17))]
JOINTS = [5, 7, 9, 11, 13, 15]
SURE = [0.8] * 17


def standing(turned: float = 1.0) -> list[list[float]]:
    """Somebody 0.6 high; `turned`: how much of the width shows, 1 = from in front, -1 = behind."""
    points = [[0.5, 0.2] for _ in range(17)]
    for joint, half, y in zip(JOINTS, (6, 7, 8, 4, 4, 5), (26, 36, 45, 45, 60, 75), strict=True):
        points[joint] = [0.5 + 0.01 * half * turned, 0.01 * y]
        points[joint + 1] = [0.5 - 0.01 * half * turned, 0.01 * y]
    return points


@settings(max_examples=20)
@given(
    fps=st.sampled_from([10.0, 30.0, 60.0]),
    begins=st.integers(2, 20),
    lasts=st.integers(1, 6),
    exchanged=st.sets(st.sampled_from([(5,), (7, 9), (11,), (13, 15)]), min_size=1),
)
def test_sides_that_a_model_exchanges_for_a_moment_are_put_back(
    fps: float, begins: int, lasts: int, exchanged: set[tuple[int, ...]]
) -> None:
    sides = Sides()
    joints = {joint for limb in exchanged for left in limb for joint in (left, left + 1)}
    for number in range(30):
        points = standing()
        if begins <= number < begins + min(lasts, int(0.5 * fps)):
            points = [points[MIRROR[i]] if i in joints else points[i] for i in range(17)]
        order = sides.order(number / fps, points, SURE, 0.6)
        assert [points[of] for of in order][5:] == standing()[5:]


def test_a_model_that_stays_with_it_is_believed() -> None:
    sides = Sides()
    sides.order(0.0, standing(), SURE, 0.6)
    last = [sides.order(n / 30, standing(-1.0), SURE, 0.6) for n in range(1, 90)][-1]
    assert last == list(range(17))


def test_somebody_who_turns_round_keeps_their_sides() -> None:
    sides = Sides()
    for number in range(60):
        points = standing(math.cos(math.pi * number / 60))
        assert sides.order(number / 30, points, SURE, 0.6) == list(range(17))


@pytest.mark.parametrize("fps", [10.0, 15.0, 30.0])
def test_arms_that_swing_past_each_other_are_not_exchanged(fps: float) -> None:
    sides = Sides()
    for number in range(40):
        points = standing(0.0)
        swing = 0.06 * math.sin(2 * math.pi * 0.9 * number / fps)
        points[9][0], points[10][0] = 0.5 + swing, 0.5 - swing
        assert sides.order(number / fps, points, SURE, 0.6)[9] == 9


def test_what_is_not_seen_is_not_exchanged() -> None:
    sides = Sides()
    hidden = [0.05] * 17
    for number in range(10):
        points = standing(1.0 if number % 2 else -1.0)
        assert sides.order(number / 30, points, hidden, 0.6) == list(range(17))


def test_who_comes_next_may_face_the_other_way() -> None:
    sides = Sides()
    sides.order(0.0, standing(), SURE, 0.6)
    sides.forget()
    assert sides.order(0.03, standing(-1.0), SURE, 0.6) == list(range(17))


def test_a_movement_is_left_as_it_is() -> None:
    sides = Sides()
    for t_s, keypoints in moved(squat, reps=2, fps=10.0, view=View()):
        assert sides.order(t_s, keypoints[:, :2].tolist(), SURE, 0.6) == list(range(17))
