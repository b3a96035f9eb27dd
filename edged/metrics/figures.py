"""What is told to Prometheus, as plain numbers, and times counted in buckets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

BOUNDS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""Upper ends of the buckets, in seconds: from a decoder's time to that of a slow model."""


class Buckets:
    """Times of frames by stage, counted since the start."""

    def __init__(self, stages: tuple[str, ...]) -> None:
        """`stages` name the columns that `add` gets."""
        self.stages = stages
        self._counts = np.zeros((len(stages), len(BOUNDS_S) + 1), np.int64)
        self._sums = np.zeros(len(stages), np.float64)

    def add(self, rows: npt.NDArray[np.floating]) -> None:
        """Count frames.

        Args:
            rows: (frames, stages), in seconds.
        """
        for place, column in enumerate(rows.T):
            within = np.searchsorted(BOUNDS_S, column)
            self._counts[place] += np.bincount(within, minlength=len(BOUNDS_S) + 1)
        self._sums += rows.sum(axis=0, dtype=np.float64)

    @property
    def histograms(self) -> Mapping[str, Histogram]:
        """By stage."""
        return {
            stage: Histogram(
                tuple(np.cumsum(self._counts[place]).tolist()), float(self._sums[place])
            )
            for place, stage in enumerate(self.stages)
        }


@dataclass(frozen=True, slots=True)
class Histogram:
    """Times counted in buckets."""

    up_to: tuple[int, ...]
    """How many took at most as long as each of `BOUNDS_S`, and at last all of them."""
    sum_s: float


@dataclass(frozen=True, slots=True)
class Figures:
    """How a device is at one moment."""

    device: str
    version: str
    runtime: str
    models: tuple[tuple[str, str], ...]
    """Name and kind of each."""
    accelerator: str
    accelerators: tuple[tuple[str, str], ...]
    """Name and state of each, best first."""
    uptime_s: float
    is_paused: bool
    is_connected: bool
    """To the broker."""
    problems: int
    resident_bytes: float
    temperatures: Mapping[str, float]
    """Degrees Celsius by sensor."""
    counters: Mapping[str, int]
    """What only grows, by the keys of `edged.metrics.families.COUNTERS`."""
    reps: Mapping[tuple[str, bool], int] = field(default_factory=dict)
    """Told reps by exercise, and by whether they are full."""
    sets: Mapping[str, int] = field(default_factory=dict)
    """By exercise."""
    gauges: Mapping[str, float] = field(default_factory=dict)
    """What goes up and down, by the keys of `edged.metrics.families.GAUGES`; some devices lack
    some."""
    times: Mapping[str, Histogram] = field(default_factory=dict)
    """By stage."""
