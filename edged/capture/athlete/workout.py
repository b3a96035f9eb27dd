"""A script as it is carried out: what the athlete does, and how it stands, at any moment."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import cos, inf, pi
from typing import Literal, TypeAlias

import numpy as np

from edged.capture.athlete import floor, supported
from edged.capture.athlete.body import Body, Posture
from edged.capture.athlete.exercises import HOLDS, Exercise, bearing
from edged.capture.athlete.kinematics import Bearing, blend, posture_of
from edged.capture.athlete.script import TEMPOS, Script, Set
from edged.capture.athlete.standing import standing
from edged.capture.athlete.style import Side, Style
from edged.capture.athlete.sway import Sway

Phase: TypeAlias = Literal["rest", "change", "down", "bottom", "up", "top", "hold"]
"""`down` is away from the start of a rep and `up` back to it, wherever the body moves; `hold` is a
plank or a wall-sit; `change` is getting into place or out of it."""

_HALF_WAY = (0.42, 0.55)
"""The depths of a bad rep, as shares of the good ones'."""
_SHORT = 0.03
"""By how much a good rep misses the set's range at most."""
_UNEVEN = 0.06
"""Standard deviation of the logarithm of a phase's seconds, as in sets that people do unpaced."""
_TIRING = 0.15
"""How much slower the last rep of a set is than the first."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What is true at one moment."""

    exercise: Exercise
    """Of the set that is being done, was just done or comes next; see `active`."""
    phase: Phase
    depth: float
    """0 at the start of a rep, 1 at the full range."""
    set: int
    """From 1; goes on counting when the script repeats."""
    reps: int
    """Good reps of this set that are back at their start; a hold has none."""
    bad_reps: int
    """Half reps of this set that are back at their start, not part of `reps`."""
    posture: Posture

    @property
    def active(self) -> bool:
        """Exercising, neither at rest nor changing place."""
        return self.phase not in {"rest", "change"}


@dataclass(frozen=True, slots=True)
class _Moves:
    """Part of a rep: from one depth to another."""

    exercise: Exercise
    style: Style
    side: Side
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class _Breathes:
    """A hold."""

    exercise: Exercise
    style: Style
    breaths: int


@dataclass(frozen=True, slots=True)
class _Goes:
    """From one place to another."""

    start: Bearing
    end: Bearing


@dataclass(frozen=True, slots=True)
class _Part:
    seconds: float
    phase: Phase
    set: int
    reps: int
    bad_reps: int
    motion: _Moves | _Breathes | _Goes


@dataclass(frozen=True)
class Workout:
    """What one body does by a script, at any time: the same for the same seeds.

    The athlete begins in the first set's start position and ends in the last one's. A script that
    repeats does so exactly but for the sway.

    Raises:
        ValueError: the script has no sets.
    """

    script: Script
    body: Body
    _parts: tuple[_Part, ...] = field(init=False, repr=False)
    _begins_s: tuple[float, ...] = field(init=False, repr=False)
    _ends_s: float = field(init=False, repr=False)
    _sway: Sway = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.script.set:
            raise ValueError("a script needs at least one set")
        parts = tuple(part for part in _timeline(self.script, self.body) if part.seconds > 0.0)
        ends = np.cumsum([0.0, *(part.seconds for part in parts)]).tolist()
        object.__setattr__(self, "_parts", parts)
        object.__setattr__(self, "_begins_s", tuple(ends[:-1]))
        object.__setattr__(self, "_ends_s", ends[-1])
        object.__setattr__(self, "_sway", Sway(self.script.workout.seed))

    @property
    def duration_s(self) -> float:
        """Until the last position has been held for a while; infinite if the script repeats."""
        return inf if self.script.workout.repeat else self._ends_s

    def at(self, t_s: float) -> Moment:
        """What is true `t_s` >= 0 seconds after the begin.

        After the end the athlete stays where it is, at rest.
        """
        cycle, seconds = self._place(t_s)
        number = max(0, bisect_right(self._begins_s, seconds) - 1)
        part = self._parts[number]
        share = min(1.0, (seconds - self._begins_s[number]) / part.seconds)
        depth, still = _motion(self.body, part.motion, share)
        one = self.script.set[part.set]
        return Moment(
            exercise=one.exercise,
            phase=part.phase,
            depth=depth,
            set=cycle * len(self.script.set) + part.set + 1,
            reps=part.reps,
            bad_reps=part.bad_reps,
            posture=posture_of(self.body, self._sway.applied(still, t_s)),
        )

    def _place(self, t_s: float) -> tuple[int, float]:
        """Which round of the script, and where in it."""
        lead_s = self.script.workout.lead_s
        t_s = max(0.0, t_s)
        if not self.script.workout.repeat:
            return 0, min(t_s, self._ends_s)
        if t_s < lead_s:
            return 0, t_s
        cycle, seconds = divmod(t_s - lead_s, self._ends_s - lead_s)
        return int(cycle), lead_s + seconds


