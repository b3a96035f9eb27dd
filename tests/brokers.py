"""A real Mosquitto and a real subscriber, for tests of what goes over MQTT."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

ANYBODY = "allow_anonymous true"

DEADLINE_S = 30.0
"""How long anything may take before a test fails."""


def until(condition: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Wait for what other threads or processes bring about.

    Raises:
        AssertionError: not in time.
    """
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"not within {deadline_s} s: {what}"
        time.sleep(0.005)


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def program(name: str) -> str:
    """The path of one of Mosquitto's programs, or the test is skipped."""
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if path is None:
        pytest.skip(f"needs {name}: apt install mosquitto")
    return path


class Broker:
    """Mosquitto on 127.0.0.1, with its own directory and port; `close` leaves nothing behind."""

    def __init__(self, directory: Path, options: str = ANYBODY) -> None:
        """`options` are lines of the configuration file that follow `listener`."""
        self.directory = directory
        self.options = options
        self.persistence: list[str] = []
        """Lines that replace `persistence false`."""
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start or start again, at the same port; returns when it answers."""
        for _ in range(5):
            # Another process may take a free port before Mosquitto does: then the next one.
            port = self.port or free_port()
            if self._started(port):
                self.port = port
                return
        raise AssertionError(f"mosquitto does not start: {self.log()}")

    def _started(self, port: int) -> bool:
        user = ["user root"] if os.geteuid() == 0 else []
        lines = [
            f"listener {port} 127.0.0.1",
            self.options,
            "set_tcp_nodelay true",
            *(self.persistence or ["persistence false"]),
            *user,
        ]
        (self.directory / "mosquitto.conf").write_text("\n".join(lines))
        with (self.directory / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(
                [program("mosquitto"), "-v", "-c", str(self.directory / "mosquitto.conf")],
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + DEADLINE_S
        while self._process.poll() is None and time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return True
            time.sleep(0.01)
        self.kill()
        return False

    @property
    def is_running(self) -> bool:
        """Whether it has been started, and not ended."""
        return self._process is not None

    def log(self) -> str:
        """What it wrote."""
        return (self.directory / "mosquitto.log").read_text(errors="replace")

    def stop(self) -> None:
        """End it in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.send_signal(signal.SIGCONT)
            self._process.wait(DEADLINE_S)
            self._process = None

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """It is there but does nothing: its sockets fill up."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it however it is."""
        self.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it came."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    at_ns: int
    """Monotonic."""
    expiry_s: int | None
    content_type: str | None


class Subscriber:
    """Takes messages from a broker into a list."""

    def __init__(
        self, port: int, topic: str = "#", *, username: str = "", password: str = ""
    ) -> None:
        """Returns when subscribed.

        Raises:
            AssertionError: not within the deadline.
        """
        self.messages: list[Received] = []
        subscribed = threading.Event()
        self._client = client = Client(
            CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5
        )
        if username:
            client.username_pw_set(username, password)
        self._topic = topic
        client.on_connect = self._subscribe
        client.on_subscribe = lambda *_: subscribed.set()
        client.on_message = self._take
        client.reconnect_delay_set(1, 1)
        client.connect("127.0.0.1", port)
        client.loop_start()
        assert subscribed.wait(DEADLINE_S), "the subscriber gets no answer"

    def _subscribe(self, client: Client, *_: Any) -> None:
        client.subscribe(self._topic, options=SubscribeOptions(qos=1, retainAsPublished=True))

    def _take(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self.messages.append(
            Received(
                message.topic,
                bytes(message.payload),
                message.qos,
                message.retain,
                time.monotonic_ns(),
                getattr(message.properties, "MessageExpiryInterval", None),
                getattr(message.properties, "ContentType", None),
            )
        )

    def of(self, topic: str) -> list[Received]:
        """What came so far of a topic."""
        return [message for message in list(self.messages) if message.topic == topic]

    def last(self, topic: str) -> bytes | None:
        """The last payload of a topic; None: nothing yet."""
        messages = self.of(topic)
        return messages[-1].payload if messages else None

    def until(self, topic: str, payload: bytes, deadline_s: float = DEADLINE_S) -> None:
        """Wait until `payload` is the last of `topic`."""
        until(lambda: self.last(topic) == payload, f"{payload!r} on {topic}", deadline_s)

    def publish(self, topic: str, payload: bytes) -> None:
        """Send a message."""
        self._client.publish(topic, payload, qos=1)

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def retained(broker: Broker) -> list[str]:
    """The topics that a broker tells who comes late; it does so before anything that is new."""
    with Subscriber(broker.port) as late:
        late.publish("mark", b"")
        late.until("mark", b"")
        return [message.topic for message in late.messages if message.topic != "mark"]
