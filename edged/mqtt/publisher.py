"""The publisher: what edged tells to an MQTT broker, and is asked, whatever happens to brokers."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial

from edged import sections
from edged.messages.encoding import encoder
from edged.messages.topics import OFFLINE, ONLINE, STREAM_EXPIRY_S, Topics
from edged.mqtt.brokers import Brokers
from edged.mqtt.connection import Connection, client_id
from edged.mqtt.endings import Endings
from edged.mqtt.homecoming import Homecoming
from edged.mqtt.inbox import Answers, Asked, Inbox, Order, answer_of
from edged.mqtt.latest import LatestPerTopic
from edged.mqtt.outbox import Outbox
from edged.mqtt.reasons import NoConnectionError, address
from edged.mqtt.retry import Retry
from edged.mqtt.session import PROTOCOLS, Protocol, with_first_that_works
from edged.mqtt.tls import tls_context
from edged.sections import Mqtt

log = logging.getLogger(__name__)

BEAT_S = 1.0
"""The thread shows a sign of life at least this often, except while it connects."""
CLOSE_TIMEOUT_S = 1.0
FAREWELL_S = 0.8
"""What a slow broker gets of it for the last messages."""
LAST_EVENTS_S = 0.4
"""And of that for events, which can wait for the next start."""
BURST = 16
"""Messages sent before the wire is looked at again, however many come."""


class Publisher:
    """Tells streams, states and events to the broker, in a thread of its own that keeps connecting.

    `stream`, `state` and `event` may be called from any thread; they neither wait for the network
    nor fail because of it. Of every topic, one message waits at most; events, in the outbox.
    """

    def __init__(
        self,
        settings: Mqtt,
        topics: Topics,
        *,
        on_change: Callable[[], None] | None = None,
        on_order: Callable[[Order], str] | None = None,
        listens: Mapping[str, Callable[[bytes], None]] | None = None,
        outbox: Outbox | None = None,
        retry: Retry | None = None,
        protocols: tuple[Protocol, ...] = PROTOCOLS,
    ) -> None:
        """Check what can be checked without the broker.

        `on_change` is called by the publisher's thread whenever `connected` or `problem` is new.

        `on_order` is given each command, by the same thread. It must not block, and says why it
        does not take one, or nothing; None: no commands are subscribed to.

        `listens` says by topic what else is listened to, and whom to give it to, by that thread.

        `outbox` keeps the events; it belongs to the caller, who closes it after the publisher.
        None: they wait in memory.

        `protocols` are tried in their order; name one when it is known what the broker speaks.

        Raises:
            BrokerError: a certificate or key cannot be used.
        """
        self.connected = False
        self.problem: str | None = None
        """What is wrong, for a person; None: nothing, or not tried yet."""
        self.protocol: Protocol | None = None
        """Of the present connection."""
        self.reconnects = 0
        """Connections after the first."""
        self.encode = encoder(settings.encoding)
        """Writes what a frame shows; all else is JSON."""
        self.beat_ns = time.monotonic_ns()
        """The thread's last sign of life: older than BEAT_S only while it connects, which takes
        a few seconds, or longer where no name server answers."""
        self._settings = settings
        self._topics = topics
        self._context = tls_context(settings)
        self._on_change = on_change
        self._brokers = Brokers(settings, retry or Retry())
        self._inbox = None if on_order is None else Inbox(topics, on_order, self.answer)
        self._listens = dict(listens or {})
        self._outbox = outbox or Outbox(None, sections.Outbox())
        self._protocols = protocols
        self._connections = 0
        self._endings = Endings()
        self._told: str | None = None
        self._thread: threading.Thread | None = None
        # The lock guards what follows, and `connected`.
        self._lock = threading.Lock()
        self._streams = LatestPerTopic(STREAM_EXPIRY_S * 1_000_000_000)
        self._answers = Answers()
        self._states = {topics.status: ONLINE}
        self._untold: dict[str, None] = {}
        self._closing = threading.Event()
        self._farewell_until_ns = 0
        self._sends_events = True
        self._is_forgetting = settings.forget_at_end
        self._wake = -1
        self._asleep = False
        """The thread waits for the wire, and nothing waits for the thread."""
        self._connection: Connection | None = None
        """The one that is established."""

    @property
    def unsent(self) -> int:
        """Stream messages that were replaced, expired, or came while there was no connection."""
        return self._streams.dropped

    @property
    def broker(self) -> Mqtt:
        """The one that is connected, or is tried."""
        return self._brokers.present

    def start(self) -> None:
        """Begin to connect; returns at once, broker or none. Once only."""
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._thread.start()

    def stream(self, topic: str, payload: bytes) -> None:
        """Tell what is true right now: QoS 0, the latest wins, of no use after STREAM_EXPIRY_S."""
        with self._lock:
            if self._connection is None or self._closing.is_set():
                self._streams.refuse()
            elif self._asleep and self._connection.idle:
                # Nothing waits and the wire is free: from here it is there 0.1 ms sooner, and at
                # less than the cost of waking the thread, which only has to watch what is left.
                if not self._connection.stream(topic, payload):
                    self._rouse()
            else:
                self._streams.put(topic, payload, time.monotonic_ns())
                self._rouse()

    def state(self, topic: str, payload: bytes) -> None:
        """Tell what stays true: QoS 1, retained, and told again after every reconnect.

        An empty payload has the broker forget what it retains.
        """
        with self._lock:
            if not self._closing.is_set():
                self._remember(topic, payload)

    def answer(self, asked: Asked, reason: str = "") -> None:
        """Tell who asked that it was done, or the `reason` why not."""
        with self._lock:
            self._answers.put(answer_of(asked, reason), time.monotonic_ns())
            self._rouse()

    def event(self, topic: str, event_id: str, payload: bytes) -> None:
        """Tell what happened: QoS 1, in order, by the outbox, as often as it takes."""
        self._outbox.put(topic, event_id, payload)
        self._events_wait()

    def forget(self) -> None:
        """Have the broker forget all of it when this is closed: the device has another name now."""
        self._is_forgetting = True

    def close(self) -> None:
        """Tell `offline`, be forgotten if `forget_at_end`, disconnect and stop.

        Within CLOSE_TIMEOUT_S. May be called twice.
        """
        with self._lock:
            if not self._closing.is_set():
                self._farewell_until_ns = time.monotonic_ns() + int(FAREWELL_S * 1e9)
                self._closing.set()
            if self._wake >= 0:
                os.eventfd_write(self._wake, 1)
        if self._thread is not None:
            # A thread that still connects ends by itself when the attempt does.
            self._thread.join(CLOSE_TIMEOUT_S)

    def tell_again(self) -> None:
        """Tell all states again: somebody has forgotten them."""
        with self._lock:
            self._untold = dict.fromkeys(self._states)
            self._rouse()

    def _remember(self, topic: str, payload: bytes) -> None:
        self._states[topic] = payload
        self._untold[topic] = None
        self._rouse()

    def _events_wait(self) -> None:
        with self._lock:
            self._rouse()

    def _rouse(self) -> None:
        if self._asleep:
            self._asleep = False
            os.eventfd_write(self._wake, 1)

    def _run(self) -> None:
        with self._lock:
            self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        try:
            while not self._closing.is_set():
                self._pause(self._brokers.choose(time.monotonic_ns()))
                try:
                    # Next time, MQTT 5 first again.
                    with_first_that_works(self._protocols, self._hold)
                except Exception as error:  # noqa: BLE001 - whatever it is, the next try may work
                    now_ns = time.monotonic_ns()
                    if self._endings.ended(now_ns):
                        self._told = None  # the next end of a connection is news again
                    slowly = isinstance(error, NoConnectionError) and error.then == "slowly"
                    self._brokers.failed(
                        self._endings.explain(error, client_id(self._topics)),
                        now_ns,
                        slowly=slowly or self._endings.is_fight,
                        was_connected=self.connected,
                    )
                    self._lost(self._brokers.problem)
        finally:
            with self._lock:
                os.close(self._wake)
                self._wake = -1

    def _hold(self, protocol: Protocol) -> None:
        if self._closing.is_set():
            return
        connection = Connection(
            self._brokers.present,
            self._topics,
            protocol,
            self._context,
            is_commanded=self._inbox is not None,
            listens=tuple(self._listens),
        )
        connection.is_wanted = lambda: not self._closing.is_set()
        try:
            self.beat_ns = time.monotonic_ns()
            connection.open()
            connection.watch(self._wake)
            while not connection.is_ready:
                if self._closing.is_set():
                    return
                self.beat_ns = time.monotonic_ns()
                connection.step(BEAT_S)
            self._established(protocol, connection)
            with contextlib.closing(self._homecoming()) as home:
                while not (self._closing.is_set() or home.is_possible):
                    self.beat_ns = time.monotonic_ns()
                    connection.step(self._send(connection))
                    self._look(connection, home)
            if self._closing.is_set():
                self._farewell(connection)
            else:
                self._leave(connection)
        finally:
            self._outbox.detach(connection)
            connection.close()
            self._hear(connection)

    def _homecoming(self) -> Homecoming:
        """What looks for the first broker, where another one is connected."""
        home = Homecoming(
            self._brokers, self._protocols, self._context, client_id(self._topics), self._wake
        )
        if not self._brokers.is_home:
            home.start()
        return home

    def _look(self, connection: Connection, home: Homecoming) -> None:
        """See what has come of the last step."""
        self._hear(connection)
        if home.problem is not None:
            self._brokers.home_refused(home.problem)
        if self._brokers.is_assurance_due(self.beat_ns):
            with self._lock:
                self._remember(self._topics.status, ONLINE)
        problem = connection.complaint or self._brokers.shortcoming
        if problem != self.problem:
            self._changed(problem)

    def _hear(self, connection: Connection) -> None:
        """Pass commands on. Not while paho is in use: what takes them may answer."""
        while connection.heard:
            heard = connection.heard.popleft()
            if heard.topic in self._listens:
                self._listens[heard.topic](heard.payload)
            elif self._inbox is not None:
                self._inbox.hear(heard, time.monotonic_ns())
        if self._inbox is not None and connection.deafness is not None:
            self._inbox.note(connection.deafness, address(connection.settings))

    def _send(self, connection: Connection) -> float:
        """Hand over what waits, as long as the wire takes it at once: there is no other queue.

        Returns the seconds that the wire may be waited for.
        """
        for _ in range(BURST):
            if not connection.idle:
                return BEAT_S
            with self._lock:
                answer = self._answers.take(time.monotonic_ns())
                message = None if answer else self._next(connection)
                event = self._outbox.take(connection) if self._sends_events else None
                self._asleep = answer is None and message is None and event is None
            if self._asleep:
                return BEAT_S
            if answer is not None:
                connection.answer(answer)
            if message is not None:
                topic, payload, stays = message
                if stays:
                    connection.state(topic, payload)
                else:
                    connection.stream(topic, payload)
            if event is not None:  # beside a message: neither can keep the other from leaving
                answered = partial(self._outbox.answered, event)
                connection.event(event.topic, event.payload, answered)
        return 0.0

    def _next(self, connection: Connection) -> tuple[str, bytes, bool] | None:
        """The next topic and payload, and whether it is a state; states first."""
        for topic in self._untold:
            if topic not in connection.unacknowledged:
                del self._untold[topic]
                payload = self._states[topic]
                if not payload:  # nothing is retained any more: that is told once
                    del self._states[topic]
                return topic, payload, True
        stream = self._streams.take(time.monotonic_ns())
        return None if stream is None else (*stream, False)

    def _leave(self, connection: Connection) -> None:
        """Say goodbye to a fallback: the first broker is there again."""
        log.info("%s answers again", address(self._settings), extra={"event": "broker-returns"})
        with self._lock:
            self._asleep = False
            self._untold.pop(self._topics.status, None)
            topics = list(self._states) if self._settings.forget_at_end else []
        connection.state(self._topics.status, OFFLINE)
        for topic in topics:
            connection.state(topic, b"")
        if self._drain(connection, time.monotonic_ns() + int(FAREWELL_S * 1e9)):
            connection.finish()
        self._brokers.go_home()
        self._endings.left()
        self._lost(None)

    def _farewell(self, connection: Connection) -> None:
        """Tell what waits, then `offline`, and DISCONNECT. The will does it when time runs out."""
        with self._lock:
            self._asleep = False
            until_ns = self._farewell_until_ns
        self._tell_last_events(connection)
        if self._drain(connection, until_ns):
            with self._lock:
                self._remember(self._topics.status, OFFLINE)
            if self._drain(connection, until_ns) and self._forgotten(connection, until_ns):
                connection.finish()
        with self._lock:
            self._streams.clear()
            self.connected, self._connection = False, None
        self.protocol = None
        self._changed(None, anyway=True)

    def _tell_last_events(self, connection: Connection) -> None:
        """Tell events as long as there is time: those of the end, if the broker keeps up."""
        until_ns = time.monotonic_ns() + int(LAST_EVENTS_S * 1e9)
        while self._outbox.has_more(connection) and time.monotonic_ns() < until_ns:
            remaining_s = (until_ns - time.monotonic_ns()) / 1e9
            connection.step(min(self._send(connection), remaining_s))
        self._sends_events = False

    def _forgotten(self, connection: Connection, until_ns: int) -> bool:
        """Have the broker forget all states, if that is wanted; False: not in time."""
        if not self._is_forgetting:
            return True
        with self._lock:
            for topic in self._states:
                self._remember(topic, b"")  # MQTT's way to say that nothing is retained
        return self._drain(connection, until_ns)

    def _drain(self, connection: Connection, until_ns: int) -> bool:
        """Send until nothing waits and all is acknowledged; False: not in time."""
        while True:
            patience_s = self._send(connection)
            with self._lock:
                waiting = len(self._untold) + len(self._streams) + len(self._answers)
                waiting += len(connection.unacknowledged)
            if not waiting and connection.idle:
                return True
            remaining_s = (until_ns - time.monotonic_ns()) / 1e9
            if remaining_s <= 0.0:
                return False
            connection.step(min(patience_s, remaining_s))
            self._hear(connection)

    def _established(self, protocol: Protocol, connection: Connection) -> None:
        with self._lock:
            self.connected, self._connection = True, connection
            self._untold = dict.fromkeys(self._states)
        self._outbox.attach(connection, self._events_wait)
        self.protocol = protocol
        self.reconnects = self._connections
        self._connections += 1
        now_ns = time.monotonic_ns()
        self._endings.began(now_ns)
        self._brokers.established(now_ns)
        where = address(connection.settings)
        log.info("connected to %s, MQTT %s", where, protocol, extra={"event": "broker-found"})
        self._changed(self._brokers.shortcoming, anyway=True)

    def _lost(self, problem: str | None) -> None:
        with self._lock:
            self._asleep = False
            was_connected, self.connected = self.connected, False
            self._connection = None
            self._streams.clear()
        self.protocol = None
        self._changed(None if self._closing.is_set() else problem, anyway=was_connected)

    def _changed(self, problem: str | None, *, anyway: bool = False) -> None:
        """Tell of a problem once, in the log and by `on_change`."""
        if problem == self.problem and not anyway:
            return
        self.problem = problem
        if problem is not None and problem != self._told:
            self._told = problem
            log.warning("%s", problem, extra={"event": "broker-lost"})
        if self._on_change is not None:
            try:
                self._on_change()
            except Exception as error:  # noqa: BLE001 - a listener must not end the connection
                log.error("mqtt on_change: %s: %s", type(error).__name__, error)  # noqa: TRY400

    def _pause(self, seconds: float) -> None:
        """Wait, but for `close`."""
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        until_ns = time.monotonic_ns() + int(seconds * 1e9)
        while not self._closing.is_set() and (now_ns := time.monotonic_ns()) < until_ns:
            self.beat_ns = now_ns
            if poll.poll(min(BEAT_S, (until_ns - now_ns) / 1e9) * 1000):
                os.eventfd_read(self._wake)
