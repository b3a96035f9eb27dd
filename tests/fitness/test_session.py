"""From poses to what is told of a workout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count

import athletes
import msgspec
import pytest
from athletes import ASPECT

from edged.capture.athlete.exercises import Exercise
from edged.capture.athlete.script import Course, Script, Set
from edged.fitness.exercises import AUTO, built_in
from edged.fitness.session import Event, Now, Session, Told
from edged.fitness.sets import Goals, Rests
from edged.messages.exercise import ExerciseState, RepEvent, SetEvent, WorkoutEvent
from edged.types import Pose

WALL_S = 1_767_225_600.0
RESTS = Rests(set_s=8.0, gone_s=4.0, workout_s=20.0)
SOME = athletes.Trouble(noise=0.003)


def frames(exercise: Exercise, reps: int, view: int = 45) -> list[tuple[float, list[Pose]]]:
    """A set of somebody who is drawn, who then stands about."""
    script = Script(workout=Course(seed=7), set=(Set(exercise=exercise, reps=reps),))
    return [(t_s, list(poses)) for t_s, poses in athletes.seen(athletes.truths(script, view), SOME)]


class Room:
    """A session, and everything that it told."""

    def __init__(self, wanted: str = AUTO, goals: Goals | None = None) -> None:
        numbers = count()
        self.session = Session(
            built_in(),
            new_id=lambda wall_s: f"{wall_s:016.3f}-{next(numbers):019}",
            wanted=wanted,
            rests=RESTS,
            goals=goals,
        )
        self.events: list[Event] = []
        self.states: list[ExerciseState] = []
        self.t_s = 0.0

    def note(self, told: Told) -> None:
        self.events += told.events
        if told.state is not None:
            self.states.append(told.state)

    def now(self) -> Now:
        return Now(self.t_s, WALL_S + self.t_s)

    def see(self, seen: Iterable[tuple[float, list[Pose]]]) -> None:
        """Frames that begin now."""
        began_s = self.t_s
        for t_s, poses in seen:
            self.t_s = began_s + t_s
            self.note(self.session.look(self.now(), poses, ASPECT)[1])

    def see_nobody(self, seconds: float) -> None:
        self.see((i / 10, []) for i in range(1, int(seconds * 10) + 1))

    def wait(self, seconds: float) -> None:
        """Without a picture."""
        for _ in range(int(seconds * 10)):
            self.t_s += 0.1
            self.note(self.session.wait(self.now()))

    @property
    def reps(self) -> list[RepEvent]:
        return [one for one in self.events if isinstance(one, RepEvent)]

    @property
    def sets(self) -> list[SetEvent]:
        return [one for one in self.events if isinstance(one, SetEvent)]

    @property
    def workouts(self) -> list[WorkoutEvent]:
        return [one for one in self.events if isinstance(one, WorkoutEvent)]


@pytest.fixture(scope="module")
def squats() -> list[tuple[float, list[Pose]]]:
    return frames("squat", 5)


def test_a_workout_is_told_rep_by_rep_and_added_up(squats: list[tuple[float, list[Pose]]]) -> None:
    room = Room("squat")
    room.see(squats)
    room.see_nobody(30.0)
    assert [rep.count for rep in room.reps] == [1, 2, 3, 4, 5]
    (over,) = room.sets
    assert (over.exercise, over.number, over.reps, over.held_s) == ("squat", 1, 5, 0.0)
    (workout,) = room.workouts
    assert (workout.sets, workout.reps, workout.held_s) == (1, {"squat": 5}, {})
    assert {rep.set for rep in room.reps} == {over.id}
    assert {rep.workout for rep in room.reps} == {over.workout} == {workout.id}
    assert len({one.id for one in room.events}) == 7


def test_a_rep_says_how_it_was(squats: list[tuple[float, list[Pose]]]) -> None:
    room = Room("squat")
    room.see(squats)
    figures = room.reps[2].rep
    assert figures.measured == "knee"
    assert figures.start_value is not None
    assert figures.peak_value is not None
    assert figures.peak_value < 110 < figures.start_value
    assert figures.duration_s == pytest.approx(figures.eccentric_s + figures.concentric_s, abs=2e-3)
    assert 0.7 < figures.range < 1.3
    assert figures == room.states[-1].last_rep or room.reps[-1].rep == room.states[-1].last_rep


def test_the_state_follows_what_is_done(squats: list[tuple[float, list[Pose]]]) -> None:
    room = Room()
    room.see_nobody(3.0)
    assert (room.states[-1].phase, room.states[-1].present) == ("nobody", False)
    room.see(squats)
    room.see_nobody(5.0)
    assert (room.states[-1].phase, room.states[-1].reps, room.states[-1].sets) == ("rest", 5, 1)
    assert room.states[-1].rest_since == pytest.approx(room.reps[-1].ts, abs=0.01)
    room.see_nobody(30.0)
    assert (room.states[-1].phase, room.states[-1].reps) == ("nobody", 0)
    assert room.states[-1].workout_since is None
    phases = [state.phase for state in room.states]
    assert phases.index("idle") < phases.index("set") < phases.index("rep") < phases.index("rest")


def test_the_state_is_told_when_it_is_another_one_only(
    squats: list[tuple[float, list[Pose]]],
) -> None:
    room = Room("squat")
    room.see(squats)
    pairs = zip(room.states, room.states[1:], strict=False)
    assert all(msgspec.structs.replace(one, ts=other.ts) != other for one, other in pairs)
    assert len(room.states) < 6 * len(room.reps)


def test_a_set_ends_when_nobody_is_seen_and_not_when_no_picture_tells(
    squats: list[tuple[float, list[Pose]]],
) -> None:
    gone, unknown = Room(), Room()
    for room in (gone, unknown):
        room.see(squats)
    last_s = gone.reps[-1].ts - WALL_S
    gone.see_nobody(RESTS.gone_s + 0.5)
    unknown.wait(max(0.0, last_s + RESTS.set_s - unknown.t_s - 0.5))
    assert (len(gone.sets), len(unknown.sets)) == (1, 0)
    assert unknown.states[-1].present is None
    unknown.wait(1.0)
    assert len(unknown.sets) == 1


def test_a_goal_is_told_to_be_reached(squats: list[tuple[float, list[Pose]]]) -> None:
    room = Room(goals=Goals(reps=3, rest_s=60.0))
    room.see(squats)
    reached = [state.reps for state in room.states if state.is_target_reached]
    assert (min(reached), room.states[-1].target_reps, room.states[-1].rest_s) == (3, 3, 60.0)
    room.note(room.session.aim(Goals(reps=9)))
    assert not room.states[-1].is_target_reached
    room.note(room.session.finish())
    assert room.sets[0].target_reps == 9


def test_a_correction_counts(squats: list[tuple[float, list[Pose]]]) -> None:
    room = Room("squat")
    with pytest.raises(ValueError, match="no set"):
        room.session.correct(1)
    room.see(squats)
    room.note(room.session.correct(2))
    assert room.states[-1].reps == 7
    room.note(room.session.finish())
    assert (room.sets[0].reps, room.workouts[0].reps) == (7, {"squat": 7})


def test_nobody_is_watched_who_is_not_there(squats: list[tuple[float, list[Pose]]]) -> None:
    room = Room()
    room.see(squats[:60])
    with pytest.raises(ValueError, match="nobody with the id 99"):
        room.session.pin(99)
    room.note(room.session.pin(1))
    room.see(squats)
    assert room.states[-1].person == 1


def test_corrected_reps_do_not_change_how_the_others_were(
    squats: list[tuple[float, list[Pose]]],
) -> None:
    plain, corrected = Room("squat"), Room("squat")
    for room in (plain, corrected):
        room.see(squats)
    corrected.note(corrected.session.correct(5))
    for room in (plain, corrected):
        room.note(room.session.finish())
    assert (plain.sets[0].reps, corrected.sets[0].reps) == (5, 10)
    assert plain.sets[0].mean_rep_s == corrected.sets[0].mean_rep_s
    assert plain.sets[0].mean_range == corrected.sets[0].mean_range


def test_after_a_rest_another_exercise_is_known_at_once(
    squats: list[tuple[float, list[Pose]]],
) -> None:
    sets = (
        Set(exercise="squat", reps=5, rest_s=20.0),
        Set(exercise="push-up", reps=4, rest_s=20.0),
        Set(exercise="jumping-jack", reps=4),
    )
    script = Script(workout=Course(seed=7), set=sets)
    room = Room()
    room.see((t_s, list(poses)) for t_s, poses in athletes.seen(athletes.truths(script, 30), SOME))
    room.note(room.session.finish())
    assert len(squats) > 0
    assert [(one.exercise, one.reps) for one in room.sets] == [
        ("squat", 5),
        ("push-up", 4),
        ("jumping-jack", 4),
    ]


def test_what_was_reset_or_corrected_away_is_taken_back(
    squats: list[tuple[float, list[Pose]]],
) -> None:
    reset, corrected = Room("squat"), Room("squat")
    for room in (reset, corrected):
        room.see(squats)
    reset.note(reset.session.reset())
    corrected.note(corrected.session.correct(-5))
    corrected.note(corrected.session.finish())
    for room in (reset, corrected):
        (over,) = room.sets
        assert (over.id, over.reps, over.partial_reps) == (room.reps[0].set, 0, 0)
        assert room.states[-1].reps == 0
    reset.note(reset.session.finish())
    assert reset.workouts == corrected.workouts == []


def test_after_a_reset_it_counts_from_one(squats: list[tuple[float, list[Pose]]]) -> None:
    room = Room("squat")
    room.see(squats)
    room.note(room.session.reset())
    room.see(squats)
    assert [rep.count for rep in room.reps] == [1, 2, 3, 4, 5] * 2
    assert room.reps[0].set != room.reps[-1].set


def test_another_exercise_is_another_set(squats: list[tuple[float, list[Pose]]]) -> None:
    room = Room()
    room.see(frames("shoulder-press", 4))
    room.see(squats)
    room.note(room.session.finish())
    assert [(one.exercise, one.reps, one.number) for one in room.sets] == [
        ("shoulder-press", 4, 1),
        ("squat", 5, 2),
    ]
    assert room.workouts[0].reps == {"squat": 5, "shoulder-press": 4}


def taken_back(events: Iterable[Event]) -> Iterator[RepEvent]:
    """What a reader holds of reps in the end."""
    held: dict[str, RepEvent] = {}
    for one in events:
        if isinstance(one, RepEvent):
            for old in one.replaces:
                del held[old]  # never told twice, never unknown
            held[one.id] = one
        elif isinstance(one, SetEvent) and not (one.reps or one.partial_reps or one.held_s):
            held = {key: rep for key, rep in held.items() if rep.set != one.id}
    yield from held.values()


@pytest.mark.parametrize("view", [60, 180])
@pytest.mark.parametrize(
    "exercise", ["lunge", "squat", "deadlift", "jumping-jack", "biceps-curl", "push-up", "sit-up"]
)
def test_who_forgets_what_is_replaced_holds_the_reps_of_the_sets(
    exercise: Exercise, view: int
) -> None:
    room = Room()
    room.see(frames(exercise, 5, view))
    room.note(room.session.finish())
    held = list(taken_back(room.events))
    for over in room.sets:
        mine = [rep for rep in held if rep.set == over.id]
        assert sum(rep.is_full for rep in mine) == over.reps
        assert {rep.exercise for rep in mine} <= {over.exercise}
    assert {rep.set for rep in held} <= {over.id for over in room.sets}


def test_a_hold_is_told_in_seconds() -> None:
    room = Room()
    room.see(frames("plank", 1))
    room.note(room.session.finish())
    (over,) = room.sets
    assert (over.exercise, over.reps) == ("plank", 0)
    assert over.held_s > 3.0
    assert room.workouts[0].held_s == {"plank": over.held_s}
    assert "hold" in {state.phase for state in room.states}


def test_the_wall_clock_may_jump(squats: list[tuple[float, list[Pose]]]) -> None:
    room = Room("squat")
    for t_s, poses in squats:
        jump_s = 1e6 if t_s > 8.0 else 0.0
        room.t_s = t_s
        now = Now(t_s, WALL_S + t_s + jump_s)
        room.note(room.session.look(now, poses, ASPECT)[1])
    assert len(room.reps) == 5
    assert len(room.states) < 30


def test_people_keep_their_ids_and_those_who_are_not_sure_have_none() -> None:
    room = Room()
    script = Script(workout=Course(seed=7), set=(Set(exercise="squat", reps=2),))
    seen = athletes.seen(athletes.truths(script, 45), athletes.Trouble(passer_by=True))
    athlete: set[int] = set()
    passers_by: set[int] = set()
    for t_s, poses in seen:
        watched, _ = room.session.look(Now(t_s, WALL_S + t_s), poses, ASPECT)
        mine, *others = (pose.id for pose in watched.people)
        athlete.add(mine)
        passers_by |= set(others)
        assert watched.active in {None, mine}
    assert athlete == {1}
    assert 1 not in passers_by
    assert len(passers_by - {0}) >= 1
