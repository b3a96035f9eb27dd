"""One paho client and its one connection to a broker, with the reason why that ends.

paho reconnects, steps down and keeps threads by itself; here it does none of it. Who drives the
session (`publisher`, `subscriber`) decides when to try again.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edged.mqtt import reasons
from edged.mqtt.reasons import NoConnectionError
from edged.mqtt.tls import TlsSocket
from edged.sections import Mqtt

Protocol: TypeAlias = Literal["5", "3.1.1"]
PROTOCOLS: tuple[Protocol, ...] = ("5", "3.1.1")
"""In the order in which they are tried."""
_VERSIONS = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}

CONNECT_TIMEOUT_S = 2.0
"""For TCP and again for TLS; long enough for one lost SYN, which is sent again after 1 s."""
CONNACK_TIMEOUT_S = 5.0
"""amqtt, for one, neither answers MQTT 5 nor hangs up."""


def with_first_that_works(protocols: Sequence[Protocol], hold: Callable[[Protocol], None]) -> None:
    """Hold a session by the first protocol that the broker speaks.

    Raises:
        NoConnectionError: there is none, or it ended.
    """
    for protocol in protocols:
        try:
            hold(protocol)
        except NoConnectionError as error:
            if error.then != "older" or protocol == protocols[-1]:
                raise
        else:
            return


class Session:
    """A client that connects once. `close` lets go of its socket."""

    def __init__(
        self, settings: Mqtt, protocol: Protocol, context: ssl.SSLContext | None, name: str
    ) -> None:
        """`name` is the client id, which the broker gives to one client at a time."""
        self.settings = settings
        self.is_5 = protocol == "5"
        self.is_ready = False
        """The broker has accepted us."""
        self.is_wanted: Callable[[], bool] = lambda: True
        """Asked when the socket is open and nothing has been said: a CONNECT takes the name, and so
        the place, of the client that came after us."""
        self.login_hint = "set [mqtt] username"
        """How a user gives us a name and password."""
        self._name = name
        self._opened_ns = 0
        self._socket: Any = None
        self._refusal: ReasonCode | None = None
        self._goodbye: ReasonCode | None = None
        self.client = client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=name,
            clean_session=None if self.is_5 else True,
            protocol=_VERSIONS[protocol],
            reconnect_on_failure=False,  # else paho steps down to MQTT 3.1 by itself
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        if settings.username:
            client.username_pw_set(settings.username, settings.password)
        if context is not None:
            client.tls_set_context(context)
        client.on_socket_open = self._on_socket_open
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect

    def open(self, properties: Properties | None = None) -> None:
        """Connect and send CONNECT.

        Takes up to `CONNECT_TIMEOUT_S` for each address of the host, and as much for TLS; a name
        that no server answers for takes as long as the system's resolver tries.

        Raises:
            NoConnectionError: no connection.
        """
        settings = self.settings
        try:
            self.client.connect(
                settings.host, settings.port, settings.keepalive_s, properties=properties
            )
        except (OSError, ValueError) as error:
            raise reasons.unreachable(error, settings) from None
        self._opened_ns = time.monotonic_ns()

    def check(self) -> socket.socket:
        """The socket, still open.

        Raises:
            NoConnectionError: the connection has ended, or the broker does not answer.
        """
        if self.client.socket() is None or self._socket is None:
            raise self._ending()
        waited_ns = time.monotonic_ns() - self._opened_ns
        if not self.is_ready and self._opened_ns and waited_ns > CONNACK_TIMEOUT_S * 1e9:
            raise reasons.unanswered(self.settings, hung_up=False)
        opened: socket.socket = self._socket
        return opened

    def publish_once(self, topic: str, payload: bytes, properties: Properties | None) -> None:
        """Publish by QoS 0.

        paho gives each message a number, calls `on_publish` with it when it is written, and has
        65535 of them: one of a stream would pass for the PUBACK of an event that is still waited
        for. So streams all are number 0, which no other message ever is.
        """
        client = self.client
        last, client._last_mid = client._last_mid, -1  # noqa: SLF001 - paho has no other way
        try:
            client.publish(topic, payload, properties=properties)
        finally:
            client._last_mid = last  # noqa: SLF001

    def close(self) -> None:
        """Let go of the socket. Without a DISCONNECT, the broker tells the will."""
        if self._socket is not None:
            self._socket.close()

    def _ending(self) -> NoConnectionError:
        if self._refusal is not None:
            return reasons.refused(self._refusal, self.settings, self.login_hint)
        if isinstance(self._socket, TlsSocket) and self._socket.failure is not None:
            return reasons.unreachable(self._socket.failure, self.settings)
        if not self.is_ready:
            return reasons.unanswered(self.settings, hung_up=True)
        return reasons.ended(self._goodbye, self.settings, self._name)

    def _on_socket_open(self, _client: Client, _data: Any, opened: Any) -> None:
        self._socket = opened
        if not self.is_wanted():
            raise NoConnectionError("not wanted any more")
        # A message waits for no other: Nagle's algorithm costs 10 ms at 30 messages/s.
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _on_connect(
        self, _client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, _props: Any
    ) -> None:
        if reason.is_failure:
            self._refusal = reason
        else:
            self.is_ready = True

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: DisconnectFlags, reason: ReasonCode, _props: Any
    ) -> None:
        self._goodbye = reason
