"""A workout carries out its script, and moves as bodies can."""

from __future__ import annotations

from itertools import groupby, pairwise
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edged.capture.athlete.body import BONES, Body, Joint
from edged.capture.athlete.exercises import EXERCISES, HOLDS, IN_TURN, Exercise, stand
from edged.capture.athlete.script import Course, Script, Set, Tempo
from edged.capture.athlete.workout import Moment, Workout

BODY = Body.of(2)
FASTEST = 6.5  # metres a second: hands in a jumping jack


def watched(workout: Workout, fps: float = 30.0, seconds: float | None = None) -> list[Moment]:
    """Frames of a workout, all of it where no time is given."""
    seconds = workout.duration_s if seconds is None else seconds
    return [workout.at(frame / fps) for frame in range(int(seconds * fps) + 1)]


def told(moments: list[Moment]) -> list[tuple[int, str]]:
    """(set, phase) without repetitions."""
    return [key for key, _ in groupby((moment.set, moment.phase) for moment in moments)]


@given(
    st.sampled_from([exercise for exercise in EXERCISES if exercise not in HOLDS]),
    st.integers(1, 6),
    st.sets(st.integers(1, 6)),
    st.integers(0, 1000),
)
@settings(max_examples=25, deadline=None)
def test_reps_are_counted_as_the_script_has_them(
    exercise: Exercise, reps: int, bad: set[int], seed: int
) -> None:
    bad = {number for number in bad if number <= reps}
    one = Set(exercise=exercise, reps=reps, bad=tuple(sorted(bad)))
    workout = Workout(Script(workout=Course(seed=seed), set=(one,)), Body.of(seed))
    moments = watched(workout, 20)
    assert (moments[0].reps, moments[0].bad_reps) == (0, 0)
    assert (moments[-1].reps, moments[-1].bad_reps) == (reps - len(bad), len(bad))
    for before, after in pairwise(moments):
        assert 0 <= after.reps - before.reps <= 1
        assert 0 <= after.bad_reps - before.bad_reps <= 1
        if after.reps + after.bad_reps > before.reps + before.bad_reps:
            assert after.depth < 0.5  # a rep counts when it is back at its start


def test_good_reps_go_all_the_way_and_bad_ones_half() -> None:
    one = Set(exercise="squat", reps=4, bad=(2, 3), range=0.9)
    moments = watched(Workout(Script(set=(one,)), BODY), 60)
    deepest = [
        max(moment.depth for moment in rep)
        for _, rep in groupby((m for m in moments if m.active), key=lambda m: m.reps + m.bad_reps)
    ]
    for rep, depth in zip((1, 2, 3, 4), deepest, strict=False):
        low, high = (0.36, 0.50) if rep in one.bad else (0.86, 0.90)
        assert low <= depth <= high


def test_phases_come_in_order() -> None:
    sets = (
        Set(exercise="squat", reps=2, rest_s=2.0),
        Set(exercise="plank", seconds=3.0, rest_s=0.0),
        Set(exercise="sit-up", reps=1),
    )
    moments = watched(Workout(Script(set=sets), BODY), 60)
    rep = ["down", "bottom", "up", "top"]
    assert told(moments) == [
        (1, "rest"),
        *((1, phase) for phase in rep * 2),
        *((1, "change"), (1, "rest"), (2, "change")),
        *((2, "hold"), (2, "change"), (3, "change")),
        *((3, phase) for phase in rep),
        (3, "rest"),
    ]
    assert {m.exercise for m in moments if m.set == 2} == {"plank"}
    assert all(m.active == (m.phase not in {"rest", "change"}) for m in moments)


def test_depth_goes_as_its_phase_says() -> None:
    for before, after in pairwise(watched(Workout(Script.single("squat", 3), BODY), 60)):
        if before.phase == after.phase == "down":
            assert after.depth >= before.depth
        if before.phase == after.phase == "up":
            assert after.depth <= before.depth
        if before.phase == after.phase and before.phase in {"top", "rest"}:
            assert after.depth == before.depth == 0.0


