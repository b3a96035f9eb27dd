"""Out and back again: cycles of one number, whatever it is that moves."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import Generic, TypeVar

S = TypeVar("S")

LEAVES, RETURNS = 0.4, 0.3
"""A cycle is under way from this share of the range, and done below that one: a pause in between or
a tremble at an end is nothing."""
NEAR = 0.25
"""Whoever is so near to the start (as a share of the range) has not begun."""
FARTHEST_START = 0.45
"""Nobody starts beyond this depth, where 0 is the textbook's start and 1 its full range."""
COMES_BACK = 0.6
"""Whoever is below this share of the range again is coming back."""
STILL_S = 0.25
"""A start position is one that is held for so long."""
SETTLES_S = 3.0
"""In which the start follows somebody who settles down elsewhere."""
RESTS_S, RESTS = 2.5, 0.3
"""Whoever stays so long within so small a share of the range, before a rep is full, has not begun
one: the start is there."""
LOWERS_S = 0.1
"""In which the start follows who goes back farther: one frame is not believed at once."""
TURNS = 0.2
"""Whoever came back by a whole rep's way and goes out again by this share of it has done one, also
where the start was farther away: it may have been seen wrongly."""
HALF = 0.5
"""A way of at least this share of what a rep needs is a partial one, a shorter one is nothing."""
OWN, OWN_STEADY = 0.67, 0.75
"""Of a person's own usual range so much makes a rep: two thirds where they vary, more of those who
do the same again and again. People's good reps stay above 0.7 and 0.8 of it, half ones below."""
VARIES, TIMES = 0.1, 4.0
"""The mean difference from the usual that people are taken to have at first, as a share of it; so
many times that may be missing from a rep, between the two bounds above."""
NEWEST = 0.3
"""A new rep changes what is usual by that share."""


@dataclass(frozen=True, slots=True)
class Cycle(Generic[S]):
    """There and back again."""

    began_s: float
    """When the start was left..."""
    out_s: float
    """... and when it was clearly under way."""
    peak_s: float
    ended_s: float
    start: float
    """The depth where it began."""
    peak: float
    """The greatest depth."""
    speed: float
    """The greatest, in full ranges a second."""
    is_full: bool
    """Or only a part of the way."""
    steady: bool
    """It began at a start position that was held, or right after another cycle."""
    at_start: S
    at_peak: S
    """What was given along with the depth there."""

    @property
    def range(self) -> float:
        """How far it went."""
        return self.peak - self.start

    @property
    def duration_s(self) -> float:
        """From leaving the start to being back."""
        return self.ended_s - self.began_s


