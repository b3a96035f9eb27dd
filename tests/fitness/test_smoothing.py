"""Keypoints that tremble less, and hardly late."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stick_people import View, moved, squat

from edged.fitness.smoothing import Smoother, Smoothing, Steady
from edged.fitness.stature import TORSO, Stature

HEIGHT = 0.8
SURE = np.full(17, 0.9)


def smoothed(
    times: Sequence[float], xs: Sequence[float], scores: Sequence[float] | None = None
) -> list[Steady]:
    smoother = Smoother()
    told = []
    for number, (t_s, x) in enumerate(zip(times, xs, strict=True)):
        score = SURE if scores is None else np.full(17, scores[number])
        told.append(smoother.update(t_s, np.full((17, 2), x), score, HEIGHT))
    return told


def lag_s(fps: float, amplitude: float, hz: float = 1.0, jitter: float = 0.0) -> float:
    """How late a movement of `hz` comes out: by the phase of its first harmonic."""
    draw = np.random.default_rng(3)
    times = np.arange(0.0, 8.0, 1.0 / fps)
    times[1:] += draw.uniform(-jitter, jitter, len(times) - 1) / fps
    xs = amplitude * np.sin(2 * math.pi * hz * times)
    out = np.array([one.points[9, 0] for one in smoothed(times.tolist(), xs.tolist())])
    late = times > 2.0
    basis = np.stack(
        [np.sin(2 * math.pi * hz * times), np.cos(2 * math.pi * hz * times), np.ones(len(times))]
    )
    sine, cosine, _ = np.linalg.lstsq(basis[:, late].T, out[late], rcond=None)[0]
    return -math.atan2(cosine, sine) / (2 * math.pi * hz)


@pytest.mark.parametrize("amplitude", [0.02, 0.1, 0.3])
def test_a_movement_of_1_hz_at_30_frames_a_second_comes_60_ms_late_at_most(
    amplitude: float,
) -> None:
    assert 0.0 < lag_s(30.0, amplitude) <= 0.060


@pytest.mark.parametrize("fps", [10.0, 24.0, 60.0, 120.0])
def test_the_delay_is_the_same_at_any_frame_rate(fps: float) -> None:
    assert lag_s(fps, 0.2, jitter=0.3) <= 0.060


def test_uneven_stamps_are_no_movement() -> None:
    times = np.cumsum(np.random.default_rng(0).uniform(0.005, 0.2, 200))
    told = smoothed(times.tolist(), [0.5] * 200)
    assert all(np.allclose(one.points, 0.5) for one in told)


def test_tremble_at_rest_is_less() -> None:
    draw = np.random.default_rng(1)
    xs = 0.5 + draw.normal(0.0, 0.004, 600)
    told = smoothed((np.arange(600) / 30).tolist(), xs.tolist())
    assert np.std([one.points[0, 0] for one in told[60:]]) < 0.7 * np.std(xs)


def test_a_keypoint_that_was_never_sure_is_not_seen() -> None:
    assert not any(one.seen.any() for one in smoothed([0.0, 0.1, 0.2], [0.5] * 3, [0.1] * 3))


def test_a_keypoint_that_flickers_around_the_threshold_stays_seen() -> None:
    told = smoothed([0.0, 0.4, 0.8], [0.5] * 3, [0.3, 0.15, 0.15])
    assert all(one.seen.all() for one in told)


def test_a_short_gap_is_bridged_and_a_long_one_is_not() -> None:
    times = [0.0, 0.1, 0.2, 0.3, 0.5, 0.6]
    told = smoothed(times, [0.5, 0.5, 0.9, 0.9, 0.9, 0.9], [0.9, 0.9, 0.0, 0.0, 0.0, 0.9])
    assert [bool(one.seen.all()) for one in told] == [True, True, True, True, False, True]
    assert np.allclose(told[3].points, 0.5)
    assert np.allclose(told[5].points, 0.9)


def test_after_a_long_silence_everything_is_new() -> None:
    told = smoothed([0.0, 5.0], [0.1, 0.9])
    assert np.allclose(told[1].points, 0.9)


def test_a_time_that_does_not_pass_changes_nothing() -> None:
    told = smoothed([1.0, 1.0, 0.5], [0.1, 0.9, 0.9])
    assert np.allclose(told[2].points, 0.1)


@given(
    scale=st.floats(0.05, 20.0),
    shift=st.floats(-5.0, 5.0),
    steps=st.lists(st.floats(-0.2, 0.2), min_size=2, max_size=30),
)
def test_size_and_place_do_not_matter(scale: float, shift: float, steps: list[float]) -> None:
    one, other = Smoother(), Smoother()
    for number, x in enumerate(np.cumsum(steps).tolist()):
        here = one.update(number / 30, np.full((17, 2), x), SURE, HEIGHT)
        there = other.update(number / 30, np.full((17, 2), shift + scale * x), SURE, scale * HEIGHT)
        assert np.allclose(shift + scale * here.points, there.points, atol=1e-9 * (1 + abs(shift)))


def test_the_settings_are_used() -> None:
    slow = Smoother(Smoothing(cutoff_hz=0.1, per_speed=0.0))
    slow.update(0.0, np.zeros((17, 2)), SURE, HEIGHT)
    assert slow.update(0.1, np.ones((17, 2)), SURE, HEIGHT).points[0, 0] < 0.1


def standing(height: float) -> np.ndarray:
    points = np.zeros((17, 2))
    for side in (0, 1):
        x = (-0.1 if side else 0.1) * height
        for index, y in ((5, 0.18), (7, 0.366), (9, 0.512), (11, 0.468), (13, 0.713), (15, 0.959)):
            points[index + side] = x, y * height
    return points


@given(height=st.floats(0.01, 10.0))
def test_the_height_of_one_who_stands_is_found(height: float) -> None:
    assert Stature().update(0.0, standing(height), SURE) == pytest.approx(height, rel=0.01)


def test_the_height_stays_when_somebody_turns_away_for_a_moment() -> None:
    stature = Stature()
    stature.update(0.0, standing(1.0), SURE)
    assert stature.update(0.5, standing(1.0) * 0.3, SURE) > 0.85


def test_one_keypoint_astray_makes_nobody_larger() -> None:
    points = standing(1.0)
    points[9] = 3.0, 3.0
    assert Stature().update(0.0, points, SURE) == pytest.approx(1.0, rel=0.01)


def test_nobody_has_no_height() -> None:
    stature = Stature()
    assert stature.update(0.0, standing(1.0), np.zeros(17)) == 0.0
    stature.update(1.0, standing(1.0), SURE)
    stature.forget()
    assert stature.update(2.0, standing(1.0), np.zeros(17)) == 0.0
    assert TORSO < 0.5


@pytest.mark.parametrize("frames", [1, 3])
def test_a_keypoint_that_leaps_for_a_moment_stays_where_it_was(frames: int) -> None:
    times = [number / 30 for number in range(60)]
    xs = [0.9 if 30 <= number < 30 + frames else 0.2 for number in range(60)]
    assert all(one.points[9, 0] == pytest.approx(0.2, abs=0.01) for one in smoothed(times, xs))


def test_a_keypoint_that_stays_where_it_leapt_to_is_believed_soon() -> None:
    times = [number / 30 for number in range(60)]
    steady = smoothed(times, [0.9 if number >= 30 else 0.2 for number in range(60)])
    assert steady[40].points[9, 0] == pytest.approx(0.9, abs=0.05)


def test_arms_that_tremble_do_not_make_somebody_larger() -> None:
    draw = np.random.default_rng(5)
    person = moved(squat, reps=0, fps=30.0, rest_s=5.0, view=View(size=0.6))
    stature, height = Stature(), 0.0
    for t_s, keypoints in person:
        points = keypoints[:, :2].astype(np.float64) * (4 / 3, 1.0)
        points[[7, 8, 9, 10]] += draw.normal(0.0, 0.03 * 0.6, (4, 2))
        height = stature.update(t_s, points, SURE)
    assert height == pytest.approx(0.6, rel=0.1)
