"""Brokers as people type them."""

from __future__ import annotations

import pytest

from edged.commands.address import broker_settings
from edged.errors import UsageError
from edged.sections import Mqtt

FILE = Mqtt(host="broker", username="u", password="p", tls=True, ca_file="/ca", prefix="home")  # noqa: S106


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("pi", "pi", 1883),
        ("pi:1884", "pi", 1884),
        ("192.168.1.2", "192.168.1.2", 1883),
        ("::1", "::1", 1883),
        ("[::1]:1884", "::1", 1884),
        ("mqtt://pi", "pi", 1883),
        ("mqtt://pi:1884/", "pi", 1884),
        ("mqtts://pi", "pi", 8883),
        ("MQTTS://pi:1", "pi", 1),
    ],
)
def test_the_forms_of_an_address(address: str, host: str, port: int) -> None:
    settings = broker_settings(Mqtt(), address)
    assert (settings.host, settings.port) == (host, port)
    assert settings.tls == address.lower().startswith("mqtts")


def test_user_and_password_may_hold_anything_when_escaped() -> None:
    settings = broker_settings(Mqtt(), "mqtt://me%40home:p%3A%2F%40@pi")
    assert (settings.username, settings.password) == ("me@home", "p:/@")


def test_without_an_address_the_file_is_right() -> None:
    assert broker_settings(FILE, None) == FILE


def test_one_brokers_password_is_not_told_to_another() -> None:
    plain = broker_settings(FILE, "pi")
    assert (plain.username, plain.password, plain.tls, plain.ca_file) == ("", "", False, "")
    assert plain.prefix == "home"
    assert broker_settings(FILE, "mqtts://pi").ca_file == "/ca"


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("http://pi", "http:// is not MQTT"),
        ("mqtt://", "there is no host in it"),
        ("", "there is no host in it"),
        ("pi:port", "port could not be cast"),
        ("pi:99999", "port out of range"),
        ("pi:0", "its port cannot be right"),
        ("mqtt://pi/edged", "nothing may follow the port"),
        ("mqtt://:secret@pi", "a password needs a user before it"),
        ("mqtt://user:secret@a b", "its host cannot be right"),
        ("mqtt://user:secret@pi:port", "port could not be cast"),
        ("[::1", "invalid ipv6"),
    ],
)
def test_what_is_no_address_is_told_without_its_password(address: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        broker_settings(Mqtt(), address)
    assert f"{caught.value}".startswith(f"--broker: {why}")
    assert "secret" not in f"{caught.value}"
