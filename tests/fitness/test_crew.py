"""Several people before the camera, one who exercises."""

from __future__ import annotations

from collections.abc import Iterator

import athletes
import numpy as np
import pytest
import stick_people as people
from stick_people import View, moved

from edged.fitness.crew import Crew
from edged.fitness.exercises import AUTO, built_in
from edged.fitness.reps import Rep
from edged.types import Keypoints, Pose

ASPECT = 4 / 3


def pose(keypoints: Keypoints) -> Pose:
    return Pose(keypoints, float(keypoints[:, 2].mean()))


def squatting(reps: int, x: float, size: float = 0.6) -> list[tuple[float, Keypoints]]:
    view = View(size=size, x=x, y=0.85)
    return list(moved(people.squat, reps=reps, fps=15.0, view=view))


def reps_of(crew: Crew, frames: Iterator[tuple[float, list[Pose]]]) -> set[tuple[str, int]]:
    told = [one for t_s, poses in frames for one in crew.update(t_s, poses, ASPECT)]
    return {(one.exercise, one.number) for one in told if isinstance(one, Rep) and one.is_full}


def test_somebody_who_walks_through_changes_nothing() -> None:
    def frames() -> Iterator[tuple[float, list[Pose]]]:
        for t_s, keypoints in squatting(6, 0.5):
            points = athletes.walking(t_s, -0.2 + 0.3 * (t_s % 5.0), 0.7)
            walker = [athletes.pose(points, np.full(17, 0.8))]
            is_there = 0.02 < points[:, 0].mean() < 0.98
            yield (
                t_s,
                [pose(keypoints), *(walker if is_there else [])][:: 1 if t_s % 1 < 0.5 else -1],
            )

    crew = Crew(built_in())
    assert reps_of(crew, frames()) == {("squat", number) for number in range(1, 7)}
    assert len({crew.active, 1}) == 1


@pytest.mark.parametrize("wanted", [AUTO, "squat"])
def test_who_is_pinned_is_counted(wanted: str) -> None:
    def frames() -> Iterator[tuple[float, list[Pose]]]:
        for (t_s, one), (_, other) in zip(squatting(3, 0.25), squatting(3, 0.75), strict=True):
            still = View(size=0.6, x=0.75, y=0.85).place(people.squat(0.0))
            yield t_s, [pose(one), pose(other if t_s > 2.3 else still)]

    crew = Crew(built_in(), wanted, pinned=2)
    assert len(reps_of(crew, frames())) == 2
    assert len(crew.people) == 2


def test_another_exercise_may_be_wanted_any_time() -> None:
    crew = Crew(built_in())
    crew.want("lunge")
    assert crew.coach.exercise == "lunge"
    with pytest.raises(KeyError):
        crew.want("sqat")


def test_pinning_may_end() -> None:
    crew = Crew(built_in(), pinned=9)
    crew.pin(None)
    crew.update(0.0, [pose(squatting(1, 0.5)[0][1])], ASPECT)
    assert crew.active == 1
