"""A broker's address as a person types it."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

import msgspec

from edged.errors import UsageError
from edged.sections import Mqtt

FORMS = "HOST, HOST:PORT, mqtt://USER:PASSWORD@HOST:PORT or mqtts://..."
PORTS = {"mqtt": 1883, "mqtts": 8883}


def broker_settings(settings: Mqtt, address: str | None) -> Mqtt:
    """The settings with the broker of an address; no address: as they are.

    An address brings its own user, password and encryption, or none, and no fallbacks: what a file
    holds for one broker is not told to another. Topic prefix and certificates stay.

    Raises:
        UsageError: the address is none; the text does not repeat it, for the password in it.
    """
    if address is None:
        return settings
    try:
        parts = urlsplit(address if "://" in address else f"mqtt://{_bracketed(address)}")
        port = parts.port
    except ValueError as error:
        raise _wrong(str(error).lower()) from None
    if parts.scheme not in PORTS:
        raise _wrong(f"{parts.scheme}:// is not MQTT")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise _wrong("nothing may follow the port; a topic prefix comes from --config")
    if not parts.hostname:
        raise _wrong("there is no host in it")
    is_tls = parts.scheme == "mqtts"
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if password and not user:
        raise _wrong("a password needs a user before it")
    changes = {
        "host": parts.hostname,
        "port": PORTS[parts.scheme] if port is None else port,
        "username": user,
        "password": password,
        "password_file": "",
        "tls": is_tls,
        "fallbacks": (),
    }
    if not is_tls:
        changes |= dict.fromkeys(("ca_file", "cert_file", "key_file"), "")
    try:
        return msgspec.convert({**msgspec.to_builtins(settings), **changes}, Mqtt)
    except msgspec.ValidationError as error:
        raise _wrong(_place(error)) from None


def _bracketed(address: str) -> str:
    """`::1` -> `[::1]`: more than one colon without a bracket is an IPv6 address."""
    is_ipv6 = re.fullmatch(r"[0-9A-Fa-f.]*(:[0-9A-Fa-f.]*){2,}", address)
    return f"[{address}]" if is_ipv6 else address


def _place(error: msgspec.ValidationError) -> str:
    """`$.host` of the error's text."""
    key = str(error).rpartition("$.")[2].rstrip("`")
    return f"its {key} cannot be right" if key in Mqtt.__struct_fields__ else "it cannot be right"


def _wrong(why: str) -> UsageError:
    return UsageError(f"--broker: {why}; it may be {FORMS}")
