"""Which accelerator answers, and when a better one is tried again. Pure: the time is passed in.

A configuration names accelerators, best first. One of them serves. Those before it are tried again
in the background, one at a time: the first time after half a minute, then after pauses that double
up to ten minutes, and at once when its device shows up. One that fails in service again and again
rests for an hour, so that frames are not lost to it every few minutes.
"""

from __future__ import annotations

import enum
import itertools
import math
import random
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to leave an accelerator alone. Issue 5 names the figures."""

    first_s: float = 30.0
    """After a failure, until it is tried again."""
    longest_s: float = 600.0
    """The most that this pause grows to, twofold each time."""
    least_s: float = 5.0
    """Between two tries, whatever shows up: loading the firmware makes a device show up too."""
    losses: int = 3
    """So many failures in service..."""
    within_s: float = 600.0
    """... in so much time..."""
    rest_s: float = 3600.0
    """... have it rest so long."""
    probe_s: float = 20.0
    """How long it may take to load the models and answer once: a USB device takes its firmware
    first, which is some seconds."""


RESTS = "; it failed too often, and rests"
JITTER = 0.2
"""Part of a pause by which it is longer or shorter, so that devices of a fleet do not move as
one."""


class State(enum.StrEnum):
    """How it is with an accelerator."""

    SERVING = "serving"
    TRYING = "trying"
    """It is being probed."""
    STANDBY = "standby"
    """It stands behind the one that serves."""
    WAITING = "waiting"
    """It failed, and is tried again."""
    RESTING = "resting"
    """It failed in service too often."""
    UNUSABLE = "unusable"
    """It cannot run these models at all."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How it is with an accelerator, for those who tell it."""

    name: str
    state: State
    reason: str
    """Why it does not serve, for a person; empty: no reason but its place."""
    is_fault: bool
    """Something is wrong with it, rather than that it is not there."""
    again_s: float | None
    """Seconds until it is tried again; None: it is not waited for."""


@dataclass(slots=True)
class _Place:
    name: str
    pause_s: float
    reason: str = ""
    is_fault: bool = False
    is_barred: bool = False
    is_resting: bool = False
    has_served: bool = False
    due: float = -math.inf
    begun: float = -math.inf
    losses: deque[float] = field(default_factory=deque)


