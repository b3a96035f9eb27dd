"""Counting: cycles of an exercise's signals that are reps, and what is to be said of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isnan, nan

from edged.fitness.cycles import HALF, STILL_S, Cycle, Cycles
from edged.fitness.depths import Depth, MedianOfThree
from edged.fitness.exercises import Exercise
from edged.fitness.moments import Limit, Moment, mean
from edged.fitness.signals import Limb

BETTER_SEEN = 0.4
"""A side whose score is below this share of the other's is hidden, and does not count."""
EVENLY_SEEN = 0.85
"""Sides whose scores differ by more cannot be compared: from aside one stands before the other."""
RHYTHM = 1.5
"""The next rep follows within so many times a rep's time, where it proves the one before."""
TOGETHER = 0.25
"""Of the time that either side is out, from which on both make one rep."""
QUICK = 0.5
"""Of the shortest rep's time, from leaving the start to coming near it again."""
STRAYS, PANS = 0.5, 0.08
"""Body heights that the hips may move across from one start to the next, and so many more a second.
Who walks does not exercise, but a hand may hold the camera."""
ANCHORS_S = 4.0
"""Who stays so long at the far end before the first rep begins there, where that may be."""
COMES = 1.4
"""So many times as large or small at the end of a rep is who walks to or from the camera."""
SHALLOW = 0.75
"""A rep below this share of the usual range is told to be shallow."""
UNEVEN = 0.75
"""One side's range against the other's, below which a rep is told to be uneven."""


@dataclass(frozen=True, slots=True, eq=False)
class Rep:
    """One rep, or a part of one."""

    exercise: str
    number: int
    """From 1, of the full and the partial ones; the same again is the same rep, told better."""
    began_s: float
    out_s: float
    peak_s: float
    ended_s: float
    """Seconds of the frames' clock: leaving the start, clearly under way, farthest, and near the
    start again."""
    side: str
    """`left`, `right` or `both`."""
    is_full: bool
    """False: a partial rep, which is not counted."""
    depth: float
    """0 = the textbook's start, 1 = its full range."""
    range: float
    """How far it went, in the textbook's ranges."""
    measured: str
    """The exercise's first signal that was seen at both ends, of which the values are."""
    start_value: float
    peak_value: float
    """Degrees or body heights, see `signals`; nan: not seen."""
    eccentric_s: float
    concentric_s: float
    """Seconds of lowering and of lifting."""
    symmetry: float | None
    """The lesser side's range as a share of the other's; None: one side only is seen or works."""
    peak_speed: float
    """In the textbook's ranges a second."""
    flags: tuple[str, ...]
    """What is not good, in plain words."""
    at_start: Moment
    at_peak: Moment

    @property
    def duration_s(self) -> float:
        """Of the whole rep."""
        return self.ended_s - self.began_s


