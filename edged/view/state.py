"""What is known of the devices of a broker, from their messages. No IO.

Times are monotonic seconds of the one who watches; those in messages are only ever told.
"""

from __future__ import annotations

import re
import statistics
import threading
import time
from collections import deque
from dataclasses import dataclass

import msgspec

from edged.messages.device import HealthMessage, Info
from edged.messages.encoding import Reader
from edged.messages.exercise import ExerciseState
from edged.messages.streams import LabelsMessage, PoseMessage
from edged.messages.topics import OFFLINE, ONLINE, Topics

PAYLOAD_BYTES = 262_144
"""A larger payload is not of the contract: twenty people take 20 kB."""
MOST_DEVICES = 256
"""Of those that are told as others."""
SETTLE_S = 0.4
"""From the first status to the choice of a device: a broker tells all retained ones at once."""
PATIENCE_S = 3.0
"""Without a message for so long, what the frames showed is unknown."""
MANY_TIMES = 3.0
"""And for so many times the usual pause, where messages are rare."""
RECENT = 64
"""Messages that the rate and the age are taken from."""
REMEMBERED_AGES = 65_536
"""Of the frames that a summary is made from: half an hour at 30 frames/s."""

_DEVICE = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")


@dataclass(frozen=True, slots=True)
class Link:
    """The connection to the broker."""

    address: str
    connected: bool
    problem: str | None


@dataclass(frozen=True, slots=True)
class Note:
    """What the one who watches knows besides the messages: `exercise  squat, 3 of 10`."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known at a moment."""

    device: str | None = None
    """None: no device has told of itself."""
    online: bool | None = None
    """None: unknown."""
    others: tuple[str, ...] = ()
    """Names of the other devices."""
    info: Info | None = None
    pose: PoseMessage | None = None
    labels: LabelsMessage | None = None
    labels_s: float = 0.0
    """Seconds since `labels` came."""
    exercise: ExerciseState | None = None
    health: HealthMessage | None = None
    health_s: float = 0.0
    """Seconds since `health` came."""
    frames: int = 0
    """Messages about frames so far."""
    silent_s: float | None = None
    """Seconds since the last message about a frame; None: none yet."""
    is_silent: bool = False
    """That is longer than usual: what the frames showed is unknown."""
    rate: float | None = None
    """Messages about frames, a second."""
    age_ms: float | None = None
    """Median of the recent frames' ages as the device tells them."""
    unreadable: int = 0
    """Messages that are not of the contract."""

    @property
    def is_paused(self) -> bool:
        """The camera is closed on purpose."""
        told = self.health is not None and self.health.state == "paused"
        return told and (self.silent_s is None or self.silent_s > self.health_s)


@dataclass(frozen=True, slots=True)
class Totals:
    """What came in all."""

    frames: int
    rate: float | None
    """A second, from the first to the last; None: fewer than two."""
    age_p50_ms: float | None
    age_p99_ms: float | None


class Flow:
    """How often and how old messages come."""

    def __init__(self) -> None:
        self.count = 0
        self.last = 0.0
        self._recent: deque[tuple[float, float]] = deque(maxlen=RECENT)
        self._gap_s = 0.0

    def add(self, now: float, age_ms: float) -> None:
        """Count a message."""
        if self.count:
            if self.is_silent(now):
                self._recent.clear()  # the pause says nothing about the rate
            self._gap_s = now - self.last
        self.count += 1
        self.last = now
        self._recent.append((now, age_ms))

    @property
    def interval_s(self) -> float | None:
        """Seconds from one message to the next; None: unknown."""
        if len(self._recent) < 2:  # noqa: PLR2004 - an interval has two ends
            return None
        return (self.last - self._recent[0][0]) / (len(self._recent) - 1)

    @property
    def age_ms(self) -> float | None:
        """The median."""
        return statistics.median(age for _, age in self._recent) if self._recent else None

    def is_silent(self, now: float) -> bool:
        """Whether the next message is overdue."""
        usual_s = self._gap_s if self.interval_s is None else self.interval_s
        return now - self.last > max(PATIENCE_S, MANY_TIMES * usual_s)


class _Device:
    """What one device has told."""

    def __init__(self) -> None:
        self.info: Info | None = None
        self.pose: PoseMessage | None = None
        self.labels: LabelsMessage | None = None
        self.labels_at = 0.0
        self.exercise: ExerciseState | None = None
        self.health: HealthMessage | None = None
        self.health_at = 0.0
        self.poses_flow = Flow()
        self.labels_flow = Flow()
        self.first_at: float | None = None
        self.ages: deque[float] = deque(maxlen=REMEMBERED_AGES)

    @property
    def flow(self) -> Flow:
        """Of the stream that has a message for every frame."""
        return self.poses_flow if self.poses_flow.count else self.labels_flow


