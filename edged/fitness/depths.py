"""How far a person is from where they start, by one signal."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, isnan, nan

from edged.fitness.cycles import FARTHEST_START, SETTLES_S
from edged.fitness.exercises import Way
from edged.fitness.moments import Moment, sided
from edged.fitness.signals import signal

LEAST_START, LOWERS_S = -0.35, 0.3
"""Nobody starts farther before the textbook's start; seconds in which that is found."""


class Depth:
    """A signal as a depth, 0 where this person starts; 1 more is the textbook's range.

    People start elsewhere than the textbook, and a view shifts what is seen: each signal has
    a start of its own, or one that is shifted would pass for a movement.
    """

    def __init__(self, way: Way, index: Mapping[str, int]) -> None:
        self.signal = signal(way.what)
        self._place = index[way.what]
        self._textbook, self._over = way.start, 1.0 / (way.full - way.start)
        self._starts: list[float | None] = [None, None]

    def depth(self, now: Moment, side: int, passed_s: float, *, is_out: bool) -> float:
        """Of 0 = left or 1 = right; nan: not seen."""
        far = self.far(now, side)
        if isnan(far):
            return nan
        start = self._starts[side]
        if start is None:
            start = min(max(far, LEAST_START), FARTHEST_START)
        elif far < start:
            start += (far - start) * min(1.0, passed_s / LOWERS_S)
        elif not is_out:
            start += (far - start) * min(1.0, passed_s / SETTLES_S)
        self._starts[side] = start = min(max(start, LEAST_START), FARTHEST_START)
        return far - start

    def far(self, now: Moment, side: int) -> float:
        """The share of the textbook's range, 0 = the textbook's start."""
        return (now.values[self._place][side] - self._textbook) * self._over

    def value(self, now: Moment, side: str) -> float:
        """The signal itself."""
        return sided(now, self._place, self.signal.limb, side)

    def forget(self) -> None:
        """Somebody else may come."""
        self._starts = [None, None]


class MedianOfThree:
    """Takes out what is there for one frame only, where frames come fast enough to tell."""

    WITHIN_S = 0.1

    def __init__(self) -> None:
        self._before = (-inf, nan), (-inf, nan)

    def update(self, t_s: float, value: float) -> float:
        """The middle one of the last three; nan stays nan."""
        if isnan(value):
            return value
        first, second = self._before
        self._before = second, (t_s, value)
        if t_s - first[0] > self.WITHIN_S:
            return value
        return sorted((first[1], second[1], value))[1]
