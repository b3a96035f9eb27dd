"""Events over a real Mosquitto: at least once and in order, whatever happens to both ends."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from brokers import Broker, Subscriber, until

from edged import sections
from edged.messages.topics import Topics
from edged.mqtt.outbox import Outbox
from edged.mqtt.publisher import Publisher
from edged.mqtt.retry import Retry
from edged.mqtt.session import Protocol
from edged.sections import Mqtt

TOPICS = Topics(prefix="edged", device="gym")
REP, SET = TOPICS.event_rep, TOPICS.event_set
SOON = Retry(first_s=0.05, most_s=0.2, refused_s=0.05)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    outbox = Outbox(tmp_path / "outbox.sqlite", sections.Outbox(), hold_s=0.1)
    outbox.start()
    with closing(outbox):
        yield outbox


@contextmanager
def publishing(port: int, outbox: Outbox | None, **options: Any) -> Iterator[Publisher]:
    publisher = Publisher(Mqtt(port=port), TOPICS, outbox=outbox, retry=SOON, **options)
    publisher.start()
    with closing(publisher):
        yield publisher


def tell(publisher: Publisher, first: int, end: int, topic: str = REP) -> None:
    for number in range(first, end):
        publisher.event(topic, str(number), b"%d" % number)


def told(subscriber: Subscriber, *topics: str) -> list[int]:
    """In the order of their first arrival."""
    of = topics or (REP,)
    payloads = [message.payload for message in list(subscriber.messages) if message.topic in of]
    return [int(payload) for payload in dict.fromkeys(payloads)]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_events_arrive_in_order_and_stay_nowhere(
    broker: Broker, outbox: Outbox, protocol: Protocol
) -> None:
    with (
        Subscriber(broker.port) as subscriber,
        publishing(broker.port, outbox, protocols=(protocol,)) as publisher,
    ):
        tell(publisher, 0, 200)
        subscriber.until(REP, b"199")
        until(lambda: outbox.health.depth == 0, "all are acknowledged")
    assert told(subscriber) == list(range(200))
    message = subscriber.of(REP)[0]
    assert (message.qos, message.retain, message.expiry_s) == (1, False, None)
    assert message.content_type == ("application/json" if protocol == "5" else None)


def test_what_happens_without_a_broker_is_told_later(
    make_broker: Callable[[str], Broker], outbox: Outbox
) -> None:
    broker = make_broker("allow_anonymous true")
    broker.start()
    broker.stop()
    with publishing(broker.port, outbox) as publisher:
        tell(publisher, 0, 300)
        until(lambda: not outbox._queue.tail, "they are in the file")
        broker.start()
        with Subscriber(broker.port) as subscriber:
            tell(publisher, 300, 310)
            subscriber.until(REP, b"309")
        until(lambda: outbox.health.depth == 0, "all are acknowledged")


def test_another_publisher_goes_on_where_the_last_one_stopped(
    broker: Broker, outbox: Outbox
) -> None:
    with Subscriber(broker.port) as subscriber:
        with publishing(broker.port + 1 if broker.port < 65535 else 1, outbox) as publisher:
            tell(publisher, 0, 50)
        with publishing(broker.port, outbox) as publisher:
            tell(publisher, 50, 60)
            subscriber.until(REP, b"59")
        assert told(subscriber) == list(range(60))


def test_the_last_event_leaves_before_the_farewell(broker: Broker, outbox: Outbox) -> None:
    with Subscriber(broker.port) as subscriber:
        with publishing(broker.port, outbox) as publisher:
            until(lambda: publisher.connected, "a connection")
            tell(publisher, 0, 1)
        subscriber.until(TOPICS.status, b"offline")
        assert subscriber.last(REP) == b"0"
        assert subscriber.messages[-1].payload == b"offline"


def test_without_a_file_events_wait_in_memory(broker: Broker) -> None:
    with Subscriber(broker.port) as subscriber, publishing(broker.port, None) as publisher:
        tell(publisher, 0, 20)
        subscriber.until(REP, b"19")
        assert told(subscriber) == list(range(20))


def test_a_broker_that_dies_in_the_middle_gets_the_rest_again(
    broker: Broker, outbox: Outbox
) -> None:
    with publishing(broker.port, outbox) as publisher:
        until(lambda: publisher.connected, "a connection")
        with broker.suspended():
            tell(publisher, 0, 100)
            until(lambda: not outbox._queue.tail, "a mute broker: they are in the file")
            assert outbox.health.depth == 100
            broker.kill()
        broker.start()
        until(lambda: outbox.health.depth == 0, "all are acknowledged")
        assert publisher.reconnects >= 1


def test_streams_go_on_beside_events_that_nobody_takes(broker: Broker, outbox: Outbox) -> None:
    with Subscriber(broker.port) as subscriber, publishing(broker.port, outbox) as publisher:
        until(lambda: publisher.connected, "a connection")
        tell(publisher, 0, 500)
        for number in range(20):
            publisher.stream(TOPICS.pose, b"%d" % number)
            subscriber.until(TOPICS.pose, b"%d" % number)
        subscriber.until(REP, b"499")
        assert told(subscriber) == list(range(500))


def test_a_topic_that_is_refused_waits_and_others_go_on(
    make_broker: Callable[[str], Broker], outbox: Outbox, tmp_path: Path
) -> None:
    rules = tmp_path / "acl"
    rules.write_text(
        "topic read #\ntopic write edged/gym/status\ntopic write edged/gym/event/rep\n"
    )
    broker = make_broker(f"allow_anonymous true\nacl_file {rules}")
    rules.chmod(0o644)
    broker.start()
    with Subscriber(broker.port) as subscriber, publishing(broker.port, outbox) as publisher:
        tell(publisher, 0, 5, SET)
        tell(publisher, 5, 50)
        subscriber.until(REP, b"49")
        until(lambda: SET in str(publisher.problem), "a complaint")
        assert "not authorized" in str(publisher.problem)
        assert outbox.health.depth == 5
        broker.stop()
        rules.write_text("topic readwrite #\n")
        broker.start()
        with Subscriber(broker.port) as later:
            later.until(TOPICS.status, b"online")
            until(lambda: outbox.health.depth == 0, "the refused ones are taken")
            until(lambda: publisher.problem is None, "no complaint")
    assert told(subscriber, REP) == list(range(5, 50))


def test_a_stream_message_never_passes_for_an_acknowledgement(broker: Broker) -> None:
    # paho numbers all messages and tells of each that is written: 65536 streams later a pose would
    # have the number of an event that is still waited for.
    with Subscriber(broker.port) as subscriber, publishing(broker.port, None) as publisher:
        tell(publisher, 0, 1)
        subscriber.until(REP, b"0")
        connection = publisher._connection
        assert connection is not None
        before = connection.client._last_mid
        for number in range(10):
            publisher.stream(TOPICS.pose, b"%d" % number)
        subscriber.until(TOPICS.pose, b"9")
        assert connection.client._last_mid == before


def test_an_event_that_a_worn_card_has_spoilt_keeps_no_other_waiting(
    broker: Broker, tmp_path: Path
) -> None:
    path = tmp_path / "outbox.sqlite"
    with closing(Outbox(path, sections.Outbox())) as outbox:
        outbox.start()
        for number in range(5):
            outbox.put(REP, str(number), b"%d" % number)
        until(lambda: not outbox._queue.tail, "they are in the file")
    with closing(sqlite3.connect(path)) as file:
        file.execute("UPDATE events SET topic = 'edged/gym/event/#' WHERE id = '1'")
        file.execute("UPDATE events SET id = CAST(x'ff' AS TEXT) WHERE id = '3'")
        file.commit()
    with (
        Subscriber(broker.port) as subscriber,
        closing(Outbox(path, sections.Outbox())) as outbox,
    ):
        outbox.start()
        with publishing(broker.port, outbox):
            subscriber.until(REP, b"4")
            assert told(subscriber) == [0, 2, 3, 4]
