"""The publisher's connection: driven by one thread, with messages from any.

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
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, cast

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edged.messages.commands import REPLY_EXPIRY_S
from edged.messages.encoding import JSON_TYPE, MSGPACK_TYPE, content_type
from edged.messages.topics import OFFLINE, STREAM_EXPIRY_S, Topics
from edged.mqtt import reasons
from edged.mqtt.inbox import Answer, Heard
from edged.mqtt.session import Protocol, Session
from edged.mqtt.tls import TlsSocket
from edged.sections import Mqtt

SEND_BUFFER = 16_384
"""Bytes that the kernel may hold for a stalled peer (Linux doubles it): old messages, half a second
of poses at 30 frames/s."""
MISC_EVERY_NS = 500_000_000
"""How often paho looks at its keep-alive."""
PACKET_BYTES = 65_536
"""A broker that speaks MQTT 5 keeps larger messages to itself. What Home Assistant was told comes
back where it is to be removed: 12 kB."""
MOST_HEARD = 64
"""Messages of one `step`."""
MOST_UNTAKEN = 64
"""Answers that the broker has not acknowledged."""


OVERHEAD_BYTES = 64
"""Of a PUBLISH packet, beside topic and payload: more than our properties take."""


class Fixed(Properties):
    """Properties of a PUBLISH that never change, packed once: paho packs them for each message."""

    def __init__(self, **values: int | str) -> None:
        super().__init__(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        for name, value in values.items():
            setattr(self, name, value)
        object.__setattr__(self, "packed", super().pack())  # type: ignore[no-untyped-call]

    def pack(self) -> bytes:
        """As they go over the wire."""
        return cast("bytes", object.__getattribute__(self, "packed"))


_STREAM = {
    kind: Fixed(MessageExpiryInterval=STREAM_EXPIRY_S, ContentType=kind)
    for kind in (JSON_TYPE, MSGPACK_TYPE)
}
_STATE = Fixed(ContentType=JSON_TYPE)
_WORD = Fixed(ContentType="text/plain")
_LIMIT = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
_LIMIT.MaximumPacketSize = PACKET_BYTES


def client_id(topics: Topics) -> str:
    """Unique among devices and the same after a restart.

    So a device that lost its power and is back takes over its old connection, whose will is then
    told *before* the new `online`; with a random id, the will would come up to 30 s after it.
    """
    return f"{topics.prefix}-{topics.device}".replace("/", "-")


class Connection(Session):
    """One connection of the publisher. Nothing here waits longer than its timeouts say."""

    def __init__(
        self,
        settings: Mqtt,
        topics: Topics,
        protocol: Protocol,
        context: ssl.SSLContext | None,
        *,
        is_commanded: bool = False,
        listens: Sequence[str] = (),
    ) -> None:
        """Args: `is_commanded`: commands are subscribed to, and the topics `listens`."""
        super().__init__(settings, protocol, context, client_id(topics))
        self._topics = topics
        self._is_commanded = is_commanded
        self._listens = listens
        self._commands_mid: int | None = None
        self.heard: deque[Heard] = deque(maxlen=MOST_HEARD)
        """Commands that have come, for whoever drives the connection."""
        self.deafness: str | None = None
        """Why the broker tells us no commands; empty: it does; None: it has not said so yet."""
        self._untaken: deque[MQTTMessageInfo] = deque()
        self._poll = select.poll()
        self._wake = -1
        self._events = 0
        self._misc_ns = 0
        self._using_client = threading.Lock()
        self._denied: dict[str, str] = {}
        self._most_bytes = 0
        """Of a packet that the broker takes; 0: it has not said so."""
        self._topic_of: dict[int, str] = {}
        self._answered: dict[int, Callable[[str | None], None]] = {}
        self.unacknowledged: set[str] = set()
        """Topics of the states that the broker has not yet acknowledged."""
        self.client.on_message = self._on_message
        self.client.on_subscribe = self._on_subscribe
        self.client.will_set(topics.status, OFFLINE, qos=1, retain=True)

    @property
    def idle(self) -> bool:
        """The wire has taken everything so far: a message given now goes out now."""
        return self.client.socket() is not None and not self.client.want_write()

    @property
    def complaint(self) -> str | None:
        """What the broker does not let us publish."""
        for topic, reason in self._denied.items():
            return f"{reasons.address(self.settings)} refuses messages to {topic}: {reason}"
        return None

    def open(self, properties: Properties | None = None) -> None:
        """Connect and send CONNECT. Raises `NoConnectionError`."""
        super().open(properties or (_LIMIT if self.is_5 else None))

    def watch(self, wake: int) -> None:
        """Have `wake`, an eventfd, end a `step` early."""
        self._wake = wake
        self._poll.register(wake, select.POLLIN)

    def step(self, timeout_s: float) -> None:
        """Wait for the wire or for a wake-up, and do what the wire wants.

        Raises:
            NoConnectionError: the connection has ended.
        """
        fd = self.check().fileno()
        events = select.POLLIN | (select.POLLOUT if self.client.want_write() else 0)
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
                    self.client.loop_write()
            if now_ns - self._misc_ns > MISC_EVERY_NS:
                self._misc_ns = now_ns
                self.client.loop_misc()
            self.check()

    def _read(self) -> None:
        self._read_some()
        # What TLS has already decrypted does not show in poll.
        while isinstance(tls := self.client.socket(), TlsSocket) and tls.pending():
            self._read_some()

    def _read_some(self) -> None:
        """As paho does, which would keep a message of 256 MB in memory, twice.

        MQTT 3.1.1 has no limit that the broker could keep. What is beyond ours is read and thrown
        away; the rest is too long for a command, and refused as such.
        """
        self.client.loop_read()
        packet = self.client._in_packet["packet"]  # noqa: SLF001 - paho has no other way
        if len(packet) > PACKET_BYTES:
            del packet[PACKET_BYTES:]

    def stream(self, topic: str, payload: bytes) -> bool:
        """Publish once: QoS 0, expiring. From any thread; the wire is not waited for.

        Returns whether the wire took all of it; a `step` sends the rest or tells why not.
        """
        with self._using_client:
            if self._too_long(topic, payload):
                return self.idle
            kind = _STREAM[content_type(payload)] if self.is_5 else None
            self.publish_once(topic, payload, kind)
            return self.idle

    def state(self, topic: str, payload: bytes) -> None:
        """Publish what stays: QoS 1, retained."""
        if refusal := self._too_long(topic, payload):
            self._denied[topic] = refusal
            return
        kind = _WORD if topic in (self._topics.status, self._topics.paused) else _STATE
        self.unacknowledged.add(topic)
        # Only while an acknowledgement is due: paho calls it for each QoS 0 message too (15 us).
        self.client.on_publish = self._on_publish
        with self._using_client:
            info = self.client.publish(
                topic, payload, qos=1, retain=True, properties=kind if self.is_5 else None
            )
        self._topic_of[info.mid] = topic

    def event(self, topic: str, payload: bytes, answered: Callable[[str | None], None]) -> None:
        """Publish once: QoS 1, never expiring. `answered` is told that the broker has it (None),
        or why it does not take it, by `step`; not at all, if the connection ends before.
        """  # noqa: D205 - one sentence
        if refusal := self._too_long(topic, payload):
            self._denied[topic] = refusal
            answered(refusal)
            return
        self.client.on_publish = self._on_publish
        try:
            with self._using_client:
                info = self.client.publish(
                    topic, payload, qos=1, properties=_STATE if self.is_5 else None
                )
        except ValueError as error:  # what a worn card has made of it must not keep others waiting
            self._denied[topic] = str(error)
            answered(str(error))
            return
        self._topic_of[info.mid] = topic
        self._answered[info.mid] = answered

    def answer(self, answer: Answer) -> None:
        """Publish once: QoS 1, expiring. Dropped where the broker acknowledges nothing."""
        while self._untaken and self._untaken[0].is_published():
            self._untaken.popleft()
        if len(self._untaken) >= MOST_UNTAKEN:
            return
        properties = None
        if self.is_5:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.ContentType = "application/json"
            properties.MessageExpiryInterval = REPLY_EXPIRY_S
            if answer.correlation is not None:
                properties.CorrelationData = answer.correlation
        with self._using_client:
            info = self.client.publish(answer.topic, answer.payload, qos=1, properties=properties)
        if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._untaken.append(info)

    def _too_long(self, topic: str, payload: bytes) -> str:
        """Why the broker would hang up at a message, as MQTT 5 says; empty: it would not."""
        size = len(topic.encode()) + len(payload) + OVERHEAD_BYTES
        if not self._most_bytes or size <= self._most_bytes:
            return ""
        return f"it takes no packet of more than {self._most_bytes} bytes"

    def finish(self) -> None:
        """Say goodbye, which takes the will back. Only for an `idle` connection."""
        self.client.disconnect()

    def _on_socket_open(self, client: Client, data: Any, opened: Any) -> None:
        super()._on_socket_open(client, data, opened)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PACKET_BYTES)  # see `_read_some`

    def _on_connect(
        self, client: Client, data: Any, flags: ConnectFlags, reason: ReasonCode, props: Any
    ) -> None:
        super()._on_connect(client, data, flags, reason, props)
        if not self.is_ready:
            return
        self._most_bytes = getattr(props, "MaximumPacketSize", 0)
        if (most := getattr(props, "ReceiveMaximum", None)) is not None:
            # paho 2.1 does not look at it, and has no other way to be told once it is connected;
            # a broker that gets more than it allows hangs up.
            client._max_inflight_messages = min(client.max_inflight_messages, most)  # noqa: SLF001
        for topic in self._listens:
            client.subscribe(topic, qos=1)
        if self._is_commanded:
            commands = self._topics.set("+")
            if self.is_5:
                # What is retained was meant for another time: see `Inbox`, for 3.1.1 has no such.
                options = SubscribeOptions(
                    qos=1, noLocal=True, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND
                )
                _, self._commands_mid = client.subscribe(commands, options=options)
            else:
                _, self._commands_mid = client.subscribe(commands, qos=1)

    def _on_subscribe(
        self, _client: Client, _data: Any, mid: int, answers: list[ReasonCode], _props: Any
    ) -> None:
        if mid != self._commands_mid:
            return
        refusals = [reasons.words(answer) for answer in answers if answer.is_failure]
        self.deafness = refusals[0] if refusals else ""

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        properties = message.properties
        with contextlib.suppress(UnicodeDecodeError):  # a topic that the broker let through
            self.heard.append(
                Heard(
                    topic=message.topic,
                    payload=bytes(message.payload),
                    is_retained=message.retain,
                    response_topic=getattr(properties, "ResponseTopic", None),
                    correlation=getattr(properties, "CorrelationData", None),
                )
            )

    def _on_publish(
        self, client: Client, _data: Any, mid: int, reason: ReasonCode, _props: Any
    ) -> None:
        topic = self._topic_of.pop(mid, None)
        if topic is None:
            return
        refusal = reasons.words(reason) if reason.is_failure else None
        if (answered := self._answered.pop(mid, None)) is not None:
            answered(refusal)
        else:
            self.unacknowledged.discard(topic)
        if refusal is not None:
            self._denied[topic] = refusal
        else:
            self._denied.pop(topic, None)
        if not self._topic_of:
            client.on_publish = None