class Cycles(Generic[S]):
    """Finds cycles in a depth that is 0 at the textbook's start and 1 at its full range.

    The start is where the person starts, and the range what the person usually does, both within
    what the textbook allows. In time that is not seen nothing happens: a cycle whose peak was seen
    and that is seen to be back is one, however long something stood before it.
    """

    def __init__(self, least: float, max_s: float) -> None:
        self._least, self._max_s = least, max_s
        self.usual = 0.0
        """The person's own range; 0.0: not known yet."""
        self._varies = VARIES
        self._out = False
        self._start: float | None = None
        self._still_s = self._came_s = 0.0
        self._steady = False
        self._last_s = 0.0
        self._last = 0.0
        self._left_s = self._out_s = 0.0
        self._rests_s = self._rests_from = self._rests_to = 0.0
        self._peak, self._peak_s, self._speed = 0.0, 0.0, 0.0
        self._valley = 0.0
        self._at_valley: S | None = None
        self._at_start: S | None = None
        self._at_peak: S | None = None

    @property
    def needed(self) -> float:
        """The range that makes a rep."""
        own = min(OWN_STEADY, max(OWN, 1.0 - TIMES * self._varies))
        return max(self._least, own * self.usual)

    @property
    def is_out(self) -> bool:
        """Between leaving the start and being back."""
        return self._out

    @property
    def comes_back(self) -> bool:
        """Under way, and a good part of the way back already."""
        if not self._out or self._start is None:
            return False
        return self._last - self._start <= COMES_BACK * (self._peak - self._start)

    @property
    def held_s(self) -> float:
        """How long the start has been held; 0.0: it is not."""
        return 0.0 if self._start is None or self._out else max(0.0, self._last_s - self._still_s)

    @property
    def there_s(self) -> float:
        """How long it has been at the start, still or not; 0.0: it is not."""
        return 0.0 if self._start is None or self._out else self._last_s - self._came_s

    @property
    def levels(self) -> tuple[float, float, float] | None:
        """Depths: from where a cycle is under way, from where it is full, and where it is done."""
        if self._start is None:
            return None
        way = max(self.needed, self._peak - self._start) if self._out else self.needed
        return (
            self._start + LEAVES * self.needed,
            self._start + self.needed,
            self._start + RETURNS * way,
        )

    def update(self, t_s: float, depth: float, seen: S) -> Cycle[S] | None:
        """The next depth, nan where it is not seen. Returns the cycle that it ends, if any."""
        if isnan(depth):
            return None
        passed_s, before = t_s - self._last_s, self._last
        self._last_s, self._last = t_s, depth
        if self._out:
            return self._outside(t_s, depth, seen, passed_s, before)
        if self._start is None:
            if depth <= FARTHEST_START:
                self._begin(t_s, depth, seen)
            return None
        if depth < self._start:
            self._start += (depth - self._start) * min(1.0, passed_s / LOWERS_S)
        else:
            self._start += (depth - self._start) * min(1.0, passed_s / SETTLES_S)
        if self._start > FARTHEST_START:
            self.forget()
            return None
        if depth <= self._start + NEAR * self.needed:
            self._at_start, self._left_s = seen, t_s
            self._steady = self._steady or t_s - self._still_s >= STILL_S
        else:
            self._still_s = t_s
        if depth > self._start + LEAVES * self.needed:
            self._out, self._out_s = True, t_s
            self._peak, self._peak_s, self._at_peak = depth, t_s, seen
            self._valley, self._at_valley = depth, seen
            self._speed = _speed(before, depth, passed_s)
            self._rest_anew(t_s, depth)
        return None

    def _begin(self, t_s: float, depth: float, seen: S) -> None:
        self._out, self._start = False, depth
        self._still_s = self._left_s = self._came_s = t_s
        self._at_start = seen

    def _outside(
        self, t_s: float, depth: float, seen: S, passed_s: float, before: float
    ) -> Cycle[S] | None:
        if self._start is None or self._at_start is None:
            raise AssertionError("who is out has left a start")
        self._speed = max(self._speed, _speed(before, depth, passed_s))
        if depth > self._peak:
            self._peak, self._peak_s, self._at_peak = depth, t_s, seen
            self._valley, self._at_valley = depth, seen
        if depth < self._valley:
            self._valley, self._at_valley = depth, seen
        way = self._peak - self._start
        if t_s - self._left_s > self._max_s:
            self.forget()
        elif way < self.needed and self._has_rested(t_s, depth):
            self._begin(t_s, depth, seen)
            self._still_s = self._rests_s
            if depth > FARTHEST_START:
                self.forget()
        elif self._at_valley is not None and self._has_turned(depth):
            # It began there as well, and so does the next one.
            start, at_start = self._valley, self._at_valley
            cycle = self._ended(t_s, depth, seen, start, at_start)
            self._start, self._at_start = start, at_start
            return cycle
        elif depth <= self._start + RETURNS * way:
            return self._ended(t_s, depth, seen, self._start, self._at_start)
        return None

    def _ended(
        self, t_s: float, depth: float, seen: S, start: float, at_start: S
    ) -> Cycle[S] | None:
        if self._at_peak is None:
            raise AssertionError("who is out has been farthest")
        way = self._peak - start
        cycle = Cycle(
            began_s=self._left_s,
            out_s=self._out_s,
            peak_s=self._peak_s,
            ended_s=t_s,
            start=start,
            peak=self._peak,
            speed=self._speed,
            is_full=way >= self.needed,
            steady=self._steady,
            at_start=at_start,
            at_peak=self._at_peak,
        )
        self._begin(t_s, depth, seen)
        if way < HALF * self.needed:
            return None
        self._steady = True
        return cycle

    def _has_rested(self, t_s: float, depth: float) -> bool:
        self._rests_from = min(self._rests_from, depth)
        self._rests_to = max(self._rests_to, depth)
        if self._rests_to - self._rests_from > RESTS * self.needed:
            self._rest_anew(t_s, depth)
        return t_s - self._rests_s >= RESTS_S

    def _rest_anew(self, t_s: float, depth: float) -> None:
        self._rests_s, self._rests_from, self._rests_to = t_s, depth, depth

    def _has_turned(self, depth: float) -> bool:
        """Whether the next rep begins, farther out than this one was seen to begin."""
        back = self._peak - self._valley
        return (
            self._valley <= FARTHEST_START
            and back >= self.needed
            and depth - self._valley > TURNS * self.needed
        )

    def learn(self, cycle: Cycle[S]) -> None:
        """What this person does is usual."""
        if cycle.range >= self._least:
            if not self.usual:
                self.usual = cycle.range
                return
            # A single leap must not make all that comes after it too little.
            way = min(cycle.range, 1.5 * self.usual)
            if cycle.is_full:
                self._varies += NEWEST * (abs(way / self.usual - 1.0) - self._varies)
            self.usual += NEWEST * (way - self.usual)

    def unlearn(self) -> None:
        """What was usual was of something else."""
        self.usual, self._varies = 0.0, VARIES

    def forget(self) -> None:
        """Go back to looking for a start; what is usual stays."""
        self._out, self._start, self._steady = False, None, False


def _speed(before: float, depth: float, passed_s: float) -> float:
    return abs(depth - before) / passed_s if passed_s > 0.0 else 0.0
