"""One connection to a broker, from CONNECT to its end, with every reason why it may end.

The paho client has no thread of its own, so that a publish writes to the socket at once. One
thread drives it (`step`); `stream` may be called from others, between two steps or while one waits.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import threading
import time
from typing import Any, Literal, TypeAlias, cast

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edged.config import Mqtt
from edged.messages import OFFLINE, STREAM_EXPIRY_S, Topics
from edged.mqtt import reasons
from edged.mqtt.reasons import NoConnectionError
from edged.mqtt.tls import TlsSocket

Protocol: TypeAlias = Literal["5", "3.1.1"]
PROTOCOLS: tuple[Protocol, ...] = ("5", "3.1.1")
"""In the order in which they are tried."""
_VERSIONS = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}

CONNECT_TIMEOUT_S = 2.0
"""For TCP and again for TLS; long enough for one lost SYN, which is sent again after 1 s."""
CONNACK_TIMEOUT_S = 5.0
"""amqtt, for one, neither answers MQTT 5 nor hangs up."""
SEND_BUFFER = 16_384
"""Bytes that the kernel may hold for a stalled peer (Linux doubles it): old messages, half a second
of poses at 30 frames/s."""
MISC_EVERY_NS = 500_000_000
"""How often paho looks at its keep-alive."""


class _Fixed(Properties):
    """Properties of a PUBLISH that never change, packed once: paho packs them for each message."""

    def __init__(self, **values: int | str) -> None:
        super().__init__(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        for name, value in values.items():
            setattr(self, name, value)
        object.__setattr__(self, "packed", super().pack())  # type: ignore[no-untyped-call]

    def pack(self) -> bytes:
        return cast("bytes", object.__getattribute__(self, "packed"))


_STREAM = _Fixed(MessageExpiryInterval=STREAM_EXPIRY_S, ContentType="application/json")
_STATE = _Fixed(ContentType="application/json")
_STATUS = _Fixed(ContentType="text/plain")


def client_id(topics: Topics) -> str:
    """Unique among devices and the same after a restart.

    So a device that lost its power and is back takes over its old connection, whose will is then
    told *before* the new `online`; with a random id, the will would come up to 30 s after it.
    """
    return f"{topics.prefix}-{topics.device}".replace("/", "-")


class Connection:
    """One connection to a broker. Nothing here waits longer than its timeouts say."""

    def __init__(
        self, settings: Mqtt, topics: Topics, protocol: Protocol, context: ssl.SSLContext | None
    ) -> None:
        self._settings = settings
        self._topics = topics
        self._is_5 = protocol == "5"
        self._socket: socket.socket | None = None
        self._poll = select.poll()
        self._wake = -1
        self._events = 0
        self._opened_ns = self._misc_ns = 0
        self._using_client = threading.Lock()
        self._ready = False
        self._refusal: ReasonCode | None = None
        self._goodbye: ReasonCode | None = None
        self._denied: dict[str, str] = {}
        self._topic_of: dict[int, str] = {}
        self.unacknowledged: set[str] = set()
        """Topics of the states that the broker has not yet acknowledged."""
        self._client = self._make_client(_VERSIONS[protocol], context)

    def _make_client(self, version: MQTTProtocolVersion, context: ssl.SSLContext | None) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id(self._topics),
            clean_session=None if self._is_5 else True,
            protocol=version,
            reconnect_on_failure=False,  # else paho steps down to MQTT 3.1 by itself
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        if self._settings.username:
            client.username_pw_set(self._settings.username, self._settings.password)
        if context is not None:
            client.tls_set_context(context)
        client.will_set(self._topics.status, OFFLINE, qos=1, retain=True)
        client.on_socket_open = self._on_socket_open
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        return client

    @property
    def ready(self) -> bool:
        """The broker has accepted us."""
        return self._ready

    @property
    def idle(self) -> bool:
        """The wire has taken everything so far: a message given now goes out now."""
        return self._client.socket() is not None and not self._client.want_write()

    @property
    def complaint(self) -> str | None:
        """What the broker does not let us publish."""
        for topic, reason in self._denied.items():
            return f"{reasons.address(self._settings)} refuses messages to {topic}: {reason}"
        return None

    def open(self, wake: int) -> None:
        """Connect and send CONNECT; `wake` is an eventfd that ends a `step` early.

        Takes up to `CONNECT_TIMEOUT_S` for each address of the host, and as much for TLS; a name
        that no server answers for takes as long as the system's resolver tries.

        Raises:
            NoConnectionError: no connection.
        """
        try:
            self._client.connect(
                self._settings.host, self._settings.port, self._settings.keepalive_s
            )
        except (OSError, ValueError) as error:
            raise reasons.unreachable(error, self._settings) from None
        self._check()
        self._wake = wake
        self._opened_ns = time.monotonic_ns()
        self._poll.register(wake, select.POLLIN)

    def step(self, timeout_s: float) -> None:
        """Wait for the wire or for a wake-up, and do what the wire wants.

        Raises:
            NoConnectionError: the connection has ended.
        """
        fd = self._check()
        events = select.POLLIN | (select.POLLOUT if self._client.want_write() else 0)
        if events != self._events:
            self._poll.register(fd, events)
            self._events = events
        happened = self._poll.poll(max(0.0, timeout_s) * 1000)
        now_ns = time.monotonic_ns()
        with self._using_client:
            for ready, event in happened:
                if ready == self._wake:
                    with contextlib.suppress(BlockingIOError):
                        os.eventfd_read(ready)
                    continue
                if event & ~select.POLLOUT:
                    self._read()
                if event & select.POLLOUT:
                    self._client.loop_write()
            if now_ns - self._misc_ns > MISC_EVERY_NS:
                self._misc_ns = now_ns
                self._client.loop_misc()
            self._check()
        if not self._ready and now_ns - self._opened_ns > CONNACK_TIMEOUT_S * 1e9:
            raise reasons.unanswered(self._settings, hung_up=False)

    def _read(self) -> None:
        self._client.loop_read()
        # What TLS has already decrypted does not show in poll.
        while isinstance(tls := self._client.socket(), TlsSocket) and tls.pending():
            self._client.loop_read()

    def stream(self, topic: str, payload: bytes) -> bool:
        """Publish once: QoS 0, expiring. From any thread; the wire is not waited for.

        Returns whether the wire took all of it; a `step` sends the rest or tells why not.
        """
        with self._using_client:
            self._client.publish(topic, payload, properties=_STREAM if self._is_5 else None)
            return self.idle

    def state(self, topic: str, payload: bytes) -> None:
        """Publish what stays: QoS 1, retained."""
        kind = _STATUS if topic == self._topics.status else _STATE
        self.unacknowledged.add(topic)
        # Only while an acknowledgement is due: paho calls it for each QoS 0 message too (15 us).
        self._client.on_publish = self._on_publish
        with self._using_client:
            info = self._client.publish(
                topic, payload, qos=1, retain=True, properties=kind if self._is_5 else None
            )
        self._topic_of[info.mid] = topic

    def finish(self) -> None:
        """Say goodbye, which takes the will back. Only for an `idle` connection."""
        self._client.disconnect()

    def close(self) -> None:
        """Let go of the socket. Without `finish`, the broker tells the will."""
        if self._socket is not None:
            self._socket.close()

    def _on_socket_open(self, _client: Client, _data: Any, opened: Any) -> None:
        self._socket = opened
        # A message waits for no other: Nagle's algorithm costs 10 ms at 30 messages/s.
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)

    def _on_connect(
        self, _client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, _props: Any
    ) -> None:
        if reason.is_failure:
            self._refusal = reason
        else:
            self._ready = True

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: DisconnectFlags, reason: ReasonCode, _props: Any
    ) -> None:
        self._goodbye = reason

    def _on_publish(
        self, client: Client, _data: Any, mid: int, reason: ReasonCode, _props: Any
    ) -> None:
        topic = self._topic_of.pop(mid, None)
        if topic is None:
            return
        self.unacknowledged.discard(topic)
        if reason.is_failure:
            self._denied[topic] = reasons.words(reason)
        else:
            self._denied.pop(topic, None)
        if not self._topic_of:
            client.on_publish = None

    def _check(self) -> int:
        """The socket's number.

        Raises:
            NoConnectionError: paho has closed it.
        """
        if self._client.socket() is None or self._socket is None:
            raise self._ending()
        return self._socket.fileno()

    def _ending(self) -> NoConnectionError:
        if self._refusal is not None:
            return reasons.refused(self._refusal, self._settings)
        if isinstance(self._socket, TlsSocket) and self._socket.failure is not None:
            return reasons.unreachable(self._socket.failure, self._settings)
        if not self._ready:
            return reasons.unanswered(self._settings, hung_up=True)
        return reasons.ended(self._goodbye, self._settings, client_id(self._topics))
