"""One simulated device: what it has to tell, when, and what the broker has of it."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from enum import IntEnum

from edged.fleet.figures import Meter
from edged.fleet.voice import Voice
from edged.fleet.wire import Wire
from edged.messages.topics import OFFLINE, ONLINE, Topics
from edged.mqtt.session import PROTOCOLS, Protocol

HEALTH_S = 10.0
MISC_S = 2.0
"""How often paho looks at its keep-alive, and we at a broker that keeps silent."""
MOST_LATE_S = 1.0
"""A pose that is later is left out: this process is not quick enough."""
MOST_EVENTS = 10_000
"""That wait for a broker: more than a day of exercise."""


class Job(IntEnum):
    """What a device does by the clock."""

    CONNECT = 0
    POSE = 1
    HEALTH = 2
    EVENT = 3
    MISC = 4


@dataclass(frozen=True, slots=True)
class Load:
    """What every device does."""

    poses_per_s: float = 10.0
    events_per_min: float = 12.0


class Device:
    """Belongs to the loop's thread."""

    def __init__(self, topics: Topics, voice: Voice, load: Load, meter: Meter) -> None:
        self.topics = topics
        self.wire: Wire | None = None
        """Open; the broker may not have taken us yet."""
        self.fd = -1
        """Of that wire."""
        self.is_connecting = False
        """A thread opens a wire for us."""
        self.is_connected = False
        """The broker has taken us: what is told goes out."""
        self.was_connected = False
        self.failures = 0
        self.place = 0
        """Of the broker in the list that is next, counted on with every failure."""
        self.protocol: Protocol = PROTOCOLS[0]
        """Of the next attempt."""
        self._voice = voice
        self._load = load
        self._meter = meter
        self._reconnects = 0
        self._unsent = 0
        self._draw = random.Random()  # noqa: S311 - jitter
        self._waiting: deque[tuple[str, bytes]] = deque(maxlen=MOST_EVENTS)
        """Events that the broker has not acknowledged, the oldest first."""
        self._event_of: dict[int, tuple[str, bytes]] = {}
        """The events that are under way on this connection, by the number of their message."""
        self._state: dict[str, bytes] = {topics.info: voice.info(), topics.paused: b"OFF"}
        self._bytes_counted = 0

    @property
    def unacknowledged(self) -> int:
        """Events that the broker may not have."""
        return len(self._waiting)

    @property
    def retained(self) -> tuple[str, ...]:
        """The topics that the broker keeps something on."""
        return (self.topics.status, *self._state)

    def first_due(self, now: float) -> list[tuple[float, Job]]:
        """When it does what for the first time: spread, so that not all do it at once."""
        jobs = [(now + self._draw.uniform(0.0, MISC_S), Job.MISC)]
        jobs.append((now + self._draw.uniform(0.0, HEALTH_S), Job.HEALTH))
        if self._load.poses_per_s > 0:
            jobs.append((now + self._draw.uniform(0.0, 1 / self._load.poses_per_s), Job.POSE))
        if self._load.events_per_min > 0:
            jobs.append((now + self._draw.uniform(0.0, 60 / self._load.events_per_min), Job.EVENT))
        return jobs

    def do(self, job: Job, due: float, now: float) -> float:
        """Do it. Returns when it is due again.

        Raises:
            NoConnectionError: the wire has ended.
        """
        if job is Job.POSE:
            return self._do_pose(due, now)
        if job is Job.HEALTH:
            health = self._voice.health(
                reconnects=self._reconnects, unsent=self._unsent, fps=self._load.poses_per_s
            )
            self._stream(self.topics.health, health)
            return now + HEALTH_S
        if job is Job.EVENT:
            self._do_event()
            usual_s = 60 / self._load.events_per_min
            return now + self._draw.uniform(0.5 * usual_s, 1.5 * usual_s)
        if self.wire is not None:
            self.wire.client.loop_misc()
            self.wire.check()
        return now + MISC_S

    def _do_pose(self, due: float, now: float) -> float:
        interval_s = 1 / self._load.poses_per_s
        if now - due > MOST_LATE_S:
            self._meter.late += int((now - due) / interval_s)
            due = now
        self._stream(self.topics.pose, self._voice.pose())
        self._meter.poses += 1
        return due + interval_s

    def _stream(self, topic: str, payload: bytes) -> None:
        if self.is_connected and self.wire is not None and self.wire.is_idle:
            self.wire.stream(topic, payload)
            self._count(self.wire)
        else:
            self._unsent += 1
            self._meter.unsent += 1

    def _do_event(self) -> None:
        event, state = self._voice.rep()
        self._meter.events += 1
        entry = (self.topics.event_rep, event)
        self._waiting.append(entry)
        self._state[self.topics.exercise] = state
        if self.is_connected and self.wire is not None:
            self._send(self.wire, entry)
            self._keep(self.wire, self.topics.exercise, state)

    def established(self, wire: Wire) -> None:
        """The broker has taken us: tell what stays, and again what it has not acknowledged."""
        self._reconnects += self.was_connected
        self.is_connected = self.was_connected = True
        self.failures = 0
        self.protocol = PROTOCOLS[0]
        wire.listen()
        self._keep(wire, self.topics.status, ONLINE)
        for topic, payload in self._state.items():
            self._keep(wire, topic, payload)
        for entry in self._waiting:
            self._send(wire, entry)

    def ended(self) -> None:
        """There is no connection any more. What was under way waits for the next one."""
        if self.wire is not None:
            self.wire.close()
        self.wire = None
        self.fd = -1
        self.is_connected = False
        self._event_of.clear()
        self._bytes_counted = 0

    def acknowledged(self, mid: int, ms: float, refusal: str) -> None:
        """The broker has a message, or has refused it."""
        self._meter.latency(ms)
        entry = self._event_of.pop(mid, None)
        if refusal:
            self._meter.error(f"message refused: {refusal}")
        if entry is None:
            return
        self._waiting.remove(entry)
        if refusal:
            self._meter.refused += 1
        else:
            self._meter.acknowledged += 1

    def say_goodbye(self) -> None:
        """Tell `offline`, then have the broker forget all of us."""
        if self.wire is None or not self.is_connected:
            return
        self._keep(self.wire, self.topics.status, OFFLINE)
        for topic in self.retained:
            self._keep(self.wire, topic, b"")

    def _send(self, wire: Wire, entry: tuple[str, bytes]) -> None:
        topic, payload = entry
        self._event_of[wire.tell(topic, payload, retain=False)] = entry
        self._count(wire)

    def _keep(self, wire: Wire, topic: str, payload: bytes) -> None:
        wire.tell(topic, payload, retain=True)
        self._count(wire)

    def _count(self, wire: Wire) -> None:
        self._meter.messages += 1
        self._meter.bytes += wire.bytes - self._bytes_counted
        self._bytes_counted = wire.bytes
