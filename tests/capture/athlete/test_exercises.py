"""Every exercise at every depth, by every body, in every style."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.capture.athlete.angles import Angles, angles
from edged.capture.athlete.body import BONES, Body, Joint, Posture
from edged.capture.athlete.exercises import EXERCISES, Exercise, posture, stand
from edged.capture.athlete.style import Side, Style

seeds = st.integers(0, 10_000)
depths = st.floats(0.0, 1.0)
exercises = st.sampled_from(EXERCISES)
sides: st.SearchStrategy[Side] = st.sampled_from(["left", "right"])

ANKLES = [Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE]
FEET = [
    *ANKLES,
    *(Joint.LEFT_HEEL, Joint.RIGHT_HEEL, Joint.LEFT_TOE, Joint.RIGHT_TOE),
]
HANDS = [Joint.LEFT_WRIST, Joint.RIGHT_WRIST]
PLANTED: dict[Exercise, list[Joint]] = {
    "squat": FEET,
    "biceps-curl": FEET,
    "shoulder-press": FEET,
    "deadlift": FEET,
    "sit-up": FEET,
    "push-up": FEET + HANDS,
    "plank": FEET + HANDS,
}

# Ranges of (elbow, hip, knee) in degrees, at depth 0 and 1, that any body and style keep. Compared
# with what keypoints of recorded people say, which see 2-D shadows of these angles.
RANGES: dict[Exercise, tuple[tuple[tuple[float, float], ...], tuple[tuple[float, float], ...]]] = {
    "squat": (((30, 180), (150, 180), (165, 180)), ((30, 180), (40, 75), (55, 85))),
    "push-up": (((150, 180), (160, 180), (165, 180)), ((40, 80), (160, 180), (165, 180))),
    "biceps-curl": (((155, 180), (160, 180), (165, 180)), ((35, 55), (160, 180), (165, 180))),
    "shoulder-press": (((30, 60), (155, 180), (165, 180)), ((150, 180), (155, 180), (165, 180))),
    "jumping-jack": (((150, 180), (155, 180), (155, 180)), ((145, 180), (140, 170), (155, 180))),
    "sit-up": (((20, 180), (115, 150), (65, 105)), ((20, 180), (50, 90), (65, 105))),
    "deadlift": (((165, 180), (155, 180), (160, 180)), ((165, 180), (50, 85), (110, 145))),
    "plank": (((75, 180), (155, 180), (165, 180)), ((75, 180), (155, 180), (165, 180))),
}


def bones(posture: Posture) -> list[float]:
    return [float(np.linalg.norm(posture[a] - posture[b])) for a, b in BONES]


@given(seeds, exercises, depths, sides)
def test_bones_have_the_lengths_of_the_body(
    seed: int, exercise: Exercise, depth: float, side: Side
) -> None:
    body = Body.of(seed)
    done = posture(body, exercise, depth, Style.of(seed), side)
    assert done.shape == (28, 3)
    assert done.dtype == np.float64
    assert bones(done) == pytest.approx(bones(stand(body)), abs=1e-6)


@given(seeds, exercises, depths, sides)
def test_nothing_sinks_into_the_floor(
    seed: int, exercise: Exercise, depth: float, side: Side
) -> None:
    body = Body.of(seed)
    done = posture(body, exercise, depth, Style.of(seed), side)
    assert (done[:, 2] >= np.array(body.radii) - 0.02).all()


@given(seeds, exercises, depths, sides)
def test_the_same_is_the_same(seed: int, exercise: Exercise, depth: float, side: Side) -> None:
    one, other = (posture(Body.of(seed), exercise, depth, Style.of(seed), side) for _ in range(2))
    assert (one == other).all()


@pytest.mark.parametrize("exercise", PLANTED)
@given(seeds, depths)
def test_planted_hands_and_feet_stay(exercise: Exercise, seed: int, depth: float) -> None:
    body, style, planted = Body.of(seed), Style.of(seed), PLANTED[exercise]
    start = posture(body, exercise, 0.0, style)
    assert posture(body, exercise, depth, style)[planted] == pytest.approx(start[planted], abs=1e-3)


@given(seeds, depths, sides)
def test_a_lunge_slides_on_neither_foot(seed: int, depth: float, side: Side) -> None:
    body, style = Body.of(seed), Style.of(seed)
    before, after = (
        posture(body, "lunge", at, style, side) for at in (depth, min(1.0, depth + 0.01))
    )
    for toe in (Joint.LEFT_TOE, Joint.RIGHT_TOE):
        moved = float(np.linalg.norm((after - before)[toe, :2]))
        on_floor = before[toe, 2] < body.radius(toe) + 1e-4 > after[toe, 2] - body.radius(toe)
        assert moved < 2e-3 or not on_floor


@given(seeds)
def test_a_jumping_jack_leaves_the_floor_between_its_ends(seed: int) -> None:
    body, style = Body.of(seed), Style.of(seed)
    lows = [posture(body, "jumping-jack", at, style)[FEET, 2].min() for at in (0.0, 0.5, 1.0)]
    sole = body.radius(Joint.LEFT_TOE)
    assert lows[0] == pytest.approx(sole)
    assert lows[2] == pytest.approx(sole)
    assert lows[1] > sole + 0.02


@given(seeds, exercises, st.floats(0.0, 0.99), sides)
def test_depth_moves_everything_a_little_at_a_time(
    seed: int, exercise: Exercise, depth: float, side: Side
) -> None:
    body, style = Body.of(seed), Style.of(seed)
    one, other = (posture(body, exercise, at, style, side) for at in (depth, depth + 0.002))
    assert np.linalg.norm(one - other, axis=1).max() < 0.002 * 4.5  # metres for the whole way


def _seen(told: Angles, side: Side) -> tuple[float, float, float]:
    if side == "left":
        return told.left_elbow, told.left_hip, told.left_knee
    return told.right_elbow, told.right_hip, told.right_knee


@pytest.mark.parametrize("exercise", RANGES)
@given(seeds)
def test_joints_bend_as_far_as_the_exercise_asks(exercise: Exercise, seed: int) -> None:
    body, style = Body.of(seed), Style.of(seed)
    for depth, ranges in zip((0.0, 1.0), RANGES[exercise], strict=True):
        told = _seen(angles(posture(body, exercise, depth, style)), "left")
        for angle, (low, high) in zip(told, ranges, strict=True):
            assert low <= angle <= high, (exercise, depth, told)


@given(seeds, sides)
def test_a_lunge_ends_with_right_angles_and_the_rear_knee_near_the_floor(
    seed: int, side: Side
) -> None:
    body, style = Body.of(seed), Style.of(seed)
    done = posture(body, "lunge", 1.0, style, side)
    told = angles(done)
    assert 75 < told.left_knee < 105
    assert 75 < told.right_knee < 105
    front, rear = (0, 1) if side == "left" else (1, 0)
    assert done[Joint.LEFT_ANKLE + front, 0] > done[Joint.LEFT_ANKLE + rear, 0] + 0.5
    knee = done[Joint.LEFT_KNEE + rear, 2] - body.radius(Joint.LEFT_KNEE)
    assert -0.005 < knee < 0.08


@given(seeds)
def test_a_deep_squat_is_balanced_over_the_feet(seed: int) -> None:
    body = Body.of(seed)
    done = posture(body, "squat", 1.0, Style.of(seed))
    thigh_drop = done[Joint.LEFT_HIP, 2] - done[Joint.LEFT_KNEE, 2]
    assert abs(thigh_drop) < 0.35 * body.thigh  # nearly level
    heels, toes = done[FEET[2:4], 0].min(), done[FEET[4:], 0].max()
    # Trunk and head weigh 58 %, about 0.66 of the way from hips to shoulders, the thighs 20 %
    # (Winter, table 4.1): enough for a rough centre.
    trunk = (0.34 * done[Joint.PELVIS] + 0.66 * done[Joint.CHEST])[0]
    thighs = 0.5 * (done[Joint.LEFT_HIP] + done[Joint.LEFT_KNEE])[0]
    assert heels < (0.58 * trunk + 0.2 * thighs) / 0.78 < toes


@given(seeds)
def test_a_push_up_is_a_straight_line_that_comes_down(seed: int) -> None:
    body, style = Body.of(seed), Style.of(seed)
    top, bottom = (posture(body, "push-up", depth, style) for depth in (0.0, 1.0))
    assert bottom[Joint.CHEST, 2] < top[Joint.CHEST, 2] - 0.18
    assert bottom[Joint.CHEST, 2] - body.radius(Joint.CHEST) < 0.22  # two fists
    for done in (top, bottom):
        ankles, chest = done[ANKLES].mean(0), done[Joint.CHEST]
        off = np.linalg.norm(np.cross(done[Joint.PELVIS] - ankles, chest - ankles))
        assert off / np.linalg.norm(chest - ankles) < 0.04


@given(seeds)
def test_a_deadlift_goes_down_the_legs_with_a_flat_back(seed: int) -> None:
    body = Body.of(seed)
    done = posture(body, "deadlift", 1.0, Style.of(seed))
    hands = done[[Joint.LEFT_HAND, Joint.RIGHT_HAND]].mean(0)
    assert hands[2] < done[Joint.LEFT_KNEE, 2]
    assert done[Joint.LEFT_ANKLE, 0] < hands[0] < done[Joint.LEFT_TOE, 0] + 0.05
    lower = done[Joint.WAIST] - done[Joint.PELVIS]
    upper = done[Joint.CHEST] - done[Joint.WAIST]
    cosine = lower @ upper / sqrt((lower @ lower) * (upper @ upper))
    assert cosine > 0.995


@given(seeds)
def test_a_sit_up_goes_from_the_back_to_sitting(seed: int) -> None:
    body, style = Body.of(seed), Style.of(seed)
    down, up = (posture(body, "sit-up", depth, style) for depth in (0.0, 1.0))
    assert down[Joint.CHEST, 2] < body.radius(Joint.CHEST) + 0.03
    assert down[Joint.NOSE, 2] > down[Joint.HEAD, 2]  # face up
    assert up[Joint.CHEST, 2] > 0.85 * body.trunk


@given(seeds)
def test_a_press_ends_overhead(seed: int) -> None:
    body = Body.of(seed)
    done = posture(body, "shoulder-press", 1.0, Style.of(seed), "left")
    assert done[Joint.LEFT_WRIST, 2] > done[Joint.HEAD, 2] + 0.15
    assert angles(done).left_shoulder > 160


def test_a_depth_out_of_range_is_the_nearest_in_it() -> None:
    body = Body.of(0)
    assert (posture(body, "squat", 7.0) == posture(body, "squat", 1.0)).all()
    assert (posture(body, "squat", -1.0) == posture(body, "squat", 0.0)).all()


def test_one_side_at_a_time_leaves_the_other_still() -> None:
    body, style = Body.of(0), Style(one_sided=True)
    told = angles(posture(body, "biceps-curl", 1.0, style, "right"))
    assert told.right_elbow < 60
    assert told.left_elbow > 150
