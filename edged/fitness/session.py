"""From the poses of frames to what is told of a workout: people, events, the state. Pure.

Times and the randomness of ids are passed in. Every change goes through `sets.Log`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from math import isnan
from typing import TypeAlias

import msgspec

from edged.fitness import sets
from edged.fitness.coach import AWAY_S, News, Recognized
from edged.fitness.crew import Crew
from edged.fitness.exercises import AUTO, Exercises
from edged.fitness.holds import Held
from edged.fitness.reps import Rep
from edged.fitness.sets import Goals, Log, Rests, Set, SetEnded, WorkoutEnded
from edged.messages.exercise import (
    ExerciseState,
    Phase,
    RepEvent,
    RepFigures,
    SetEvent,
    WorkoutEvent,
)
from edged.types import Classification, Pose

ABSENT_S = 2.0
"""Who was not seen for so long is not there: a model misses people for some frames."""
PHASE_S = 0.2
"""The state is told at most so often where nothing but the phase has changed."""
HOLDS_S = 1.5
"""Longer than a hold may slip (`holds.SLIPS_S`)."""
JUMPS_S = 0.5
"""The wall clock has been set when it is so far from where the other one says it is."""
REMEMBERED = 64
"""Reps of a set that may turn out to be of another exercise: more than a coach remembers."""

Event: TypeAlias = RepEvent | SetEvent | WorkoutEvent


@dataclass(frozen=True, slots=True)
class Now:
    """A moment by both clocks."""

    t_s: float
    """Seconds by the clock of the frames, growing."""
    wall_s: float
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is to be told after something happened."""

    events: tuple[Event, ...] = ()
    state: ExerciseState | None = None
    """None: as it was."""


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """All of a frame, with their lasting ids; see `crew.UNFOLLOWED`."""

    people: list[Pose]
    active: int | None
    """The id of the one who exercises."""
    depth: float | None
    """How far into a rep: 0 = the textbook's start, 1 = its full range; None: not known."""

    @property
    def exerciser(self) -> Pose | None:
        """The one who exercises; None: nobody, or not seen in this frame."""
        return next((pose for pose in self.people if pose.id == self.active), None)


