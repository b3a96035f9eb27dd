"""The broker: a real Mosquitto that takes us, refuses us, or is not there."""

from __future__ import annotations

import dataclasses
import datetime as dt
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import told
import trustme
from brokers import ANYBODY, Broker, Subscriber, free_port, program, until

from edged.doctor.broker import BrokerFacts, judge, measure
from edged.doctor.finding import Level
from edged.doctor.round_trip import Trip
from edged.messages.topics import ONLINE, Topics
from edged.mqtt.publisher import Publisher
from edged.sections import Mqtt

TOPICS = Topics("edged", "gym")
FACTS = BrokerFacts("192.0.2.7", 1883, False, "", "edged/gym", Trip())  # noqa: FBT003


def look(port: int, **settings: Any) -> BrokerFacts:
    return measure(Mqtt(port=port, **settings), TOPICS)


def said(facts: BrokerFacts, *, is_root: bool = True) -> str:
    return "\n".join(words for _, words in judge(facts, is_root=is_root).lines)


def with_acl(directory: Path, *lines: str) -> str:
    acl = directory / "acl"
    acl.write_text("\n".join(lines) + "\n")
    acl.chmod(0o600)
    return f"{ANYBODY}\nacl_file {acl}"


def test_a_message_goes_there_and_back_and_nothing_stays(broker: Broker) -> None:
    with Subscriber(broker.port) as subscriber:
        facts = look(broker.port)
        assert judge(facts, is_root=True).level is Level.OK
        until(lambda: bool(subscriber.of(TOPICS.check)), "the message")
        (message,) = subscriber.messages
        assert (message.topic, message.retain) == (TOPICS.check, False)
    assert facts.trip.protocol == "5"
    assert facts.trip.round_trip_ms is not None
    assert said(facts).startswith(f"127.0.0.1:{broker.port} takes us, MQTT 5, a message there")
    with Subscriber(broker.port) as later:
        assert later.messages == []


def test_the_running_service_keeps_its_place_and_is_heard(broker: Broker) -> None:
    publisher = Publisher(Mqtt(port=broker.port), TOPICS)
    publisher.start()
    try:
        publisher.state(TOPICS.info, msgspec.json.encode(told.info()))
        until(lambda: f"PUBACK to {'edged-gym'} (m2" in broker.log(), "the info")
        facts = look(broker.port)
        assert facts.is_online
        assert facts.trip.status == ONLINE.decode()
        assert facts.trip.info == told.info()
        assert publisher.reconnects == 0
        assert publisher.connected
    finally:
        publisher.close()


def test_a_broker_that_is_not_there() -> None:
    facts = look(free_port())
    assert judge(facts, is_root=True).level is Level.PROBLEM
    assert "connection refused: sudo systemctl start mosquitto" in said(facts)


def test_a_name_that_nobody_bears() -> None:
    facts = look(1883, host="no-such-broker.invalid")
    assert "cannot find broker no-such-broker.invalid:1883" in said(facts)
    assert "correct [mqtt] host" in said(facts)


@pytest.mark.parametrize(
    ("cause", "part"),
    [
        ("ConnectionRefusedError", "let it listen to the network"),
        ("TimeoutError", "is port 1883 open in a firewall"),
        ("OSError", "is this device in the network"),
        ("", "broken"),
    ],
)
def test_what_to_do_about_a_broker_elsewhere(cause: str, part: str) -> None:
    trip = Trip(problem="broken", cause=cause)
    assert part in said(dataclasses.replace(FACTS, trip=trip))


@pytest.mark.parametrize(
    ("user", "part"),
    [
        ({"username": "gym", "password": "wrong"}, "refused the password of user 'gym'"),
        ({}, "wants a user name and password"),
    ],
)
def test_a_password_that_is_wrong_or_missing(
    make_broker: Callable[[str], Broker], tmp_path: Path, user: dict[str, str], part: str
) -> None:
    file = tmp_path / "passwords"
    file.touch(0o600)
    command = [program("mosquitto_passwd"), "-b", str(file), "gym", "right"]
    subprocess.run(command, check=True, timeout=10)
    broker = make_broker(f"allow_anonymous false\npassword_file {file}")
    broker.start()
    facts = look(broker.port, **user)
    assert part in said(facts)
    todo = "or the password in" if user else "set [mqtt] username and password_file"
    assert todo in said(facts)
    assert "sudo edged check" in said(facts, is_root=False), "the service may have a credential"
    assert "wrong" not in f"{facts}"
    assert judge(look(broker.port, username="gym", password="right"), is_root=True).level is (  # noqa: S106
        Level.OK
    )


