"""The subscriber: hears what devices tell one MQTT broker, whatever happens to the broker."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable
from typing import Any

from paho.mqtt.client import Client, MQTTMessage, MQTTMessageInfo
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edged.mqtt import reasons
from edged.mqtt.reasons import LoginError, NoConnectionError
from edged.mqtt.retry import Retry
from edged.mqtt.session import PROTOCOLS, Protocol, Session, with_first_that_works
from edged.mqtt.tls import tls_context
from edged.sections import Mqtt

STEP_S = 0.1
PACKET_BYTES = 1_000_000
"""A broker that speaks MQTT 5 keeps larger ones to itself."""
CLOSE_TIMEOUT_S = 1.0
PASSWORD_HINT = "mqtt://USER:PASSWORD@HOST, or [mqtt] username in a file"  # noqa: S105 - no password
_LIMIT = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
_LIMIT.MaximumPacketSize = PACKET_BYTES


class Subscriber:
    """Keeps connected to a broker and subscribed to what was asked for, from its own thread."""

    def __init__(
        self,
        settings: Mqtt,
        on_message: Callable[[str, bytes], None],
        *,
        retry: Retry | None = None,
        protocols: tuple[Protocol, ...] = PROTOCOLS,
        login_hint: str = PASSWORD_HINT,
    ) -> None:
        """Check what can be checked without the broker.

        Args:
            settings: of the broker.
            on_message: called by the subscriber's thread with topic and payload; must not raise.
            retry: when to connect again; a person is watching, who does not like to wait.
            protocols: tried in their order, once one has worked that one first.
            login_hint: how a user gives us a name and password.

        Raises:
            BrokerError: a certificate or key cannot be used.
        """
        self.connected = False
        self.problem: str | None = None
        """What is wrong, for a person; None: nothing, or not tried yet."""
        self.is_login_wanted = False
        """That is a name and password, or others than these."""
        self.address = f"{settings.host}:{settings.port}"
        self._settings = settings
        self._context = tls_context(settings)
        self._on_message = on_message
        self._retry = retry or Retry(first_s=0.5, most_s=3.0, refused_s=3.0)
        self._protocols = protocols
        self._login_hint = login_hint
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._wanted: tuple[str, ...] = ()
        self._to_forget: tuple[str, ...] = ()
        self._forgot = threading.Event()

    def start(self) -> None:
        """Begin to connect; returns at once, broker or none. Once only."""
        self._thread = threading.Thread(target=self._run, name="mqtt-in", daemon=True)
        self._thread.start()

    def follow(self, filters: Iterable[str]) -> None:
        """Hear these topics and no others, now and after every reconnect."""
        self._wanted = tuple(filters)

    def forget(self, topics: Iterable[str], timeout_s: float) -> bool:
        """Have the broker forget what it retains of topics. Once only; False: not in time."""
        if not self.connected:
            return False
        self._to_forget = tuple(topics)
        return self._forgot.wait(timeout_s)

    def close(self) -> None:
        """Disconnect and stop. May be called twice."""
        self._closing.set()
        if self._thread is not None:
            # A thread that still connects ends by itself when the attempt does.
            self._thread.join(CLOSE_TIMEOUT_S)

    def _run(self) -> None:
        failures = 0
        while not self._closing.is_set():
            try:
                with_first_that_works(self._protocols, self._hold)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next try may work
                failures = 1 if self.connected else failures + 1
                self.connected = False
                self.is_login_wanted = isinstance(error, LoginError)  # before the problem is seen
                self.problem = (
                    str(error)
                    if isinstance(error, NoConnectionError)
                    else f"mqtt: {type(error).__name__}: {error}"
                )
                slowly = isinstance(error, NoConnectionError) and error.then == "slowly"
                self._closing.wait(self._retry.wait_s(failures, slowly=slowly))

    def _hold(self, protocol: Protocol) -> None:
        # A name of its own: two watchers must not push each other out.
        name = f"edged-watch-{secrets.token_hex(4)}"
        session = Session(self._settings, protocol, self._context, name)
        session.login_hint = self._login_hint
        client = session.client
        client.on_message = self._take
        client.on_subscribe = self._on_subscribe
        subscribed: set[str] = set()
        forgetting: list[MQTTMessageInfo] = []
        try:
            session.open(_LIMIT if session.is_5 else None)
            while not self._closing.is_set():
                client.loop(STEP_S)
                session.check()
                if not session.is_ready:
                    continue
                if not self.connected:
                    self._established(protocol)
                subscribed = _subscribe(client, subscribed, self._wanted)
                forgetting += self._forget(client)
                if forgetting and all(one.is_published() for one in forgetting):
                    self._forgot.set()
            client.disconnect()
        finally:
            session.close()
        self.connected = False

    def _established(self, protocol: Protocol) -> None:
        self._protocols = (protocol, *(one for one in self._protocols if one != protocol))
        self.problem = None
        self.connected = True

    def _forget(self, client: Client) -> list[MQTTMessageInfo]:
        topics, self._to_forget = self._to_forget, ()
        return [client.publish(topic, b"", qos=1, retain=True) for topic in topics]

    def _take(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self._on_message(message.topic, bytes(message.payload))

    def _on_subscribe(
        self, _client: Client, _data: Any, _mid: int, answers: list[ReasonCode], _props: Any
    ) -> None:
        for answer in answers:
            if answer.is_failure:
                self.problem = f"broker {self.address} refuses to tell: {reasons.words(answer)}"


def _subscribe(client: Client, before: set[str], wanted: tuple[str, ...]) -> set[str]:
    """Tell the broker what has changed."""
    for topic in before.difference(wanted):
        client.unsubscribe(topic)
    for topic in set(wanted) - before:
        client.subscribe(topic, qos=1)
    return set(wanted)
