"""The order of accelerators: who serves, who is tried when. No clock: the time is passed in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edged.inference.order import JITTER, Order, Patience, State

PATIENCE = Patience()


def middle(low: float, high: float) -> float:
    return (low + high) / 2


def order(*names: str) -> Order:
    return Order(names or ("edgetpu", "cpu"), PATIENCE, middle)


def fail_probe(one: Order, place: int, now: float) -> None:
    one.tries(place, now)
    one.refused(place, "broken", now, is_fault=True)


def promote(one: Order, place: int, now: float) -> None:
    one.tries(place, now)
    one.passed(place)


def test_the_best_is_tried_at_once_while_the_surest_starts() -> None:
    one = order()
    assert (one.surest, one.due(0.0)) == (1, 0)


def test_nothing_is_tried_beside_the_best() -> None:
    one = order()
    promote(one, 0, 0.0)
    assert one.due(1e9) is None


def test_one_is_tried_at_a_time() -> None:
    one = order("edgetpu:0", "edgetpu:1", "cpu")
    one.tries(0, 0.0)
    assert one.due(0.0) is None
    one.refused(0, "broken", 1.0, is_fault=True)
    assert one.due(1.0) == 1


def test_pauses_double_from_half_a_minute_to_ten_minutes() -> None:
    one = order()
    one.passed(1)
    now, pauses = 0.0, []
    for _ in range(8):
        fail_probe(one, 0, now)
        (standing, _) = one.standings(now)
        assert standing.state is State.WAITING
        assert standing.again_s is not None
        pauses.append(standing.again_s)
        assert one.due(now + standing.again_s - 0.01) is None
        now += standing.again_s
        assert one.due(now) == 0
    assert pauses == [30, 60, 120, 240, 480, 600, 600, 600]


@given(st.integers(0, 30), st.integers(1, 12))
def test_jitter_keeps_to_its_part_of_the_pause(seed: int, failures: int) -> None:
    import random  # noqa: PLC0415 - for its seed

    one = Order(("edgetpu", "cpu"), PATIENCE, random.Random(seed).uniform)
    for _ in range(failures):
        fail_probe(one, 0, 0.0)
    pause = min(30.0 * 2 ** (failures - 1), 600.0)
    again_s = one.standings(0.0)[0].again_s
    assert again_s is not None
    assert (1 - JITTER) * pause <= again_s <= (1 + JITTER) * pause


def test_after_it_has_served_the_pause_is_short_again() -> None:
    one = order()
    for _ in range(4):
        fail_probe(one, 0, 0.0)
    promote(one, 0, 1000.0)
    one.lost(0, "crashed", 2000.0)
    assert one.standings(2000.0)[0].again_s == 30


def test_three_losses_in_ten_minutes_are_an_hour_of_rest() -> None:
    one = order()
    rests = []
    for now in (0.0, 200.0, 400.0):
        promote(one, 0, now)
        rests.append(one.lost(0, "crashed", now + 10))
        one.passed(1)
    assert rests == [False, False, True]
    standing = one.standings(410.0)[0]
    assert (standing.state, standing.again_s) == (State.RESTING, 3600)
    assert one.shortcomings(410.0) == ["edgetpu: crashed; it failed too often, and rests"]
    assert one.due(410.0 + 3599) is None
    one.shown([0], 500.0)
    assert one.due(500.0 + 60) is None, "a bad plug shows up again and again"
    assert one.due(410.0 + 3600) == 0


def test_three_losses_in_more_than_ten_minutes_are_none() -> None:
    one = order()
    for now in (0.0, 400.0, 800.0):
        promote(one, 0, now)
        assert not one.lost(0, "crashed", now)
        one.passed(1)


def test_a_device_that_shows_up_is_tried_at_once_but_not_every_moment() -> None:
    one = order()
    one.passed(1)
    for _ in range(4):
        fail_probe(one, 0, 100.0)
    one.shown([0], 200.0)
    assert one.due(200.0) == 0
    fail_probe(one, 0, 200.0)
    one.shown([0], 201.0)
    assert one.due(201.0) is None
    assert one.due(200.0 + PATIENCE.least_s) == 0


def test_a_reprieve_ends_a_rest() -> None:
    one = order()
    for _ in range(3):
        promote(one, 0, 0.0)
        one.lost(0, "crashed", 0.0)
        one.passed(1)
    one.reprieve(5.0)
    assert one.due(5.0) == 0


def test_the_surest_is_the_cpu_and_never_rests() -> None:
    one = order("edgetpu", "cpu", "delegate:/x.so")
    assert one.surest == 1
    for _ in range(10):
        one.passed(1)
        assert not one.lost(1, "crashed", 0.0)
    assert one.surest == 1
    assert one.standings(0.0)[1].state is State.TRYING


def test_where_the_cpu_cannot_run_the_models_the_last_is_the_surest() -> None:
    one = order("edgetpu:0", "edgetpu:1", "cpu")
    one.bar(2, "no twin")
    assert (one.surest, one.due(0.0)) == (1, 0)
    one.bar(0, "no")
    one.bar(1, "no")
    assert one.surest is None


def test_what_is_not_there_is_no_fault_until_it_was() -> None:
    one = order()
    one.passed(1)
    one.tries(0, 0.0)
    assert one.refused(0, "not here", 0.0, is_fault=False)
    one.tries(0, 50.0)
    assert not one.refused(0, "not here", 50.0, is_fault=False), "told once"
    assert one.shortcomings(50.0) == []
    assert one.reason("cpu", 50.0) == "edgetpu: not here"
    promote(one, 0, 100.0)
    assert one.reason("edgetpu", 100.0) == ""
    one.lost(0, "unplugged", 200.0)
    one.passed(1)
    one.tries(0, 300.0)
    one.refused(0, "not here", 300.0, is_fault=False)
    assert one.shortcomings(300.0) == ["edgetpu: not here"]


def test_what_was_wrong_with_those_behind_is_not_told_for_ever() -> None:
    one = order("edgetpu:0", "edgetpu:1", "cpu")
    one.passed(2)
    fail_probe(one, 0, 0.0)
    fail_probe(one, 1, 0.0)
    assert one.shortcomings(1.0) == ["edgetpu:0: broken", "edgetpu:1: broken"]
    promote(one, 0, 30.0)
    assert one.shortcomings(31.0) == []
    assert one.standings(31.0)[1].reason == "broken", "the last that is known of it"


def test_one_that_is_ready_and_not_needed_has_nothing_wrong() -> None:
    one = order()
    one.passed(1)
    one.lost(1, "crashed", 10.0)
    promote(one, 0, 10.2)
    one.works(1)
    assert one.standings(11.0)[1].reason == ""


def test_failovers_and_promotions_are_counted_when_the_other_serves() -> None:
    one = order()
    one.passed(1)
    promote(one, 0, 0.0)
    one.lost(0, "crashed", 1.0)
    assert (one.failovers, one.promotions) == (0, 1)
    one.passed(1)
    assert (one.failovers, one.promotions) == (1, 1)


@pytest.mark.parametrize(
    ("names", "states"),
    [
        (("edgetpu", "cpu"), [State.SERVING, State.STANDBY]),
        (("cpu",), [State.SERVING]),
    ],
)
def test_standings_of_the_first(names: tuple[str, ...], states: list[State]) -> None:
    one = order(*names)
    one.passed(0)
    assert [standing.state for standing in one.standings(0.0)] == states


class Life(RuleBasedStateMachine):
    """Whatever happens to three accelerators and a CPU."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.order = Order(("a", "b", "cpu"), PATIENCE, middle)
        self.trying: int | None = None
        self.losses: list[tuple[float, int]] = []

    @rule(seconds=st.floats(0.0, 4000.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.order.serving is None)
    @rule()
    def the_surest_starts(self) -> None:
        self.order.passed(2)

    @precondition(lambda self: self.trying is None)
    @rule()
    def what_is_due_is_tried(self) -> None:
        self.trying = self.order.due(self.now)
        if self.trying is not None:
            if self.order.serving is not None:
                assert self.trying < self.order.serving
            self.order.tries(self.trying, self.now)

    @precondition(lambda self: self.trying is not None)
    @rule(passes=st.booleans())
    def a_probe_ends(self, *, passes: bool) -> None:
        place, self.trying = self.trying, None
        assert place is not None
        if passes:
            self.order.passed(place)
        else:
            self.order.refused(place, "broken", self.now, is_fault=True)
            assert self.order.due(self.now) != place

    @precondition(lambda self: self.order.serving is not None)
    @rule()
    def who_serves_fails(self) -> None:
        place = self.order.serving
        assert place is not None
        self.losses.append((self.now, place))
        rests = self.order.lost(place, "crashed", self.now)
        recent = [at for at, who in self.losses if who == place and self.now - at <= 600]
        assert rests == (place != 2 and len(recent) >= 3)
        if rests:
            self.losses = [loss for loss in self.losses if loss[1] != place]

    @rule()
    def a_device_shows_up(self) -> None:
        self.order.shown([0, 1], self.now)

    @invariant()
    def somebody_can_always_take_over(self) -> None:
        assert self.order.surest == 2

    @invariant()
    def no_pause_is_longer_than_an_hour(self) -> None:
        for standing in self.order.standings(self.now):
            assert standing.again_s is None or 0 <= standing.again_s <= 3600

    @invariant()
    def at_most_one_serves(self) -> None:
        states = [standing.state for standing in self.order.standings(self.now)]
        assert states.count(State.SERVING) <= 1


TestLife = Life.TestCase