def test_a_tempo_is_kept_more_or_less_as_people_do() -> None:
    tempo = Tempo(2.0, 1.0, 1.0, 0.5)
    script = Script(set=(Set(exercise="squat", reps=10, tempo=tempo),))
    moments = watched(Workout(script, BODY), 100)
    lengths: dict[str, list[float]] = {}
    for phase, run in groupby(m.phase for m in moments if m.active):
        lengths.setdefault(phase, []).append(len(list(run)) / 100)
    for phase, seconds in (("down", 2.0), ("bottom", 1.0), ("up", 1.0), ("top", 0.5)):
        assert len(set(lengths[phase])) > 3  # no metronome
        assert np.median(lengths[phase]) == pytest.approx(seconds, rel=0.2)
        assert max(lengths[phase]) < 1.4 * seconds


def test_who_pauses_stops_on_the_way_up() -> None:
    script = Script(set=(Set(exercise="squat", reps=1, paused=(1,), pause_s=2.0),))
    still = [
        after.depth
        for before, after in pairwise(watched(Workout(script, BODY), 50))
        if before.phase == after.phase == "up" and before.depth == after.depth
    ]
    assert len(still) == pytest.approx(100, abs=4)
    assert 0.4 < still[0] < 0.6


@pytest.mark.parametrize("seed", range(2))
def test_no_joint_jumps_and_none_sinks(seed: int) -> None:
    """The exercises in turn and the ways between them, a whole round and into the next."""
    steady(Workout(Script.all_exercises(seed, reps=2), Body.of(seed)), 115)


@pytest.mark.parametrize("seed", range(2))
def test_nor_on_the_way_to_a_bar_or_a_wall(seed: int) -> None:
    """Those that are not done in turn, after each other and after some on the floor."""
    others = [exercise for exercise in EXERCISES if exercise not in IN_TURN]
    order: list[Exercise] = ["squat", *others, "pull-up", "pull-up", "plank", "wall-sit", "sit-up"]
    sets = tuple(Set(exercise=exercise, reps=2, seconds=2.0, rest_s=1.0) for exercise in order)
    course = Course(seed=seed, repeat=True)
    workout = Workout(Script(workout=course, set=sets), Body.of(seed))
    steady(workout, 115)


def steady(workout: Workout, seconds: float) -> None:
    """No joint is faster than people are or sinks into the floor; bones keep their length."""
    body = workout.body
    rows = np.array([m.posture for m in watched(workout, 60, seconds)])
    speeds = np.linalg.norm(np.diff(rows, axis=0), axis=2) * 60
    assert speeds.max() < FASTEST
    assert (rows - np.array([[0.0, 0.0, 1.0]]) * np.array(body.radii)[:, None])[
        ..., 2
    ].min() > -0.02
    bones = np.array([np.linalg.norm(rows[:, a] - rows[:, b], axis=1) for a, b in BONES])
    calm = stand(body)
    lengths = np.array([np.linalg.norm(calm[a] - calm[b]) for a, b in BONES])
    assert np.abs(bones - lengths[:, None]).max() < 1e-6
    assert np.abs(rows[:, Joint.PELVIS, :2]).max() < 1.0  # stays about the origin


@pytest.mark.parametrize("exercise", EXERCISES)
def test_at_120_frames_a_second_nothing_jumps_within_a_set(exercise: Exercise) -> None:
    workout = Workout(Script.single(exercise, 2, seed=4), Body.of(4))
    rows = np.array([m.posture for m in watched(workout, 120)])
    speeds = np.linalg.norm(np.diff(rows, axis=0), axis=2) * 120
    assert speeds.max() < FASTEST


