"""MQTT 5 first, 3.1.1 where a broker does not take it, 5 again when it does."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from brokers import DEADLINE_S, Broker, Subscriber, free_port, until
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from edged.messages.topics import Topics
from edged.mqtt import connection, reasons, session
from edged.mqtt.publisher import Publisher
from edged.mqtt.retry import Retry
from edged.mqtt.session import Protocol
from edged.sections import Mqtt

TOPICS = Topics(prefix="edged", device="gym")
SOON = Retry(first_s=0.05, most_s=0.2, refused_s=0.05)


@contextlib.contextmanager
def publishing(port: int) -> Iterator[Publisher]:
    publisher = Publisher(Mqtt(port=port), TOPICS, retry=SOON)
    publisher.start()
    try:
        yield publisher
    finally:
        publisher.close()


class Doorman:
    """Stands before a broker and decides by the version in CONNECT what becomes of it.

    The answers are bytes to send before hanging up, or None to let the client through.
    """

    def __init__(self, port: int) -> None:
        self.answers: dict[int, bytes | None] = {4: None, 5: None}
        self.seen: list[int] = []
        self._behind = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._greet(self._listener.accept()[0])

    def _greet(self, client: socket.socket) -> None:
        client.settimeout(5)
        connect = client.recv(4096)
        if b"MQTT" not in connect:  # given up before it said a word, as at the end of a test
            client.close()
            return
        # Fixed header of 2 or 3 bytes, "MQTT" with its length, then the version.
        version = connect[connect.index(b"MQTT") + 4]
        self.seen.append(version)
        answer = self.answers[version]
        if answer is not None:
            client.sendall(answer)
            client.close()
            return
        broker = socket.create_connection(("127.0.0.1", self._behind))
        broker.sendall(connect)
        self._sockets += [client, broker]
        for source, sink in ((client, broker), (broker, client)):
            thread = threading.Thread(target=self._pass, args=(source, sink))
            self._threads.append(thread)
            thread.start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        source.settimeout(None)
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)

    def hang_up(self) -> None:
        """End every connection."""
        for end in self._sockets:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()
        for thread in self._threads:
            thread.join()
        for end in self._sockets:
            end.close()


@pytest.fixture
def doorman(broker: Broker) -> Iterator[Doorman]:
    doorman = Doorman(broker.port)
    yield doorman
    doorman.close()


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(b"\x20\x03\x00\x84\x00", id="as MQTT 5 says it"),
        pytest.param(b"\x20\x02\x00\x01", id="as MQTT 3.1.1 says it"),
        pytest.param(b"", id="hanging up"),
    ],
)
def test_a_broker_that_refuses_5_is_spoken_to_in_3_1_1_at_once(
    broker: Broker, doorman: Doorman, refusal: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    doorman.answers[5] = refusal
    with Subscriber(broker.port) as subscriber, publishing(doorman.port) as publisher:
        subscriber.until(TOPICS.status, b"online")
        assert (publisher.connected, publisher.protocol) == (True, "3.1.1")
        publisher.state(TOPICS.info, b"{}")
        subscriber.until(TOPICS.info, b"{}")
        publisher.stream(TOPICS.pose, b"1")
        subscriber.until(TOPICS.pose, b"1")
        assert doorman.seen == [5, 4]
        publisher.close()
        subscriber.until(TOPICS.status, b"offline")
    assert caplog.text == ""


def test_5_again_when_the_broker_takes_it(doorman: Doorman) -> None:
    doorman.answers[5] = b""
    with publishing(doorman.port) as publisher:
        until(lambda: publisher.protocol == "3.1.1", "the step down")
        doorman.answers = {4: b"", 5: None}
        doorman.hang_up()
        until(lambda: publisher.protocol == "5", "the step up")


def test_a_broker_that_takes_neither_is_a_problem_and_tried_again(
    doorman: Doorman, caplog: pytest.LogCaptureFixture
) -> None:
    doorman.answers = {5: b"\x20\x03\x00\x84\x00", 4: b"\x20\x02\x00\x01"}
    with publishing(doorman.port) as publisher:
        until(lambda: doorman.seen[:4] == [5, 4, 5, 4], "two rounds")
        assert not publisher.connected
        assert publisher.problem is not None
        doorman.answers = {5: None, 4: None}
        until(lambda: publisher.protocol == "5", "a connection")
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("connack", "words"),
    [
        (b"\x20\x03\x00\x88\x00", "refused us: server unavailable"),
        (b"\x20\x03\x00\x9f\x00", "refused us: connection rate exceeded"),
        (b"\x20\x03\x00\x85\x00", "refused us: client identifier not valid"),
        (b"\x20\x03\x00\x86\x00", "wants a user name and password: set [mqtt] username"),
    ],
)
def test_other_refusals_are_told_as_they_are(doorman: Doorman, connack: bytes, words: str) -> None:
    doorman.answers[5] = connack
    with publishing(doorman.port) as publisher:
        until(lambda: publisher.problem is not None, "a problem")
        assert publisher.problem == f"broker 127.0.0.1:{doorman.port} {words}"
        assert 4 not in doorman.seen


@pytest.mark.parametrize("garbage", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x20\xff\xff\xff\xff"])
def test_something_that_is_no_broker(doorman: Doorman, garbage: bytes) -> None:
    doorman.answers = {5: garbage, 4: garbage}
    with publishing(doorman.port) as publisher:
        until(lambda: publisher.problem is not None, "a problem")
        assert not publisher.connected


@pytest.mark.parametrize(
    ("code", "words", "then"),
    [
        (0x8E, f"gave our place away: {reasons.another('edged-gym')}", "slowly"),
        (0x8B, "closed the connection: server shutting down", "soon"),
        (0x8D, "stopped answering", "soon"),
    ],
)
def test_the_broker_says_why_it_ends_a_connection(code: int, words: str, then: str) -> None:
    reason = ReasonCode(PacketTypes.DISCONNECT, identifier=code)
    error = reasons.ended(reason, Mqtt(), connection.client_id(TOPICS))
    assert str(error) == f"broker 127.0.0.1:1883 {words}"
    assert error.then == then


def test_the_client_id_is_unique_to_prefix_and_device() -> None:
    # No slash: brokers refuse it where access rules are made from client ids.
    assert connection.client_id(Topics("home/edged", "gym")) == "home-edged-gym"


@pytest.fixture
def start_amqtt() -> Iterator[Callable[[], int]]:
    """Starts amqtt in a process of its own and returns its port."""
    with contextlib.ExitStack() as stack:

        def start() -> int:
            port = free_port()
            script = Path(__file__).with_name("amqtt_broker.py")
            child = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-W", "ignore", str(script), str(port)],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                )
            )
            stack.callback(child.kill)
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            return port

        yield start


@pytest.mark.parametrize("protocols", [("5", "3.1.1"), ("3.1.1",)])
def test_amqtt_which_is_silent_when_spoken_to_in_5(
    start_amqtt: Callable[[], int],
    protocols: tuple[Protocol, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "CONNACK_TIMEOUT_S", 0.5)
    port = start_amqtt()
    heard: dict[str, bytes] = {}

    def hear(_client: Client, _data: object, message: MQTTMessage) -> None:
        heard[message.topic] = bytes(message.payload)

    subscriber = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv311)
    subscribed = threading.Event()
    subscriber.on_message = hear
    subscriber.on_subscribe = lambda *_: subscribed.set()
    subscriber.connect("127.0.0.1", port)
    subscriber.subscribe("#", 1)
    subscriber.loop_start()
    publisher = Publisher(Mqtt(port=port), TOPICS, retry=SOON, protocols=protocols)
    try:
        assert subscribed.wait(DEADLINE_S)
        publisher.start()
        until(lambda: publisher.connected, "a connection")
        assert publisher.protocol == "3.1.1"
        publisher.state(TOPICS.info, b"{}")
        publisher.stream(TOPICS.pose, b"1")
        expected = {TOPICS.status: b"online", TOPICS.info: b"{}", TOPICS.pose: b"1"}
        until(lambda: heard == expected, "the messages")
        publisher.close()
        until(lambda: heard[TOPICS.status] == b"offline", "the end")
    finally:
        publisher.close()
        subscriber.disconnect()
        subscriber.loop_stop()
