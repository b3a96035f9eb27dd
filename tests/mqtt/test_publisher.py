"""What the publisher tells a real Mosquitto, and what it does without one."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from brokers import ANYBODY, DEADLINE_S, Broker, Subscriber, free_port, program, retained, until

from edged.messages.topics import Topics
from edged.mqtt.publisher import Publisher
from edged.mqtt.retry import Retry
from edged.mqtt.session import Protocol
from edged.sections import Mqtt

TOPICS = Topics(prefix="edged", device="gym")
SOON = Retry(first_s=0.05, most_s=0.2, refused_s=0.05)
CLOSE_S = 1.5


@contextmanager
def publishing(port: int, *, device: str = "gym", **settings: Any) -> Iterator[Publisher]:
    publisher = Publisher(
        Mqtt(port=port, **settings), Topics(prefix="edged", device=device), retry=SOON
    )
    publisher.start()
    try:
        yield publisher
    finally:
        publisher.close()


def connected(publisher: Publisher) -> None:
    until(lambda: publisher.connected, f"a connection ({publisher.problem})")


def closing_time_s(publisher: Publisher) -> float:
    began = time.monotonic()
    publisher.close()
    return time.monotonic() - began


def test_it_says_online_first_then_its_states(broker: Broker) -> None:
    with Subscriber(broker.port) as subscriber, publishing(broker.port) as publisher:
        publisher.state(TOPICS.info, b'{"v":1}')
        subscriber.until(TOPICS.info, b'{"v":1}')
        assert [message.topic for message in subscriber.messages] == [TOPICS.status, TOPICS.info]
        assert {(message.qos, message.retain) for message in subscriber.messages} == {(1, True)}
        status, info = subscriber.messages
        assert (status.payload, status.content_type) == (b"online", "text/plain")
        assert info.content_type == "application/json"
        assert publisher.connected
        assert (publisher.problem, publisher.protocol) == (None, "5")


def test_states_are_there_for_who_comes_later(broker: Broker) -> None:
    with publishing(broker.port) as publisher:
        publisher.state(TOPICS.info, b"1")
        publisher.state(TOPICS.info, b"2")
        connected(publisher)
        with Subscriber(broker.port) as first:
            first.until(TOPICS.info, b"2")
        with Subscriber(broker.port) as late:
            late.until(TOPICS.status, b"online")
            late.until(TOPICS.info, b"2")


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_visitor_is_forgotten_when_it_leaves(broker: Broker, protocol: Protocol) -> None:
    settings = Mqtt(port=broker.port, forget_at_end=True)
    publisher = Publisher(settings, TOPICS, retry=SOON, protocols=(protocol,))
    with Subscriber(broker.port) as subscriber:
        publisher.start()
        publisher.state(TOPICS.info, b"{}")
        subscriber.until(TOPICS.info, b"{}")
        publisher.close()
        subscriber.until(TOPICS.info, b"")
        subscriber.until(TOPICS.status, b"")
        told = [message.payload for message in subscriber.of(TOPICS.status)]
        assert told == [b"online", b"offline", b""]
    assert retained(broker) == []


def test_streams_are_not_retained_and_expire(broker: Broker) -> None:
    with Subscriber(broker.port) as subscriber, publishing(broker.port) as publisher:
        connected(publisher)
        publisher.stream(TOPICS.pose, b"{}")
        subscriber.until(TOPICS.pose, b"{}")
        (pose,) = subscriber.of(TOPICS.pose)
        assert (pose.qos, pose.retain) == (0, False)
        assert pose.expiry_s in (1, 2)
        assert pose.content_type == "application/json"


def test_paced_streams_all_arrive_in_order(broker: Broker) -> None:
    with Subscriber(broker.port) as subscriber, publishing(broker.port) as publisher:
        connected(publisher)
        for number in range(50):
            publisher.stream(TOPICS.pose, b"%d" % number)
            publisher.stream(TOPICS.labels, b"%d" % number)
            subscriber.until(TOPICS.labels, b"%d" % number)
        subscriber.until(TOPICS.pose, b"49")
        expected = [b"%d" % number for number in range(50)]
        assert [message.payload for message in subscriber.of(TOPICS.pose)] == expected
        assert [message.payload for message in subscriber.of(TOPICS.labels)] == expected
        assert publisher.unsent == 0


def test_every_stream_message_arrives_or_is_counted(broker: Broker) -> None:
    with Subscriber(broker.port) as subscriber, publishing(broker.port) as publisher:
        connected(publisher)
        each = 2000

        def tell(topic: str) -> None:
            for number in range(each):
                publisher.stream(topic, b"%d" % number)

        threads = [
            threading.Thread(target=tell, args=(topic,)) for topic in (TOPICS.pose, TOPICS.labels)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for topic in (TOPICS.pose, TOPICS.labels):
            subscriber.until(topic, b"%d" % (each - 1))
            numbers = [int(message.payload) for message in subscriber.of(topic)]
            assert numbers == sorted(set(numbers))
        streams = len(subscriber.of(TOPICS.pose)) + len(subscriber.of(TOPICS.labels))
        assert streams + publisher.unsent == 2 * each


def test_close_says_offline_and_takes_the_will_back(broker: Broker) -> None:
    with Subscriber(broker.port) as subscriber:
        with publishing(broker.port) as publisher:
            connected(publisher)
            publisher.stream(TOPICS.pose, b"last")
            assert closing_time_s(publisher) < CLOSE_S
            publisher.close()
            assert not publisher.connected
        subscriber.until(TOPICS.status, b"offline")
        assert subscriber.last(TOPICS.pose) == b"last"
        assert [message.payload for message in subscriber.of(TOPICS.status)] == [
            b"online",
            b"offline",
        ]
        publisher.stream(TOPICS.pose, b"too late")
        publisher.state(TOPICS.info, b"too late")
        assert publisher.unsent == 1
        until(lambda: "edged-gym disconnected." in broker.log(), "an orderly end")


def test_close_without_start() -> None:
    publisher = Publisher(Mqtt(), TOPICS)
    publisher.stream(TOPICS.pose, b"{}")
    assert closing_time_s(publisher) < 0.1
    assert publisher.unsent == 1


def test_a_killed_device_is_offline(broker: Broker) -> None:
    script = (
        "import sys, time\n"
        "from edged.sections import Mqtt\n"
        "from edged.messages.topics import Topics\n"
        "from edged.mqtt.publisher import Publisher\n"
        "publisher = Publisher(Mqtt(port=int(sys.argv[1])), Topics('edged', 'gym'))\n"
        "publisher.start()\n"
        "time.sleep(60)\n"
    )
    with Subscriber(broker.port) as subscriber:
        child = subprocess.Popen([sys.executable, "-c", script, str(broker.port)])
        try:
            subscriber.until(TOPICS.status, b"online")
        finally:
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
        subscriber.until(TOPICS.status, b"offline")
        assert subscriber.of(TOPICS.status)[-1].retain


def test_a_device_that_comes_back_before_its_old_connection_ends_is_online(broker: Broker) -> None:
    with ExitStack() as stack:
        subscriber = stack.enter_context(Subscriber(broker.port))
        old = stack.enter_context(publishing(broker.port))
        connected(old)
        new = Publisher(Mqtt(port=broker.port), TOPICS, retry=SOON)
        stack.callback(new.close)
        subscriber.until(TOPICS.status, b"online")
        new.start()
        until(lambda: len(subscriber.of(TOPICS.status)) >= 3, "will and online")
        statuses = [message.payload for message in subscriber.of(TOPICS.status)]
        assert statuses[:3] == [b"online", b"offline", b"online"]


def test_two_devices_of_one_name_are_told_so(
    broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    with publishing(broker.port) as first:
        connected(first)
        with publishing(broker.port):
            until(lambda: "another client called edged-gym" in caplog.text, "the reason")


def test_without_a_broker_it_starts_and_runs_and_counts(caplog: pytest.LogCaptureFixture) -> None:
    began = time.monotonic()
    with publishing(free_port()) as publisher:
        publisher.stream(TOPICS.pose, b"{}")
        assert time.monotonic() - began < 4
        assert publisher.unsent == 1
        until(lambda: publisher.problem is not None, "a problem")
        assert not publisher.connected
        assert publisher.problem is not None
        assert "connection refused" in publisher.problem
        beat = publisher.beat_ns
        until(lambda: publisher.beat_ns > beat, "a sign of life")
        time.sleep(0.5)  # several more attempts
        assert closing_time_s(publisher) < CLOSE_S
    assert caplog.text.count("connection refused") == 1


def test_a_broker_that_comes_later_is_told_the_states(make_broker: Callable[[str], Broker]) -> None:
    broker = make_broker(ANYBODY)
    broker.port = free_port()
    with publishing(broker.port) as publisher:
        publisher.state(TOPICS.info, b"state")
        until(lambda: publisher.problem is not None, "a problem")
        broker.start()
        connected(publisher)
        with Subscriber(broker.port) as subscriber:
            subscriber.until(TOPICS.info, b"state")
        assert publisher.reconnects == 0
        assert publisher.problem is None


@pytest.mark.parametrize("end", [Broker.stop, Broker.kill])
def test_states_are_told_again_to_a_broker_that_forgot_them(
    broker: Broker, end: Callable[[Broker], None], caplog: pytest.LogCaptureFixture
) -> None:
    with publishing(broker.port) as publisher:
        publisher.state(TOPICS.info, b"old")
        connected(publisher)
        end(broker)
        until(lambda: not publisher.connected, "the loss")
        publisher.state(TOPICS.info, b"new")
        unsent = publisher.unsent
        for _ in range(10):
            publisher.stream(TOPICS.pose, b"nobody hears this")
        assert publisher.unsent == unsent + 10
        broker.start()
        connected(publisher)
        with Subscriber(broker.port) as subscriber:
            subscriber.until(TOPICS.status, b"online")
            subscriber.until(TOPICS.info, b"new")
            publisher.stream(TOPICS.pose, b"now")
            subscriber.until(TOPICS.pose, b"now")
            assert len(subscriber.of(TOPICS.pose)) == 1
        assert publisher.reconnects == 1
        assert publisher.problem is None
    assert "Traceback" not in caplog.text


def test_changes_are_told_by_the_publishers_thread(broker: Broker) -> None:
    changes: list[tuple[str, bool, str | None]] = []

    def note() -> None:
        name = threading.current_thread().name
        changes.append((name, publisher.connected, publisher.problem))

    publisher = Publisher(Mqtt(port=broker.port), TOPICS, on_change=note, retry=SOON)
    publisher.start()
    try:
        connected(publisher)
        broker.kill()
        until(lambda: any(not change[1] for change in changes), "the loss")
    finally:
        publisher.close()
    assert changes[0] == ("mqtt", True, None)
    assert changes[1] == ("mqtt", False, f"lost the connection to broker 127.0.0.1:{broker.port}")


def test_a_listener_that_fails_costs_no_connection(
    broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("oops")

    with Subscriber(broker.port) as subscriber:
        publisher = Publisher(Mqtt(port=broker.port), TOPICS, on_change=fail)
        publisher.start()
        try:
            subscriber.until(TOPICS.status, b"online")
            assert publisher.connected
        finally:
            publisher.close()
    assert "ZeroDivisionError: oops" in caplog.text
    assert "Traceback" not in caplog.text


def passwords(directory: Path) -> str:
    """Options for a broker with one user."""
    file = directory / "passwords"
    file.touch(mode=0o600)
    command = [program("mosquitto_passwd"), "-b", str(file), "gym", "right"]
    subprocess.run(command, check=True, capture_output=True)
    return f"allow_anonymous false\npassword_file {file}"


def test_the_right_password(make_broker: Callable[[str], Broker], tmp_path: Path) -> None:
    broker = make_broker(passwords(tmp_path))
    broker.start()
    user = {"username": "gym", "password": "right"}
    with publishing(broker.port, **user) as publisher:
        connected(publisher)


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ({"username": "gym", "password": "wrong"}, "refused the password of user 'gym'"),
        ({}, "wants a user name and password"),
    ],
)
def test_a_wrong_password_is_said_once_and_never_a_connection(
    make_broker: Callable[[str], Broker],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    user: dict[str, str],
    words: str,
) -> None:
    caplog.set_level(logging.INFO)
    broker = make_broker(passwords(tmp_path))
    broker.start()
    with publishing(broker.port, **user) as publisher:
        until(lambda: broker.log().count("not authorised") >= 3, "three attempts")
        assert publisher.problem == f"broker 127.0.0.1:{broker.port} {words}" + (
            "" if user else ": set [mqtt] username"
        )
        assert not publisher.connected
    assert "connected to" not in caplog.text
    assert caplog.text.count(words) == 1
    assert "wrong" not in caplog.text.replace("wrong password", "")


def test_a_topic_that_the_broker_refuses_is_a_problem(
    make_broker: Callable[[str], Broker], tmp_path: Path
) -> None:
    acl = tmp_path / "acl"
    acl.write_text("topic write edged/gym/status\ntopic read #\n")
    acl.chmod(0o600)
    broker = make_broker(f"{ANYBODY}\nacl_file {acl}")
    broker.start()
    with publishing(broker.port) as publisher:
        connected(publisher)
        publisher.state(TOPICS.info, b"{}")
        until(lambda: publisher.problem is not None, "a problem")
        assert publisher.problem == (
            f"broker 127.0.0.1:{broker.port} refuses messages to edged/gym/info: not authorized"
        )
        assert publisher.connected


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b"])
def test_a_host_that_does_not_exist(host: str) -> None:
    publisher = Publisher(Mqtt(host=host), TOPICS, retry=SOON)
    publisher.start()
    try:
        until(lambda: publisher.problem is not None, "a problem", 30)
        assert publisher.problem is not None
        assert host in publisher.problem
    finally:
        publisher.close()


def test_a_publisher_closed_while_it_connects_does_not_push_its_successor_out(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first one's name look-up is slow: it gets its socket when the second is connected.
    look_up, slow = socket.getaddrinfo, threading.Event()

    def getaddrinfo(*words: Any, **more: Any) -> Any:
        if threading.current_thread().name == "mqtt" and not slow.is_set():
            slow.set()
            assert second_is_there.wait(DEADLINE_S)
        return look_up(*words, **more)

    second_is_there = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    settings = Mqtt(port=broker.port)
    with Subscriber(broker.port) as subscriber:
        first = Publisher(settings, TOPICS)
        first.start()
        assert slow.wait(DEADLINE_S)
        first.close()
        second = Publisher(settings, TOPICS)
        second.start()
        until(lambda: second.connected, "the second is connected")
        second_is_there.set()
        assert first._thread is not None
        first._thread.join(DEADLINE_S)
        second.stream(TOPICS.pose, b"{}")
        subscriber.until(TOPICS.pose, b"{}")
        assert second.connected
        assert [m.payload for m in subscriber.of(TOPICS.status)] == [b"online"]
        second.close()
