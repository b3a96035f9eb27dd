"""Every exercise at every depth, by every body, in every style."""

from __future__ import annotations

from math import sqrt
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.capture.athlete.angles import Angles, angles
from edged.capture.athlete.body import BONES, Body, Joint, Posture
from edged.capture.athlete.equipment import bar_for, wall_for
from edged.capture.athlete.exercises import EXERCISES, IN_TURN, Exercise, posture, stand
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
    "pull-up": HANDS,
    "triceps-extension": FEET,
    "front-raise": FEET,
    "lateral-raise": FEET,
    "wall-sit": FEET,
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
    "pull-up": (((160, 180), (145, 175), (70, 120)), ((28, 55), (145, 175), (65, 115))),
    "triceps-extension": (((155, 180), (155, 180), (165, 180)), ((50, 70), (155, 180), (165, 180))),
    "front-raise": (((160, 180), (155, 180), (165, 180)), ((160, 180), (155, 180), (165, 180))),
    "lateral-raise": (((150, 180), (155, 180), (165, 180)), ((150, 180), (155, 180), (165, 180))),
    "high-knees": (((50, 120), (155, 180), (165, 180)), ((50, 120), (80, 105), (70, 100))),
    "wall-sit": (((50, 180), (80, 110), (85, 110)), ((50, 180), (80, 110), (85, 110))),
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


@given(seeds)
def test_a_pull_up_brings_the_chin_over_the_bar(seed: int) -> None:
    body, style = Body.of(seed), Style.of(seed)
    bar = bar_for(body)
    low, high = (posture(body, "pull-up", depth, style) for depth in (0.0, 1.0))
    assert low[Joint.NOSE, 2] < bar.z - 0.10 * body.height
    assert high[Joint.NOSE, 2] > bar.z + 0.04 * body.height  # so far is it from nose to chin
    assert high[Joint.HEAD, 2] + body.radius(Joint.HEAD) < bar.crown
    skull = high[Joint.HEAD] - (bar.x, 0.0, bar.z)
    assert np.hypot(skull[0], skull[2]) > body.radius(Joint.HEAD) + bar.radius


@given(seeds, depths)
def test_who_pulls_up_hangs_below_the_bar_off_the_floor(seed: int, depth: float) -> None:
    body = Body.of(seed)
    bar = bar_for(body)
    done = posture(body, "pull-up", depth, Style.of(seed))
    knuckles = done[[Joint.LEFT_HAND, Joint.RIGHT_HAND]] - (bar.x, 0.0, bar.z)
    assert np.hypot(knuckles[:, 0], knuckles[:, 2]).max() < 0.04  # the fingers are around it
    assert np.abs(knuckles[:, 1]).max() < bar.half
    assert done[FEET, 2].min() > 0.03
    # Trunk and thighs on both sides of it: nobody hangs aslant.
    middle = 0.6 * done[[Joint.PELVIS, Joint.CHEST]].mean(0) + 0.4 * done[FEET].mean(0)
    assert abs(middle[0] - bar.x) < 0.16 * body.height
    told = angles(done)
    assert told.left_elbow == pytest.approx(told.right_elbow, abs=6.0)


@given(seeds, depths)
def test_a_wall_carries_the_back_of_who_sits_against_it(seed: int, depth: float) -> None:
    body = Body.of(seed)
    wall = wall_for(body)
    done = posture(body, "wall-sit", depth, Style.of(seed))
    behind = done[[Joint.PELVIS, Joint.WAIST, Joint.CHEST], 0] - wall.x
    assert np.ptp(behind) < 0.01
    assert (behind > 0.06).all()
    assert (behind < 0.20).all()
    assert (done[:, 0] > wall.x).all()
    assert np.abs(done[:, 1]).max() < wall.half
    drop = (done[Joint.LEFT_HIP] - done[Joint.LEFT_KNEE])[2] / body.thigh
    assert -0.05 < drop < 0.25  # thighs level, or a little short of it
    assert abs(done[Joint.LEFT_KNEE, 0] - done[Joint.LEFT_ANKLE, 0]) < 0.08 * body.height


