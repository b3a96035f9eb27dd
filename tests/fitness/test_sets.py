"""Reps to sets, sets to workouts."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from edged.fitness import sets
from edged.fitness.coach import Recognized
from edged.fitness.holds import Held
from edged.fitness.moments import Moment
from edged.fitness.reps import Rep
from edged.fitness.sets import Goals, Log, SetEnded, WorkoutEnded

NOW = Moment(0.0, [], {}, 0.0, 1.0)


def rep(number: int, at_s: float = 0.0, exercise: str = "squat", *, full: bool = True) -> Rep:
    return Rep(
        exercise=exercise,
        number=number,
        began_s=at_s,
        out_s=at_s + 0.2,
        peak_s=at_s + 0.5,
        ended_s=at_s + 1.0,
        side="both",
        is_full=full,
        depth=1.0,
        range=1.0,
        measured="knee",
        start_value=170.0,
        peak_value=80.0,
        eccentric_s=0.5,
        concentric_s=0.5,
        symmetry=None,
        peak_speed=2.0,
        flags=() if full else ("shallow",),
        at_start=NOW,
        at_peak=NOW,
    )


def after(*news: Rep | Recognized | Held, log: Log | None = None) -> Log:
    return sets.told(log or Log(), news)[0]


def test_reps_make_a_set() -> None:
    log = after(rep(1), rep(2, 2.0), rep(3, 4.0, full=False))
    assert log.set is not None
    assert (log.set.exercise, log.set.reps, log.set.partial_reps) == ("squat", 2, 1)
    assert log.set.mean_rep_s == 1.0
    assert log.set.flags == (("shallow", 1),)


def test_a_rep_that_is_told_better_counts_once() -> None:
    log = after(rep(1, full=False), rep(1))
    assert log.set is not None
    assert (log.set.reps, log.set.partial_reps, log.set.flags) == (1, 0, ())


def test_a_set_ends_after_a_rest_and_a_workout_after_a_longer_one() -> None:
    log, ended = sets.passed(after(rep(1)), 20.0, present=True)
    assert ended == []
    log, ended = sets.passed(log, 32.0, present=True)
    assert [type(one) for one in ended] == [SetEnded]
    log = after(rep(2, 60.0), log=log)
    assert log.set is not None
    assert log.set.number == 2
    log, ended = sets.passed(log, 800.0, present=True)
    over = ended[-1]
    assert isinstance(over, WorkoutEnded)
    assert (over.sets, over.reps, over.began_s, over.last_s) == (2, (("squat", 2),), 0.0, 61.0)
    assert log.began_s is None


def test_who_leaves_ends_the_set_sooner() -> None:
    log = after(rep(1))
    log, ended = sets.passed(log, 5.0, present=False)
    assert ended == []
    _, ended = sets.passed(log, 15.5, present=False)
    assert [type(one) for one in ended] == [SetEnded]


def test_who_is_back_soon_goes_on() -> None:
    log = after(rep(1))
    log, _ = sets.passed(log, 5.0, present=False)
    log, _ = sets.passed(log, 8.0, present=True)
    log, ended = sets.passed(log, 16.0, present=False)
    assert ended == []


def test_another_exercise_is_another_set() -> None:
    log, ended = sets.told(after(rep(1)), [rep(1, 5.0, "lunge")])
    assert [type(one) for one in ended] == [SetEnded]
    assert log.set is not None
    assert log.set.exercise == "lunge"


def test_what_turns_out_to_be_another_exercise_is_told_again_as_that() -> None:
    log, ended = sets.told(
        after(rep(1), rep(2, 2.0)),
        [Recognized("lunge", "squat", 2), rep(1, 0.0, "lunge"), rep(2, 2.0, "lunge")],
    )
    assert ended == []
    assert log.set is not None
    assert (log.set.exercise, log.set.reps, log.set.number) == ("lunge", 2, 1)


def test_only_the_reps_that_were_wrong_are_taken_off() -> None:
    log, ended = sets.told(
        after(*(rep(number, 2.0 * number) for number in range(5))),
        [Recognized("lunge", "squat", 2), rep(1, 7.0, "lunge"), rep(2, 9.0, "lunge")],
    )
    (over,) = ended
    assert isinstance(over, SetEnded)
    assert over.set.reps == 3
    assert log.set is not None
    assert log.set.reps == 2


def test_a_hold_is_a_set_with_seconds() -> None:
    log = after(Held("plank", 0.0, 5.0, is_over=False), Held("plank", 0.0, 9.0, is_over=False))
    assert log.set is not None
    assert log.set.held_s == 9.0
    log, ended = sets.told(log, [Held("plank", 0.0, 12.0, is_over=True)])
    assert isinstance(ended[0], SetEnded)
    assert ended[0].set.held_s == 12.0
    assert log.held_s == (("plank", 12.0),)


@given(st.lists(st.integers(-5, 5), max_size=10))
def test_corrections_never_make_fewer_than_no_reps(corrections: list[int]) -> None:
    log = after(rep(1), rep(2, 2.0))
    for by in corrections:
        log = sets.corrected(log, by)
    assert log.set is not None
    assert log.set.reps >= 0


def test_a_correction_is_counted_and_a_reset_forgets_the_set_only() -> None:
    log = sets.corrected(after(rep(1)), 2)
    assert log.set is not None
    assert log.set.reps == 3
    assert sets.reset(log) == replace(log, set=None, last=None)
    assert sets.corrected(Log(), 3) == Log()


def test_a_goal_is_reached() -> None:
    log = sets.aimed(after(rep(1)), Goals(reps=2, rest_s=60.0))
    assert not log.is_target_reached
    log = after(rep(2, 2.0), log=log)
    assert log.is_target_reached
    assert log.set is not None
    assert log.set.target_reps == 2


def test_the_end_ends_all() -> None:
    log, ended = sets.finished(after(rep(1)))
    assert [type(one) for one in ended] == [SetEnded, WorkoutEnded]
    assert log == Log()
    assert sets.finished(Log()) == (Log(), [])
