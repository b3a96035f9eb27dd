"""The two ways to write what a frame shows, and how a reader tells them apart."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest
import told
from brokers import Broker, Subscriber, until
from daemons import TOPICS, Daemon, configuration, healths, info, poses, write_clip
from hypothesis import given
from hypothesis import strategies as st

from edged.bench import subscriber as bench_subscriber
from edged.commands.referee import Referee
from edged.messages.encoding import (
    JSON_TYPE,
    MSGPACK_TYPE,
    Reader,
    content_type,
    encoder,
    is_msgpack,
)
from edged.messages.fields import Payload
from edged.messages.streams import LabelsMessage, PoseMessage, PosePayload
from edged.messages.topics import Topics
from edged.mqtt.publisher import Publisher
from edged.mqtt.session import Protocol
from edged.sections import Camera, Mqtt
from edged.view.state import Watched

json, msgpack = encoder("json"), encoder("msgpack")
units = st.floats(0.0, 1.0).map(lambda number: round(number, 4))
places = st.floats(-0.5, 1.5).map(lambda number: round(number, 4))
people = st.builds(
    PosePayload,
    id=st.integers(0, 1 << 40),
    score=units,
    box=st.tuples(units, units, units, units),
    keypoints=st.lists(st.tuples(places, places, units), min_size=17, max_size=17),
)


@given(st.lists(people, max_size=3))
def test_a_pose_is_the_same_either_way_but_for_what_no_model_can_tell(
    poses: list[PosePayload],
) -> None:
    message = told.pose(poses)
    read = Reader(PoseMessage).decode(msgpack(message))
    assert Reader(PoseMessage).decode(json(message)) == message
    assert msgspec.structs.replace(read, poses=[]) == msgspec.structs.replace(message, poses=[])
    for one, other in zip(read.poses, poses, strict=True):
        assert (one.id, one.score) == (other.id, other.score)
        assert one.box == pytest.approx(other.box, abs=1e-6)
        for row, expected in zip(one.keypoints, other.keypoints, strict=True):
            assert row == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("message", [told.labels("cat"), told.pose()])
def test_all_else_is_the_same_either_way(message: Payload) -> None:
    reader = Reader(type(message))
    assert reader.decode(msgpack(message)) == reader.decode(json(message)) == message


@pytest.mark.parametrize("message", [told.labels("cat"), told.pose([told.person()])])
def test_the_first_byte_tells_which_it_is(message: Payload) -> None:
    assert json(message)[:1] == b"{"
    assert not is_msgpack(json(message))
    assert msgpack(message)[0] & 0xF0 == 0x80 or msgpack(message)[0] in (0xDE, 0xDF)
    assert content_type(json(message)) == JSON_TYPE
    assert content_type(msgpack(message)) == MSGPACK_TYPE


def test_a_person_takes_a_quarter_fewer_bytes() -> None:
    rows = [(0.1234 + number / 100, 0.5678, 0.9123) for number in range(17)]
    person = msgspec.structs.replace(told.person(), keypoints=rows, box=(0.1234, 0.2, 0.3, 0.4321))
    message = told.pose([person], seq=104_233)
    assert len(msgpack(message)) < 0.8 * len(json(message))


@given(st.binary(max_size=64))
def test_what_is_neither_is_refused_as_such(payload: bytes) -> None:
    with pytest.raises((msgspec.MsgspecError, UnicodeDecodeError, RecursionError)):
        Reader(LabelsMessage).decode(payload)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_the_publisher_tells_the_content_type_where_there_is_one(
    broker: Broker, protocol: Protocol
) -> None:
    settings = Mqtt(port=broker.port, encoding="msgpack")
    publisher = Publisher(settings, TOPICS, protocols=(protocol,))
    publisher.start()
    try:
        with Subscriber(broker.port) as subscriber:
            until(lambda: publisher.connected, "a connection")
            publisher.state(TOPICS.info, b"{}")
            publisher.stream(TOPICS.pose, publisher.encode(told.pose()))
            until(lambda: bool(subscriber.of(TOPICS.pose)), "the pose")
            (pose,) = subscriber.of(TOPICS.pose)
            assert Reader(PoseMessage).decode(pose.payload) == told.pose()
            assert pose.content_type == (MSGPACK_TYPE if protocol == "5" else None)
            subscriber.until(TOPICS.info, b"{}")
            (state,) = subscriber.of(TOPICS.info)
            assert state.content_type == (JSON_TYPE if protocol == "5" else None)
    finally:
        publisher.close()


def test_a_watcher_reads_both() -> None:
    gym = Topics("edged", "gym")
    watched = Watched("edged", "gym")
    for encode in (json, msgpack):
        watched.take(gym.pose, encode(told.pose([told.person()])), 1.0)
        watched.take(gym.labels, encode(told.labels("cat")), 1.0)
        sight = watched.sight(1.0)
        assert sight.unreadable == 0
        assert sight.labels == told.labels("cat")
    assert watched.frames == 2


def test_the_referee_reads_both() -> None:
    referee = Referee(Camera(source="athlete", fps=30.0), TOPICS)
    for encode in (json, msgpack):
        referee.take(TOPICS.pose, encode(told.pose([told.person()])))
    assert referee.mean_oks is not None
    assert len(referee._recent) == 2


def test_the_bench_reads_both() -> None:
    stamp = Reader(bench_subscriber._Stamped)
    assert stamp.decode(json(told.pose())) == stamp.decode(msgpack(told.pose()))


def test_edged_itself_writes_what_its_configuration_says(
    tmp_path: Path, pose_file: Path, broker: Broker
) -> None:
    config = configuration(write_clip(tmp_path / "clip.avi"), pose_file, broker.port)
    compact = msgspec.structs.replace(config.mqtt, encoding="msgpack")
    with (
        Subscriber(broker.port) as subscriber,
        Daemon(tmp_path, msgspec.structs.replace(config, mqtt=compact)) as daemon,
    ):
        until(lambda: bool(poses(subscriber)) and bool(healths(subscriber)), "poses and health")
        assert daemon.stop() == 0
    told_poses = subscriber.of(TOPICS.pose)
    assert all(is_msgpack(message.payload) for message in told_poses)
    assert {message.content_type for message in told_poses} == {MSGPACK_TYPE}
    assert {message.content_type for message in subscriber.of(TOPICS.health)} == {JSON_TYPE}
    assert abs(time.time() - poses(subscriber)[-1].ts) < 60
    assert info(subscriber) is not None
