"""Reps to sets, sets to workouts. Pure functions on frozen states; times are passed in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias, TypeVar

from edged.fitness.coach import News, Recognized
from edged.fitness.holds import Held
from edged.fitness.reps import Rep


@dataclass(frozen=True, slots=True)
class Rests:
    """When something is over."""

    set_s: float = 30.0
    """A set ends after so long without a rep..."""
    gone_s: float = 10.0
    """... or after the person has been gone for so long."""
    workout_s: float = 600.0
    """A workout ends after so long without a rep."""


@dataclass(frozen=True, slots=True)
class Goals:
    """What is aimed at; None: nothing."""

    reps: int | None = None
    """Of a set."""
    rest_s: float | None = None
    """Between two sets."""


@dataclass(frozen=True, slots=True)
class Set:
    """What was done of one exercise without resting."""

    exercise: str
    number: int
    """In the workout, from 1."""
    began_s: float
    last_s: float
    """The end of the last rep, or of what was held."""
    reps: int = 0
    """Full ones, as counted and corrected."""
    partial_reps: int = 0
    held_s: float = 0.0
    """Of a hold."""
    counted: int = 0
    """Full ones as counted, of which the next two are: nobody saw what was corrected."""
    moving_s: float = 0.0
    """All full reps together."""
    ranges: float = 0.0
    """The sum of their ranges, in the textbook's."""
    flags: tuple[tuple[str, int], ...] = ()
    """How often what was told."""
    target_reps: int | None = None

    @property
    def mean_rep_s(self) -> float | None:
        """Seconds of a full rep."""
        return self.moving_s / self.counted if self.counted > 0 else None

    @property
    def mean_range(self) -> float | None:
        """Of a full rep, in the textbook's."""
        return self.ranges / self.counted if self.counted > 0 else None


@dataclass(frozen=True, slots=True)
class SetEnded:
    """A set is over."""

    set: Set


@dataclass(frozen=True, slots=True)
class WorkoutEnded:
    """A workout is over."""

    began_s: float
    last_s: float
    sets: int
    reps: tuple[tuple[str, int], ...]
    """Full ones of each exercise."""
    held_s: tuple[tuple[str, float], ...]


Ended: TypeAlias = SetEnded | WorkoutEnded


@dataclass(frozen=True, slots=True)
class Log:
    """The state of a workout."""

    rests: Rests = field(default_factory=Rests)
    goals: Goals = field(default_factory=Goals)
    set: Set | None = None
    """Under way."""
    sets: int = 0
    """Done in this workout."""
    began_s: float | None = None
    """None: there is no workout."""
    last_s: float = 0.0
    reps: tuple[tuple[str, int], ...] = ()
    """Of the sets that are done."""
    held_s: tuple[tuple[str, float], ...] = ()
    gone_since_s: float | None = None
    last: Rep | None = None
    """That was counted."""

    @property
    def rest_s(self) -> float:
        """When the last set ended, in the clock of the frames; only where there is no set."""
        return self.last_s

    @property
    def is_target_reached(self) -> bool:
        """Whether the set has as many reps as it should."""
        return (
            self.goals.reps is not None
            and self.set is not None
            and (self.set.reps >= self.goals.reps)
        )


def told(log: Log, news: Sequence[News]) -> tuple[Log, list[Ended]]:
    """After what a coach told of a frame."""
    ended: list[Ended] = []
    for one in news:
        match one:
            case Rep():
                log, over = _with_rep(log, one)
            case Recognized():
                log, over = _recognized(log, one), []
            case Held():
                log, over = _with_hold(log, one)
        ended += over
    return log, ended


def passed(log: Log, t_s: float, *, present: bool) -> tuple[Log, list[Ended]]:
    """After time has passed; `present`: the person is seen."""
    gone = None if present else t_s if log.gone_since_s is None else log.gone_since_s
    log = replace(log, gone_since_s=gone)
    ended: list[Ended] = []
    is_gone = gone is not None and t_s - gone > log.rests.gone_s
    if log.set is not None and (t_s - log.set.last_s > log.rests.set_s or is_gone):
        log, ended = _without_set(log)
    if log.began_s is not None and log.set is None and t_s - log.last_s > log.rests.workout_s:
        ended = [
            *ended,
            WorkoutEnded(log.began_s, log.last_s, log.sets, log.reps, log.held_s),
        ]
        log = Log(log.rests, log.goals, gone_since_s=log.gone_since_s)
    return log, ended


def corrected(log: Log, by: int) -> Log:
    """Somebody says that a set has more or fewer reps; never fewer than none."""
    if log.set is None:
        return log
    return replace(log, set=replace(log.set, reps=max(0, log.set.reps + by)))


