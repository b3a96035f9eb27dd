"""The second stage: what labels mean, what an average is sure of, and how far it is believed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec
import pytest
import stick_people as people
from hypothesis import given
from hypothesis import strategies as st
from stick_people import moved

from edged.fitness.coach import Coach, News, Recognized
from edged.fitness.exercises import AUTO, Exercises, built_in
from edged.fitness.holds import Held
from edged.fitness.reps import Rep
from edged.fitness.second_stage import LEAST, STALE_S, SURE, SecondStage, meaning
from edged.types import Classification, Keypoints, Label

ASPECT = 4 / 3
EVERY_S = 0.1


def said(scores: Mapping[str, float]) -> Classification:
    ranked = sorted(scores.items(), key=lambda one: -one[1])
    labels = [Label(name, i, score) for i, (name, score) in enumerate(ranked)]
    return Classification(labels, confident=True)


def stage_after(answers: Iterable[tuple[float, Mapping[str, float]]]) -> SecondStage:
    stage = SecondStage(built_in())
    for t_s, scores in answers:
        stage.add(t_s, said(scores))
    return stage


@pytest.mark.parametrize(
    ("label", "means"),
    [
        ("squat", "squat"),
        ("Squats", "squat"),
        ("squats_down", "squat"),
        ("push-up", "push-up"),
        ("pushups", "push-up"),
        ("Push Ups", "push-up"),
        ("pushup_up", "push-up"),
        ("pushups-down", "push-up"),
        ("bicep_curl", "biceps-curl"),
        ("biceps curls end", "biceps-curl"),
        ("jumping_jacks_start", "jumping-jack"),
        ("shoulder_press_up", "shoulder-press"),
        ("high knees", "high-knees"),
        ("lunge_left_down", "lunge"),
        ("plank_low", "plank"),
        ("wall-sit", "wall-sit"),
        ("tree", "tree"),
        ("warrior2", "warrior2"),
        ("Warrior II", "warrior-ii"),
        ("burpee_down", None),
        ("kettlebell swing up", None),
        ("standing", None),
        ("no_pose", None),
        ("background", None),
        ("3 of 4", None),
        ("", None),
        ("_", None),
        ("x" * 41, None),
    ],
)
def test_labels_are_read_as_people_write_them(label: str, means: str | None) -> None:
    assert meaning(label, built_in()) == means


@given(st.text(max_size=60))
def test_any_label_means_a_name_or_nothing(label: str) -> None:
    found = meaning(label, built_in())
    assert found is None or (0 < len(found) <= 40 and set(found) <= set(NAME))


NAME = "abcdefghijklmnopqrstuvwxyz0123456789-"


@given(st.sampled_from([5.0, 10.0, 30.0]), st.floats(0.7, 1.0), st.floats(0.0, 5.0))
def test_it_takes_a_third_of_a_second_to_be_sure_at_any_rate(
    rate: float, score: float, began_s: float
) -> None:
    stage = SecondStage(built_in())
    first_s = 0.0
    for number in range(30):
        t_s = began_s + number / rate
        stage.add(t_s, said({"squat": score, "lunge": 1.0 - score}))
        if stage.sure(t_s) is not None:
            first_s = t_s - began_s
            break
    assert stage.sure(t_s) == "squat"
    assert first_s <= 0.4


def test_an_answer_of_even_chances_is_of_nothing() -> None:
    stage = stage_after((0.1 * i, {"squat": 0.55, "lunge": 0.45}) for i in range(50))
    assert stage.sure(4.9) is None
    assert stage.during(0.0, 5.0) is None
    assert LEAST < SURE


def test_the_two_ends_of_a_rep_are_one_exercise() -> None:
    answer = {"pushups_up": 0.35, "pushups_down": 0.4, "plank": 0.25}
    assert stage_after((0.1 * i, answer) for i in range(20)).sure(1.9) == "push-up"


def test_one_wrong_answer_changes_nothing() -> None:
    right, wrong = {"squat": 1.0}, {"lunge": 1.0}
    stage = stage_after((0.1 * i, wrong if i == 19 else right) for i in range(20))
    assert stage.sure(1.9) == "squat"
    assert stage.newest == "lunge"


def test_a_label_of_nothing_says_nothing_and_does_not_dilute() -> None:
    stage = stage_after((0.1 * i, {"standing": 0.6, "squat": 0.4}) for i in range(30))
    assert stage.sure(2.9) == "squat"
    assert stage_after((0.1 * i, {"standing": 1.0}) for i in range(30)).sure(2.9) is None


def test_what_was_said_long_ago_is_over() -> None:
    stage = stage_after((0.1 * i, {"squat": 1.0}) for i in range(20))
    assert stage.sure(1.9 + STALE_S + 0.1) is None
    stage.add(9.0, said({"lunge": 0.9, "squat": 0.1}))
    assert stage.sure(9.0) is None, "a gap counts for nothing, one answer for little"
    stage.forget()
    assert stage.during(0.0, 9.0) is None


def told(
    frames: Iterable[tuple[float, Keypoints]],
    answer: Callable[[float], Mapping[str, float]],
    wanted: str = AUTO,
    exercises: Exercises | None = None,
) -> tuple[Coach, list[News]]:
    """What a coach tells who hears of a second model ten times a second."""
    coach, due_s = Coach(exercises or built_in(), wanted), 0.0
    news: list[News] = []
    for t_s, keypoints in frames:
        news += coach.update(t_s, keypoints, ASPECT)
        if t_s >= due_s:
            coach.hint(t_s, said(answer(t_s)))
            due_s = t_s + EVERY_S
    return coach, news


def still(seconds: float) -> Iterable[tuple[float, Keypoints]]:
    placed = people.View(size=0.6).place(people.squat(0.0))
    return [(i / 15.0, placed) for i in range(int(15 * seconds))]


def test_a_label_that_is_no_exercise_is_a_hold() -> None:
    _, news = told(still(20.0), lambda t: {"tree": 0.9} if 4.0 <= t < 14.0 else {"standing": 0.9})
    held = [one for one in news if isinstance(one, Held)]
    assert {one.exercise for one in held} == {"tree"}
    assert [one.is_over for one in held].count(True) == 1
    assert held[-1].is_over
    assert held[-1].began_s == pytest.approx(4.3, abs=0.4)
    assert held[-1].seconds == pytest.approx(9.7, abs=0.5)


def test_who_passes_through_a_pose_holds_nothing() -> None:
    unsure = {"warrior": 0.4, "tree": 0.3, "cobra": 0.3}
    _, news = told(still(12.0), lambda t: {"tree": 0.9} if 4.0 <= t < 6.0 else unsure)
    assert not news


def test_what_is_held_by_its_looks_is_not_where_the_model_is_sure_of_something_else() -> None:
    frames = [(i / 15.0, people.View(x=0.25, y=0.6).place(people.push_up(0.0))) for i in range(150)]
    _, plain = told(frames, lambda _: {"standing": 1.0})
    assert {one.exercise for one in plain if isinstance(one, Held)} == {"plank"}
    _, news = told(frames, lambda _: {"cobra": 1.0})
    assert news
    # Before the model is sure, there is too little of a plank to be one.
    assert {one.exercise for one in news if isinstance(one, Held)} == {"cobra"}


@pytest.mark.parametrize("label", ["squat", "tree", "plank", "lunges_up"])
def test_a_model_that_knows_no_push_up_does_not_take_them_away(label: str) -> None:
    """It has to put everything among its own labels, and is sure of that, too."""
    view = people.View(x=0.25, y=0.6)
    coach, news = told(moved(people.push_up, reps=4, fps=15.0, view=view), lambda _: {label: 0.97})
    assert coach.exercise == "push-up"
    assert len({one.number for one in news if isinstance(one, Rep) and one.is_full}) == 4


def test_a_twin_that_moves_alike_is_what_the_model_is_sure_of() -> None:
    squat = built_in()["squat"]
    twin = msgspec.structs.replace(squat, name="goblet-squat", looks=squat.looks[:1])
    frames = list(moved(people.squat, reps=4, fps=15.0))
    exercises = {**built_in(), "goblet-squat": twin}
    for label in ("squats", "goblet squats"):
        coach, news = told(frames, lambda _, label=label: {label: 1.0}, exercises=exercises)  # type: ignore[misc]
        assert coach.exercise == label.replace(" ", "-").removesuffix("s")
        changes = [number for number, one in enumerate(news) if isinstance(one, Recognized)]
        assert changes in ([], [1]), "with the first rep, when it has been told by its looks"


def test_a_change_of_mind_is_told_and_takes_the_reps_along() -> None:
    squat = built_in()["squat"]
    twin = msgspec.structs.replace(squat, name="goblet-squat", looks=squat.looks[:1])
    frames = list(moved(people.squat, reps=6, fps=15.0))
    began_s = frames[-1][0] * 0.55
    coach, news = told(
        frames,
        lambda t: {"goblet_squat": 1.0} if t > began_s else {"rest": 1.0},
        exercises={"squat": squat, "goblet-squat": twin},
    )
    assert coach.exercise == "goblet-squat"
    (change,) = [one for one in news if isinstance(one, Recognized)]
    assert (change.exercise, change.instead_of) == ("goblet-squat", "squat")
    told_after = news[news.index(change) :]
    reps = {one.number for one in told_after if isinstance(one, Rep) and one.is_full}
    assert reps == {1, 2, 3, 4, 5, 6}


def test_who_has_chosen_an_exercise_is_not_contradicted() -> None:
    frames = list(moved(people.squat, reps=3, fps=15.0))
    coach, news = told(frames, lambda _: {"lunge": 1.0}, wanted="squat")
    assert coach.exercise == "squat"
    assert len({one.number for one in news if isinstance(one, Rep)}) == 3
