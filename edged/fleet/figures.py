"""What a simulation measures, and how it is told."""

from __future__ import annotations

import time
from collections import Counter, deque

import msgspec

REMEMBERED = 100_000
"""Acknowledgements that the percentiles are taken from."""
MOST_TEXTS = 16
"""Different errors that are counted by their text."""
MANY = "others"


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Of a span of time."""

    seconds: float
    devices: int
    connected: int
    """At its end."""
    messages_s: float
    bytes_s: float
    """Of PUBLISH packets, without those of TCP and TLS."""
    poses_s: float
    late: int
    """Poses that were left out since this process was not quick enough."""
    unsent: int
    """Stream messages that no broker was there for, or that the wire had no room for."""
    events: int
    """Made."""
    acknowledged: int
    """Of them, by the broker."""
    refused: int
    puback_p50_ms: float | None
    puback_p99_ms: float | None
    """Of all messages of QoS 1; None: there was none."""
    lost: int
    """Connections that ended without us."""
    errors: dict[str, int]
    """What was wrong, and how often."""
    cpu: float
    """Of this process, in cores."""


class Meter:
    """Counts what devices do. For one thread."""

    def __init__(self, devices: int) -> None:
        self.devices = devices
        self.connected = 0
        self.messages = self.bytes = self.poses = 0
        self.late = self.unsent = 0
        self.events = self.acknowledged = self.refused = 0
        self.lost = 0
        self.errors: Counter[str] = Counter()
        self._latencies: deque[float] = deque(maxlen=REMEMBERED)
        self._since = self._mark()
        self._first = self._since

    def error(self, text: str) -> None:
        """Count something that went wrong."""
        known = text in self.errors or len(self.errors) < MOST_TEXTS
        self.errors[text if known else MANY] += 1

    def latency(self, ms: float) -> None:
        """Note how long an acknowledgement took."""
        self._latencies.append(ms)

    def begin(self) -> None:
        """The span of `total` begins now: all devices are there. What has been counted stays."""
        self._first = self._since = self._mark()
        self._latencies.clear()

    def drain(self) -> Figures:
        """Of the time since the last call."""
        before, self._since = self._since, self._mark()
        return self._between(before)

    def total(self) -> Figures:
        """Of all the time since `begin`."""
        self._since = self._mark()
        return self._between(self._first)

    def _mark(self) -> tuple[float, float, int, int, int]:
        return time.monotonic(), time.process_time(), self.messages, self.bytes, self.poses

    def _between(self, before: tuple[float, float, int, int, int]) -> Figures:
        seconds, cpu_s, messages, size, poses = (
            later - earlier for later, earlier in zip(self._since, before, strict=True)
        )
        seconds = max(seconds, 1e-6)
        ordered = sorted(self._latencies)
        return Figures(
            seconds=round(seconds, 2),
            devices=self.devices,
            connected=self.connected,
            messages_s=round(messages / seconds, 1),
            bytes_s=round(size / seconds, 1),
            poses_s=round(poses / seconds, 1),
            late=self.late,
            unsent=self.unsent,
            events=self.events,
            acknowledged=self.acknowledged,
            refused=self.refused,
            puback_p50_ms=_percentile(ordered, 50),
            puback_p99_ms=_percentile(ordered, 99),
            lost=self.lost,
            errors=dict(self.errors),
            cpu=round(cpu_s / seconds, 3),
        )


def _percentile(ordered: list[float], percent: int) -> float | None:
    return round(ordered[len(ordered) * percent // 100], 2) if ordered else None


def in_words(told: Figures) -> str:
    """A line for a person."""
    puback = (
        "-"
        if told.puback_p50_ms is None
        else f"{told.puback_p50_ms:.1f} / {told.puback_p99_ms:.1f} ms"
    )
    wrong = sum(told.errors.values())
    return (
        f"{told.connected}/{told.devices} connected, {told.messages_s:.0f} messages/s, "
        f"{told.bytes_s / 1e6:.2f} MB/s, PUBACK p50 / p99 {puback}, "
        f"events {told.acknowledged}/{told.events}, unsent {told.unsent}, late {told.late}, "
        f"lost {told.lost}, errors {wrong}, CPU {told.cpu * 100:.0f} % of a core"
    )