class Counter:
    """Counts one exercise of one person, from what `signals.Measures` tells. O(1) memory."""

    def __init__(self, exercise: Exercise, index: Mapping[str, int]) -> None:
        """Args: `index` says where each signal is in `Moment.values`."""
        self.exercise = exercise
        self._ways = [Depth(way, index) for way in exercise.signals]
        self._limb = self._ways[0].signal.limb
        self._at_start = [Limit.of(bound, index) for bound in exercise.at_start]
        self._at_full = [Limit.of(bound, index) for bound in exercise.at_full]
        self._cues = [(Limit.of(cue, index), cue.text) for cue in exercise.cues]
        sides = ("left", "right") if exercise.sides == "each" else ("both",)
        turned = (False, True) if exercise.begins == "either" else (False,)
        self._tracks = [
            _Track(side, inverted, Cycles(exercise.least, exercise.max_s))
            for inverted in turned
            for side in sides
        ]
        self._anchored: bool | None = None
        """Whether reps begin at full range; None: nobody knows yet."""
        self._waiting: Rep | None = None
        """A rep that did not begin from a start that was held; the next one proves it."""
        self._last: Rep | None = None
        self._calm = {side: MedianOfThree() for side in sides}
        self._number = 0
        self._last_s = 0.0
        self.depth = nan
        """Now."""

    @property
    def cycles(self) -> Cycles[Moment]:
        """Of the side that is told."""
        return self._tracks[0].cycles

    @property
    def is_out(self) -> bool:
        """In the middle of a rep."""
        return any(track.cycles.is_out for track in self._tracks)

    @property
    def comes_back(self) -> bool:
        """In the second half of a rep."""
        return any(track.cycles.comes_back for track in self._tracks)

    def update(self, now: Moment) -> list[Rep]:
        """The next moment. Returns the reps that are done now, mostly none.

        A rep that comes with the `number` of the last one is that one, told better: the other side
        came a little later.
        """
        depths = {
            side: self._calm[side].update(now.t_s, depth)
            for side, depth in self._depths(now).items()
        }
        self.depth = max((d for d in depths.values() if not isnan(d)), default=nan)
        done: list[Rep] = []
        for track in self._tracks:
            depth = depths[track.side]
            cycle = track.cycles.update(now.t_s, 1.0 - depth if track.inverted else depth, now)
            if cycle is not None and self._is_anchored(track):
                done += self._judged(track, cycle, now)
        if self.exercise.begins == "either":
            self._look_for_an_anchor()
        return done

    def forget(self) -> None:
        """The set is over: the next one begins from a start that is held."""
        for track in self._tracks:
            track.cycles.forget()
        for way in self._ways:
            way.forget()
        self._anchored = self._waiting = self._last = None

    def unlearn(self) -> None:
        """The last reps were of another exercise, and tell nothing of what is usual in this one."""
        for track in self._tracks:
            track.cycles.unlearn()

    def _is_anchored(self, track: _Track) -> bool:
        """Whether reps begin where this track's do."""
        if self._anchored is None:
            self._anchored = track.inverted
        return track.inverted == self._anchored

    def _look_for_an_anchor(self) -> None:
        """Reps begin at the end where somebody is first.

        But who stays at the far one before the first rep went there to begin: to take the bar.
        """
        for track in self._tracks:
            goes_to_begin = (
                self._last is None and track.inverted and track.cycles.held_s >= ANCHORS_S
            )
            if goes_to_begin or (self._anchored is None and track.cycles.there_s >= STILL_S):
                self._anchored = track.inverted

    def _depths(self, now: Moment) -> dict[str, float]:
        """Of each side, or of both together, from where the person starts."""
        passed_s, self._last_s = now.t_s - self._last_s, now.t_s
        is_out = self.is_out
        left = right = nan
        for way in self._ways:
            left = _greater(left, way.depth(now, 0, passed_s, is_out=is_out))
            right = _greater(right, way.depth(now, 1, passed_s, is_out=is_out))
        one, other = now.weights[self._limb]
        if one < BETTER_SEEN * other:
            left = nan
        if other < BETTER_SEEN * one:
            right = nan
        if self.exercise.sides == "each":
            return {"left": left, "right": right}
        if isnan(left) or isnan(right):
            return {"both": right if isnan(left) else left}
        return {"both": mean(left, right, (one, other))}

    def _judged(self, track: _Track, cycle: Cycle[Moment], now: Moment) -> list[Rep]:
        if not self._is_rep(track, cycle, now):
            return []
        rep = self._rep(track, cycle)
        track.cycles.learn(cycle)
        for other in self._tracks:  # what one side can do the other can, until it shows itself
            other.cycles.usual = other.cycles.usual or track.cycles.usual
        if self._last is not None and _same(self._last, rep):
            return self._with_other_side(self._last, rep)
        if not cycle.steady and not rep.is_full:
            return []
        self._last, self._number = rep, rep.number
        waiting, self._waiting = self._waiting, None
        if not cycle.steady and waiting is None:
            self._waiting = rep
            return []
        if waiting is not None and rep.is_full and _follows(waiting, rep):
            return [waiting, rep]
        return [rep]

    def _is_rep(self, track: _Track, cycle: Cycle[Moment], now: Moment) -> bool:
        """Or something else that goes back and forth."""
        ends = cycle.at_start, cycle.at_peak
        near, far = ends[::-1] if track.inverted else ends
        return (
            cycle.duration_s >= QUICK * self.exercise.min_s
            and not abs(now.place - cycle.at_start.place) > STRAYS + PANS * cycle.duration_s
            and 1.0 / COMES <= now.height / cycle.at_start.height <= COMES
            and self.fits(near, far, track.side)
        )

    def _with_other_side(self, one: Rep, other: Rep) -> list[Rep]:
        self._last = merged = _merged(one, other, self._limb)
        if self._waiting is one:
            self._waiting = merged
            return []
        return [merged]

    def fits(self, near: Moment, far: Moment, side: str) -> bool:
        """Whether a rep of this exercise may begin like `near` and be farthest like `far`."""
        return all(limit.holds(near, side) for limit in self._at_start) and all(
            limit.holds(far, side, near) for limit in self._at_full
        )

    def moves(self, near: Moment, far: Moment) -> bool:
        """Whether what this exercise is counted by has gone a good part of the way between two."""
        ways = [way.far(far, side) - way.far(near, side) for way in self._ways for side in (0, 1)]
        return any(way >= HALF * self.exercise.least for way in ways)  # nan: not seen, no

    def _rep(self, track: _Track, cycle: Cycle[Moment]) -> Rep:
        exercise = self.exercise
        out_s, back_s = cycle.peak_s - cycle.began_s, cycle.ended_s - cycle.peak_s
        lowers_out = (exercise.lowers == "out") != track.inverted
        measured, start_value, peak_value = self._value_of(cycle, track.side)
        symmetry = self._symmetry(cycle) if exercise.sides == "together" else None
        usual = track.cycles.usual
        flags = []
        if not cycle.is_full or cycle.range < SHALLOW * usual:
            flags.append("shallow")
        if symmetry is not None and symmetry < UNEVEN:
            flags.append("uneven")
        if cycle.duration_s < exercise.fast_s:
            flags.append("too fast")
        near, far = cycle.at_start, cycle.at_peak
        if track.inverted:
            near, far = far, near
        flags += [text for limit, text in self._cues if not limit.holds(far, track.side, near)]
        return Rep(
            exercise=exercise.name,
            number=self._number + 1,
            began_s=cycle.began_s,
            out_s=cycle.out_s,
            peak_s=cycle.peak_s,
            ended_s=cycle.ended_s,
            side=track.side,
            is_full=cycle.is_full,
            depth=cycle.peak,
            range=cycle.range,
            measured=measured,
            start_value=start_value,
            peak_value=peak_value,
            eccentric_s=out_s if lowers_out else back_s,
            concentric_s=back_s if lowers_out else out_s,
            symmetry=symmetry,
            peak_speed=cycle.speed,
            flags=tuple(flags),
            at_start=cycle.at_start,
            at_peak=cycle.at_peak,
        )

    def _value_of(self, cycle: Cycle[Moment], side: str) -> tuple[str, float, float]:
        """Of what, at the start, and farthest."""
        for way in self._ways:
            ends = way.value(cycle.at_start, side), way.value(cycle.at_peak, side)
            if not isnan(ends[0]) and not isnan(ends[1]):
                return way.signal.name, *ends
        return self._ways[0].signal.name, nan, nan

    def _symmetry(self, cycle: Cycle[Moment]) -> float | None:
        if not _is_even(cycle.at_peak, self._limb):
            return None
        ranges = []
        for side in (0, 1):
            ways = [
                way.far(cycle.at_peak, side) - way.far(cycle.at_start, side) for way in self._ways
            ]
            ranges.append(max((far for far in ways if not isnan(far)), default=nan))
        less, more = min(ranges), max(ranges)
        return None if isnan(less) or isnan(more) or more <= 0.0 else max(0.0, less / more)


