"""The outbox: events that wait until the broker has them.

Three threads meet here. Whoever hands an event over (`put`) leaves it in memory and goes on: no
disk, no network. The outbox's own thread writes it to the file, reads back what memory has no room
for, and deletes what is delivered. The publisher's thread takes events in their order, a few at a
time, and says what the broker answered. So a card that hangs for seconds stops neither frames nor
streams, nor the events while they fit into memory.

What SIGKILL or a power cut can take: an event that was handed over less than `GRACE_S` and a commit
ago (some 10 ms on an SD card, longer where the card hangs) and that the broker does not have. A
frame path that waited for the disk could still be cut before the event is made, so waiting would
only move that moment. With a broker that answers within `GRACE_S` the event is never written at
all, which is what saves the card: a workout at a broker that is there costs no write.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from threading import Condition, Thread

from edged import sections
from edged.messages.device import OutboxHealth
from edged.mqtt.event_queue import READ_AHEAD, WINDOW, EventQueue
from edged.mqtt.events import Calendar, Event, age_s, now
from edged.mqtt.outbox_file import OutboxError, OutboxFile, UnusableOutboxError, move_aside
from edged.mqtt.retry import Retry

log = logging.getLogger(__name__)

MEMORY = 1000
"""Events that wait in memory while the file cannot be written, or where there is none."""
CHUNK = 256
"""Rows dropped at a time."""
GRACE_S = 0.01
"""How long the broker may take to answer before an event is written: some round trips at home, and
less than an SD card takes for the write."""
HOLD_S = 60.0
"""After the broker refused an event, before one of that topic is offered again."""
CLOSE_S = 1.0
SLOW_S = 5.0
"""A write that takes longer is worth telling; cards pause for a second now and then."""
RETRY = Retry(first_s=1.0, most_s=60.0)
"""Of a file that cannot be used: a full disk is not helped by haste."""
DAY_S = 86_400.0
_MEANWHILE = ": events wait in memory, and are lost if edged ends before the broker has them"


class Outbox:
    """Keeps events, in order, until the broker has acknowledged them.

    Each is delivered at least once, and twice at times: receivers tell by its id.
    """

    def __init__(
        self,
        path: Path | None,
        settings: sections.Outbox,
        on_change: Callable[[], None] | None = None,
        *,
        retry: Retry = RETRY,
        grace_s: float = GRACE_S,
        hold_s: float = HOLD_S,
    ) -> None:
        """Touch no disk yet.

        Args:
            path: of the file, which `start` opens; None: memory only, and what is in it is lost
                at the end.
            settings: the bounds.
            on_change: called by the outbox's thread whenever `problem` is new.
            retry: when a file that failed is tried again.
            grace_s: see `GRACE_S`.
            hold_s: see `HOLD_S`.
        """
        self.path = path
        self.dropped = 0
        """Events that were given up since the start: too many, too old, or handed over too late."""
        self._most_events = settings.max_events
        self._most_s = settings.max_days * DAY_S
        self._on_change = on_change
        self._retry = retry
        self._grace_s = grace_s
        self._hold_s = hold_s
        self._thread: Thread | None = None
        # Of the outbox's thread.
        self._calendar = Calendar(now())
        self._failures = 0
        self._last_row = 0
        self._busy_since: float | None = None
        self._trouble = ""
        self._aside = ""
        # The lock guards what follows, and `dropped`.
        self._changed = Condition()
        self._queue = EventQueue(is_unread=path is not None)
        self._oldest = now()
        """When the first event of the file was handed over, if one is there."""
        self._taker: object | None = None
        self._on_ready: Callable[[], None] = _nothing
        self._again_s = 0.0
        """When the file is tried again, by the monotonic clock; 0: it has not failed."""
        self._is_closing = False

    @property
    def health(self) -> OutboxHealth:
        """How many events wait, as far as is known, and for how long."""
        with self._changed:
            queue = self._queue
            depth, oldest = queue.depth, None
            if depth:
                oldest = self._oldest if queue.first_in_file else next(iter(queue.tail)).stamp
        return OutboxHealth(
            depth=depth,
            dropped=self.dropped,
            oldest_s=None if oldest is None else round(age_s(oldest, now()), 1),
            problem=self.problem,
        )

    @property
    def problem(self) -> str | None:
        """What is wrong with the file, for a person; None: nothing."""
        told = [text for text in (self._trouble, self._aside) if text]
        since = self._busy_since
        if since is not None and not self._trouble and time.monotonic() - since > SLOW_S:
            told.insert(0, f"outbox {self.path}: the disk does not answer{_MEANWHILE}")
        return "; ".join(told) or None

    def start(self) -> None:
        """Open the file, in a thread; returns at once. Once only."""
        if self.path is not None:
            self._thread = Thread(target=self._run, args=(self.path,), name="outbox", daemon=True)
            self._thread.start()

    def put(self, topic: str, event_id: str, payload: bytes) -> None:
        """Hand an event over. From any thread; waits for neither disk nor network."""
        event = Event(event_id, topic, payload, now())
        with self._changed:
            if self._is_closing:
                self.dropped += 1
                return
            most = MEMORY if self.path is not None else min(MEMORY, self._most_events)
            self.dropped += self._queue.put(event, most)
            self._changed.notify()

    def attach(self, taker: object, on_ready: Callable[[], None]) -> None:
        """Give events to `taker` from now on, a new connection: the first unacknowledged first.

        `on_ready` is called by the outbox's thread when there is something to take.
        """
        with self._changed:
            self._queue.land()
            self._queue.release(self._queue.held, from_file=not self._again_s)
            self._taker, self._on_ready = taker, on_ready
            self._changed.notify()

    def detach(self, taker: object) -> None:
        """Its connection has ended; what was not acknowledged will be given again."""
        with self._changed:
            if taker is self._taker:
                self._taker, self._on_ready = None, _nothing
                self._queue.land()
                self._changed.notify()

    def take(self, taker: object) -> Event | None:
        """The next event to send; None: none waits, or enough are on their way."""
        with self._changed:
            if taker is not self._taker:
                return None
            if self._queue.held:
                at = time.monotonic()
                due = [topic for topic, until in self._queue.held.items() if until <= at]
                self._queue.release(due, from_file=not self._again_s)
            event = self._queue.take()
            if self._queue.wants_more:
                self._changed.notify()
            return event

    def answered(self, event: Event, refusal: str | None) -> None:
        """What the broker answered to an event that was taken; None: it has it.

        One that is refused is kept: all of its topic is held back and offered again later, while
        other topics go on.
        """
        with self._changed:
            if refusal is None:
                self._queue.delivered(event)
            else:
                self._queue.refused(event, time.monotonic() + self._hold_s)
            self._changed.notify()

    def has_more(self, taker: object) -> bool:
        """Whether `taker` has something to take now, or to wait for an answer to."""
        with self._changed:
            return taker is self._taker and self._queue.is_moving

    def close(self) -> None:
        """Write what is in memory and close the file, within CLOSE_S. May be called twice."""
        with self._changed:
            is_first, self._is_closing = not self._is_closing, True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(CLOSE_S)
        with self._changed:
            lost = len(self._queue.tail)
        if is_first and lost:
            events = "an event is" if lost == 1 else f"{lost} events are"
            log.warning(
                "%s lost: neither the broker nor a file has them",
                events,
                extra={"event": "events-lost"},
            )

    def _due_s(self) -> float | None:
        """Seconds until there is something to do; None: not before somebody says so.

        With the lock held.
        """
        queue = self._queue
        if self._is_closing:
            return 0.0
        if self._again_s:
            return max(0.0, self._again_s - time.monotonic())
        if queue.gone or queue.wants_more:
            return 0.0
        return self._grace_left_s()

    def _grace_left_s(self) -> float | None:
        """Seconds until the tail has to be written; None: there is none. With the lock held."""
        queue = self._queue
        if not queue.tail:
            return None
        if self._is_closing or self._taker is None or queue.is_unread or queue.held:
            return 0.0  # the broker will not have them soon
        return max(0.0, self._grace_s - age_s(next(iter(queue.tail)).stamp, now()))

    def _run(self, path: Path) -> None:
        file: OutboxFile | None = None
        is_last = False
        try:
            while not is_last:
                with self._changed:
                    while (due_s := self._due_s()) != 0.0:
                        self._changed.wait(due_s)
                self._busy_since = time.monotonic()
                file = self._work(path, file)
                self._busy_since = None
                with self._changed:
                    is_last = self._is_closing and not (self._queue.tail and not self._again_s)
                    self._queue.top_up()
                    ready, on_ready = self._queue.is_ready, self._on_ready
                if ready:
                    on_ready()
        finally:
            if file is not None:
                file.close()

    def _work(self, path: Path, file: OutboxFile | None) -> OutboxFile | None:
        """Do what there is to do; returns the file, if it is open."""
        try:
            if file is None:
                file = OutboxFile(path, after=self._last_row)
                with self._changed:
                    self._queue.opened(file.count)
            self._write(file)
            self._trim(file)
            self._read(file)
        except OutboxError as error:
            if file is not None:
                file.close()
            self._failed(path, error)
            return None
        except Exception as error:  # noqa: BLE001 - the thread must not end: nobody would say so
            if file is not None:
                file.close()
            what = f"it cannot be read ({type(error).__name__}: {error})"
            self._failed(path, UnusableOutboxError(what, "corrupt"))
            return None
        if self._trouble:
            log.info("outbox %s is used again", path, extra={"event": "outbox-works"})
            self._say("")
        self._failures, self._again_s = 0, 0.0
        return file

    def _write(self, file: OutboxFile) -> None:
        """Write what memory has, and delete what is delivered."""
        with self._changed:
            is_due = self._grace_left_s() == 0.0
            new, gone = list(self._queue.tail) if is_due else [], list(self._queue.gone)
        if new or gone:
            rows = file.change(new, gone)
            self._last_row = file.last
            with self._changed:
                self._queue.written(new, rows, len(gone), file.count)

    def _trim(self, file: OutboxFile) -> None:
        """Drop what is too much or too old, the oldest first."""
        at = now()
        self._calendar.look(at)
        while True:
            surplus = max(0, file.count - self._most_events)
            head = file.oldest(min(surplus, CHUNK) + WINDOW)
            with self._changed:
                if head:
                    self._oldest = head[0][1]
                spare = self._queue.spare(head)
                doomed = {row for row, _ in spare[:surplus]}
                doomed.update(
                    row for row, stamp in spare if self._calendar.is_past(stamp, at, self._most_s)
                )
                self._queue.forget(doomed)
            if not doomed:
                return
            file.change((), sorted(doomed))
            with self._changed:
                self._queue.rows = file.count
                self.dropped += len(doomed)

    def _read(self, file: OutboxFile) -> None:
        """Fill memory from the file, as far as events are there that may be sent."""
        with self._changed:
            if not self._queue.wants_more:
                return
            after, held = self._queue.read_to, tuple(self._queue.held)
        events = file.read(after, READ_AHEAD, but=held)
        with self._changed:
            self._queue.found(after, events, is_all=len(events) < READ_AHEAD)

    def _failed(self, path: Path, error: OutboxError) -> None:
        """Try again later, or with a new file at once where this one is past help."""
        if isinstance(error, UnusableOutboxError):
            try:
                aside = move_aside(path, error.kind)
            except OutboxError as another:
                error = another
            else:
                self._aside = f"outbox {path}: {error}, and is now {aside.name}: events are missing"
                log.warning("%s", self._aside, extra={"event": "outbox-replaced"})
                with self._changed:
                    self.dropped += self._queue.lose_file()
                self._tell()
                return
        self._failures += 1
        with self._changed:
            self._again_s = time.monotonic() + self._retry.wait_s(self._failures)
            self._queue.is_unread = False  # memory's need not wait for what cannot be read
        self._say(f"outbox {path}: {error}{_MEANWHILE}")

    def _say(self, trouble: str) -> None:
        if trouble == self._trouble:
            return
        self._trouble = trouble
        if trouble:
            log.warning("%s", trouble, extra={"event": "outbox-trouble"})
        self._tell()

    def _tell(self) -> None:
        if self._on_change is not None:
            self._on_change()


def _nothing() -> None:
    pass