class Order:
    """The accelerators of a configuration. Times are seconds of any clock that never goes back."""

    def __init__(
        self,
        names: Sequence[str],
        patience: Patience = Patience(),
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """Nobody serves yet, and all may be tried.

        Args:
            names: best first.
            patience: with those that fail.
            draw: a number between two others, at random.
        """
        self.failovers = 0
        """Times that another had to take over from one that failed."""
        self.promotions = 0
        """Times that a better one took over."""
        self.serving: int | None = None
        """Its place, from 0; None: nobody."""
        self._trying: int | None = None
        self._last: int | None = None
        self._patience = patience
        self._draw = draw
        self._places = [_Place(name, patience.first_s) for name in names]

    def bar(self, place: int, reason: str) -> None:
        """It can never serve, for a reason."""
        barred = self._places[place]
        barred.is_barred, barred.reason = True, reason

    @property
    def surest(self) -> int | None:
        """The one that takes over at once when nobody serves: `cpu`, or else the last.

        It never rests: who starts it deals with its failures. None: nobody can run these models.
        """
        usable = [place for place, one in enumerate(self._places) if not one.is_barred]
        cpus = [place for place in usable if self._places[place].name == "cpu"]
        return (cpus or usable)[-1] if usable else None

    def due(self, now: float) -> int | None:
        """The best that is to be tried now, beside the one that serves or the surest."""
        if self._trying is not None:
            return None
        end = self.serving if self.serving is not None else self.surest
        for place, one in enumerate(self._places[:end]):
            if not one.is_barred and one.due <= now:
                return place
        return None

    def tries(self, place: int, now: float) -> None:
        """A probe of one that is due has begun."""
        self._trying = place
        self._places[place].begun = now

    def refused(self, place: int, reason: str, now: float, *, is_fault: bool) -> bool:
        """A probe failed. Returns whether this is news."""
        self._trying = None
        one = self._places[place]
        # What has served and is gone was not always missing.
        is_fault = is_fault or one.has_served
        is_news = (one.reason, one.is_fault) != (reason, is_fault)
        one.reason, one.is_fault, one.is_resting = reason, is_fault, False
        self._wait(one, now)
        return is_news

    def lost(self, place: int, reason: str, now: float) -> bool:
        """The one that serves failed. Returns whether it rests now."""
        one = self._places[place]
        self.serving = None
        one.reason, one.is_fault = reason, True
        one.losses.append(now)
        while now - one.losses[0] > self._patience.within_s:
            one.losses.popleft()
        if place == self.surest:
            return False
        if len(one.losses) >= self._patience.losses:
            one.is_resting, one.due = True, now + self._patience.rest_s
            one.losses.clear()
        else:
            self._wait(one, now)
        return one.is_resting

    def passed(self, place: int) -> None:
        """It answers, and serves from now on."""
        if self._trying == place:
            self._trying = None
        if self._last is not None and place > self._last:
            self.failovers += 1
        if self._last is not None and place < self._last:
            self.promotions += 1
        self._last = self.serving = place
        one = self._places[place]
        one.reason, one.is_fault, one.is_resting, one.has_served = "", False, False, True
        one.pause_s = self._patience.first_s

    def works(self, place: int) -> None:
        """It would answer, and is not needed: a better one serves."""
        self.forget(place)
        one = self._places[place]
        one.reason, one.is_fault = "", False

    def forget(self, place: int) -> None:
        """A probe was given up, which says nothing about the accelerator."""
        if self._trying == place:
            self._trying = None

    def shown(self, places: Collection[int], now: float) -> None:
        """Devices of these accelerators have shown up: try them at once, unless they rest."""
        for place in places:
            one = self._places[place]
            if place != self._trying and not one.is_resting:
                one.due = min(one.due, max(now, one.begun + self._patience.least_s))

    def reprieve(self, now: float) -> None:
        """Somebody has seen to it: try all of them at once, also those that rest."""
        for one in self._places:
            one.is_resting, one.due = False, min(one.due, now)
            one.pause_s = self._patience.first_s
            one.losses.clear()

    def standings(self, now: float) -> tuple[Standing, ...]:
        """How it is with all of them, best first."""
        end = self.serving if self.serving is not None else self.surest
        return tuple(
            self._standing(place, one, now, is_better=end is not None and place < end)
            for place, one in enumerate(self._places)
        )

    def reason(self, name: str, now: float) -> str:
        """Why this one serves, and none before it, and what cannot take over from it.

        Empty: it is the first, and all others may take over.
        """
        standings = self.standings(now)
        better = list(itertools.takewhile(lambda one: one.name != name, standings))
        useless = [one for one in standings[len(better) :] if one.state is State.UNUSABLE]
        return "; ".join(f"{one.name}: {one.reason or 'being tried'}" for one in better + useless)

    def shortcomings(self, now: float) -> list[str]:
        """What is wrong with those that do not serve; that one is not there is nothing wrong.

        Not of the surest when nobody serves: who starts it tells that. Nor of those behind the one
        that serves: they are not tried, so what was wrong once would be told for ever.
        """
        return [
            f"{one.name}: {one.reason}{RESTS if one.state is State.RESTING else ''}"
            for place, one in enumerate(self.standings(now))
            if one.is_fault
            and one.state is not State.STANDBY
            and not (self.serving is None and place == self.surest)
        ]

    def _standing(self, place: int, one: _Place, now: float, *, is_better: bool) -> Standing:
        again_s = None
        if one.is_barred:
            state = State.UNUSABLE
        elif place == self.serving:
            state = State.SERVING
        elif place == self._trying or (self.serving is None and place == self.surest):
            state = State.TRYING
        elif not is_better:
            state = State.STANDBY
        else:
            state = State.RESTING if one.is_resting else State.WAITING
            again_s = max(0.0, one.due - now) if math.isfinite(one.due) else 0.0
        return Standing(one.name, state, one.reason, one.is_fault, again_s)

    def _wait(self, one: _Place, now: float) -> None:
        one.due = now + one.pause_s * self._draw(1 - JITTER, 1 + JITTER)
        one.pause_s = min(2 * one.pause_s, self._patience.longest_s)
