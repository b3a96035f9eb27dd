"""TLS with a real Mosquitto and certificates made for the test."""

from __future__ import annotations

import datetime as dt
import logging
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from brokers import ANYBODY, DEADLINE_S, Broker, program, until

from edged.errors import BrokerError
from edged.messages.topics import Topics
from edged.mqtt.commands import Correct
from edged.mqtt.inbox import Order
from edged.mqtt.publisher import Publisher
from edged.mqtt.retry import Retry
from edged.sections import Mqtt

TOPICS = Topics(prefix="edged", device="gym")
SOON = Retry(first_s=0.05, most_s=0.2, refused_s=0.05)


class Authority:
    """A certificate authority and what it has issued, as files."""

    def __init__(self, directory: Path) -> None:
        self._ca = trustme.CA()
        self._directory = directory
        self.ca_file = str(directory / "ca.pem")
        self._ca.cert_pem.write_to_path(self.ca_file)

    def issue(self, name: str, **options: Any) -> tuple[str, str]:
        """A certificate for `name`, and its key."""
        issued = self._ca.issue_cert(name, **options)
        cert, key = self._directory / f"{name}.pem", self._directory / f"{name}.key"
        cert.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(str(key))
        return str(cert), str(key)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def tls_broker(make_broker: Callable[[str], Broker], authority: Authority) -> Callable[..., Broker]:
    def make(name: str, *options: str, **validity: Any) -> Broker:
        cert, key = authority.issue(name, **validity)
        files = [f"certfile {cert}", f"keyfile {key}", f"cafile {authority.ca_file}"]
        broker = make_broker("\n".join([ANYBODY, *files, *options]))
        broker.start()
        return broker

    return make


@contextmanager
def publishing(broker: Broker, **settings: Any) -> Iterator[Publisher]:
    publisher = Publisher(Mqtt(port=broker.port, **settings), TOPICS, retry=SOON)
    publisher.start()
    try:
        yield publisher
    finally:
        publisher.close()


def problem_of(broker: Broker, **settings: Any) -> str:
    """The problem that a publisher has with a broker."""
    with publishing(broker, **settings) as publisher:
        until(lambda: publisher.problem is not None, "a problem")
        assert not publisher.connected
        assert publisher.problem is not None
        return publisher.problem


def test_a_trusted_broker(tls_broker: Callable[..., Broker], authority: Authority) -> None:
    broker = tls_broker("127.0.0.1")
    with publishing(broker, tls=True, ca_file=authority.ca_file) as publisher:
        until(lambda: publisher.connected, f"a connection: {publisher.problem}")
        publisher.state(TOPICS.info, b"x" * 100_000)
        until(lambda: "PUBACK to edged-gym (m2" in broker.log(), "the state")


def test_a_client_certificate(tls_broker: Callable[..., Broker], authority: Authority) -> None:
    broker = tls_broker("127.0.0.1", "require_certificate true", "use_identity_as_username true")
    cert, key = authority.issue("gym", common_name="gym")
    files = {"ca_file": authority.ca_file, "cert_file": cert, "key_file": key}
    with publishing(broker, tls=True, **files) as publisher:
        until(lambda: publisher.connected, f"a connection: {publisher.problem}")
    assert "u'gym'" in broker.log()


def test_a_missing_client_certificate(
    tls_broker: Callable[..., Broker], authority: Authority
) -> None:
    broker = tls_broker("127.0.0.1", "require_certificate true")
    assert "client certificate" in problem_of(broker, tls=True, ca_file=authority.ca_file)


def test_a_client_certificate_of_a_stranger(
    tls_broker: Callable[..., Broker], authority: Authority, tmp_path: Path
) -> None:
    broker = tls_broker("127.0.0.1", "require_certificate true")
    (tmp_path / "other").mkdir()
    cert, key = Authority(tmp_path / "other").issue("gym")
    files = {"ca_file": authority.ca_file, "cert_file": cert, "key_file": key}
    assert "our client certificate" in problem_of(broker, tls=True, **files)


def test_an_unknown_authority(tls_broker: Callable[..., Broker]) -> None:
    problem = problem_of(tls_broker("127.0.0.1"), tls=True)
    assert problem.endswith("is from an unknown authority: set [mqtt] ca_file")


def test_a_certificate_for_another_host(
    tls_broker: Callable[..., Broker], authority: Authority
) -> None:
    problem = problem_of(tls_broker("other.example"), tls=True, ca_file=authority.ca_file)
    assert "is for another host" in problem


def test_an_expired_certificate(tls_broker: Callable[..., Broker], authority: Authority) -> None:
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    broker = tls_broker("127.0.0.1", not_before=past, not_after=past)
    assert "has expired" in problem_of(broker, tls=True, ca_file=authority.ca_file)


