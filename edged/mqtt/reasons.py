"""Why there is no connection to the broker, in plain words, and when to try again."""

from __future__ import annotations

import socket
import ssl
from typing import Literal, TypeAlias

from paho.mqtt.reasoncodes import ReasonCode

from edged.errors import BrokerError
from edged.mqtt import tls
from edged.sections import Mqtt

# Reason codes of MQTT 5, section 2.4; paho tells those of 3.1.1 by the same numbers.
_UNSPECIFIED = 0x80
_UNSUPPORTED_VERSION = 0x84
_BAD_CLIENT_ID = 0x85
_BAD_PASSWORD = 0x86
_NOT_AUTHORIZED = 0x87
_BANNED = 0x8A
_BAD_METHOD = 0x8C
_KEEP_ALIVE = 0x8D
_TAKEN_OVER = 0x8E

_FOR_A_PERSON = {_BAD_CLIENT_ID, _BAD_PASSWORD, _NOT_AUTHORIZED, _BANNED, _BAD_METHOD, _TAKEN_OVER}
"""What only a person can mend: of no use to try again soon."""

Then: TypeAlias = Literal["soon", "slowly", "older"]
"""When to try again; `older`: at once, with the older version of the protocol."""


class NoConnectionError(BrokerError):
    """There is no connection, and why."""

    def __init__(self, problem: str, then: Then = "soon") -> None:
        super().__init__(problem)
        self.then: Then = then
        self.is_explained = True
        """The broker has said why, or the system."""


class LoginError(NoConnectionError):
    """The broker does not take us without a name and password, or not with these."""


def address(settings: Mqtt) -> str:
    """How the broker is called in every text."""
    return f"broker {settings.host}:{settings.port}"


def words(reason: ReasonCode) -> str:
    """The specification's name of a reason."""
    return str(reason).lower()


def unreachable(error: OSError | ValueError, settings: Mqtt) -> NoConnectionError:
    """What it means that connecting raised `error`."""
    broker = address(settings)
    match error:
        case ssl.SSLError():
            problem = tls.explain(error, broker)
        case socket.gaierror():
            problem = f"cannot find {broker}: {error.strerror or error}"
        case ConnectionRefusedError():
            problem = f"no {broker}: connection refused"
        case TimeoutError():
            problem = f"no answer from {broker}"
        case ConnectionResetError() if settings.tls:
            problem = f"{broker} hung up: does it speak TLS on this port?"
        case OSError():
            problem = f"cannot reach {broker}: {error.strerror or error}"
        case _:
            problem = f"[mqtt] host: {settings.host!r} is no host name"
    return NoConnectionError(problem)


def refused(reason: ReasonCode, settings: Mqtt, how: str) -> NoConnectionError:
    """What it means that the broker's CONNACK bears `reason`; `how` one gives a name."""
    broker = address(settings)
    if reason.value == _UNSUPPORTED_VERSION:
        return NoConnectionError(f"{broker} speaks neither MQTT 5 nor 3.1.1", "older")
    if reason.value in (_BAD_PASSWORD, _NOT_AUTHORIZED):
        if settings.username:
            problem = f"{broker} refused the password of user {settings.username!r}"
        else:
            problem = f"{broker} wants a user name and password" + (f": {how}" if how else "")
        return LoginError(problem, "slowly")
    return NoConnectionError(f"{broker} refused us: {words(reason)}", _then(reason.value))


def unanswered(settings: Mqtt, *, hung_up: bool) -> NoConnectionError:
    """What it means that the broker hung up, or kept silent, instead of a CONNACK."""
    if not hung_up:
        return NoConnectionError(f"{address(settings)} does not answer", "older")
    # The alert that tells why a certificate is refused is lost when the connection is reset.
    if settings.cert_file:
        hint = "does it accept our client certificate?"
    else:
        hint = f"does it want {'a client certificate' if settings.tls else 'TLS'}?"
    return NoConnectionError(f"{address(settings)} hung up without an answer ({hint})", "older")


def another(client_id: str) -> str:
    """What is asked where two push each other out."""
    return f"is there another client called {client_id}? Give each a [device] name of its own"


def ended(reason: ReasonCode | None, settings: Mqtt, client_id: str) -> NoConnectionError:
    """What it means that a connection that once worked has ended with `reason`."""
    broker = address(settings)
    code = reason.value if reason is not None else 0
    if code == _TAKEN_OVER:
        problem = f"{broker} gave our place away: {another(client_id)}"
    elif code == _KEEP_ALIVE:
        problem = f"{broker} stopped answering"
    elif code in (0, _UNSPECIFIED):
        problem = f"lost the connection to {broker}"
    else:
        problem = f"{broker} closed the connection: {reason and words(reason)}"
    error = NoConnectionError(problem, _then(code))
    error.is_explained = code not in (0, _UNSPECIFIED)
    return error


def _then(code: int) -> Then:
    return "slowly" if code in _FOR_A_PERSON else "soon"
