"""How the device is: times per frame, temperatures, and whether its parts move.

The frame loop writes into a `FrameMeter`, the main thread reads it for each health message.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edged.inference.corals import coral_temperatures
from edged.messages.device import Percentiles, StageTimes

THERMAL_ZONES = Path("/sys/class/thermal")


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """Where the time of one frame went, in nanoseconds. The parts add up to the age."""

    capture: int
    """From the exposure until the pipeline took the frame."""
    preprocess: int
    infer: int
    """Invokes, with the way to the worker and back."""
    invoke: int
    """The bare invokes within `infer`."""
    decode: int
    fitness: int
    publish: int
    """Until the messages are handed to the MQTT client."""

    @property
    def age(self) -> int:
        """From the exposure to the hand-over."""
        models = self.preprocess + self.infer + self.decode
        return self.capture + models + self.fitness + self.publish


COLUMNS = ("capture", "preprocess", "infer", "invoke", "decode", "fitness", "publish", "age")


class FrameMeter:
    """Collects the times of frames; written by one thread, drained by another.

    Keeps at most the latest `ROWS` frames between two drains, so that its memory is bounded.
    """

    ROWS = 8192

    def __init__(self) -> None:
        self._rows: npt.NDArray[np.float32] = np.zeros((self.ROWS, len(COLUMNS)), np.float32)
        self._drained = 0
        self.frames = 0
        """Frames answered since the start."""
        self.failed = 0
        """Frames for which a model had no answer, since the start."""
        self.last_problem = ""
        """Why the last of them had none."""

    def add(self, times: FrameTimes) -> None:
        """Count an answered frame."""
        self._rows[self.frames % self.ROWS] = (
            times.capture,
            times.preprocess,
            times.infer,
            times.invoke,
            times.decode,
            times.fitness,
            times.publish,
            times.age,
        )
        self.frames += 1

    def fail(self, problem: str) -> None:
        """Count a frame for which a model had no answer, and why."""
        self.failed += 1
        self.last_problem = problem

    def since(self, frames: int) -> tuple[int, npt.NDArray[np.float32]]:
        """The frames that came after so many, for readers beside `drain`.

        Returns:
            How many frames there are now, and the times of the new ones, the latest `ROWS` of them
            at most: (n, 8) in seconds, `COLUMNS`.
        """
        now = self.frames
        # The row that comes next is being written, maybe.
        count = min(now - frames, self.ROWS - 1)
        return now, self._rows[np.arange(now - count, now) % self.ROWS] / np.float32(1e9)

    def drain(self) -> FrameSummary:
        """What the frames since the last drain took."""
        frames = self.frames
        count = min(frames - self._drained, self.ROWS)
        rows = self._rows[np.arange(frames - count, frames) % self.ROWS] / np.float32(1e6)
        new, self._drained = frames - self._drained, frames
        if not count:
            return FrameSummary(0, None, None, None)
        p50, p95, p99 = np.percentile(rows, (50, 95, 99), axis=0).round(3).tolist()
        by_name = {
            name: Percentiles(p50=p50[column], p95=p95[column], p99=p99[column])
            for column, name in enumerate(COLUMNS)
        }
        invoke, age = by_name.pop("invoke"), by_name.pop("age")
        return FrameSummary(new, invoke, age, StageTimes(**by_name))


@dataclass(frozen=True, slots=True)
class FrameSummary:
    """The frames between two drains."""

    frames: int
    invoke_ms: Percentiles | None
    age_ms: Percentiles | None
    stage_ms: StageTimes | None


@dataclass(frozen=True, slots=True)
class Sign:
    """The last sign of life of a part's thread."""

    part: str
    beat_ns: int
    """By the monotonic clock."""
    patience_s: float
    """How long the thread may be silent."""


def silent(signs: Iterable[Sign], now_ns: int) -> str:
    """Which threads have been silent for too long, in words; empty: none."""
    names = [sign.part for sign in signs if now_ns - sign.beat_ns > sign.patience_s * 1e9]
    return f"no sign of life from: {', '.join(names)}" if names else ""


class Stillness:
    """Notices threads that live and bring nothing about: frames come, and none is taken."""

    def __init__(self) -> None:
        self._taken = self._offered = self._since_ns = 0

    def look(
        self, *, offered: int, taken: int, is_explained: bool, patience_s: float, now_ns: int
    ) -> str:
        """What is wrong, in words; empty: nothing.

        Args:
            offered: counts frames that came and were replaced by newer ones. A source that gives
                none is no reason to complain: its thread's signs of life tell about that.
            taken: counts frames that were taken.
            is_explained: a part says what is wrong, such as a worker that does not start.
            patience_s: how long a frame may be in hand.
            now_ns: monotonic time.
        """
        if taken != self._taken or is_explained:
            self._taken, self._offered, self._since_ns = taken, offered, now_ns
        elif offered == self._offered:
            self._since_ns = now_ns
        is_still = now_ns - self._since_ns > patience_s * 1e9
        return "frames come and none is taken" if is_still else ""


@dataclass(frozen=True, slots=True)
class Counts:
    """What has been counted since the start, over parts that a reload has exchanged."""

    dropped: int = 0
    worker_restarts: int = 0
    failovers: int = 0
    promotions: int = 0
    reconnects: int = 0
    unsent: int = 0
    dropped_events: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*map(operator.add, astuple(self), astuple(other)))

    def __sub__(self, other: Counts) -> Counts:
        return Counts(*map(operator.sub, astuple(self), astuple(other)))


def temperatures() -> dict[str, float]:
    """Degrees Celsius by sensor: those of Linux (`cpu-thermal` on a Pi) and PCIe Corals."""
    return zone_temperatures() | coral_temperatures()


def zone_temperatures(zones: Path = THERMAL_ZONES) -> dict[str, float]:
    """Degrees Celsius by sensor, as Linux names them (`cpu-thermal` on a Pi)."""
    found = {}
    for zone in sorted(zones.glob("thermal_zone*")):
        try:
            kind = (zone / "type").read_text().strip()
            found[kind] = int((zone / "temp").read_text()) / 1000
        except (OSError, ValueError):
            continue  # sensors come and go, and some answer with an error while idle
    return found