class Session:
    """Everything that is known of the workouts before one camera. O(1) memory."""

    def __init__(
        self,
        exercises: Exercises,
        *,
        new_id: Callable[[float], str],
        wanted: str = AUTO,
        rests: Rests | None = None,
        goals: Goals | None = None,
    ) -> None:
        """Begin with nobody there.

        Args:
            exercises: that are known.
            new_id: makes the id of an event of this wall time.
            wanted: the exercise to count, or `auto`.
            rests: when something is over.
            goals: what is aimed at.

        Raises:
            KeyError: the exercise that is wanted is not among them.
        """
        self._exercises = exercises
        self._new_id = new_id
        self._wanted = wanted
        self._crew = Crew(exercises, wanted)
        self._log = Log(rests or Rests(), goals or Goals())
        self._now = Now(0.0, 0.0)
        self._offset_s = 0.0
        """Of the wall clock against the frames' one. The same over many frames, and so are times
        that were told."""
        self._looked_s: float | None = None
        """When a picture was last looked at."""
        self._seen_s: float | None = None
        """When somebody was last seen."""
        self._held_s = -HOLDS_S
        self._workout_id = self._set_id = ""
        self._set_person: int | None = None
        self._reps: deque[tuple[Rep, str]] = deque(maxlen=REMEMBERED)
        """Of the set under way, with the ids that they were told by."""
        self._replaced: list[str] = []
        """Ids that the next rep replaces."""
        self._rested: Set | None = None
        """The last set, while there is no other."""
        self._last_rep: RepFigures | None = None
        self._state: ExerciseState | None = None
        """As it was told."""

    def look(self, now: Now, poses: Sequence[Pose], aspect: float) -> tuple[Watched, Told]:
        """The next frame.

        Args:
            now: of the frame.
            poses: who is seen; their `id` is not used.
            aspect: width / height of the frame.
        """
        self._pass(now)
        self._looked_s = now.t_s
        if poses:
            self._seen_s = now.t_s
        events = self._after(self._crew.update(now.t_s, poses, aspect))
        mine = any(pose.id == self._crew.active for pose in self._crew.people)
        self._log, ended = sets.passed(self._log, now.t_s, present=mine)
        events += self._over(ended)
        depth = float("nan") if self._crew.coach.counter is None else self._crew.coach.counter.depth
        watched = Watched(
            self._crew.people,
            self._crew.active,
            None if isnan(depth) else round(min(max(depth, 0.0), 2.0), 3),
        )
        return watched, self._told(events)

    @property
    def wants_hints(self) -> bool:
        """Whether a second model has a say in what is done."""
        return self._crew.wants_hints

    def hint(self, t_s: float, answer: Classification) -> None:
        """What a second model says of the pose of the one who exercises, in the last frame."""
        self._crew.hint(t_s, answer)

    def wait(self, now: Now) -> Told:
        """Time has passed, and no picture tells what happened: sets and workouts end all the same.

        Nobody is taken for gone. But whoever is seen after a while begins anew.
        """
        self._pass(now)
        if self._looked_s is not None and now.t_s - self._looked_s > AWAY_S:
            self._crew.coach.forget()
            self._looked_s = self._seen_s = None
        self._log, ended = sets.passed(self._log, now.t_s, present=True)
        return self._told(self._over(ended))

    def want(self, wanted: str) -> Told:
        """Count this exercise from now on, or `auto`. Raises `KeyError`: nobody knows it."""
        if wanted != self._wanted:
            self._crew.want(wanted)
            self._wanted = wanted
        return self._told([])

    def pin(self, person: int | None) -> Told:
        """Watch the person of this id in any case; None: whoever exercises.

        Raises:
            ValueError: nobody of this id is there.
        """
        if person is not None and person not in {pose.id for pose in self._crew.people} - {0}:
            raise ValueError(f"nobody with the id {person} is there now")
        self._crew.pin(person)
        return self._told([])

    def aim(self, goals: Goals) -> Told:
        """Other goals."""
        self._log = sets.aimed(self._log, goals)
        return self._told([])

    def rest(self, rests: Rests) -> None:
        """Other rests, from the set under way on."""
        self._log = replace(self._log, rests=rests)

    @property
    def goals(self) -> Goals:
        """What is aimed at."""
        return self._log.goals

    def correct(self, by: int) -> Told:
        """The set under way has so many reps more. Raises `ValueError`: there is none."""
        if self._log.set is None:
            raise ValueError("there is no set under way")
        self._log = sets.corrected(self._log, by)
        return self._told([])

    def reset(self) -> Told:
        """The set under way never was, and what comes counts from nothing."""
        events = self._undone() if self._log.set is not None else []
        self._log = sets.reset(self._log)
        self._crew.coach.forget()
        self._rested = self._last_rep = None
        return self._told(events)

    def finish(self) -> Told:
        """The end: what is under way is over."""
        self._log, ended = sets.finished(self._log)
        events = self._over(ended)
        self._looked_s = self._seen_s = None
        return self._told(events)

    def _pass(self, now: Now) -> None:
        if now.t_s < self._now.t_s:  # nothing that is known of people has a time any more
            self._crew = Crew(self._exercises, self._wanted)
        self._now = now
        if abs(now.wall_s - now.t_s - self._offset_s) > JUMPS_S:
            self._offset_s = now.wall_s - now.t_s

    def _after(self, news: Iterable[News]) -> list[Event]:
        events: list[Event] = []
        for one in _told_once(list(news)):
            before = self._log.set
            self._log, ended = sets.told(self._log, [one])
            if isinstance(one, Recognized) and before is not None:
                self._take_back(one, is_all=self._log.set is None)
            events += self._over(ended)
            self._begun()
            if isinstance(one, Rep):
                events.append(self._rep(one))
            elif isinstance(one, Held):
                self._held_s = self._now.t_s
        return events

    def _begun(self) -> None:
        """Note a set or a workout that has begun."""
        if self._log.set is not None and not self._set_id:
            self._set_id = self._new_id(self._wall(self._log.set.began_s))
            self._set_person = self._crew.active
            self._rested = self._last_rep = None
        if self._log.began_s is not None and not self._workout_id:
            self._workout_id = self._new_id(self._wall(self._log.began_s))

    def _rep(self, rep: Rep) -> RepEvent:
        before = self._log.set
        replaces, self._replaced = self._replaced, []
        if self._reps and sets.is_same(self._reps[-1][0], rep):
            replaces.append(self._reps.pop()[1])
        wall_s = self._wall(rep.ended_s)
        event = RepEvent(
            id=self._new_id(wall_s),
            ts=round(wall_s, 3),
            exercise=rep.exercise,
            person=self._crew.active,
            workout=self._workout_id,
            set=self._set_id,
            count=0 if before is None else before.reps,
            is_full=rep.is_full,
            rep=_figures(rep),
            replaces=tuple(replaces),
        )
        self._reps.append((rep, event.id))
        if rep.is_full:
            self._last_rep = event.rep
        return event

    def _take_back(self, told: Recognized, *, is_all: bool) -> None:
        """Reps were of another exercise: the next one, which is of the right one, says so."""
        kept: deque[tuple[Rep, str]] = deque(maxlen=REMEMBERED)
        left = told.reps
        for rep, event_id in reversed(self._reps):
            if is_all or (rep.is_full and left > 0):
                left -= rep.is_full
                self._replaced.insert(0, event_id)
            else:
                kept.appendleft((rep, event_id))
        self._reps = kept
        if is_all:
            self._set_id = ""

    def _over(self, ended: Sequence[sets.Ended]) -> list[Event]:
        events: list[Event] = []
        for one in ended:
            match one:
                case SetEnded(set=over):
                    self._rested = over
                    events.append(self._set_event(over))
                case WorkoutEnded():
                    self._rested = self._last_rep = None
                    if one.sets:
                        events.append(self._workout_event(one))
                    self._workout_id = ""
        if self._log.set is None and self._set_id:  # all of it was corrected away
            events += self._undone()
        return events

    def _set_event(self, over: Set) -> SetEvent:
        # A hold that was over at once has begun and ended in one step.
        event_id = self._set_id or self._new_id(self._wall(over.began_s))
        began_s = over.began_s if self._log.began_s is None else self._log.began_s
        self._workout_id = self._workout_id or self._new_id(self._wall(began_s))
        self._forget_set()
        return SetEvent(
            id=event_id,
            ts=round(self._now.wall_s, 3),
            exercise=over.exercise,
            person=self._set_person,
            workout=self._workout_id,
            number=over.number,
            reps=over.reps,
            partial_reps=over.partial_reps,
            held_s=round(over.held_s, 1),
            began=round(self._wall(over.began_s), 3),
            duration_s=round(max(0.0, over.last_s - over.began_s), 3),
            mean_rep_s=None if over.mean_rep_s is None else round(over.mean_rep_s, 3),
            mean_range=None if over.mean_range is None else round(over.mean_range, 3),
            flags=dict(over.flags),
            target_reps=over.target_reps or 0,
        )

    def _undone(self) -> list[Event]:
        """A set of nothing, for those who heard of its reps."""
        if not self._reps:
            self._forget_set()
            return []
        exercise = self._reps[-1][0].exercise
        now_s = self._now.t_s
        return [self._set_event(Set(exercise, self._log.sets + 1, now_s, now_s))]

    def _forget_set(self) -> None:
        self._set_id = ""
        self._reps.clear()

    def _workout_event(self, over: WorkoutEnded) -> WorkoutEvent:
        return WorkoutEvent(
            id=self._workout_id,
            ts=round(self._now.wall_s, 3),
            began=round(self._wall(over.began_s), 3),
            duration_s=round(max(0.0, over.last_s - over.began_s), 3),
            sets=over.sets,
            reps=dict(over.reps),
            held_s={name: round(held_s, 1) for name, held_s in over.held_s},
        )

    def _told(self, events: Iterable[Event]) -> Told:
        state, before = self._current(), self._state
        if before is not None:
            if msgspec.structs.replace(state, ts=before.ts) == before:
                return Told(tuple(events))
            alike = msgspec.structs.replace(state, ts=before.ts, phase=before.phase) == before
            if alike and abs(state.ts - before.ts) < PHASE_S:
                return Told(tuple(events))
        self._state = state
        return Told(tuple(events), state)

    def _current(self) -> ExerciseState:
        log = self._log
        shown = log.set or self._rested
        rests = log.began_s is not None and log.set is None and log.sets > 0
        return ExerciseState(
            ts=round(self._now.wall_s, 3),
            exercise=shown.exercise if shown is not None else self._crew.coach.exercise,
            wanted=self._wanted,
            phase=self._phase(),
            present=None if self._looked_s is None else self._is_present,
            person=self._crew.active if self._is_present else None,
            reps=0 if shown is None else shown.reps,
            partial_reps=0 if shown is None else shown.partial_reps,
            held_s=0.0 if shown is None else float(round(shown.held_s)),
            set=0 if shown is None else shown.number,
            sets=log.sets,
            last_rep=self._last_rep,
            target_reps=log.goals.reps or 0,
            is_target_reached=bool(shown and log.goals.reps and shown.reps >= log.goals.reps),
            rest_s=log.goals.rest_s or 0.0,
            rest_since=round(self._wall(log.rest_s), 3) if rests else None,
            workout_since=None if log.began_s is None else round(self._wall(log.began_s), 3),
        )

    @property
    def _is_present(self) -> bool:
        return self._seen_s is not None and self._now.t_s - self._seen_s <= ABSENT_S

    def _phase(self) -> Phase:
        log, counter = self._log, self._crew.coach.counter
        if self._is_present and counter is not None and counter.is_out:
            return "rep"
        if log.set is not None:
            is_held = log.set.held_s > 0.0 and self._now.t_s - self._held_s <= HOLDS_S
            return "hold" if is_held else "set"
        if log.began_s is not None and log.sets > 0:
            return "rest"
        return "idle" if self._is_present else "nobody"

    def _wall(self, t_s: float) -> float:
        """The wall time of a moment, by the clock as it is now."""
        return max(0.0, t_s + self._offset_s)


def _told_once(news: Sequence[News]) -> Iterator[News]:
    """Without reps that the next one tells better in the same frame."""
    for one, after in zip_longest(news, news[1:]):
        if not (isinstance(one, Rep) and isinstance(after, Rep) and sets.is_same(one, after)):
            yield one


def _figures(rep: Rep) -> RepFigures:
    return RepFigures(
        side=rep.side,
        duration_s=round(rep.duration_s, 3),
        eccentric_s=round(rep.eccentric_s, 3),
        concentric_s=round(rep.concentric_s, 3),
        range=round(rep.range, 3),
        measured=rep.measured,
        start_value=_known(rep.start_value),
        peak_value=_known(rep.peak_value),
        symmetry=None if rep.symmetry is None else round(min(rep.symmetry, 1.0), 3),
        peak_speed=round(rep.peak_speed, 3),
        flags=rep.flags,
    )


def _known(value: float) -> float | None:
    return None if isnan(value) else round(value, 3)
