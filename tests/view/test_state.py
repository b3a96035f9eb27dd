"""What a watcher knows: of which device, how fresh, and what was not to be read."""

from __future__ import annotations

import json

import msgspec
import pytest
import told
from hypothesis import given
from hypothesis import strategies as st

from edged.messages.topics import OFFLINE, ONLINE, Topics
from edged.view.state import PAYLOAD_BYTES, SETTLE_S, Flow, Watched

GYM, HALL, ATTIC = (Topics("edged", name) for name in ("gym", "hall", "attic"))
encode = msgspec.json.encode


def watching(device: str | None = "gym") -> Watched:
    return Watched("edged", device)


def test_a_named_device_is_subscribed_to_at_once() -> None:
    assert watching().filters == ("edged/+/status", "edged/gym/#")


def test_the_first_by_name_that_is_online_is_chosen_once_all_have_told() -> None:
    watched = watching(None)
    filters: tuple[str, ...] = watched.filters
    assert filters == ("edged/+/status",)
    for topics, status in ((HALL, ONLINE), (GYM, ONLINE), (ATTIC, OFFLINE)):
        watched.take(topics.status, status, 10.0)
    watched.choose(10.0)
    assert watched.sight(10.0).device is None
    watched.choose(10.0 + SETTLE_S)
    sight = watched.sight(11.0)
    assert (sight.device, sight.online, sight.others) == ("gym", True, ("attic", "hall"))
    filters = watched.filters
    assert filters == ("edged/+/status", "edged/gym/#")


def test_an_offline_device_is_left_for_one_that_comes_online_but_not_the_other_way() -> None:
    watched = watching(None)
    watched.take(HALL.status, OFFLINE, 0.0)
    watched.choose(1.0)
    assert watched.sight(1.0).device == "hall"
    watched.take(GYM.status, ONLINE, 2.0)
    watched.choose(2.0)
    assert watched.sight(2.0).device == "gym"
    watched.take(GYM.status, OFFLINE, 3.0)
    watched.take(HALL.status, ONLINE, 3.0)
    watched.choose(9.0)
    sight = watched.sight(9.0)
    assert (sight.device, sight.online) == ("gym", False)


def test_a_removed_device_is_forgotten() -> None:
    watched = watching()
    watched.take(HALL.status, ONLINE, 0.0)
    watched.take(HALL.status, b"", 1.0)
    assert watched.sight(1.0).others == ()
    assert watched.sight(1.0).unreadable == 0


def test_rate_and_age_are_those_of_the_recent_messages() -> None:
    watched = watching()
    for number in range(100):
        watched.take(GYM.pose, encode(told.pose(age_ms=number)), number / 30)
    sight = watched.sight(99 / 30)
    assert sight.rate == pytest.approx(30)
    assert sight.age_ms == pytest.approx((36 + 99) / 2)
    assert (sight.frames, sight.silent_s, sight.is_silent) == (100, 0.0, False)


def test_silence_is_not_nobody() -> None:
    watched = watching()
    assert watched.sight(0.0).silent_s is None
    for at in (0.0, 0.1):
        watched.take(GYM.pose, encode(told.pose()), at)
    there = watched.sight(0.2)
    assert there.pose is not None
    assert (there.pose.poses, there.is_silent) == ([], False)
    silent = watched.sight(5.1)
    assert silent.is_silent
    assert (silent.rate, silent.age_ms) == (None, None)
    assert silent.silent_s == pytest.approx(5.0)


def test_after_a_pause_the_rate_is_that_of_now() -> None:
    watched = watching()
    for at in (0.0, 0.1, 60.0, 60.5):
        watched.take(GYM.pose, encode(told.pose()), at)
    assert watched.sight(60.5).rate == pytest.approx(2.0)


def test_rare_messages_are_not_silence() -> None:
    watched = watching()
    for number in range(3):
        watched.take(GYM.labels, encode(told.labels("macaw")), number * 10.0)
    assert not watched.sight(29.0).is_silent
    assert watched.sight(51.0).is_silent


def test_with_poses_labels_are_no_frames() -> None:
    watched = watching()
    watched.take(GYM.pose, encode(told.pose()), 0.0)
    watched.take(GYM.labels, encode(told.labels("macaw")), 1.0)
    sight = watched.sight(3.0)
    assert (sight.frames, sight.labels_s) == (1, 2.0)


def test_the_totals_are_of_every_frame() -> None:
    watched = watching()
    assert watched.totals().rate is None
    for number in range(101):
        watched.take(GYM.pose, encode(told.pose(age_ms=number)), number / 10)
    totals = watched.totals()
    assert (totals.frames, totals.age_p50_ms, totals.age_p99_ms) == (101, 50.0, 99.0)
    assert totals.rate == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (GYM.pose, b""),
        (GYM.pose, b"not json"),
        (GYM.pose, b'{"v": 2}'),
        (GYM.pose, b"[" * 100_000),
        (GYM.pose, b"\xff\xfe"),
        (GYM.pose, json.dumps({"v": 1, "pad": "x" * PAYLOAD_BYTES}).encode()),
        (GYM.labels, encode(told.pose())),
        (GYM.health, encode(told.info())),
        (GYM.info, b"[]"),
        (GYM.status, b"{}"),
        (HALL.status, b"perhaps"),
    ],
)
def test_what_is_not_of_the_contract_is_counted(topic: str, payload: bytes) -> None:
    watched = watching()
    watched.take(topic, payload, 0.0)
    assert watched.sight(0.0).unreadable == 1


@pytest.mark.parametrize("topic", ["edged/gym/event/rep", "edged/gym/set/pause", "edged/gym"])
def test_topics_of_later_versions_are_left_alone(topic: str) -> None:
    watched = watching()
    watched.take(topic, b"\x00", 0.0)
    assert watched.sight(0.0).unreadable == 0


@given(
    topic=st.sampled_from([GYM.pose, GYM.labels, GYM.health, GYM.info, GYM.status]) | st.text(),
    payload=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ).map(lambda value: json.dumps(value).encode()),
)
def test_no_message_does_harm(topic: str, payload: bytes) -> None:
    watched = watching()
    watched.take(topic, payload, 0.0)
    watched.choose(1.0)
    watched.sight(1.0)


@given(st.lists(st.floats(0.0, 10.0), min_size=2, max_size=200))
def test_the_interval_of_a_flow_lies_between_its_shortest_and_longest(gaps: list[float]) -> None:
    flow, now = Flow(), 0.0
    for gap in gaps:
        now += gap
        flow.add(now, 0.0)
    if flow.interval_s is not None:
        assert -1e-9 <= flow.interval_s <= max(gaps) + 1e-9
