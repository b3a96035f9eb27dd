"""The athlete as a whole: one seed is one person in one place, seen from somewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.capture.athlete.address import script_of
from edged.capture.athlete.athlete import HELD_OUT, Athlete, frames_within
from edged.capture.athlete.body import Body
from edged.capture.athlete.scene import Scene
from edged.capture.athlete.script import Course, Script, Set
from edged.capture.athlete.style import Style
from edged.types import Pixels

SIZE = (80, 60)
LEFT_SHOULDER, RIGHT_SHOULDER = 5, 6


def athlete(seed: int = 0, view_deg: float | None = None) -> Athlete:
    script = script_of("squat", seed=seed, reps=2, repeat=False)
    return Athlete(script, *SIZE, view_deg)


def picture(of: Athlete, t_s: float = 1.0, number: int = 0) -> Pixels:
    pixels = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    of.paint(of.at(t_s), pixels, number)
    return pixels


def test_a_seed_is_always_the_same_pictures_and_truth() -> None:
    one, other = athlete(3), athlete(3)
    assert np.array_equal(picture(one), picture(other))
    truths = [each.truth(each.at(1.0)) for each in (one, other)]
    assert np.array_equal(truths[0].keypoints, truths[1].keypoints)
    assert truths[0].area == truths[1].area
    assert not np.array_equal(picture(one), picture(athlete(4)))


def test_only_the_noise_of_two_pictures_of_a_moment_differs() -> None:
    one = athlete()
    apart = np.abs(picture(one, number=1).astype(int) - picture(one, number=2))
    assert apart.max() > 0
    assert np.median(apart) < 12


@pytest.mark.parametrize(("view_deg", "side"), [(0.0, 1), (180.0, -1), (-180.0, -1), (360.0, 1)])
def test_the_view_turns_the_camera_about_the_athlete(view_deg: float, side: int) -> None:
    """From in front, the left shoulder is at the right of the picture."""
    one = athlete(5, view_deg)
    shoulders = one.truth(one.at(0.0)).keypoints[[LEFT_SHOULDER, RIGHT_SHOULDER], 0]
    assert np.sign(shoulders[0] - shoulders[1]) == side
    assert one.view_deg == pytest.approx(view_deg % 360.0)


def test_without_a_view_the_seed_says_which() -> None:
    views = {athlete(seed).view_deg for seed in range(6)}
    assert len(views) == 6
    assert all(0.0 <= view < 360.0 for view in views)


@pytest.mark.parametrize("seed", [0, 1, 7999])
def test_nobody_who_can_be_asked_for_was_learnt_from(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Neither who and where, nor how they move: training takes seeds below `HELD_OUT`."""
    asked: dict[Any, list[int]] = {Scene: [], Body: [], Style: []}
    for kind, seeds in asked.items():

        def noted(number: int, of: Any = kind.of, seeds: list[int] = seeds) -> Any:
            seeds.append(number)
            return of(number)

        monkeypatch.setattr(kind, "of", noted)
    Athlete(Script.all_exercises(seed), *SIZE)
    assert asked[Scene] == asked[Body] == [HELD_OUT + seed]
    assert len(set(asked[Style])) == 9
    assert min(asked[Style]) >= HELD_OUT


def test_the_largest_seed_of_a_script_is_somebody_too() -> None:
    script = Script(workout=Course(seed=2**63 - 1), set=(Set(exercise="plank"),))
    assert picture(Athlete(script, *SIZE)).std() > 1


def test_a_workout_has_its_end_unless_it_repeats() -> None:
    assert 2 < athlete().duration_s < 20
    assert Athlete(Script.all_exercises(), *SIZE).duration_s == float("inf")


@given(st.integers(1, 36_000), st.sampled_from([1.0, 12.5, 24.0, 29.97, 30.0, 60.0, 120.0]))
def test_frames_are_counted_as_people_count_tenths_of_seconds(tenths: int, fps: float) -> None:
    count = frames_within(tenths / 10, fps)
    exact = tenths * round(fps * 100)  # thousandths of a frame
    assert count == -(-exact // 1000)
