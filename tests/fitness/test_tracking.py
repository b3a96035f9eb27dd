"""The same person keeps the same id, and the one who exercises is watched."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from edged.fitness.tracking import ActiveChoice, Track, Tracker, similarity
from edged.types import Pose

_FACE = [(0.0, 0.06), (0.02, 0.04), (-0.02, 0.04), (0.04, 0.05), (-0.04, 0.05)]
_ARMS = [(0.1, 0.18), (-0.1, 0.18), (0.12, 0.36), (-0.12, 0.36), (0.12, 0.51), (-0.12, 0.51)]
_LEGS = [(0.06, 0.47), (-0.06, 0.47), (0.06, 0.71), (-0.06, 0.71), (0.06, 0.96), (-0.06, 0.96)]
_STANDING = np.array([*_FACE, *_ARMS, *_LEGS])


def person(
    x: float, y: float = 0.1, size: float = 0.6, score: float = 0.8, wave: float = 0.0
) -> Pose:
    points = _STANDING.copy()
    points[[7, 8, 9, 10], 1] -= wave * np.array([0.15, 0.15, 0.4, 0.4])
    keypoints = np.column_stack([points * size + (x, y), np.full(17, score)]).astype(np.float32)
    return Pose(keypoints, score)


def ids(
    tracker: Tracker, times: int, people: Callable[[float], list[Pose]], fps: float = 15.0
) -> list[dict[int, Track]]:
    told = []
    for number in range(times):
        t_s = number / fps
        told.append({track.id: track for track in tracker.update(t_s, people(t_s))})
    return told


def test_who_stays_keeps_the_id() -> None:
    told = ids(Tracker(), 60, lambda t: [person(0.5 + 0.02 * math.sin(t))])
    assert all(set(one) == {1} for one in told)


def test_two_people_keep_theirs_in_whatever_order_they_come() -> None:
    def people(t_s: float) -> list[Pose]:
        both = [person(0.3 + 0.01 * math.sin(5 * t_s)), person(0.7)]
        return both if int(t_s * 15) % 2 else both[::-1]

    told = ids(Tracker(), 60, people)
    left = {min(one.values(), key=lambda t: t.pose.keypoints[0, 0]).id for one in told[10:]}
    assert len(left) == 1
    assert all(len(one) == 2 for one in told[10:])


@pytest.mark.parametrize("fps", [10.0, 30.0])
def test_who_walks_through_the_background_takes_nobodys_id(fps: float) -> None:
    def people(t_s: float) -> list[Pose]:
        walker = person(-0.1 + 0.35 * t_s, 0.15, 0.4)
        return [person(0.5), walker] if 0.0 < walker.keypoints[0, 0] < 1.0 else [person(0.5)]

    told = ids(Tracker(), int(4 * fps), people, fps)
    first = next(iter(told[0]))
    assert all(
        abs(one[first].pose.keypoints[0, 0] - 0.5) < 0.01
        and one[first].pose.keypoints[16, 1] == pytest.approx(0.1 + 0.96 * 0.6, abs=0.01)
        for one in told
    )


def test_a_weak_pose_goes_on_being_who_it_was_and_is_nobody_new() -> None:
    tracker = Tracker()
    tracker.update(0.0, [person(0.5)])
    (track,) = tracker.update(0.1, [person(0.5, score=0.3)])
    assert track.id == 1
    assert tracker.update(0.2, [person(0.1, score=0.3)]) == []


def test_who_is_back_soon_is_the_same_and_later_somebody_new() -> None:
    tracker = Tracker()
    tracker.update(0.0, [person(0.5)])
    tracker.update(0.1, [])
    assert [one.id for one in tracker.update(1.5, [person(0.5)])] == [1]
    assert [one.id for one in tracker.update(9.0, [person(0.5)])] == [2]


def test_people_who_flash_up_beside_another_are_not_there() -> None:
    tracker = Tracker()
    tracker.update(0.0, [person(0.5)])
    tracker.update(0.1, [person(0.5), person(0.1)])
    told = tracker.update(0.2, [person(0.5)])
    assert [one.id for one in told] == [1]


def test_poses_far_apart_are_not_alike_and_the_same_one_is() -> None:
    assert similarity(person(0.2), person(0.8)) < 0.05
    assert similarity(person(0.2), person(0.2)) == pytest.approx(1.0)


def watched(
    people: Callable[[float], list[Pose]], seconds: float, *, busy: bool = False
) -> list[int | None]:
    tracker, choice = Tracker(), ActiveChoice()
    told = []
    for number in range(int(seconds * 15)):
        t_s = number / 15
        told.append(choice.update(t_s, tracker.update(t_s, people(t_s)), busy=busy))
    return told


def test_who_moves_on_the_spot_is_watched_and_not_who_looks_on() -> None:
    def people(t_s: float) -> list[Pose]:
        return [person(0.25), person(0.75, wave=0.5 - 0.5 * math.cos(4 * t_s))]

    tracker, choice = Tracker(), ActiveChoice()
    for number in range(90):
        tracks = tracker.update(number / 15, people(number / 15))
        choice.update(number / 15, tracks)
    active = next(one for one in tracks if one.id == choice.active)
    assert active.pose.keypoints[0, 0] == pytest.approx(0.75)


def test_a_passer_by_does_not_steal_the_eye() -> None:
    def people(t_s: float) -> list[Pose]:
        walker = person(-0.1 + 0.4 * (t_s - 2), 0.1, 0.7, wave=0.1 * math.sin(9 * t_s))
        mine = person(0.5, wave=0.5 - 0.5 * math.cos(3 * t_s))
        return [mine, walker] if 0.0 < walker.keypoints[0, 0] < 1.0 else [mine]

    assert set(watched(people, 8.0)) == {1}


def test_who_is_busy_stays_and_who_is_gone_is_replaced() -> None:
    def people(t_s: float) -> list[Pose]:
        other = person(0.75, size=0.85, wave=0.5 - 0.5 * math.cos(6 * t_s))
        if t_s < 1.0:
            return [person(0.25)]
        return [person(0.25, size=0.4), other] if t_s < 8.0 else [other]

    assert watched(people, 8.0)[-1] == 2
    assert set(watched(people, 8.0, busy=True)) == {1}
    assert watched(people, 15.0, busy=True)[-1] == 2


def test_who_is_pinned_is_watched_until_gone() -> None:
    def people(t_s: float) -> list[Pose]:
        other = person(0.75, size=0.85, wave=0.5 - 0.5 * math.cos(6 * t_s))
        return [person(0.25, size=0.4), other] if t_s < 8.0 else [other]

    tracker, choice = Tracker(), ActiveChoice(pinned=1)
    told = [choice.update(n / 15, tracker.update(n / 15, people(n / 15))) for n in range(20 * 15)]
    assert set(told[: 8 * 15]) == {1}
    assert (told[-1], choice.pinned) == (2, None)


def test_nobody_is_nobody() -> None:
    assert ActiveChoice().update(0.0, []) is None
