"""Out and back again."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.fitness.cycles import Cycle, Cycles

LEAST, MAX_S = 0.6, 10.0


def found(depths: Iterable[tuple[float, float]], least: float = LEAST) -> list[Cycle[int]]:
    cycles: Cycles[int] = Cycles(least, MAX_S)
    told = []
    for number, (t_s, depth) in enumerate(depths):
        cycle = cycles.update(t_s, depth, number)
        if cycle is not None:
            cycles.learn(cycle)
            told.append(cycle)
    return told


def waves(
    reps: int, depth: float = 1.0, rep_s: float = 2.0, fps: float = 30.0
) -> list[tuple[float, float]]:
    """A second of rest, reps, a second of rest."""
    still = [(number / fps, 0.0) for number in range(int(fps))]
    moving = [
        (1.0 + number / fps, depth * (0.5 - 0.5 * math.cos(2 * math.pi * number / fps / rep_s)))
        for number in range(round(reps * rep_s * fps))
    ]
    return [*still, *moving, *((1.0 + reps * rep_s + t, d) for t, d in still)]


@given(reps=st.integers(0, 6), fps=st.floats(10.0, 120.0), rep_s=st.floats(0.6, 6.0))
def test_each_cycle_is_found_once(reps: int, fps: float, rep_s: float) -> None:
    told = found(waves(reps, rep_s=rep_s, fps=fps))
    assert [one.is_full for one in told] == [True] * reps


def test_a_cycle_is_told_with_its_times_and_depths() -> None:
    (one,) = found(waves(1))
    assert one.began_s == pytest.approx(1.2, abs=0.2)
    assert one.peak_s == pytest.approx(2.0, abs=0.05)
    assert one.ended_s == pytest.approx(2.6, abs=0.2)
    assert one.peak == pytest.approx(1.0, abs=0.01)
    assert one.speed == pytest.approx(math.pi / 2, rel=0.05)
    assert one.steady
    assert one.at_start < one.at_peak


def test_half_the_way_is_partial_and_less_is_nothing() -> None:
    assert [one.is_full for one in found(waves(3, 0.45))] == [False] * 3
    assert found(waves(3, 0.2)) == []


def test_who_usually_goes_far_has_to_go_far() -> None:
    depths = waves(3, 1.4)
    last_s = depths[-1][0] + 1 / 30
    told = found([*depths, *((last_s + t, d) for t, d in waves(1, 0.8))])
    assert [one.is_full for one in told] == [True, True, True, False]


def test_a_pause_on_the_way_and_a_tremble_at_the_end_are_nothing() -> None:
    down = [(number / 30, min(1.0, number / 30)) for number in range(30)]
    still = [(1.0 + number / 30, 0.5 + 0.1 * math.sin(number)) for number in range(60)]
    up = [(3.0 + number / 30, max(0.0, 0.5 - number / 30)) for number in range(30)]
    assert len(found([*((t - 1.0, 0.0) for t, _ in down), *down, *still, *up])) == 1


def test_what_takes_too_long_is_nothing() -> None:
    depths = [(t / 10, 1.0 if 1.0 < t / 10 < 13.0 else 0.0) for t in range(200)]
    assert found(depths) == []


def test_what_is_not_seen_changes_nothing() -> None:
    depths = [(t, math.nan if 2.2 < t < 2.9 else d) for t, d in waves(1)]
    assert len(found(depths)) == 1
    depths = [(t, math.nan if 1.2 < t < 2.8 else d) for t, d in waves(1)]
    assert found(depths) == []


def test_who_begins_in_the_middle_is_not_steady() -> None:
    told = found([(t, d) for t, d in waves(2, rep_s=0.6) if t >= 1.3])
    assert [one.steady for one in told] == [False]
    assert found([(t, d) for t, d in waves(1) if t < 2.0]) == []


def test_the_start_follows_who_settles_down_elsewhere() -> None:
    before = [(t / 30, 0.3) for t in range(300)]
    (one,) = found([*before, *((10.0 + t, 0.3 + d) for t, d in waves(1))])
    assert one.range == pytest.approx(1.0, abs=0.05)


def test_one_leap_does_not_make_all_that_comes_too_little() -> None:
    cycles: Cycles[int] = Cycles(LEAST, MAX_S)
    for depth in (1.0, 9.0, 1.0):
        (cycle,) = found(waves(1, depth))
        cycles.learn(cycle)
    assert cycles.needed < 1.0


def test_who_settles_elsewhere_than_at_first_begins_there() -> None:
    """The first frames were seen wrongly: a start 0.3 lower than where somebody then stands."""
    stands = [(number / 30, 0.0 if number < 12 else 0.3) for number in range(180)]
    reps = [(5.0 + t_s, 0.3 + 0.9 * depth) for t_s, depth in waves(3)]
    told = found([*stands, *reps])
    assert [one.is_full for one in told] == [True] * 3
    assert all(one.range == pytest.approx(0.9, abs=0.1) for one in told)


def test_reps_count_that_turn_farther_out_than_the_start_was_seen() -> None:
    start = [(number / 30, 0.0) for number in range(30)]
    reps = [(t_s, 0.42 + 0.7 * depth) for t_s, depth in waves(4) if t_s >= 1.0]
    assert len(found([*start, *reps])) == 4


def test_a_pause_in_the_middle_is_no_new_start() -> None:
    down = [(1.0 + number / 30, number / 30) for number in range(15)]
    pause = [(1.5 + number / 30, 0.5) for number in range(60)]
    rest = [(3.5 + number / 30, 0.5 + number / 60) for number in range(30)]
    back = [(4.5 + number / 30, 1.0 - number / 30) for number in range(31)]
    (one,) = found([*((n / 30, 0.0) for n in range(30)), *down, *pause, *rest, *back])
    assert one.is_full
    assert one.range == pytest.approx(1.0, abs=0.1)
