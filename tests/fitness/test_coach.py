"""From keypoints to reps: the same count at any rate, size, place and phase; none for nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import idlers
import pytest
import stick_people as people
from hypothesis import given, settings
from hypothesis import strategies as st
from stick_people import View, moved

from edged.fitness.coach import Coach, News, Recognized
from edged.fitness.exercises import AUTO, built_in
from edged.fitness.holds import Held
from edged.fitness.reps import Rep
from edged.types import Keypoints

FIGURES = {
    "squat": people.squat,
    "biceps-curl": people.curl,
    "push-up": people.push_up,
    "front-raise": people.front_raise,
    "sit-up": people.sit_up,
    "deadlift": people.deadlift,
    "pull-up": people.pull_up,
    "shoulder-press": people.shoulder_press,
    "triceps-extension": people.triceps_extension,
    "lateral-raise": people.lateral_raise,
    "jumping-jack": people.jumping_jack,
    "high-knees": people.high_knee,
}


def view_of(exercise: str, *, mirrored: bool = False, size: float = 0.6) -> View:
    return View(x=0.25 if exercise == "push-up" else 0.5, y=0.6, mirrored=mirrored, size=size)


def news_of(frames: Iterable[tuple[float, Keypoints | None]], wanted: str = AUTO) -> list[News]:
    coach = Coach(built_in(), wanted)
    told: list[News] = []
    for t_s, keypoints in frames:
        told += coach.update(t_s, keypoints, 4 / 3)
    return told


def counted(news: Iterable[News]) -> dict[str, int]:
    """Full reps by exercise, each once."""
    reps: dict[tuple[str, int], bool] = {}
    taken: dict[str, int] = {}
    for one in news:
        if isinstance(one, Rep):
            reps[one.exercise, one.number] = one.is_full
        elif isinstance(one, Recognized):
            taken[one.instead_of] = taken.get(one.instead_of, 0) + one.reps
    names = {name for name, _ in reps}
    sums = {
        name: sum(full for (of, _), full in reps.items() if of == name) - taken.get(name, 0)
        for name in names
    }
    return {name: reps for name, reps in sums.items() if reps}


def full_reps(news: Iterable[News]) -> list[Rep]:
    last = {one.number: one for one in news if isinstance(one, Rep)}
    return [one for one in last.values() if one.is_full]


@pytest.mark.parametrize("exercise", FIGURES)
@pytest.mark.parametrize("fps", [10.0, 30.0, 120.0])
def test_the_frame_rate_does_not_matter(exercise: str, fps: float) -> None:
    frames = moved(FIGURES[exercise], reps=3, fps=fps, view=view_of(exercise), uneven=0.6)
    assert counted(news_of(frames, exercise)) == {exercise: 3}


@settings(max_examples=12)
@given(
    exercise=st.sampled_from(sorted(FIGURES)),
    fps=st.floats(10.0, 120.0),
    rep_s=st.floats(0.7, 8.0),
    size=st.floats(0.15, 0.8),
    x=st.floats(0.3, 0.7),
    mirrored=st.booleans(),
)
def test_size_place_mirror_and_tempo_do_not_matter(
    *, exercise: str, fps: float, rep_s: float, size: float, x: float, mirrored: bool
) -> None:
    view = View(size=size, x=x, mirrored=mirrored)
    frames = moved(FIGURES[exercise], reps=2, fps=fps, rep_s=rep_s, view=view)
    assert counted(news_of(frames, exercise)) == {exercise: 2}


@pytest.mark.parametrize("phase", [0.15, 0.5, 0.65, 0.9])
@pytest.mark.parametrize("exercise", FIGURES)
def test_whole_reps_count_wherever_in_a_rep_it_begins(exercise: str, phase: float) -> None:
    frames = moved(FIGURES[exercise], reps=3, fps=30.0, phase=phase, view=view_of(exercise))
    (reps,) = counted(news_of(frames, exercise)).values()
    # A rep of which hardly anything is missing is one as well.
    assert reps == 3 or (reps == 4 and phase < 0.2)


@pytest.mark.parametrize("fps", [10.0, 30.0])
def test_reps_of_half_a_second_and_of_ten_count(fps: float) -> None:
    fast = moved(people.push_up, reps=6, fps=fps, rep_s=0.55, view=view_of("push-up"))
    assert counted(news_of(fast, "push-up")) == {"push-up": 6}
    slow = moved(people.squat, reps=2, fps=fps, rep_s=10.0)
    assert counted(news_of(slow, "squat")) == {"squat": 2}


@pytest.mark.parametrize("exercise", FIGURES)
def test_the_exercise_is_recognized_and_its_first_rep_counts(exercise: str) -> None:
    frames = moved(FIGURES[exercise], reps=3, fps=30.0, view=view_of(exercise), noise=0.004)
    assert counted(news_of(frames)) == {exercise: 3}


def test_half_reps_are_told_apart() -> None:
    def frames() -> Iterator[tuple[float, Keypoints]]:
        last_s = 0.0
        for reps, depth in ((3, 1.0), (1, 0.5), (2, 1.0)):
            begin_s = last_s
            for t_s, keypoints in moved(people.curl, reps=reps, fps=30.0, depth=depth):
                last_s = begin_s + t_s + 1 / 30
                yield begin_s + t_s, keypoints

    news = news_of(frames(), "biceps-curl")
    assert counted(news) == {"biceps-curl": 5}
    partial = [one for one in news if isinstance(one, Rep) and not one.is_full]
    assert len({one.number for one in partial}) == 1
    assert all("shallow" in one.flags for one in partial)


def test_a_rep_is_told_with_its_tempo_range_and_speed() -> None:
    (rep,) = full_reps(news_of(moved(people.squat, reps=1, fps=60.0, rep_s=3.0), "squat"))
    assert rep.duration_s == pytest.approx(2.3, abs=0.4)  # from leaving the start to near it
    assert rep.eccentric_s + rep.concentric_s == pytest.approx(rep.duration_s)
    assert rep.start_value > 160.0
    assert rep.peak_value < 80.0
    assert rep.peak_speed == pytest.approx(rep.range * math.pi / 3.0, rel=0.3)
    assert rep.symmetry == pytest.approx(1.0, abs=0.05)
    assert rep.flags == ()


def test_one_arm_counts_and_both_at_once_are_one_rep() -> None:
    one = news_of(moved(people.one_arm_curl, reps=3, fps=30.0), "biceps-curl")
    assert counted(one) == {"biceps-curl": 3}
    assert {rep.side for rep in full_reps(one)} == {"left"}
    both = news_of(moved(people.curl, reps=3, fps=30.0), "biceps-curl")
    assert counted(both) == {"biceps-curl": 3}
    assert {rep.side for rep in full_reps(both)} == {"both"}


def test_what_is_too_fast_is_told() -> None:
    reps = full_reps(news_of(moved(people.curl, reps=4, fps=30.0, rep_s=0.7), "biceps-curl"))
    assert len(reps) == 4
    assert all("too fast" in rep.flags for rep in reps)


def test_something_before_the_body_pauses_and_nothing_is_guessed() -> None:
    def hidden(since_s: float, until_s: float) -> list[tuple[float, Keypoints | None]]:
        frames = moved(people.squat, reps=4, fps=30.0, rep_s=2.0, rest_s=1.0)
        return [(t, None if since_s <= t < until_s else k) for t, k in frames]

    # The second rep is 3.0 to 5.0 s, farthest at 4.0.
    assert counted(news_of(hidden(4.3, 5.2), "squat")) == {"squat": 4}
    assert counted(news_of(hidden(3.2, 4.8), "squat")) == {"squat": 3}


def test_somebody_who_comes_back_later_begins_anew_and_is_counted() -> None:
    first = list(moved(people.squat, reps=2, fps=30.0))
    later = [(t + 20.0, k) for t, k in moved(people.squat, reps=2, fps=30.0)]
    nobody: list[tuple[float, Keypoints | None]] = [(t / 10, None) for t in range(60, 190)]
    assert counted(news_of([*first, *nobody, *later], "squat")) == {"squat": 4}


def test_another_exercise_is_noticed() -> None:
    first = list(moved(people.squat, reps=4, fps=30.0))
    begin_s = first[-1][0] + 1 / 30
    then = [(begin_s + t, k) for t, k in moved(people.curl, reps=4, fps=30.0, view=View(y=0.35))]
    assert counted(news_of([*first, *then])) == {"squat": 4, "biceps-curl": 4}


def test_what_was_told_is_not_told_again_after_a_mistake() -> None:
    first = list(moved(people.squat, reps=4, fps=30.0))
    begin_s = first[-1][0] + 1 / 30
    then = [(begin_s + t, k) for t, k in moved(people.curl, reps=3, fps=30.0, view=View(y=0.35))]
    again_s = then[-1][0] + 1 / 30
    again = [(again_s + t, k) for t, k in moved(people.squat, reps=3, fps=30.0)]
    assert counted(news_of([*first, *then, *again])) == {"squat": 7, "biceps-curl": 3}


def _still(keypoints: Keypoints, seconds: float) -> Iterator[tuple[float, Keypoints]]:
    for number in range(int(seconds * 30)):
        yield number / 30, keypoints


def test_between_two_push_ups_nobody_holds_a_plank() -> None:
    frames = list(moved(people.push_up, reps=2, fps=30.0, rest_s=0.5, view=view_of("push-up")))
    begin_s = frames[-1][0] + 1 / 30
    pause = _still(view_of("push-up").place(people.push_up(0.0)), 5.0)
    paused = [(begin_s + t_s, keypoints) for t_s, keypoints in pause]
    again = [(begin_s + 5.0 + t_s, keypoints) for t_s, keypoints in frames]
    news = news_of([*frames, *paused, *again])
    assert counted(news) == {"push-up": 4}
    assert not any(isinstance(one, Held) for one in news)


def test_holds_are_timed() -> None:
    for exercise, figure in (("plank", people.push_up), ("wall-sit", people.wall_sit)):
        position = view_of("push-up").place(figure(0.0))
        held = [one for one in news_of(_still(position, 12.0)) if isinstance(one, Held)]
        assert held[-1].exercise == exercise
        assert held[-1].seconds == pytest.approx(12.0, abs=0.2)


@pytest.mark.parametrize("kind", idlers.KINDS)
def test_noise_and_walking_about_count_nothing(kind: str) -> None:
    """Ten minutes of each are in tests/proofs/reps.py."""
    frames = ((t_s, pose.keypoints) for t_s, (pose,) in idlers.idle(kind, 30.0, 15.0))
    assert counted(news_of(frames)) == {}