@pytest.mark.parametrize(
    "exercise", ["squat", "push-up", "deadlift", "plank", "sit-up", "wall-sit"]
)
def test_planted_feet_and_hands_do_not_slide(exercise: Exercise) -> None:
    workout = Workout(Script.single(exercise, 3), BODY)
    rows = np.array([m.posture for m in watched(workout)])
    planted = [Joint.LEFT_TOE, Joint.RIGHT_TOE, Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE]
    if exercise in {"push-up", "plank"}:
        planted += [Joint.LEFT_WRIST, Joint.RIGHT_WRIST]
    assert np.ptp(rows[:, planted], axis=0).max() < 2e-3


def test_hands_on_a_bar_do_not_slide() -> None:
    workout = Workout(Script.single("pull-up", 3), BODY)
    rows = np.array([m.posture for m in watched(workout)])
    assert np.ptp(rows[:, [Joint.LEFT_WRIST, Joint.RIGHT_WRIST]], axis=0).max() < 2e-3
    assert np.ptp(rows[:, Joint.CHEST, 2]) > 0.25 * BODY.height


def test_a_wall_sit_is_held_and_has_no_reps() -> None:
    workout = Workout(Script(set=(Set(exercise="wall-sit", seconds=8.0),)), BODY)
    held = [moment for moment in watched(workout) if moment.phase == "hold"]
    assert len(held) == pytest.approx(8 * 30, abs=2)
    assert {(moment.reps, moment.bad_reps) for moment in held} == {(0, 0)}
    assert np.ptp([moment.posture[Joint.PELVIS, 2] for moment in held]) < 0.02


def test_knees_come_up_in_turn() -> None:
    """Each of them is a rep."""
    highest = []
    moments = [m for m in watched(Workout(Script.single("high-knees", 6), BODY), 60) if m.active]
    for _, rep in groupby(moments, key=lambda m: m.reps):
        knees = np.array([m.posture[[Joint.LEFT_KNEE, Joint.RIGHT_KNEE], 2] for m in rep])
        if np.ptp(knees) > 0.2:
            highest.append("left" if knees[:, 0].max() > knees[:, 1].max() else "right")
    assert highest == ["left", "right"] * 3


@given(st.integers(0, 1000), st.floats(0.0, 500.0))
@settings(max_examples=20, deadline=None)
def test_any_moment_may_be_asked_for_and_is_always_the_same(seed: int, t_s: float) -> None:
    script = Script.all_exercises(seed, reps=1)
    one, other = (Workout(script, Body.of(seed)) for _ in range(2))
    one.at(123.4)
    first, second = one.at(t_s), other.at(t_s)
    assert (first.posture == second.posture).all()
    assert (first.phase, first.depth, first.set) == (second.phase, second.depth, second.set)


def test_a_script_that_ends_ends_at_rest() -> None:
    workout = Workout(Script.single("squat", 2), BODY)
    for t_s in (workout.duration_s, workout.duration_s + 1e6, inf):
        after = workout.at(min(t_s, 1e9))
        assert (after.phase, after.reps, after.depth, after.active) == ("rest", 2, 0.0, False)


def test_a_script_that_repeats_goes_on_and_counts_its_sets_on() -> None:
    script = Script.single("squat", 2, repeat=True)
    workout = Workout(script, BODY)
    assert workout.duration_s == inf
    moments = watched(workout, 30, 60)
    numbers = [key for key, _ in groupby(m.set for m in moments)]
    assert numbers[:3] == [1, 2, 3]
    for number in (1, 2):
        assert max(m.reps for m in moments if m.set == number) == 2
    rows = np.array([m.posture for m in moments])
    assert np.linalg.norm(np.diff(rows, axis=0), axis=2).max() * 30 < FASTEST


def test_the_same_seed_does_the_same_and_another_does_not() -> None:
    def at_5(seed: int) -> bytes:
        return Workout(Script.single("lunge", 5, seed=seed), BODY).at(5.0).posture.tobytes()

    assert at_5(1) == at_5(1)
    assert at_5(1) != at_5(2)


def test_a_script_without_sets_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one set"):
        Workout(Script(), BODY)