def _motion(body: Body, motion: _Moves | _Breathes | _Goes, share: float) -> tuple[float, Bearing]:
    match motion:
        case _Moves(exercise, style, side, start, end):
            # Jumping and running are a steadier pace than that of arms that reach for something.
            eased = _swung(share) if exercise in _BALLISTIC else _smooth(share)
            depth = start + (end - start) * eased
            return depth, bearing(body, exercise, depth, style, side)
        case _Breathes(exercise, style, breaths):
            depth = 0.5 - 0.5 * cos(2.0 * pi * breaths * share)
            return depth, bearing(body, exercise, depth, style)
        case _Goes(start, end):
            return 0.0, blend(start, end, _smooth(share))


def _smooth(share: float) -> float:
    """The way of a hand that moves from rest to rest as smoothly as can be.

    Flash and Hogan, "The coordination of arm movements" (1985): the minimum of jerk.
    """
    return share**3 * (10.0 + share * (6.0 * share - 15.0))


def _swung(share: float) -> float:
    return share * share * (3.0 - 2.0 * share)


def _timeline(script: Script, body: Body) -> Iterator[_Part]:
    seed, lead_s = script.workout.seed, script.workout.lead_s
    styles = [Style.of(seed * 1009 + number) for number in range(len(script.set))]
    starts = [
        bearing(body, one.exercise, 0.0, style)
        for one, style in zip(script.set, styles, strict=True)
    ]
    yield _Part(lead_s, "rest", 0, 0, 0, _Goes(starts[0], starts[0]))
    followers = [*range(1, len(script.set)), 0 if script.workout.repeat else None]
    for number, after in enumerate(followers):
        one, style = script.set[number], styles[number]
        draw = np.random.default_rng([seed, number, 0x7E30])
        part = _Part(0.0, "rest", number, 0, 0, _Goes(starts[number], starts[number]))
        for part in _exercised(one, number, style, draw):
            yield part
        done = replace(part, phase="change")
        if after is None:
            yield replace(
                done,
                seconds=max(1e-3, lead_s),
                phase="rest",
                motion=_Goes(starts[number], starts[number]),
            )
            continue
        out, into = _ways(body, one, script.set[after], style, styles[after])
        yield from _walked(body, done, (starts[number], *out))
        if one.rest_s:
            yield replace(done, seconds=one.rest_s, phase="rest", motion=_Goes(out[-1], out[-1]))
        # The next set's number, which in the next round is again the first one's.
        place = replace(done, set=after, reps=0, bad_reps=0) if after else done
        yield from _walked(body, place, (out[-1], *into, starts[after]))