@dataclass(slots=True)
class _Track:
    side: str
    inverted: bool
    cycles: Cycles[Moment]


def _greater(one: float, other: float) -> float:
    """Of what is seen."""
    if isnan(one) or isnan(other):
        return other if isnan(one) else one
    return max(one, other)


def _same(one: Rep, other: Rep) -> bool:
    """Whether two sides' reps are one: they are out at the same time for a good part of it."""
    if one.side == other.side:
        return False
    both_s = min(one.ended_s, other.ended_s) - max(one.out_s, other.out_s)
    return both_s > TOGETHER * min(one.ended_s - one.out_s, other.ended_s - other.out_s)


def _follows(one: Rep, other: Rep) -> bool:
    """Whether a rep comes so soon after another that they prove each other."""
    return other.began_s - one.ended_s <= RHYTHM * max(one.duration_s, other.duration_s)


def _is_even(now: Moment, limb: Limb) -> bool:
    """Whether both sides are seen alike, and so can be compared."""
    one, other = now.weights[limb]
    return min(one, other) >= EVENLY_SEEN * max(one, other)


def _merged(one: Rep, other: Rep, limb: Limb) -> Rep:
    """Both sides of a rep, which took as long as both together."""
    less, more = sorted((one.range, other.range))
    better = one if one.range >= other.range else other
    symmetry = max(0.0, less / more) if _is_even(better.at_peak, limb) else None
    flags = {*one.flags, *other.flags} - {"uneven"}
    if one.is_full or other.is_full:
        flags -= {"shallow"} if "shallow" not in better.flags else set()
    if symmetry is not None and symmetry < UNEVEN:
        flags.add("uneven")
    return replace(
        better,
        number=one.number,
        began_s=one.began_s,
        out_s=min(one.out_s, other.out_s),
        ended_s=max(one.ended_s, other.ended_s),
        side="both",
        is_full=one.is_full or other.is_full,
        symmetry=symmetry,
        flags=tuple(sorted(flags)),
    )
