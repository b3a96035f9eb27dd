"""What is measured of a person at one time, and the bounds that it may have to keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, isnan, nan
from typing import TypeAlias

from edged.fitness.exercises import Bound, Cue
from edged.fitness.signals import Limb, Pair, Signal, signal

Weights: TypeAlias = Mapping[Limb, Pair]
"""How well each side's limbs are seen, 0..1."""

HIDES = 3
"""A keypoint of half the score has about three times the error: the weights of a mean go with the
inverse of its square."""


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """What is measured at one time."""

    t_s: float
    values: Sequence[Pair]
    """In the order of the signals that are measured, see `signals.Measures`."""
    weights: Weights
    place: float
    """Of the hips across the picture, in body heights; nan: not seen."""
    height: float
    """Of the person, in frame heights."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Between which values a signal has to be."""

    signal: Signal
    place: int
    least: float
    most: float

    @classmethod
    def of(cls, bound: Bound | Cue, index: Mapping[str, int]) -> Limit:
        """Args: `index` says where each signal is in `Moment.values`."""
        return cls(signal(bound.what), index[bound.what], bound.least, bound.most)

    def value(self, now: Moment, side: str) -> float:
        """Of `left`, `right` or `both`; nan: not seen."""
        return sided(now, self.place, self.signal.limb, side)

    def holds(self, now: Moment, side: str, near: Moment | None = None) -> bool:
        """True where it is not seen, too. `near`: the start, from which a rise counts."""
        if self.signal.is_rise:
            value = nan if near is None else rise(near, now, self.place)
        else:
            value = self.value(now, side)
        return not (value < self.least or value > self.most)


def sided(now: Moment, place: int, limb: Limb, side: str) -> float:
    """A value of one side; of both and of the trunk, the better seen one counts more."""
    left, right = now.values[place]
    if side != "both" and limb != "body":
        return left if side == "left" else right
    if isnan(left) or isnan(right):
        return right if isnan(left) else left
    return mean(left, right, now.weights[limb])


def mean(left: float, right: float, seen: Pair) -> float:
    """Of both sides, by how well they are seen: what is hidden is guessed, and off by far more."""
    one, other = seen[0] ** HIDES, seen[1] ** HIDES
    return (left * one + right * other) / (one + other + 1e-9)


def rise(near: Moment, far: Moment, place: int) -> float:
    """How much higher something is at one time than at another, in body heights.

    Where it is in the picture counts: who comes nearer grows about the middle of it.
    """
    height = (near.height + far.height) / 2.0
    return (far.values[place][0] * far.height - near.values[place][0] * near.height) / height


class Seeing:
    """How well each limb is seen, averaged over a second."""

    AVERAGED_S = 1.0

    def __init__(self) -> None:
        self._scores: dict[Limb, Pair] = {}
        self._last_s = 0.0

    def update(self, t_s: float, scores: Sequence[float]) -> Weights:
        """Of the 17 scores of a frame."""
        share = 1.0 - exp(-max(0.0, t_s - self._last_s) / self.AVERAGED_S)
        self._last_s = t_s
        limbs: dict[Limb, Pair] = {
            limb: (
                sum(scores[i] for i in points) / len(points),
                sum(scores[i + 1] for i in points) / len(points),
            )
            for limb, points in _LIMBS.items()
        }
        for limb, (left, right) in limbs.items():
            if limb in self._scores:
                one, other = self._scores[limb]
                limbs[limb] = one + share * (left - one), other + share * (right - other)
        self._scores = limbs
        return limbs


_LIMBS: dict[Limb, tuple[int, ...]] = {
    "arm": (5, 7, 9),
    "leg": (11, 13, 15),
    "body": (5, 11),
}
