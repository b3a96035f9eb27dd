"""What the daemon tells of workouts: a session behind a lock, with clocks, ids and topics.

The frame loop's thread shows it frames, the main thread hands it what people ask for.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Protocol

import msgspec

from edged.errors import ConfigError, UsageError
from edged.fitness.exercises import AUTO, Exercises, chosen, known, load
from edged.fitness.session import Event, Now, Session, Told, Watched
from edged.fitness.sets import Goals, Rests
from edged.messages.exercise import ExerciseState, RepEvent, SetEvent
from edged.messages.ids import RANDOM_BITS, uuid7
from edged.messages.topics import Topics
from edged.sections import Fitness
from edged.types import Classification, Frame, Pose

log = logging.getLogger(__name__)


class Outlet(Protocol):
    """Where states and events go; the publisher."""

    def state(self, topic: str, payload: bytes) -> None:
        """What stays true."""

    def event(self, topic: str, event_id: str, payload: bytes) -> None:
        """What happened."""


class Tally:
    """How many events have been told since the start, over gyms that a reload exchanges."""

    def __init__(self) -> None:
        self.reps: Counter[tuple[str, bool]] = Counter()
        """By exercise, and by whether they are full."""
        self.sets: Counter[str] = Counter()
        """By exercise."""
        self.workouts = 0

    def count(self, event: Event) -> None:
        """One more."""
        if isinstance(event, RepEvent):
            if not event.replaces:  # told again is not done again
                self.reps[event.exercise, event.is_full] += 1
        elif isinstance(event, SetEvent):
            self.sets[event.exercise] += 1
        else:
            self.workouts += 1


class Gym:
    """Follows people, counts their reps, and tells of it. From any thread."""

    def __init__(
        self,
        settings: Fitness,
        outlet: Callable[[], tuple[Outlet, Topics]],
        tally: Tally | None = None,
    ) -> None:
        """Begin with nobody there.

        Args:
            settings: of the configuration.
            outlet: gives the publisher and the topics of the moment, which a reload may exchange.
            tally: counts what is told; None: nobody wants to know.

        Raises:
            ConfigError: the exercises cannot be read, or the one that is wanted is not among them.
        """
        self.settings = settings
        self._outlet = outlet
        self._tally = tally or Tally()
        self._exercises = exercises_of(settings)
        # It guards what follows, and the order in which things are told.
        self._lock = Lock()
        self._state: ExerciseState | None = None
        self.problem: str | None = None
        """What went wrong last, for a person; None: nothing."""
        self._session = self._new_session()

    def _new_session(self) -> Session:
        return Session(
            self._exercises,
            new_id=lambda wall_s: uuid7(wall_s, secrets.randbits(RANDOM_BITS)),
            wanted=self.settings.exercise,
            rests=_rests(self.settings),
            goals=Goals(self.settings.target_reps or None, self.settings.rest_s or None),
        )

    def _failed(self, error: Exception) -> None:
        """Begin anew. Told once: the next frame may fail likewise."""
        problem = f"counting failed and begins anew: {type(error).__name__}: {error}"
        if problem != self.problem:
            log.error("%s", problem, exc_info=error, extra={"event": "fitness-failed"})
        self.problem = problem
        self._session = self._new_session()

    @property
    def exercises(self) -> tuple[str, ...]:
        """Names of those that are known."""
        return tuple(self._exercises)

    def watch(self, frame: Frame, poses: list[Pose]) -> Watched:
        """Show it the people of a frame; what comes of them is told at once."""
        height, width, _ = frame.pixels.shape
        with self._lock:
            now = Now(frame.sensor_ns / 1e9, frame.ts)
            try:
                watched, told = self._session.look(now, poses, width / height)
            except Exception as error:  # noqa: BLE001 - poses are told, whatever is made of them
                self._failed(error)
                return Watched(poses, None, None)
            self._tell(told)
        return watched

    @property
    def wants_hints(self) -> bool:
        """Whether a second model has a say in what is done."""
        with self._lock:
            return self._session.wants_hints

    def hint(self, frame: Frame, answer: Classification) -> None:
        """What a second model says of the one who exercises in the frame that was shown last."""
        with self._lock:
            self._session.hint(frame.sensor_ns / 1e9, answer)

    def wait(self) -> None:
        """Let time pass without a frame."""
        with self._lock:
            self._tell(self._session.wait(Now(time.monotonic(), time.time())))

    def want(self, exercise: str) -> None:
        """Count this exercise from now on, or `auto`. Raises `UsageError`: nobody knows it."""
        if exercise != AUTO:
            chosen(exercise, self._exercises)
        with self._lock:
            self._tell(self._session.want(exercise))

    def pin(self, person: int | None) -> None:
        """Watch the person of this id in any case; None: whoever exercises.

        Raises:
            ValueError: nobody of this id is there.
        """
        with self._lock:
            self._tell(self._session.pin(person))

    def aim_at_reps(self, reps: int) -> None:
        """Of a set; 0: no goal."""
        with self._lock:
            goals = self._session.goals
            self._tell(self._session.aim(Goals(reps or None, goals.rest_s)))

    def aim_at_rest(self, rest_s: float) -> None:
        """Between two sets; 0: no goal."""
        with self._lock:
            goals = self._session.goals
            self._tell(self._session.aim(Goals(goals.reps, rest_s or None)))

    def correct(self, by: int) -> None:
        """The set under way has so many reps more. Raises `ValueError`: there is none."""
        with self._lock:
            self._tell(self._session.correct(by))

    def reset(self) -> None:
        """The set under way never was."""
        with self._lock:
            self._tell(self._session.reset())

    def fits(self, settings: Fitness) -> bool:
        """Whether it can go on with other settings: the exercises are the same.

        Raises:
            ConfigError: as for a new one.
        """
        return exercises_of(settings) == self._exercises

    def adopt(self, settings: Fitness) -> None:
        """Go on with these settings; what has not changed stays as commands have made it."""
        old, self.settings = self.settings, settings
        if settings.exercise != old.exercise:
            self.want(settings.exercise)
        if settings.target_reps != old.target_reps:
            self.aim_at_reps(settings.target_reps)
        if settings.rest_s != old.rest_s:
            self.aim_at_rest(settings.rest_s)
        with self._lock:
            self._session.rest(_rests(settings))

    def tell_again(self) -> None:
        """Tell the state to a publisher that does not know it."""
        with self._lock:
            if self._state is not None:
                self._tell(Told(state=self._state))

    def finish(self) -> None:
        """The end: what is under way is over, and told."""
        with self._lock:
            self._tell(self._session.finish())

    def _tell(self, told: Told) -> None:
        if told.state is None and not told.events:
            return
        outlet, topics = self._outlet()
        for event in told.events:
            outlet.event(_topic(event, topics), event.id, msgspec.json.encode(event))
            self._tally.count(event)
        if told.state is not None:
            self._state = told.state
            outlet.state(topics.exercise, msgspec.json.encode(told.state))


def _rests(settings: Fitness) -> Rests:
    return Rests(settings.set_ends_s, settings.gone_s, settings.workout_ends_s)


def exercises_of(settings: Fitness) -> Exercises:
    """The exercises that the configuration means, by name.

    Raises:
        ConfigError: they cannot be read, or the one that is wanted is not among them.
    """
    exercises = known(load(Path(settings.exercises)) if settings.exercises else None)
    if settings.exercise != AUTO:
        try:
            chosen(settings.exercise, exercises)
        except UsageError as error:
            raise ConfigError(f"[fitness] exercise: {error}") from error
    return exercises


def _topic(event: Event, topics: Topics) -> str:
    if isinstance(event, RepEvent):
        return topics.event_rep
    return topics.event_set if isinstance(event, SetEvent) else topics.event_workout