def _exercised(one: Set, number: int, style: Style, draw: np.random.Generator) -> Iterator[_Part]:
    if one.exercise in HOLDS:
        breath = TEMPOS[one.exercise]
        breaths = max(1, round(one.seconds / (breath.down_s + breath.up_s)))
        yield _Part(one.seconds, "hold", number, 0, 0, _Breathes(one.exercise, style, breaths))
        return
    reps = bad_reps = 0
    tempo = one.rhythm
    for rep in range(1, one.reps + 1):
        bad = rep in one.bad
        depth = one.range - float(draw.uniform(0.0, _SHORT))
        depth *= float(draw.uniform(*_HALF_WAY)) if bad else 1.0
        tired = 1.0 + _TIRING * ((rep - 1) / one.reps) ** 2
        down, bottom, up, top = (
            tired * np.exp(_UNEVEN * np.clip(draw.normal(0.0, 1.0, 4), -1.5, 1.5))
        ).tolist()
        side: Side = "left" if rep % 2 else "right"
        moves = _Moves(one.exercise, style, side, 0.0, depth)
        before = _Part(tempo.down_s * down, "down", number, reps, bad_reps, moves)
        yield before
        yield replace(
            before,
            phase="bottom",
            seconds=tempo.bottom_s * bottom,
            motion=replace(moves, start=depth, end=depth),
        )
        for start, end, seconds in _way_up(one, rep, depth, tempo.up_s * up):
            yield replace(
                before, phase="up", seconds=seconds, motion=replace(moves, start=start, end=end)
            )
        reps, bad_reps = reps + (not bad), bad_reps + bad
        yield _Part(
            # Something has to tell that the rep is done, were it for a moment only.
            max(1e-3, tempo.top_s * top),
            "top",
            number,
            reps,
            bad_reps,
            replace(moves, end=0.0),
        )


def _way_up(
    one: Set, rep: int, depth: float, seconds: float
) -> Iterable[tuple[float, float, float]]:
    """(from, to, seconds) of the way back."""
    if rep not in one.paused:
        return ((depth, 0.0, seconds),)
    half = depth / 2.0
    return (depth, half, 0.6 * seconds), (half, half, one.pause_s), (half, 0.0, 0.6 * seconds)


def _walked(body: Body, like: _Part, places: tuple[Bearing, ...]) -> Iterator[_Part]:
    for start, end in pairwise(places):
        far = float(np.linalg.norm(posture_of(body, end) - posture_of(body, start), axis=1).max())
        # A path along an arc is longer, and feet go one after the other in half of the time.
        yield replace(like, seconds=0.35 + 1.05 * far, phase="change", motion=_Goes(start, end))


_PRONE: tuple[Exercise, ...] = ("push-up", "plank")
_BALLISTIC: tuple[Exercise, ...] = ("jumping-jack", "high-knees")


def _ways(
    body: Body, one: Set, after: Set, style: Style, next_style: Style
) -> tuple[tuple[Bearing, ...], tuple[Bearing, ...]]:
    """The places from a set's start to where it is rested, and from there to before the next."""
    if one.exercise in _PRONE and after.exercise in _PRONE:
        up = _onto_forearms(body, one, style)
        return (*up, floor.kneeling(body)), _onto_forearms(body, after, next_style)
    if one.exercise == after.exercise == "sit-up":
        return (floor.lying(body, style),), ()
    out = (*_way_to(body, one, style)[::-1], standing(body, style))
    return out, _way_to(body, after, next_style)


def _way_to(body: Body, one: Set, style: Style) -> tuple[Bearing, ...]:
    """The places between standing and a set's start."""
    match one.exercise:
        case "push-up" | "plank":
            return (*floor.way_to_prone(body, style), *_onto_forearms(body, one, style))
        case "sit-up":
            return floor.way_to_back(body, style)
        case "pull-up":
            return supported.way_to_bar(body, style)
        case "wall-sit":
            return supported.way_to_wall(body, style)
        case _:
            return ()


def _onto_forearms(body: Body, one: Set, style: Style) -> tuple[Bearing, ...]:
    """A forearm plank is reached and left over straight arms."""
    forearms = one.exercise == "plank" and not style.on_hands
    return (floor.push_up(body, 0.0, style, "left"),) if forearms else ()