def test_a_certificate_that_is_not_valid_yet(
    tls_broker: Callable[..., Broker], authority: Authority
) -> None:
    future = dt.datetime.now(dt.UTC) + dt.timedelta(days=2)
    broker = tls_broker("127.0.0.1", not_before=future, not_after=future + dt.timedelta(days=2))
    problem = problem_of(broker, tls=True, ca_file=authority.ca_file)
    assert problem.endswith("is not valid yet: is this device's clock right?")


def test_an_expired_client_certificate(
    tls_broker: Callable[..., Broker], authority: Authority
) -> None:
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    cert, key = authority.issue("gym", not_before=past, not_after=past)
    broker = tls_broker("127.0.0.1", "require_certificate true")
    files = {"ca_file": authority.ca_file, "cert_file": cert, "key_file": key}
    assert "our client certificate" in problem_of(broker, tls=True, **files)


def test_commands_come_over_tls(tls_broker: Callable[..., Broker], authority: Authority) -> None:
    broker = tls_broker("127.0.0.1")
    orders: list[Order] = []

    def take(order: Order) -> str:
        orders.append(order)
        return ""

    settings = Mqtt(port=broker.port, tls=True, ca_file=authority.ca_file)
    publisher = Publisher(settings, TOPICS, on_order=take, retry=SOON)
    publisher.start()
    try:
        until(lambda: "edged-gym 1 edged/gym/set/+" in broker.log(), "the subscription")
        command = [
            *(program("mosquitto_pub"), "-h", "127.0.0.1", "-p", str(broker.port)),
            *("--cafile", authority.ca_file, "-t", TOPICS.set("correct"), "-m", "2", "-q", "1"),
        ]
        subprocess.run(command, check=True, timeout=DEADLINE_S)
        until(lambda: bool(orders), "the order")
        assert [order.command for order in orders] == [Correct(2)]
    finally:
        publisher.close()


def test_a_password_is_in_no_log_and_no_problem(
    tls_broker: Callable[..., Broker], authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "Correct-Horse-7"  # noqa: S105
    broker = tls_broker("127.0.0.1", "allow_anonymous false")
    user: dict[str, Any] = {"username": "gym", "password": secret}
    kinds: list[dict[str, Any]] = [{"tls": True, "ca_file": authority.ca_file}, {"tls": True}, {}]
    problems = [problem_of(broker, **kind, **user) for kind in kinds]
    assert "refused the password of user 'gym'" in problems[0]
    assert secret not in caplog.text + "".join(problems)


def test_tls_to_a_port_without_it(broker: Broker) -> None:
    problem = problem_of(broker, tls=True)
    assert "TLS" in problem


def test_no_tls_to_a_port_with_it(tls_broker: Callable[..., Broker]) -> None:
    problem = problem_of(tls_broker("127.0.0.1"))
    assert problem.endswith("hung up without an answer (does it want TLS?)")


@pytest.mark.parametrize("key", ["ca_file", "cert_file", "key_file"])
def test_a_missing_file_is_named_at_once(authority: Authority, key: str) -> None:
    cert, private = authority.issue("gym")
    files: dict[str, Any] = {"ca_file": authority.ca_file, "cert_file": cert, "key_file": private}
    with pytest.raises(BrokerError, match=rf"\[mqtt\] {key}: cannot read /no/such/file: No such"):
        Publisher(Mqtt(tls=True, **{**files, key: "/no/such/file"}), TOPICS)


def test_files_that_hold_something_else(authority: Authority, tmp_path: Path) -> None:
    cert, _ = authority.issue("gym")
    _, key = authority.issue("other")
    text = tmp_path / "text"
    text.write_text("no certificate")
    with pytest.raises(BrokerError, match=r"ca_file: .*/text holds no PEM certificate"):
        Publisher(Mqtt(tls=True, ca_file=str(text)), TOPICS)
    with pytest.raises(BrokerError, match=r"cert_file, key_file: .*other\.key hold no PEM"):
        Publisher(Mqtt(tls=True, cert_file=cert, key_file=key), TOPICS)
    with pytest.raises(BrokerError, match="key_file is set but cert_file is not"):
        Publisher(Mqtt(tls=True, key_file=key), TOPICS)


def test_certificates_without_tls_would_promise_what_is_not_kept(authority: Authority) -> None:
    with pytest.raises(BrokerError, match="ca_file is set but tls is off: set tls = true"):
        Publisher(Mqtt(ca_file=authority.ca_file), TOPICS)


def test_old_versions_of_tls_are_not_spoken(authority: Authority) -> None:
    publisher = Publisher(Mqtt(tls=True, ca_file=authority.ca_file), TOPICS)
    assert publisher._context is not None
    assert publisher._context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert publisher._context.check_hostname
