"""Holds: how long somebody stays in a position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan

from edged.fitness.exercises import Exercise
from edged.fitness.moments import Limit, Moment

SHORTEST_S = 3.0
"""Whoever is in the position for less passes through it."""
SLIPS_S = 0.7
"""A position left or not seen for less is still held."""


@dataclass(frozen=True, slots=True)
class Held:
    """How long a hold has lasted."""

    exercise: str
    began_s: float
    seconds: float
    is_over: bool


class HoldTimer:
    """Times one hold of one person."""

    def __init__(self, name: str, limits: Sequence[Limit] = ()) -> None:
        """Without limits only somebody else can tell that it is held."""
        self._name = name
        self._limits = limits
        self._began_s: float | None = None
        self._last_s = 0.0

    @classmethod
    def of(cls, exercise: Exercise, index: Mapping[str, int]) -> HoldTimer:
        """Args: `index` says where each signal is in `Moment.values`."""
        return cls(exercise.name, [Limit.of(bound, index) for bound in exercise.at_start])

    def update(self, now: Moment, *, is_claimed: bool | None = None) -> Held | None:
        """The next moment: how long it is held, or was, when it is over now; None: it is not.

        `is_claimed`: whether it is held, where somebody knows better than the limits.
        """
        if self._is_held(now) if is_claimed is None else is_claimed:
            if self._began_s is None:
                self._began_s = now.t_s
            self._last_s = now.t_s
            return self._told(is_over=False)
        if self._began_s is None or now.t_s - self._last_s < SLIPS_S:
            return None
        return self.ended()

    def ended(self) -> Held | None:
        """What was held until now is over."""
        told = self._told(is_over=True)
        self._began_s = None
        return told

    def forget(self) -> None:
        """Nobody is there."""
        self._began_s = None

    def _is_held(self, now: Moment) -> bool:
        seen = [limit.value(now, "both") for limit in self._limits]
        return (
            bool(seen)
            and not any(map(isnan, seen))
            and all(limit.holds(now, "both") for limit in self._limits)
        )

    def _told(self, *, is_over: bool) -> Held | None:
        if self._began_s is None or self._last_s - self._began_s < SHORTEST_S:
            return None
        return Held(self._name, self._began_s, self._last_s - self._began_s, is_over)
