"""What is told of workouts, by the parts that the daemon wires."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edged.fitness.session import Session
from edged.gym import Gym, Tally
from edged.messages.topics import Topics
from edged.sections import Fitness
from edged.types import Frame, Pose

TOPICS = Topics("edged", "gym")


class Outlet:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, bytes]] = []

    def state(self, topic: str, payload: bytes) -> None:
        self.told.append((topic, payload))

    def event(self, topic: str, event_id: str, payload: bytes) -> None:
        del event_id
        self.told.append((topic, payload))


def frame(number: int) -> Frame:
    pixels = np.zeros((48, 64, 3), np.uint8)
    return Frame(pixels, number, 1_000_000_000 + number * 33_000_000, 1.7e9 + number / 30)


def somebody() -> Pose:
    keypoints = np.full((17, 3), 0.5, np.float32)
    return Pose(keypoints, 0.9)


def test_a_fault_in_counting_costs_the_count_and_no_pose(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    outlet = Outlet()
    gym = Gym(Fitness(), lambda: (outlet, TOPICS), Tally())
    look = Session.look

    def fails(self: Session, *arguments: Any) -> Any:
        if frames in (3, 4):
            raise ZeroDivisionError("of a body without height")
        return look(self, *arguments)

    monkeypatch.setattr(Session, "look", fails)
    for frames in range(6):
        watched = gym.watch(frame(frames), [somebody()])
        assert len(watched.people) == 1
    assert gym.problem is not None
    assert "begins anew" in gym.problem
    assert len([one for one in caplog.records if "begins anew" in one.message]) == 1
    assert watched.people[0].id == 1


def test_other_goals_change_nothing_else() -> None:
    outlet = Outlet()
    gym = Gym(Fitness(exercise="squat"), lambda: (outlet, TOPICS), Tally())
    gym.want("lunge")
    assert gym.fits(Fitness(exercise="squat", target_reps=9))
    gym.adopt(Fitness(exercise="squat", target_reps=9))
    assert b'"wanted":"lunge"' in outlet.told[-1][1]
    assert b'"target_reps":9' in outlet.told[-1][1]