def test_a_password_that_is_there_already_only_needs_its_user(
    make_broker: Callable[[str], Broker], tmp_path: Path
) -> None:
    broker = make_broker("allow_anonymous false")
    broker.start()
    credential = tmp_path / "mqtt_password"
    credential.write_text("right")
    words = said(measure(Mqtt(port=broker.port), TOPICS, credential))
    assert words == (
        f"broker 127.0.0.1:{broker.port} wants a user name and password: "
        'put username = "edged" under [mqtt] (edged finds the password itself)'
    )
    refused = said(measure(Mqtt(port=broker.port, username="x", password="y"), TOPICS, credential))  # noqa: S106
    assert refused.endswith(f"correct [mqtt] username, or the password in {credential}")


def test_an_acl_that_lets_us_write_nothing(
    make_broker: Callable[[str], Broker], tmp_path: Path
) -> None:
    broker = make_broker(with_acl(tmp_path, "topic read #"))
    broker.start()
    finding = judge(look(broker.port), is_root=True)
    assert finding.level is Level.PROBLEM
    ((_, words),) = finding.lines
    assert "it refuses messages to edged/gym/check: not authorized" in words
    assert "allow a client without a name to read and write edged/gym/# in its ACL" in words


def test_one_that_lets_us_read_nothing(
    make_broker: Callable[[str], Broker], tmp_path: Path
) -> None:
    broker = make_broker(with_acl(tmp_path, "topic write edged/#"))
    broker.start()
    facts = look(broker.port)
    assert judge(facts, is_root=True).level is Level.WARNING, "the service only writes"
    assert "edged/gym/check" in said(facts)


def test_a_service_that_is_connected_has_a_broker_whatever_we_may_send() -> None:
    trip = Trip(protocol="5", refusal="messages to edged/gym/check: not authorized")
    assert judge(dataclasses.replace(FACTS, trip=trip), is_root=True).level is Level.PROBLEM
    online = dataclasses.replace(trip, status="online")
    assert judge(dataclasses.replace(FACTS, trip=online), is_root=True).level is Level.WARNING


@pytest.mark.parametrize(("days", "level"), [(90, Level.OK), (5, Level.WARNING)])
def test_tls_and_a_certificate_that_expires_soon(
    make_broker: Callable[[str], Broker], tmp_path: Path, days: int, level: Level
) -> None:
    ca = trustme.CA()
    until_when = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
    issued = ca.issue_cert("127.0.0.1", not_after=until_when)
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    issued.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "broker.pem"))
    files = f"certfile {tmp_path}/broker.pem\nkeyfile {tmp_path}/broker.pem"
    broker = make_broker(f"{ANYBODY}\n{files}")
    broker.start()
    facts = look(broker.port, tls=True, ca_file=str(tmp_path / "ca.pem"))
    assert judge(facts, is_root=True).level is level, said(facts)
    assert "MQTT 5 with TLS" in said(facts)
    assert facts.trip.certificate_days == pytest.approx(days, abs=1.0)
    stranger = look(broker.port, tls=True)
    assert "is from an unknown authority: set [mqtt] ca_file" in said(stranger)
    assert "TLS" in said(look(broker.port))


def test_a_certificate_file_that_is_not_there() -> None:
    facts = look(1, tls=True, ca_file="/nowhere/ca.pem")
    assert "[mqtt] ca_file: cannot read /nowhere/ca.pem" in said(facts)


def test_a_slow_way() -> None:
    trip = Trip(protocol="3.1.1", round_trip_ms=900.0, is_published=True)
    facts = dataclasses.replace(FACTS, trip=trip)
    assert judge(facts, is_root=True).level is Level.WARNING
    assert "MQTT 3.1.1, a message there and back 900.0 ms; that is slow" in said(facts)