def reset(log: Log) -> Log:
    """The set under way is forgotten, and counts from nothing."""
    return replace(log, set=None, last=None)


def aimed(log: Log, goals: Goals) -> Log:
    """Other goals, from the set under way on."""
    current = None if log.set is None else replace(log.set, target_reps=goals.reps)
    return replace(log, goals=goals, set=current)


def finished(log: Log) -> tuple[Log, list[Ended]]:
    """The end: what is under way is over."""
    log, ended = _without_set(log) if log.set is not None else (log, [])
    if log.began_s is not None:
        ended = [*ended, WorkoutEnded(log.began_s, log.last_s, log.sets, log.reps, log.held_s)]
    return Log(log.rests, log.goals), ended


def _with_rep(log: Log, rep: Rep) -> tuple[Log, list[Ended]]:
    log, ended = _in_set(log, rep.exercise, rep.began_s)
    current = log.set
    if current is None:
        raise AssertionError("a rep is in a set")
    before = log.last
    if before is not None and is_same(before, rep):
        current = _counted(current, before, -1)
    current = replace(_counted(current, rep, 1), last_s=rep.ended_s)
    return replace(log, set=current, last_s=rep.ended_s, last=rep), ended


def is_same(one: Rep, other: Rep) -> bool:
    """Whether the second is the first, told better."""
    return (one.exercise, one.number, one.began_s) == (other.exercise, other.number, other.began_s)


def _counted(current: Set, rep: Rep, by: int) -> Set:
    flags = dict(current.flags)
    for flag in rep.flags:
        flags[flag] = flags.get(flag, 0) + by
    kept = tuple((flag, times) for flag, times in flags.items() if times > 0)
    if not rep.is_full:
        return replace(current, partial_reps=current.partial_reps + by, flags=kept)
    return replace(
        current,
        reps=max(0, current.reps + by),
        counted=current.counted + by,
        moving_s=current.moving_s + by * rep.duration_s,
        ranges=current.ranges + by * rep.range,
        flags=kept,
    )


def _with_hold(log: Log, held: Held) -> tuple[Log, list[Ended]]:
    log, ended = _in_set(log, held.exercise, held.began_s)
    current = log.set
    if current is None:
        raise AssertionError("a hold is in a set")
    last_s = held.began_s + held.seconds
    log = replace(log, set=replace(current, held_s=held.seconds, last_s=last_s), last_s=last_s)
    if held.is_over:
        log, over = _without_set(log)
        ended = [*ended, *over]
    return log, ended


def _recognized(log: Log, told: Recognized) -> Log:
    """The reps that were another exercise's are taken off; they are told again as what they are."""
    current = log.set
    if current is None or current.exercise != told.instead_of:
        return log
    left = current.reps - told.reps
    if left <= 0:
        return replace(log, set=None, last=None)
    counted = max(0, current.counted - told.reps)
    share = counted / current.counted if current.counted else 0.0
    kept = replace(
        current,
        reps=left,
        counted=counted,
        moving_s=current.moving_s * share,
        ranges=current.ranges * share,
    )
    return replace(log, set=kept)


def _in_set(log: Log, exercise: str, began_s: float) -> tuple[Log, list[Ended]]:
    """With a set of this exercise under way."""
    ended: list[Ended] = []
    if log.set is not None and log.set.exercise != exercise:
        log, ended = _without_set(log)
    if log.set is None:
        fresh = Set(exercise, log.sets + 1, began_s, began_s, target_reps=log.goals.reps)
        workout_s = began_s if log.began_s is None else log.began_s
        log = replace(log, set=fresh, began_s=workout_s, last=None)
    return log, ended


def _without_set(log: Log) -> tuple[Log, list[Ended]]:
    over = log.set
    log = replace(log, set=None, last=None)
    if over is None or (over.reps == 0 and over.partial_reps == 0 and over.held_s <= 0.0):
        return log, []
    log = replace(
        log,
        sets=log.sets + 1,
        last_s=over.last_s,
        reps=_added(log.reps, over.exercise, over.reps),
        held_s=_added(log.held_s, over.exercise, over.held_s),
    )
    return log, [SetEnded(over)]


_Number = TypeVar("_Number", int, float)


def _added(
    sums: Iterable[tuple[str, _Number]], name: str, more: _Number
) -> tuple[tuple[str, _Number], ...]:
    told = dict(sums)
    told[name] = told[name] + more if name in told else more
    return tuple((one, value) for one, value in told.items() if value)
