"""When the other side takes nothing: no memory, no old messages, no waiting."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Iterator

import psutil
import pytest
from brokers import Broker, Subscriber, until

from edged.messages.topics import STREAM_EXPIRY_S, Topics
from edged.mqtt.publisher import Publisher
from edged.mqtt.retry import Retry
from edged.sections import Mqtt

TOPICS = Topics(prefix="edged", device="gym")
SOON = Retry(first_s=0.05, most_s=0.2, refused_s=0.05)
CLOSE_S = 1.5
PAYLOAD = b'{"padding":"' + b"x" * 1000 + b'","at":%020d}'
AT = re.compile(rb'"at":(\d{20})}')


def publisher_for(port: int, keepalive_s: int = 20) -> Publisher:
    publisher = Publisher(Mqtt(port=port, keepalive_s=keepalive_s), TOPICS, retry=SOON)
    publisher.start()
    return publisher


def flood(publisher: Publisher, seconds: float) -> int:
    """Publishes 1 kB messages at about 1000/s; returns how many."""
    end = time.monotonic() + seconds
    count = 0
    while time.monotonic() < end:
        publisher.stream(TOPICS.pose, PAYLOAD % time.monotonic_ns())
        count += 1
        time.sleep(0.001)
    return count


class Deaf:
    """A peer that speaks just enough MQTT 5 to accept a client, and reads no more until told."""

    CONNACK = b"\x20\x03\x00\x00\x00"

    def __init__(self) -> None:
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.port = int(self._listener.getsockname()[1])
        self._connections: list[socket.socket] = []
        self.accepted = threading.Event()
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._connections.append(connection)
                connection.settimeout(5)
                connection.recv(2048)
                connection.sendall(self.CONNACK)
                self.accepted.set()

    def read_until(self, payload: bytes) -> bytes:
        """Everything that was sent until now and up to `payload`."""
        taken = b""
        while payload not in taken:
            chunk = self._connections[0].recv(65536)
            assert chunk, "the publisher hung up"
            taken += chunk
        return taken

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for connection in self._connections:
            connection.close()


@pytest.fixture
def deaf() -> Iterator[Deaf]:
    peer = Deaf()
    yield peer
    peer.close()


def test_a_stalled_peer_costs_no_memory_and_gets_no_old_messages(deaf: Deaf) -> None:
    publisher = publisher_for(deaf.port)
    try:
        until(lambda: publisher.connected, "a connection")
        flood(publisher, 0.3)  # fills the buffers of the kernel
        began_rss = psutil.Process().memory_info().rss
        count = flood(publisher, STREAM_EXPIRY_S + 1.5)
        publisher.stream(TOPICS.pose, b"newest")
        assert psutil.Process().memory_info().rss - began_rss < 2_000_000
        assert publisher.unsent > count - 5
        assert publisher.connected
        taken = deaf.read_until(b"newest")
    finally:
        assert_closes_in_time(publisher)
    # What the kernel had taken, and the one message that lay half in it, cannot be called back.
    assert len(taken) < 128 * 1024
    assert len(AT.findall(taken)) < 100


def test_what_waited_too_long_is_not_sent(deaf: Deaf) -> None:
    publisher = publisher_for(deaf.port)
    try:
        until(lambda: publisher.connected, "a connection")
        flood(publisher, 0.3)
        publisher.stream(TOPICS.labels, b"stale")
        unsent = publisher.unsent
        time.sleep(STREAM_EXPIRY_S + 0.1)  # it is about time passing
        publisher.stream(TOPICS.health, b"newest")
        taken = deaf.read_until(b"newest")
        assert b"stale" not in taken
        assert publisher.unsent >= unsent + 1
    finally:
        publisher.close()


def test_a_suspended_broker_is_served_again_with_fresh_messages(broker: Broker) -> None:
    publisher = publisher_for(broker.port)
    try:
        with Subscriber(broker.port) as subscriber:
            until(lambda: publisher.connected, "a connection")
            with broker.suspended():
                flood(publisher, 3.0)
                assert publisher.unsent > 1000
            publisher.stream(TOPICS.labels, b"newest")
            subscriber.until(TOPICS.labels, b"newest")
            ages_s = [
                (message.at_ns - int(match[1])) / 1e9
                for message in subscriber.of(TOPICS.pose)
                if (match := AT.search(message.payload))
            ]
        # Old ones come from the sockets' buffers, which hold fewer than were published.
        assert sum(age_s > STREAM_EXPIRY_S for age_s in ages_s) < 1000
        assert publisher.connected
        assert publisher.reconnects == 0
    finally:
        publisher.close()


def test_states_do_not_pile_up_either(broker: Broker) -> None:
    publisher = publisher_for(broker.port)
    try:
        with Subscriber(broker.port) as subscriber:
            subscriber.until(TOPICS.status, b"online")
            with broker.suspended():
                for number in range(5000):
                    publisher.state(TOPICS.info, b"%d" % number)
            subscriber.until(TOPICS.info, b"4999")
            # One that was on its way, and the latest.
            assert len(subscriber.of(TOPICS.info)) <= 3
    finally:
        publisher.close()


def test_a_peer_that_stopped_answering_is_noticed(broker: Broker) -> None:
    publisher = publisher_for(broker.port, keepalive_s=1)
    try:
        until(lambda: publisher.connected, "a connection")
        with broker.suspended():
            until(lambda: not publisher.connected, "the keep-alive")
            assert publisher.problem == f"broker 127.0.0.1:{broker.port} stopped answering"
        until(lambda: publisher.connected, "the next connection")
    finally:
        publisher.close()


def assert_closes_in_time(publisher: Publisher) -> None:
    began = time.monotonic()
    publisher.close()
    assert time.monotonic() - began < CLOSE_S + 2


def test_close_does_not_wait_for_a_suspended_broker_whose_will_speaks(broker: Broker) -> None:
    publisher = publisher_for(broker.port)
    with Subscriber(broker.port) as subscriber:
        subscriber.until(TOPICS.status, b"online")
        with broker.suspended():
            assert_closes_in_time(publisher)
            until(lambda: "mqtt" not in {t.name for t in threading.enumerate()}, "the end", 1)
        subscriber.until(TOPICS.status, b"offline")


def test_close_while_connecting_to_nobody() -> None:
    with contextlib.ExitStack() as stack:
        # Nobody accepts and the queue is full: the kernel drops every further SYN.
        hole = stack.enter_context(socket.socket())
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        for _ in range(3):
            client = stack.enter_context(socket.socket())
            client.settimeout(0)
            client.connect_ex(hole.getsockname())
        publisher = publisher_for(hole.getsockname()[1])
        time.sleep(0.2)  # it is connecting now
        assert_closes_in_time(publisher)
        until(lambda: "mqtt" not in {t.name for t in threading.enumerate()}, "the end", 4)
        assert not publisher.connected
