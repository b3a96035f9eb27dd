"""The demo's own broker: amqtt in a process, with Mosquitto's clients and edged's publisher."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from brokers import program, until
from hypothesis import given
from hypothesis import strategies as st

from edged.messages.topics import Topics
from edged.mqtt.broker import level_of
from edged.mqtt.publisher import Publisher
from edged.mqtt.subscriber import Subscriber
from edged.sections import Mqtt


@pytest.fixture
def port() -> Iterator[int]:
    """Of a broker that runs."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        number: int = listening.getsockname()[1]
        its = listening.fileno()
        process = subprocess.Popen(
            [sys.executable, "-m", "edged.mqtt.broker", f"{its}"], pass_fds=(its,)
        )
    try:
        yield number
    finally:
        process.terminate()
        assert process.wait(10) == 0


def test_a_device_is_heard_at_once_though_it_tries_mqtt_5_first(port: int) -> None:
    topics = Topics("edged", "gym")
    heard: dict[str, bytes] = {}
    subscriber = Subscriber(Mqtt(port=port), heard.__setitem__)
    subscriber.follow([topics.everything])
    subscriber.start()
    publisher = Publisher(Mqtt(port=port), topics)
    begun = time.monotonic()
    publisher.start()
    try:
        until(lambda: publisher.connected and subscriber.connected, "connections")
        # Five seconds are what a client waits that gets no answer.
        assert time.monotonic() - begun < 4
        assert publisher.protocol == "3.1.1"
        publisher.state(topics.info, b"{}")
        until(lambda: topics.info in heard, "the state")
        publisher.stream(topics.pose, b"[]")
        until(lambda: heard.get(topics.pose) == b"[]", "the stream")
        assert heard[topics.status] == b"online"
    finally:
        publisher.close()
        until(lambda: heard.get(topics.status) == b"offline", "the farewell")
        subscriber.close()


def test_mosquitto_sub_is_served_as_the_demo_says(port: int) -> None:
    common = ["-p", f"{port}", "-t", "edged/demo/status"]
    publish = [program("mosquitto_pub"), *common, "-m", "online", "-r", "-q", "1"]
    subprocess.run(publish, check=True, timeout=10)
    listen = [program("mosquitto_sub"), *common, "-v", "-C", "1"]
    done = subprocess.run(listen, check=True, timeout=10, capture_output=True, text=True)
    assert done.stdout == "edged/demo/status online\n"


def test_who_speaks_something_else_is_shown_out(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 10) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert stranger.recv(100) == b"\x20\x02\x00\x01"
        assert stranger.recv(100) == b""


@given(level=st.integers(0, 255), length=st.binary(min_size=1, max_size=4))
def test_the_level_is_read_whatever_the_length_takes(level: int, length: bytes) -> None:
    beginning = b"\x10" + length + b"\x00\x04MQTT" + bytes([level]) + bytes(12)
    assert level_of(beginning[:12]) == level


@given(st.binary(min_size=12, max_size=12))
def test_other_packets_have_no_level(beginning: bytes) -> None:
    assert level_of(beginning) is None or beginning[:1] == b"\x10"
