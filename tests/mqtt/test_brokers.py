"""Which of several brokers is tried when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.mqtt.brokers import LASTING_S, Brokers, places
from edged.mqtt.retry import Retry
from edged.sections import Mqtt

SECOND = 1_000_000_000
RETRY = Retry(first_s=0.5, most_s=4.0, refused_s=30.0)
THREE = Mqtt(host="a", username="gym", fallbacks=("b:1884", "c"))


def places_of(*fallbacks: str) -> list[tuple[str, int]]:
    return [(one.host, one.port) for one in places(Mqtt(port=8883, fallbacks=fallbacks))[1:]]


def test_a_fallback_is_the_same_but_for_its_place() -> None:
    first, second, third = places(THREE)
    assert first is THREE
    assert (second.host, second.port, second.username) == ("b", 1884, "gym")
    assert (third.host, third.port) == ("c", THREE.port)


@pytest.mark.parametrize(
    ("fallback", "place"),
    [
        ("mqtt2.home:1884", ("mqtt2.home", 1884)),
        ("mqtt2.home", ("mqtt2.home", 8883)),
        ("[fd00::2]:1884", ("fd00::2", 1884)),
        ("[fe80::1%eth0]", ("fe80::1%eth0", 8883)),
    ],
)
def test_the_port_is_the_first_ones_unless_told(fallback: str, place: tuple[str, int]) -> None:
    assert places_of(fallback) == [place]


def fail(brokers: Brokers, now_ns: int, *, slowly: bool = False, connected: bool = False) -> None:
    problem = f"no {brokers.present.host}"
    brokers.failed(problem, now_ns, slowly=slowly, was_connected=connected)


def test_they_are_tried_in_order_at_once() -> None:
    brokers = Brokers(THREE, RETRY)
    tried = []
    for _ in range(3):
        assert brokers.choose(SECOND) == 0.0
        tried.append(brokers.present.host)
        fail(brokers, SECOND)
    assert tried == ["a", "b", "c"]
    assert 0.0 <= brokers.choose(SECOND) <= RETRY.first_s
    assert brokers.problem == "no a; no b; no c"


def test_a_connection_that_ends_is_tried_once_more_then_the_others_in_order() -> None:
    brokers = Brokers(THREE, RETRY)
    brokers.choose(0)
    fail(brokers, 0)
    brokers.choose(0)
    brokers.established(0)
    assert brokers.present.host == "b"
    fail(brokers, 100 * SECOND, connected=True)
    tried = []
    for _ in range(3):
        brokers.choose(100 * SECOND)
        tried.append(brokers.present.host)
        fail(brokers, 100 * SECOND)
    assert tried == ["b", "a", "c"]


@given(st.integers(0, 29))
def test_one_that_refuses_us_is_left_alone_while_others_are_tried(seconds: int) -> None:
    brokers = Brokers(Mqtt(host="a", fallbacks=("b",)), RETRY)
    brokers.choose(0)
    fail(brokers, 0, slowly=True)
    for _ in range(5):
        brokers.choose(seconds * SECOND)
        assert brokers.present.host == "b"
        fail(brokers, seconds * SECOND)


def test_one_alone_is_tried_again_and_again() -> None:
    brokers = Brokers(Mqtt(host="a"), RETRY)
    for failures in range(1, 6):
        assert brokers.choose(0) <= min(RETRY.most_s, RETRY.first_s * 2.0 ** (failures - 1))
        fail(brokers, 0)
    assert brokers.problem == "no a"


def on_fallback(brokers: Brokers, now_ns: int) -> None:
    brokers.choose(now_ns)
    fail(brokers, now_ns)
    brokers.choose(now_ns)
    brokers.established(now_ns)
    assert not brokers.is_home


def test_what_is_missing_while_a_fallback_serves_is_said_and_ends_at_home() -> None:
    brokers = Brokers(THREE, RETRY)
    on_fallback(brokers, 0)
    assert brokers.shortcoming == "no a; broker b:1884 serves instead"
    brokers.home_refused("a refuses")
    assert brokers.shortcoming == "a refuses; broker b:1884 serves instead"
    brokers.go_home()
    assert brokers.choose(0) == 0.0
    assert brokers.is_home
    brokers.established(0)
    assert {brokers.shortcoming, brokers.problem} == {None}


def test_who_goes_home_in_vain_looks_less_often() -> None:
    brokers = Brokers(THREE, RETRY)
    shortest = []
    for turn in range(4):
        now_ns = turn * 20 * SECOND
        brokers.choose(now_ns)
        if turn:
            assert brokers.is_home
            brokers.established(now_ns)
            fail(brokers, now_ns + SECOND, connected=True)
            brokers.choose(now_ns + SECOND)
        fail(brokers, now_ns + SECOND)
        brokers.choose(now_ns + SECOND)
        brokers.established(now_ns + SECOND)
        shortest.append(brokers.look_home_s(0, slowly=False) >= 2.5 * 2**turn)
        brokers.go_home()
    assert all(shortest)


def test_a_return_that_lasts_makes_good() -> None:
    brokers = Brokers(THREE, RETRY)
    on_fallback(brokers, 0)
    brokers.go_home()
    brokers.choose(0)
    brokers.established(0)
    fail(brokers, int(LASTING_S + 1) * SECOND, connected=True)
    assert brokers.look_home_s(0, slowly=False) <= RETRY.look_s


def test_online_is_said_again_when_a_late_will_may_have_come() -> None:
    brokers = Brokers(THREE, RETRY)
    brokers.choose(0)
    brokers.established(0)
    assert not brokers.is_assurance_due(1000 * SECOND)
    fail(brokers, 1000 * SECOND, connected=True)
    brokers.choose(1000 * SECOND)
    fail(brokers, 1000 * SECOND)
    brokers.choose(1000 * SECOND)
    brokers.established(1000 * SECOND)
    assert not brokers.is_assurance_due(1030 * SECOND)
    assert brokers.is_assurance_due(1036 * SECOND)
    assert not brokers.is_assurance_due(1037 * SECOND)


@given(st.lists(st.tuples(st.integers(0, 10), st.sampled_from(["fail", "slow", "serve"]))))
def test_the_next_attempt_is_never_far_away(story: list[tuple[int, str]]) -> None:
    brokers, now_ns = Brokers(THREE, RETRY), 0
    for seconds, happens in story:
        now_ns += seconds * SECOND
        wait_s = brokers.choose(now_ns)
        assert 0.0 <= wait_s <= 2 * RETRY.refused_s
        now_ns += int(wait_s * 1e9)
        if happens == "serve":
            brokers.established(now_ns)
        fail(brokers, now_ns, slowly=happens == "slow", connected=happens == "serve")
        assert brokers.problem is not None
