"""Which exercise a rep is of: the nearest of those that are known, by start and farthest place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isnan

from edged.fitness.exercises import Exercise
from edged.fitness.moments import Moment, rise, sided
from edged.fitness.reps import Rep
from edged.fitness.signals import Signal, signal

FREE = 0.5
"""What a signal costs that an exercise says nothing about, or that is not seen: as much as one that
is off by its tolerance."""
MOST = 4.0
"""One signal costs no more than that, however far it is off: it may be seen wrongly."""
STRANGE = 1.0
"""A rep that costs more on average is of no exercise that is known."""


@dataclass(frozen=True, slots=True)
class _Look:
    signal: Signal
    place: int
    start: float
    full: float

    def cost(self, near: Moment, far: Moment, side: str) -> float:
        """Of both ends, half of the squared distance in tolerances: a logarithm of likelihood."""
        if self.signal.is_rise:
            return 2.0 * self._one(rise(near, far, self.place) - self.full)
        start = sided(near, self.place, self.signal.limb, side)
        full = sided(far, self.place, self.signal.limb, side)
        if self.signal.name == "arms-aside":  # level arms only show where they point
            return 2.0 * self._one(full - self.full)
        return self._one(start - self.start) + self._one(full - self.full)

    def _one(self, off: float) -> float:
        return FREE if isnan(off) else min(MOST, 0.5 * (off / self.signal.tolerance) ** 2)


class Recognizer:
    """Knows exercises by their looks. Pure: holds nothing of what it has seen."""

    def __init__(self, exercises: Iterable[Exercise], index: Mapping[str, int]) -> None:
        """Args: `index` says where each signal is in `Moment.values`."""
        self._looks = {
            one.name: [
                _Look(signal(way.what), index[way.what], way.start, way.full) for way in one.looks
            ]
            for one in exercises
            if one.looks and one.kind == "reps"
        }
        self._inverted = {one.name for one in exercises if one.begins == "either"}
        self._all = {look.signal.name for looks in self._looks.values() for look in looks}

    def costs(self, rep: Rep, among: Iterable[str]) -> dict[str, float]:
        """How unlike each of some exercises a rep is: 0 = the very same."""
        told: dict[str, float] = {}
        for name in among:
            looks = self._looks.get(name)
            if looks is None:
                continue
            told[name] = self._cost(looks, rep.at_start, rep.at_peak, rep.side)
            if name in self._inverted:
                back = self._cost(looks, rep.at_peak, rep.at_start, rep.side)
                told[name] = min(told[name], back)
        return told

    def _cost(self, looks: list[_Look], near: Moment, far: Moment, side: str) -> float:
        free = 2.0 * FREE * (len(self._all) - len(looks))
        return (free + sum(look.cost(near, far, side) for look in looks)) / (2.0 * len(self._all))
