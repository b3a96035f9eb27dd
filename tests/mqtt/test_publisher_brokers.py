"""Several real Mosquittos: the next one takes over, and the first one is gone home to."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import logging
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from brokers import ANYBODY, DEADLINE_S, Broker, Subscriber, free_port, program, retained, until

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
    monkeypatch.setattr(session, "CONNACK_TIMEOUT_S", 0.1)
    first, second = pair
    first.kill()
    mute = socket.create_server(("127.0.0.1", first.port))
    with publishing(first.port, second.port) as publisher, Subscriber(second.port) as subscriber:
        with mute:
            until(lambda: at(publisher, second), "the second")
            told = publisher.problem
            assert told == f"{name(first)} does not answer; {name(second)} serves instead"
            mute.settimeout(DEADLINE_S)
            for number in range(4):  # by the attempts, then by looks, which keep nobody waiting
                mute.accept()[0].close()
                publisher.stream(TOPICS.pose, b"%d" % number)
                subscriber.until(TOPICS.pose, b"%d" % number)
        first.start()
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


def one_client_id(directory: Path, plugin: Path) -> str:
    """Options for a broker that lets in one user by one client id."""
    salt = b"twelve bytes"
    key = hashlib.pbkdf2_hmac("sha512", b"right", salt, 101)
    user = {
        "username": "gym",
        "clientid": "edged-gym",
        "password": base64.b64encode(key).decode(),
        "salt": base64.b64encode(salt).decode(),
        "iterations": 101,
    }
    access = {"publishClientSend": True, "publishClientReceive": True, "subscribe": True}
    rules = directory / "rules.json"
    rules.write_text(json.dumps({"defaultACLAccess": access, "clients": [user]}))
    return f"allow_anonymous false\nplugin {plugin}\nplugin_opt_config_file {rules}"


def test_a_first_that_lets_in_no_name_but_ours_is_gone_home_to(
    pair: Pair, make_broker: Callable[[str], Broker], tmp_path: Path
) -> None:
    plugin = next(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"), None)
    if plugin is None:
        pytest.skip("needs mosquitto_dynamic_security.so: apt install mosquitto")
    _, second = pair
    strict = make_broker(one_client_id(tmp_path, plugin))
    strict.start()
    with publishing(strict.port, second.port, username="gym", password="right") as publisher:  # noqa: S106
        until(lambda: at(publisher, strict), "the first")
        strict.kill()
        until(lambda: at(publisher, second), "the second")
        strict.start()
        until(lambda: at(publisher, strict), "home")
        assert "disconnected, not authorised" in strict.log(), "by another name"


class Gate:
    """A port that leads to a broker, or nowhere."""

    def __init__(self, behind: int) -> None:
        self._behind = behind
        self.port = free_port()
        self._listener: socket.socket | None = None
        self._threads: list[threading.Thread] = []
        self._ends: list[socket.socket] = []

    def open(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._start(self._accept, self._listener)

    def _start(self, work: Callable[..., None], *words: socket.socket) -> None:
        self._threads.append(threading.Thread(target=work, args=words))
        self._threads[-1].start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                broker = socket.create_connection(("127.0.0.1", self._behind))
                self._ends += [client, broker]
                self._start(self._pass, client, broker)
                self._start(self._pass, broker, client)

    @staticmethod
    def _pass(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for end in self._ends:
            end.close()


def test_two_doors_of_one_cluster_are_changed_without_being_pushed_out(
    broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    with contextlib.closing(Gate(broker.port)) as gate, Subscriber(broker.port) as subscriber:
        with publishing(gate.port, broker.port) as publisher:
            until(lambda: publisher.connected, "the fallback")
            assert publisher.broker.port == broker.port
            gate.open()
            until(lambda: publisher.connected and publisher.broker.port == gate.port, "home")
            until(lambda: len(subscriber.of(TOPICS.status)) == 3, "the change")
        told = [message.payload for message in subscriber.of(TOPICS.status)]
        assert told[:3] == [b"online", b"offline", b"online"]
    assert "already connected" not in broker.log()
    assert "another client" not in caplog.text


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
