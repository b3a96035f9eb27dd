"""Many simulated devices at a real Mosquitto: there, gone, there again, and forgotten."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest
from brokers import Broker, Subscriber, free_port, retained, until
from fleets import passwords

from edged.errors import EdgedError
from edged.fleet.device import Load
from edged.fleet.swarm import SPARE_DESCRIPTORS, Swarm, room_for
from edged.messages.encoding import is_msgpack
from edged.messages.exercise import RepEvent
from edged.messages.streams import PoseMessage
from edged.mqtt.retry import Retry
from edged.sections import Mqtt

BUSY = Load(poses_per_s=5.0, events_per_min=120.0)
SOON = Retry(first_s=0.02, most_s=0.1, refused_s=0.1)
COUNT = 8


@contextmanager
def swarm_at(*brokers: Mqtt, load: Load = BUSY) -> Iterator[Swarm]:
    swarm = Swarm(COUNT, brokers, load, retry=SOON, connects_per_s=1000.0)
    with closing(swarm):
        yield swarm


def run_until(swarm: Swarm, condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 30.0
    swarm.run(lambda: condition() or time.monotonic() > end)
    assert condition(), f"{what}: {swarm.problem}"


def all_connected(swarm: Swarm) -> None:
    run_until(swarm, lambda: swarm.meter.connected == COUNT, "all connected")


def counts(subscriber: Subscriber, number: int) -> list[int]:
    """Of the rep events of a device, each once, in the order of their arrival."""
    topic = f"edged/sim-{number:04d}/event/rep"
    told = {
        event.id: event.count
        for event in (
            msgspec.json.decode(one.payload, type=RepEvent) for one in subscriber.of(topic)
        )
    }
    return list(told.values())


def test_each_device_is_there_and_tells_what_a_real_one_does(broker: Broker) -> None:
    with Subscriber(broker.port) as subscriber, swarm_at(Mqtt(port=broker.port)) as swarm:
        all_connected(swarm)
        run_until(swarm, lambda: swarm.meter.events >= 2 * COUNT, "events")
        swarm.drain()
        for number in range(1, COUNT + 1):
            prefix = f"edged/sim-{number:04d}"
            subscriber.until(f"{prefix}/status", b"online")
            for topic in ("info", "paused", "pose", "exercise", "event/rep"):
                assert subscriber.of(f"{prefix}/{topic}"), topic
            (pose, *_) = subscriber.of(f"{prefix}/pose")
            assert (pose.qos, pose.retain, pose.content_type) == (0, False, "application/json")
            assert msgspec.json.decode(pose.payload, type=PoseMessage).poses
            (rep, *_) = subscriber.of(f"{prefix}/event/rep")
            assert (rep.qos, rep.retain) == (1, False)
        assert swarm.meter.acknowledged == swarm.meter.events
        assert swarm.meter.unsent == 0


def test_streams_may_be_msgpack(broker: Broker) -> None:
    settings = Mqtt(port=broker.port, encoding="msgpack")
    with Subscriber(broker.port) as subscriber, swarm_at(settings) as swarm:
        run_until(swarm, lambda: bool(subscriber.of("edged/sim-0001/pose")), "a pose")
        pose = subscriber.of("edged/sim-0001/pose")[0]
        assert is_msgpack(pose.payload)
        assert pose.content_type == "application/msgpack"


def test_nothing_is_left_retained_at_the_end(broker: Broker) -> None:
    with swarm_at(Mqtt(port=broker.port)) as swarm:
        all_connected(swarm)
        run_until(swarm, lambda: swarm.meter.events >= COUNT, "events")
        assert "edged/sim-0001/status" in retained(broker)
        assert swarm.say_goodbye() == 0
    assert retained(broker) == []


def test_a_device_that_is_killed_is_told_offline(broker: Broker) -> None:
    with Subscriber(broker.port) as subscriber:
        with swarm_at(Mqtt(port=broker.port)) as swarm:
            all_connected(swarm)
        for number in range(1, COUNT + 1):
            subscriber.until(f"edged/sim-{number:04d}/status", b"offline")


def test_events_of_the_time_without_a_broker_come_later_in_order(broker: Broker) -> None:
    with swarm_at(Mqtt(port=broker.port)) as swarm:
        all_connected(swarm)
        broker.kill()
        run_until(swarm, lambda: swarm.meter.connected == 0, "nobody connected")
        made = swarm.meter.events
        run_until(swarm, lambda: swarm.meter.events > made + COUNT, "events without a broker")
        broker.start()
        with Subscriber(broker.port) as subscriber:
            all_connected(swarm)
            swarm.drain()
            assert swarm.unacknowledged == 0
            assert swarm.meter.lost == COUNT
            until(
                lambda: all(counts(subscriber, number) for number in range(1, COUNT + 1)),
                "events of all",
            )
            for number in range(1, COUNT + 1):
                told = counts(subscriber, number)
                assert told == list(range(told[0], told[-1] + 1))


def test_who_has_lost_its_broker_turns_to_the_next(
    broker: Broker, make_broker: Callable[[str], Broker]
) -> None:
    other = make_broker("allow_anonymous true")
    other.start()
    with swarm_at(Mqtt(port=broker.port), Mqtt(port=other.port)) as swarm:
        all_connected(swarm)
        other.kill()
        run_until(swarm, lambda: swarm.meter.lost == COUNT // 2, "half of them lost")
        all_connected(swarm)
        assert len([topic for topic in retained(broker) if topic.endswith("/status")]) == COUNT


def test_each_logs_in_by_its_own_name(tmp_path: Path, make_broker: Callable[[str], Broker]) -> None:
    users = {f"sim-{number:04d}": "secret" for number in range(1, COUNT)}  # not the last
    hashes = passwords(tmp_path / "passwd", users)
    broker = make_broker(f"allow_anonymous false\npassword_file {hashes}")
    broker.start()
    settings = Mqtt(port=broker.port, username="{device}", password="secret")  # noqa: S106
    with swarm_at(settings) as swarm:
        run_until(swarm, lambda: swarm.meter.connected == COUNT - 1, "all but one")
        run_until(swarm, lambda: swarm.problem is not None, "the refusal")
        assert swarm.never_connected == 1
        assert swarm.problem is not None
        assert f"refused the password of user 'sim-{COUNT:04d}'" in swarm.problem


def test_without_a_broker_it_ends_all_the_same() -> None:
    with swarm_at(Mqtt(port=free_port())) as swarm:
        run_until(swarm, lambda: sum(swarm.meter.errors.values()) >= COUNT, "errors")
        assert swarm.never_connected == COUNT
        assert swarm.say_goodbye() == 0
        assert "connection refused" in str(swarm.problem)


def test_more_than_the_machine_allows_is_told() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with pytest.raises(EdgedError, match="open files"):
        room_for(hard - SPARE_DESCRIPTORS)