@given(seeds, depths)
def test_elbows_stay_up_in_a_triceps_extension(seed: int, depth: float) -> None:
    body = Body.of(seed)
    start, done = (posture(body, "triceps-extension", at, Style.of(seed)) for at in (0.0, depth))
    elbows = [Joint.LEFT_ELBOW, Joint.RIGHT_ELBOW]
    assert np.linalg.norm((done - start)[elbows], axis=1).max() < 0.03 * body.height
    assert angles(done).left_shoulder > 150
    wrists = done[HANDS] - done[Joint.HEAD]
    assert np.linalg.norm(wrists, axis=1).min() > body.radius(Joint.HEAD)
    apart = done[Joint.LEFT_WRIST, 1] - done[Joint.RIGHT_WRIST, 1]
    assert apart > 2 * body.radius(Joint.LEFT_WRIST)  # arms do not cross


@pytest.mark.parametrize("exercise", ["front-raise", "lateral-raise"])
@given(seeds)
def test_raised_arms_come_to_the_height_of_the_shoulders(exercise: Exercise, seed: int) -> None:
    body = Body.of(seed)
    low, high = (posture(body, exercise, depth, Style.of(seed)) for depth in (0.0, 1.0))
    for done, least, most in ((low, -0.40, -0.25), (high, -0.06, 0.06)):
        rise = (done[Joint.LEFT_WRIST] - done[Joint.LEFT_SHOULDER])[2] / body.height
        assert least < rise < most
    ahead, aside, _ = np.abs(high[Joint.LEFT_WRIST] - high[Joint.LEFT_SHOULDER])
    assert ahead > 3 * aside if exercise == "front-raise" else aside > 1.5 * ahead


@given(seeds, sides)
def test_high_knees_raise_one_knee_to_the_hip_over_a_foot_that_stays(seed: int, side: Side) -> None:
    body, style = Body.of(seed), Style.of(seed)
    start, done = (posture(body, "high-knees", at, style, side) for at in (0.0, 1.0))
    up, down = (0, 1) if side == "left" else (1, 0)
    assert abs(done[Joint.LEFT_KNEE + up, 2] - done[Joint.LEFT_HIP + up, 2]) < 0.04 * body.height
    assert done[Joint.LEFT_TOE + down] == pytest.approx(start[Joint.LEFT_TOE + down], abs=1e-3)
    assert _seen(angles(done), "right" if side == "left" else "left")[2] > 160


@given(seeds)
def test_high_knees_begin_alike_on_either_side(seed: int) -> None:
    body, style = Body.of(seed), Style.of(seed)
    one, other = (posture(body, "high-knees", 0.0, style, side) for side in get_args(Side))
    assert one == pytest.approx(other, abs=1e-9)


@given(seeds, depths)
def test_the_toes_of_a_knee_that_comes_up_leave_the_floor_last(seed: int, depth: float) -> None:
    body = Body.of(seed)
    done = posture(body, "high-knees", depth, Style.of(seed))
    assert done[Joint.LEFT_TOE, 2] >= body.radius(Joint.LEFT_TOE) - 1e-6
    assert done[Joint.LEFT_HEEL, 2] >= body.radius(Joint.LEFT_HEEL) - 0.01


def test_what_is_done_in_turn_is_what_the_model_knows() -> None:
    """Another one changes what is trained and measured: see models/athlete-pose.md."""
    assert len(IN_TURN) == 9
    assert set(IN_TURN) < set(EXERCISES)
    assert len(set(EXERCISES)) == len(EXERCISES) == 15


def test_a_depth_out_of_range_is_the_nearest_in_it() -> None:
    body = Body.of(0)
    assert (posture(body, "squat", 7.0) == posture(body, "squat", 1.0)).all()
    assert (posture(body, "squat", -1.0) == posture(body, "squat", 0.0)).all()


def test_one_side_at_a_time_leaves_the_other_still() -> None:
    body, style = Body.of(0), Style(one_sided=True)
    told = angles(posture(body, "biceps-curl", 1.0, style, "right"))
    assert told.right_elbow < 60
    assert told.left_elbow > 150
