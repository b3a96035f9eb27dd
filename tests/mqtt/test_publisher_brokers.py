"""Several real Mosquittos: the next one takes over, and the first one is gone home to."""

from __future__ import annotations

import logging
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from brokers import ANYBODY, Broker, Subscriber, free_port, program, retained, until

from edged.messages.topics import Topics
from edged.mqtt import brokers, session
from edged.mqtt.publisher import Publisher
from edged.mqtt.retry import Retry
from edged.sections import Mqtt

TOPICS = Topics(prefix="edged", device="gym")
SOON = Retry(first_s=0.05, most_s=0.2, refused_s=0.05, look_s=0.05, longest_look_s=0.2)

Pair = tuple[Broker, Broker]


@pytest.fixture
def pair(make_broker: Callable[[str], Broker]) -> Pair:
    """Two brokers that run."""
    first, second = make_broker(ANYBODY), make_broker(ANYBODY)
    first.start()
    second.start()
    return first, second


@contextmanager
def publishing(
    first: int,
    *others: int,
    retry: Retry = SOON,
    username: str = "",
    password: str = "",
    forget_at_end: bool = False,
) -> Iterator[Publisher]:
    mqtt = Mqtt(
        port=first,
        fallbacks=tuple(f"127.0.0.1:{port}" for port in others),
        username=username,
        password=password,
        forget_at_end=forget_at_end,
    )
    publisher = Publisher(mqtt, TOPICS, retry=retry)
    publisher.start()
    try:
        yield publisher
    finally:
        publisher.close()


def name(broker: Broker) -> str:
    return f"broker 127.0.0.1:{broker.port}"


def at(publisher: Publisher, broker: Broker) -> bool:
    """Whether it is connected there."""
    return publisher.connected and publisher.broker.port == broker.port


def test_the_second_takes_over_and_the_first_is_gone_home_to(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    first, second = pair
    with publishing(first.port, second.port) as publisher:
        publisher.state(TOPICS.info, b"state")
        until(lambda: at(publisher, first), "the first")
        first.kill()
        until(lambda: at(publisher, second), "the second")
        assert publisher.problem == (
            f"no {name(first)}: connection refused; {name(second)} serves instead"
        )
        with Subscriber(second.port) as subscriber:
            subscriber.until(TOPICS.status, b"online")
            subscriber.until(TOPICS.info, b"state")
            publisher.stream(TOPICS.pose, b"1")
            subscriber.until(TOPICS.pose, b"1")
            first.start()
            subscriber.until(TOPICS.status, b"offline")
        until(lambda: at(publisher, first), "home")
        assert not publisher.problem
        with Subscriber(first.port) as subscriber:
            subscriber.until(TOPICS.status, b"online")
            subscriber.until(TOPICS.info, b"state")
            publisher.stream(TOPICS.pose, b"2")
            subscriber.until(TOPICS.pose, b"2")
        assert publisher.reconnects == 2
        until(lambda: "Client edged-gym disconnected" in second.log(), "an orderly end")
    assert "Traceback" not in caplog.text
    found = [record.message for record in caplog.records if record.message.startswith("connected")]
    assert found == [f"connected to {name(one)}, MQTT 5" for one in (first, second, first)]


def test_a_device_that_starts_without_the_first_begins_with_the_second(pair: Pair) -> None:
    _, second = pair
    with publishing(free_port(), second.port) as publisher:
        until(lambda: at(publisher, second), "the second")


def test_with_none_there_each_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    ports = free_port(), free_port()
    with publishing(*ports) as publisher:
        both = "; ".join(f"no broker 127.0.0.1:{port}: connection refused" for port in ports)
        until(lambda: publisher.problem == both, "both problems")
        time.sleep(0.5)  # several more attempts
        assert not publisher.connected
    assert caplog.text.count(both) == 1


def test_a_first_that_is_there_but_does_not_answer_keeps_nobody_from_the_second(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "CONNACK_TIMEOUT_S", 0.3)
    first, second = pair
    with publishing(first.port, second.port) as publisher:
        until(lambda: at(publisher, first), "the first")
        first.kill()
        first.start()
        with first.suspended():
            until(lambda: at(publisher, second), "the second")
            time.sleep(0.3)  # a look is under way
            assert publisher.connected
            publisher.stream(TOPICS.pose, b"1")
        until(lambda: at(publisher, first), "home")


def passwords(directory: Path) -> str:
    """Options for a broker with one user."""
    file = directory / "passwords"
    file.touch(mode=0o600)
    command = [program("mosquitto_passwd"), "-b", str(file), "gym", "right"]
    subprocess.run(command, check=True, capture_output=True)
    return f"allow_anonymous false\npassword_file {file}"


def test_a_first_that_refuses_us_is_said_once_and_never_home(
    make_broker: Callable[[str], Broker], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = make_broker(passwords(tmp_path)), make_broker(ANYBODY)
    first.start()
    second.start()
    with publishing(first.port, second.port, username="gym", password="wrong-one") as publisher:  # noqa: S106
        until(lambda: at(publisher, second), "the second")
        until(lambda: first.log().count("not authorised") >= 4, "several looks")
        assert at(publisher, second)
        assert publisher.reconnects == 0
        problem = f"{name(first)} refused the password of user 'gym'"
        assert publisher.problem == f"{problem}; {name(second)} serves instead"
    assert caplog.text.count("serves instead") == 1
    assert "wrong-one" not in caplog.text


def test_a_visitor_is_forgotten_by_the_fallback_too(pair: Pair) -> None:
    first, second = pair
    first.kill()
    with publishing(first.port, second.port, forget_at_end=True) as publisher:
        publisher.state(TOPICS.info, b"{}")
        until(lambda: at(publisher, second), "the second")
        first.start()
        until(lambda: at(publisher, first), "home")
        assert retained(second) == []
        until(lambda: sorted(retained(first)) == [TOPICS.info, TOPICS.status], "both at home")


def test_online_is_told_again_where_a_will_may_come_late(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(brokers, "WILL_MARGIN_S", -29.0)  # of 1.5 keep-alives of 20 s
    first, second = pair
    with publishing(first.port, second.port) as publisher:
        until(lambda: at(publisher, first), "the first")
        first.kill()
        until(lambda: at(publisher, second), "the second")
        with Subscriber(second.port) as bridge:
            bridge.until(TOPICS.status, b"online")
            bridge.publish(TOPICS.status, b"offline")
            bridge.until(TOPICS.status, b"offline")
            bridge.until(TOPICS.status, b"online")


@pytest.mark.parametrize("home_is_there", [True, False])
def test_an_end_while_a_fallback_serves_is_quick_and_leaves_no_thread(
    pair: Pair, *, home_is_there: bool
) -> None:
    first, second = pair
    first.kill()
    patient = Retry(first_s=0.05, most_s=0.2, refused_s=0.05)
    with publishing(first.port, second.port, retry=patient) as publisher:
        until(lambda: at(publisher, second), "the second")
        if home_is_there:
            first.start()
        began = time.monotonic()
        publisher.close()
        assert time.monotonic() - began < 1.5
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("mqtt")]
    with Subscriber(second.port) as subscriber:
        subscriber.until(TOPICS.status, b"offline")
