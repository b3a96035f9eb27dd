"""Connects to the broker as the service would, and sends itself a message."""

from __future__ import annotations

import contextlib
import secrets
import ssl
import time
from dataclasses import dataclass
from typing import Any

import msgspec
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.reasoncodes import ReasonCode

from edged.errors import BrokerError
from edged.messages.device import Info
from edged.messages.topics import Topics
from edged.mqtt import reasons
from edged.mqtt.session import PROTOCOLS, Protocol, Session, with_first_that_works
from edged.mqtt.tls import tls_context
from edged.sections import Mqtt

STEP_S = 0.05
ANSWER_S = 2.0
"""For the message to come back, from when we are connected."""


@dataclass(frozen=True, slots=True)
class Trip:
    """How far it went."""

    protocol: str = ""
    """`5` or `3.1.1`; empty: there is no connection."""
    connect_ms: float | None = None
    """Until the broker took us, handshakes included."""
    round_trip_ms: float | None = None
    """None: the message did not come back."""
    is_published: bool = False
    """The broker acknowledged it. One of 3.1.1 does so even if it throws it away."""
    refusal: str = ""
    """Why the broker did not take the message (MQTT 5), or the subscription."""
    problem: str = ""
    """Why there is no connection, or how it ended."""
    cause: str = ""
    """Name of the exception behind it."""
    status: str = ""
    """That the device retains: `online`, `offline`; empty: none."""
    info: Info | None = None
    """Likewise."""
    certificate_days: float | None = None
    """Until the broker's certificate expires."""


def travel(settings: Mqtt, topics: Topics) -> Trip:
    """Go there and back. The topic is `topics.check`; nothing is retained.

    Takes as long as `Session.open` and a silent broker may, see there.
    """
    traveller = _Traveller(settings, topics)
    try:
        traveller.context = tls_context(settings)
        with_first_that_works(PROTOCOLS, traveller.hold)
    except BrokerError as error:
        traveller.problem = str(error)
        behind = error.__context__
        traveller.cause = "" if behind is None else type(behind).__name__
    return traveller.trip()


class _Traveller:
    """Belongs to one thread."""

    def __init__(self, settings: Mqtt, topics: Topics) -> None:
        self.context: ssl.SSLContext | None = None
        self.problem = self.cause = ""
        self._settings = settings
        self._topics = topics
        self._protocol = ""
        self._nonce = secrets.token_hex(8).encode()
        self._connect_ms: float | None = None
        self._sent_ns = 0
        self._back_ns = 0
        self._is_published = False
        self._refusal = ""
        self._kept: dict[str, bytes] = {}
        self._certificate_days: float | None = None

    def hold(self, protocol: Protocol) -> None:
        """One attempt. Raises `NoConnectionError`."""
        # A name of our own: the service must not lose its place to us.
        session = Session(
            self._settings, protocol, self.context, f"edged-check-{secrets.token_hex(4)}"
        )
        session.login_hint = ""  # what to do is told beside it
        client = session.client
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        began_ns = time.monotonic_ns()
        try:
            session.open()
            while not session.is_ready:
                client.loop(STEP_S)
                session.check()
            self._protocol = protocol
            self._connect_ms = (time.monotonic_ns() - began_ns) / 1e6
            self._certificate_days = _days_left(client)
            client.subscribe([(topic, 1) for topic in self._topics_wanted])
            until = time.monotonic() + ANSWER_S
            while time.monotonic() < until and not self._is_done:
                client.loop(STEP_S)
                session.check()
            client.disconnect()
        finally:
            session.close()

    @property
    def _topics_wanted(self) -> tuple[str, ...]:
        return self._topics.check, self._topics.status, self._topics.info

    @property
    def _is_done(self) -> bool:
        """What is retained comes before what we send."""
        return bool(self._back_ns and self._is_published) or bool(self._refusal)

    def _on_subscribe(
        self, client: Client, _data: Any, _mid: int, answers: list[ReasonCode], _props: Any
    ) -> None:
        if answers[0].is_failure:
            self._refusal = f"subscribing to {self._topics.check}: {reasons.words(answers[0])}"
        self._sent_ns = time.monotonic_ns()
        client.publish(self._topics.check, self._nonce, qos=1)

    def _on_publish(
        self, _client: Client, _data: Any, _mid: int, reason: ReasonCode, _props: Any
    ) -> None:
        if reason.is_failure:
            self._refusal = f"messages to {self._topics.check}: {reasons.words(reason)}"
        else:
            self._is_published = True

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        if message.topic == self._topics.check:
            if message.payload == self._nonce:
                self._back_ns = time.monotonic_ns()
        elif message.retain:
            self._kept[message.topic] = bytes(message.payload)

    def trip(self) -> Trip:
        """What has come of it so far."""
        info = None
        with contextlib.suppress(msgspec.MsgspecError):
            info = msgspec.json.decode(self._kept.get(self._topics.info, b""), type=Info)
        back_ms = (self._back_ns - self._sent_ns) / 1e6 if self._back_ns else None
        return Trip(
            protocol=self._protocol,
            connect_ms=None if self._connect_ms is None else round(self._connect_ms, 1),
            round_trip_ms=None if back_ms is None else round(back_ms, 2),
            is_published=self._is_published,
            refusal=self._refusal,
            problem=self.problem,
            cause=self.cause,
            status=self._kept.get(self._topics.status, b"").decode(errors="replace"),
            info=info,
            certificate_days=self._certificate_days,
        )


def _days_left(client: Client) -> float | None:
    """Until the broker's certificate expires; None: no TLS."""
    wire = client.socket()
    if not isinstance(wire, ssl.SSLSocket):
        return None
    until = (wire.getpeercert() or {}).get("notAfter")
    if not isinstance(until, str):
        return None
    return round((ssl.cert_time_to_seconds(until) - time.time()) / 86_400, 1)
