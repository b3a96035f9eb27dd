"""The order of events between memory, a file and the broker. No clock, no IO, no lock.

An event is in the file or in the `tail`, which is what the file does not have. It may also be
`ready` to be sent, or be `flying`, which is sent and not answered. Those that wait in the file only
are read when there is room: memory holds few of many.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from edged.mqtt.events import Event, Stamp

WINDOW = 10
"""Events that wait for the broker's answer at a time: no broker is known to allow fewer (HiveMQ's
Receive Maximum is 10, Mosquitto's 20)."""
READ_AHEAD = 64
"""Events read from the file before they are wanted."""


class EventQueue:
    """Events in order, but for those of topics that the broker refuses, which are `held` apart."""

    def __init__(self, *, is_unread: bool) -> None:
        """`is_unread`: there is a file, and it may have events."""
        self.tail: dict[Event, None] = {}
        """Not in the file, in order."""
        self.gone: list[int] = []
        """Rows of the file that may be deleted."""
        self.held: dict[str, float] = {}
        """Topics that the broker refuses, and until when they are held."""
        self.rows = 0
        """In the file, `gone` ones included."""
        self.read_to = 0
        """Rows up to this one have been read."""
        self.is_unread = is_unread
        """The file may have events that are not in memory: they come before the tail."""
        self._fresh: dict[Event, None] = {}
        """Those of the tail that have not been ready yet."""
        self._ready: deque[Event] = deque()
        """In order, none of them held."""
        self._flying: dict[Event, None] = {}

    @property
    def depth(self) -> int:
        """Events that the broker has not acknowledged."""
        return self.rows - len(self.gone) + len(self.tail)

    @property
    def is_ready(self) -> bool:
        """Whether one is there to be taken, but for the window."""
        return bool(self._ready)

    @property
    def is_moving(self) -> bool:
        """Whether something is on its way, or would be if there were a connection."""
        return bool(self._flying or self._ready or self.is_unread)

    @property
    def wants_more(self) -> bool:
        """Whether the file has to be read."""
        return self.is_unread and len(self._ready) < READ_AHEAD // 2

    @property
    def first_in_file(self) -> bool:
        """Whether the oldest event is in the file."""
        return self.rows > len(self.gone)

    def put(self, event: Event, most: int) -> int:
        """Add the newest one. Returns how many were dropped to keep the tail at `most`.

        The oldest goes that is not on its way; the new one, if all are.
        """
        dropped = 0
        if len(self.tail) >= most:
            dropped = 1
            oldest = next((one for one in self.tail if one not in self._flying), None)
            if oldest is None:
                return dropped
            self._done(oldest)
            if oldest in self._ready:
                self._ready.remove(oldest)
        self.tail[event] = self._fresh[event] = None
        self.top_up()
        return dropped

    def top_up(self) -> None:
        """Make events of the tail ready, when it is their turn."""
        room = READ_AHEAD - len(self._ready)
        if self.is_unread or not self._fresh or room <= 0:
            return
        chosen: list[Event] = []
        for event in self._fresh:
            if event.topic not in self.held:
                chosen.append(event)
                if len(chosen) == room:
                    break
        for event in chosen:
            del self._fresh[event]
        self._ready.extend(chosen)

    def take(self) -> Event | None:
        """The next one, which flies from now on; None: none is ready, or enough fly."""
        if len(self._flying) >= WINDOW:
            return None
        if not self._ready:
            self.top_up()
        if not self._ready:
            return None
        event = self._ready.popleft()
        self._flying[event] = None
        return event

    def delivered(self, event: Event) -> None:
        """The broker has it. Of no effect on one that does not fly."""
        if event in self._flying:
            del self._flying[event]
            self._done(event)

    def refused(self, event: Event, until: float) -> None:
        """The broker does not take it: its topic is held until it is released."""
        if event in self._flying:
            del self._flying[event]
            self.held[event.topic] = until
            self._park([event, *(one for one in self._ready if one.topic == event.topic)])

    def land(self) -> None:
        """The connection is gone: what flies has to be sent again, in the same order."""
        returned, self._flying = list(self._flying), {}
        self._ready.extendleft(reversed(returned))
        self._park([event for event in returned if event.topic in self.held])

    def release(self, topics: Iterable[str], *, from_file: bool) -> None:
        """Hold topics no longer; their events are read again, if there is a file."""
        for topic in tuple(topics):
            del self.held[topic]
            if from_file and self.rows:
                self.read_to, self.is_unread = 0, True

    def opened(self, rows: int) -> None:
        """There is a file with so many rows, all of which have to be read."""
        self.rows, self.read_to, self.is_unread = rows, 0, True

    def written(self, new: Sequence[Event], rows: Sequence[int], gone: int, count: int) -> None:
        """The file has events of the tail, and not the first of `gone` any more."""
        del self.gone[:gone]
        self.rows = count
        for event, row in zip(new, rows, strict=True):
            event.row = row
            self.tail.pop(event, None)
            if event.is_done:  # meanwhile
                self.gone.append(row)
            elif event in self._fresh:
                del self._fresh[event]
                self.is_unread = True

    def found(self, after: int, events: Sequence[Event], *, is_all: bool) -> None:
        """These, and if `is_all` no others, are in the file behind the row `after`."""
        if after != self.read_to:
            return  # a topic was released meanwhile: it is read once more
        known = {event.row for event in (*self._ready, *self._flying)}.union(self.gone)
        self._ready.extend(
            event for event in events if event.row not in known and event.topic not in self.held
        )
        self.read_to = events[-1].row if events else after
        self.is_unread = not is_all

    def spare(self, rows: Sequence[tuple[int, Stamp]]) -> list[tuple[int, Stamp]]:
        """Those of some rows that nobody is about to hear of: they may be dropped."""
        busy = {event.row for event in self._flying}.union(self.gone)
        return [(row, stamp) for row, stamp in rows if row not in busy]

    def forget(self, rows: set[int]) -> None:
        """Make rows ready no longer, which are to be dropped."""
        self._ready = deque(event for event in self._ready if event.row not in rows)

    def lose_file(self) -> int:
        """The file is gone: what memory knows has to be written anew. Returns how many are lost."""
        known = [event for event in (*self._flying, *self._ready) if event.row]
        lost = max(0, self.rows - len(self.gone) - len(known))
        self.gone.clear()
        self.rows = self.read_to = 0
        for event in known:
            event.row = 0
        self.tail = dict.fromkeys(known) | self.tail
        return lost

    def _park(self, events: Iterable[Event]) -> None:
        """Make events ready no longer, which are held: the tail or the file has them."""
        parked = dict.fromkeys(events)
        self._ready = deque(event for event in self._ready if event not in parked)
        self._fresh = {event: None for event in parked if event in self.tail} | self._fresh

    def _done(self, event: Event) -> None:
        event.is_done = True
        self.tail.pop(event, None)
        self._fresh.pop(event, None)
        if event.row:
            self.gone.append(event.row)
