"""A simulated device's connection: the session that edged has, driven by a loop that others share.

`open` may be called by any thread, and waits; all else is for the thread of the loop, and does not.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.reasoncodes import ReasonCode

from edged.messages.encoding import JSON_TYPE, MSGPACK_TYPE, content_type
from edged.messages.topics import OFFLINE, STREAM_EXPIRY_S, Topics
from edged.mqtt import reasons
from edged.mqtt.connection import Fixed, client_id
from edged.mqtt.session import Protocol, Session
from edged.mqtt.tls import TlsSocket
from edged.sections import Mqtt

_STREAM = {
    kind: Fixed(MessageExpiryInterval=STREAM_EXPIRY_S, ContentType=kind)
    for kind in (JSON_TYPE, MSGPACK_TYPE)
}
_STATE = Fixed(ContentType=JSON_TYPE)
_WORD = Fixed(ContentType="text/plain")
SEND_BUFFER = 16_384
"""As the publisher's, see `edged.mqtt.connection`."""

Acknowledged = Callable[[int, float, str], None]
"""Is told the message's number, how many ms the broker took, and why it refused it, or nothing."""


class Wire(Session):
    """One connection of one simulated device."""

    def __init__(
        self,
        settings: Mqtt,
        topics: Topics,
        protocol: Protocol,
        context: ssl.SSLContext | None,
        acknowledged: Acknowledged,
    ) -> None:
        super().__init__(settings, protocol, context, client_id(topics))
        self._commands = topics.set("+")
        self._words = (topics.status, topics.paused)
        self._acknowledged = acknowledged
        self._sent_ns: dict[int, int] = {}
        self.bytes = 0
        """Of the PUBLISH packets so far."""
        self.client.will_set(topics.status, OFFLINE, qos=1, retain=True)

    @property
    def is_open(self) -> bool:
        """Whether there is a socket to wait for."""
        return self.client.socket() is not None

    @property
    def is_idle(self) -> bool:
        """The wire has taken everything so far."""
        return self.is_open and not self.client.want_write()

    @property
    def unacknowledged(self) -> int:
        """Messages of QoS 1 that the broker has not answered."""
        return len(self._sent_ns)

    def read(self) -> None:
        """Take what has come."""
        self.client.loop_read()
        # What TLS has already decrypted does not show in epoll.
        while isinstance(tls := self.client.socket(), TlsSocket) and tls.pending():
            self.client.loop_read()

    def write(self) -> None:
        """Send what has waited for the wire."""
        self.client.loop_write()

    def listen(self) -> None:
        """Subscribe to commands, as edged does; nobody answers them."""
        self.client.subscribe(self._commands, qos=1)

    def stream(self, topic: str, payload: bytes) -> None:
        """QoS 0, expiring."""
        kind = _STREAM[content_type(payload)] if self.is_5 else None
        self.bytes += packet_bytes(topic, payload, kind, qos=0)
        self.publish_once(topic, payload, kind)

    def tell(self, topic: str, payload: bytes, *, retain: bool) -> int:
        """QoS 1. Returns the message's number, which `acknowledged` will be told."""
        kind = (_WORD if topic in self._words else _STATE) if self.is_5 else None
        self.bytes += packet_bytes(topic, payload, kind, qos=1)
        # Only while an acknowledgement is due: paho calls it for each QoS 0 message too.
        self.client.on_publish = self._on_publish
        info = self.client.publish(topic, payload, qos=1, retain=retain, properties=kind)
        self._sent_ns[info.mid] = time.monotonic_ns()
        return info.mid

    def _on_publish(
        self, client: Client, _data: Any, mid: int, reason: ReasonCode, _props: Any
    ) -> None:
        sent_ns = self._sent_ns.pop(mid, None)
        if sent_ns is None:
            return
        if not self._sent_ns:
            client.on_publish = None
        refusal = reasons.words(reason) if reason.is_failure else ""
        self._acknowledged(mid, (time.monotonic_ns() - sent_ns) / 1e6, refusal)

    def _on_socket_open(self, client: Client, data: Any, opened: Any) -> None:
        super()._on_socket_open(client, data, opened)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)


def packet_bytes(topic: str, payload: bytes, properties: Fixed | None, *, qos: int) -> int:
    """The size of a PUBLISH packet: MQTT 5, section 3.3; without properties that of 3.1.1."""
    packed = 0 if properties is None else len(properties.pack())
    rest = 2 + len(topic.encode()) + (2 if qos else 0) + packed + len(payload)
    length_bytes = max(1, -(-rest.bit_length() // 7))
    return 1 + length_bytes + rest
