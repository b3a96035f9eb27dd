"""What the subscriber hears from a real Mosquitto, and what it says when there is none."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trustme
from brokers import ANYBODY, Broker, free_port, program, until
from brokers import Subscriber as Witness

from edged.mqtt.retry import Retry
from edged.mqtt.subscriber import PASSWORD_HINT, Subscriber
from edged.sections import Mqtt

SOON = Retry(first_s=0.05, most_s=0.2, refused_s=0.05)


class Heard(dict[str, bytes]):
    """The last payload of every topic."""


@contextmanager
def hearing(port: int, *filters: str, **settings: Any) -> Iterator[tuple[Subscriber, Heard]]:
    heard = Heard()
    subscriber = Subscriber(Mqtt(port=port, **settings), heard.__setitem__, retry=SOON)
    subscriber.follow(filters)
    subscriber.start()
    try:
        yield subscriber, heard
    finally:
        subscriber.close()


def tell(port: int, topic: str, payload: str, *options: str) -> bool:
    command = [program("mosquitto_pub"), "-p", f"{port}", "-t", topic, "-m", payload, "-q", "1"]
    return subprocess.run([*command, *options], check=True, timeout=10).returncode == 0


def test_it_hears_what_it_follows_and_nothing_else(broker: Broker) -> None:
    tell(broker.port, "a/1", "kept", "-r")
    with hearing(broker.port, "a/+") as (subscriber, heard):
        until(lambda: "a/1" in heard, "the retained one")
        tell(broker.port, "b/1", "no")
        tell(broker.port, "a/2", "yes")
        until(lambda: "a/2" in heard, "the new one")
        assert heard == {"a/1": b"kept", "a/2": b"yes"}
        assert (subscriber.connected, subscriber.problem) == (True, None)
        tell(broker.port, "b/2", "kept", "-r")
        subscriber.follow(["b/+"])
        until(lambda: "b/2" in heard, "the retained one of the other topic")
        tell(broker.port, "a/3", "no")
        tell(broker.port, "b/3", "yes")
        until(lambda: "b/3" in heard, "the new one of the other topic")
        assert "a/3" not in heard


def test_it_comes_back_to_a_broker_that_comes_back(broker: Broker) -> None:
    with hearing(broker.port, "a") as (subscriber, heard):
        until(lambda: subscriber.connected, "a connection")
        broker.kill()
        until(lambda: not subscriber.connected, "the loss")
        until(lambda: "refused" in (subscriber.problem or ""), "the reason")
        broker.start()
        until(lambda: subscriber.connected, "another connection")
        assert subscriber.problem is None
        until(lambda: tell(broker.port, "a", "again") and "a" in heard, "the message")


def test_without_a_broker_it_says_so_in_one_line() -> None:
    port = free_port()
    with hearing(port, "a") as (subscriber, _):
        until(lambda: subscriber.problem is not None, "a problem")
        assert subscriber.problem == f"no broker 127.0.0.1:{port}: connection refused"


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ({"username": "gym", "password": "wrong"}, "refused the password of user 'gym'"),
        ({}, f"wants a user name and password: {PASSWORD_HINT}"),
    ],
)
def test_a_refused_password_is_said(
    make_broker: Callable[[str], Broker], tmp_path: Path, user: dict[str, str], words: str
) -> None:
    file = tmp_path / "passwords"
    file.touch(mode=0o600)
    command = [program("mosquitto_passwd"), "-b", str(file), "gym", "right"]
    subprocess.run(command, check=True, capture_output=True)
    broker = make_broker(f"allow_anonymous false\npassword_file {file}")
    broker.start()
    with hearing(broker.port, "a", **user) as (subscriber, _):
        until(lambda: subscriber.problem is not None, "a problem")
        assert subscriber.problem == f"broker 127.0.0.1:{broker.port} {words}"
    with hearing(broker.port, "a", username="gym", password="right") as (subscriber, _):  # noqa: S106
        until(lambda: subscriber.connected, "a connection")


def test_a_peer_that_hangs_up_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)

        def hang_up() -> bool:
            with suppress(TimeoutError):
                server.accept()[0].close()
            return "hung up without an answer" in (subscriber.problem or "")

        with hearing(server.getsockname()[1], "a") as (subscriber, _):
            until(hang_up, "a problem")


def test_close_does_not_wait_for_a_peer_that_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        with hearing(mute.getsockname()[1], "a"):
            mute.accept()[0].close()
            begun = time.monotonic()
        assert time.monotonic() - begun < 4


def test_a_huge_message_costs_nothing(broker: Broker, tmp_path: Path) -> None:
    huge = tmp_path / "huge"
    huge.write_bytes(bytes(2_000_000))
    with hearing(broker.port, "#") as (subscriber, heard):
        until(lambda: subscriber.connected, "a connection")
        command = [program("mosquitto_pub"), "-p", f"{broker.port}", "-t", "a", "-f", str(huge)]
        subprocess.run(command, check=True, timeout=10)
        until(lambda: tell(broker.port, "b", "x") and "b" in heard, "the next one")
        assert "a" not in heard
        assert subscriber.connected


def test_over_tls_it_hears_and_tells_what_is_wrong(
    make_broker: Callable[[str], Broker], tmp_path: Path
) -> None:
    authority = trustme.CA()
    ca, cert, key = (str(tmp_path / name) for name in ("ca.pem", "cert.pem", "key.pem"))
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(ca)
    issued.cert_chain_pems[0].write_to_path(cert)
    issued.private_key_pem.write_to_path(key)
    broker = make_broker(f"{ANYBODY}\ncertfile {cert}\nkeyfile {key}")
    broker.start()
    tls = ("--cafile", ca, "-h", "127.0.0.1")
    with hearing(broker.port, "a", tls=True, ca_file=ca) as (subscriber, heard):
        until(lambda: subscriber.connected, "a connection")
        until(lambda: tell(broker.port, "a", "x", *tls) and "a" in heard, "the message")
    with hearing(broker.port, "a", tls=True) as (subscriber, _):
        until(lambda: "unknown authority" in (subscriber.problem or ""), "a problem")
    with hearing(broker.port, "a") as (subscriber, _):
        until(lambda: "does it want TLS?" in (subscriber.problem or ""), "a problem")


def test_what_is_retained_can_be_forgotten(broker: Broker) -> None:
    tell(broker.port, "a/1", "kept", "-r")
    tell(broker.port, "a/2", "kept", "-r")
    with hearing(broker.port) as (subscriber, _):
        until(lambda: subscriber.connected, "a connection")
        assert subscriber.forget(["a/1"], 5.0)
    with Witness(broker.port) as witness:
        witness.until("a/2", b"kept")
        assert witness.last("a/1") is None
    assert not subscriber.forget(["a/2"], 5.0)