class Watched:
    """One device in the focus, and the names of the others. For any thread."""

    def __init__(self, prefix: str, device: str | None = None) -> None:
        """`device`: the one to watch; None: the first by name, one that is online if any is."""
        self.prefix = prefix
        self._is_given = device is not None
        self._name = device
        self._lock = threading.Lock()
        self._statuses: dict[str, bool] = {}
        self._first_status: float | None = None
        self._was_online = False
        self._unreadable = 0
        self._device = _Device()
        self._info = msgspec.json.Decoder(Info)
        self._pose = Reader(PoseMessage)
        self._labels = Reader(LabelsMessage)
        self._exercise = msgspec.json.Decoder(ExerciseState)
        self._health = msgspec.json.Decoder(HealthMessage)

    @property
    def filters(self) -> tuple[str, ...]:
        """The topics to subscribe to now: every status, and all of the device in the focus."""
        every = Topics(self.prefix, "+").status
        if self._name is None:
            return (every,)
        return (every, Topics(self.prefix, self._name).everything)

    @property
    def frames(self) -> int:
        """Messages about frames so far."""
        return self._device.flow.count

    @property
    def is_heard(self) -> bool:
        """Whether the device in the focus has been there."""
        return self._was_online or self.frames > 0

    def take(self, topic: str, payload: bytes, now: float | None = None) -> None:
        """Note a message, whatever it holds; `now`: when it came, by default at this moment."""
        now = time.monotonic() if now is None else now
        device = topic.removeprefix(f"{self.prefix}/").partition("/")[0]
        if not _DEVICE.match(device):
            return
        topics = Topics(self.prefix, device)
        with self._lock:
            try:
                if topic == topics.status:
                    self._take_status(device, payload, now)
                elif device == self._name:
                    self._take_of_device(topics, topic, payload, now)
            except (msgspec.MsgspecError, ValueError, RecursionError):
                self._unreadable += 1

    def _take_status(self, device: str, payload: bytes, now: float) -> None:
        if self._first_status is None:
            self._first_status = now
        if not payload:  # how a retained message is removed
            self._statuses.pop(device, None)
        elif payload not in (ONLINE, OFFLINE):
            raise ValueError
        elif device in self._statuses or device == self._name or len(self._statuses) < MOST_DEVICES:
            self._statuses[device] = payload == ONLINE
            self._was_online |= device == self._name and payload == ONLINE

    def _take_of_device(self, topics: Topics, topic: str, payload: bytes, now: float) -> None:
        known = self._device
        if len(payload) > PAYLOAD_BYTES:
            raise ValueError
        if topic == topics.info:
            known.info = self._info.decode(payload) if payload else None
        elif topic == topics.pose:
            known.pose = self._pose.decode(payload)
            self._take_frame(known.poses_flow, known.pose.age_ms, now)
        elif topic == topics.labels:
            known.labels = self._labels.decode(payload)
            known.labels_at = now
            self._take_frame(known.labels_flow, known.labels.age_ms, now)
        elif topic == topics.exercise:
            known.exercise = self._exercise.decode(payload) if payload else None
        elif topic == topics.health:
            known.health = self._health.decode(payload)
            known.health_at = now

    def _take_frame(self, flow: Flow, age_ms: float, now: float) -> None:
        flow.add(now, age_ms)
        if flow is self._device.flow:
            if self._device.first_at is None:
                self._device.first_at = now
            self._device.ages.append(age_ms)

    def choose(self, now: float) -> None:
        """Turn to a device, where none was given and the present one has never been online."""
        with self._lock:
            if self._is_given or self._was_online or not self._statuses:
                return
            if self._first_status is None or now - self._first_status < SETTLE_S:
                return
            name = min(self._statuses, key=lambda one: (not self._statuses[one], one))
            if name != self._name:
                self._name = name
                self._device = _Device()
            self._was_online = self._statuses[name]

    def sight(self, now: float) -> Sight:
        """What is known now."""
        with self._lock:
            known, flow = self._device, self._device.flow
            interval_s = flow.interval_s
            is_silent = flow.count > 0 and flow.is_silent(now)
            return Sight(
                device=self._name,
                online=self._statuses.get(self._name) if self._name else None,
                others=tuple(sorted(self._statuses.keys() - {self._name})),
                info=known.info,
                pose=known.pose,
                labels=known.labels,
                labels_s=now - known.labels_at,
                exercise=known.exercise,
                health=known.health,
                health_s=now - known.health_at,
                frames=flow.count,
                silent_s=now - flow.last if flow.count else None,
                is_silent=is_silent,
                rate=None if is_silent or not interval_s else 1 / interval_s,
                age_ms=None if is_silent else flow.age_ms,
                unreadable=self._unreadable,
            )

    def totals(self) -> Totals:
        """What came in all."""
        with self._lock:
            known, flow = self._device, self._device.flow
            ages = sorted(known.ages)
            rate = None
            if known.first_at is not None and flow.last > known.first_at:
                rate = (flow.count - 1) / (flow.last - known.first_at)
            return Totals(
                frames=flow.count,
                rate=rate,
                age_p50_ms=ages[len(ages) // 2] if ages else None,
                age_p99_ms=ages[len(ages) * 99 // 100] if ages else None,
            )
