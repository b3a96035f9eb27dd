"""One person's exercise, followed from keypoint to rep. Pure: time is passed in."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, nan

import numpy as np

from edged.fitness.anatomy import BodyCheck
from edged.fitness.exercises import AUTO, Exercises
from edged.fitness.holds import Held, HoldTimer
from edged.fitness.moments import Moment, Seeing
from edged.fitness.recognition import STRANGE, Recognizer
from edged.fitness.reps import Counter, Rep
from edged.fitness.second_stage import SecondStage
from edged.fitness.sides import Sides
from edged.fitness.signals import Measures, signal
from edged.fitness.smoothing import Smoother
from edged.fitness.stature import Stature
from edged.types import Classification, Keypoints

AWAY_S = 3.0
"""Somebody who was not seen for so long begins anew."""
BUSY_S = 10.0
"""After a rep somebody is in the middle of a set for so long: as the longest rep takes."""
CONVINCED = 2
"""So many reps in a row that look like another exercise are of that one."""
SURE = 5
"""So many reps that look like what is told are that, whatever comes next."""
NEWEST = 0.5
"""How much the newest rep tells of what it looks like, against those before."""
REMEMBERED = 20
"""Reps of each exercise that may turn out to be what is done."""
RESTED_S = 15.0
"""Who has done nothing for so long may do anything next: the longest rep takes less."""
CLEARLY = 0.15
"""By so much less unlike an exercise has to be that counts the same movement."""
_PLACE = "hip-rise"
_AS_TOLD = list(range(17))


@dataclass(frozen=True, slots=True)
class Recognized:
    """It is another exercise than was told: what was counted last was of this one."""

    exercise: str
    instead_of: str
    reps: int
    """To be taken off what was counted of that one; the reps of this one are told again."""


News = Rep | Recognized | Held


class Coach:
    """Counts what one person does: a given exercise, or whichever it is."""

    def __init__(self, exercises: Exercises, wanted: str = AUTO) -> None:
        """Raises `KeyError` when the exercise that is wanted is not among them."""
        self.wanted = wanted
        each = list(exercises.values()) if wanted == AUTO else [exercises[wanted]]
        if wanted == AUTO:
            each = [one for one in each if one.looks or one.kind == "hold"]
        names = dict.fromkeys([_PLACE, *(name for one in each for name in one.measured)])
        self._index = {name: place for place, name in enumerate(names)}
        self._measures = Measures([signal(name) for name in names])
        self._counters = {one.name: Counter(one, self._index) for one in each if one.signals}
        self._holds = {
            one.name: HoldTimer.of(one, self._index) for one in each if one.kind == "hold"
        }
        self._recognizer = Recognizer(each, self._index)
        self._known, self._stage = exercises, SecondStage(exercises)
        self._stature, self._smoother, self._seeing = Stature(), Smoother(), Seeing()
        self._check, self._sides = BodyCheck(), Sides()
        self._seen_s = nan
        self._busy_s = self._rep_s = -inf
        self._current: str | None = None if wanted == AUTO else wanted
        self._is_open = False
        """Another exercise may come next as well as this one."""
        self._told = 0
        """Reps of the current exercise since it is the current one."""
        self._challenger: tuple[str, int] = ("", 0)
        self._confirmed, self._confirmed_s = 0, -inf
        """Reps that look like the current exercise, and when the last one ended."""
        self._views: dict[str, tuple[dict[str, float], float]] = {}
        """By the exercise that counts: how unlike each exercise its last reps were, and when."""
        self._unsure: dict[str, deque[Rep]] = {
            name: deque(maxlen=REMEMBERED) for name in self._counters
        }

    @property
    def exercise(self) -> str | None:
        """What is being done; None: nobody knows yet."""
        return self._current

    @property
    def counters(self) -> Mapping[str, Counter]:
        """Of every exercise that may be done."""
        return self._counters

    @property
    def counter(self) -> Counter | None:
        """Of the exercise that is done."""
        return self._counters.get(self._current or "")

    def is_busy(self, t_s: float) -> bool:
        """Whether there was a rep or a hold a short while ago, or one is under way."""
        return t_s - self._busy_s <= BUSY_S

    def update(self, t_s: float, keypoints: Keypoints | None, aspect: float) -> list[News]:
        """The next frame.

        Args:
            t_s: seconds by any clock, growing.
            keypoints: (17, 3); None: the person is not seen in this frame.
            aspect: width / height of the frame.
        """
        for counter in self._counters.values():
            counter.depth = nan
        if keypoints is None:
            if t_s - self._seen_s > AWAY_S:
                self.forget()
            return []
        t_s = float(t_s)
        self._seen_s = t_s
        points = keypoints[:, :2].astype(np.float64)
        points[:, 0] *= aspect
        scores = keypoints[:, 2].astype(np.float64)
        height = self._stature.update(t_s, points, scores)
        if height <= 0.0:
            return []
        places, sure = points.tolist(), scores.tolist()
        order = self._sides.order(t_s, places, sure, height)
        if order != _AS_TOLD:
            points, scores = points[order], scores[order]
            places, sure = points.tolist(), scores.tolist()
        if not self._check.update(t_s, places, sure, height):
            return []
        steady = self._smoother.update(t_s, points, scores, height)
        values = self._measures.of(steady, height)
        hips = steady.points[11:13, 0] / height
        place = float(hips.mean()) if steady.seen[11:13].all() else nan
        now = Moment(t_s, values, self._seeing.update(t_s, sure), place, height)
        news = self._counted(now)
        if news:
            self._busy_s = t_s
        return news

    def hint(self, t_s: float, answer: Classification) -> None:
        """What a second model says of the pose of a moment: it has a say where `wanted` is auto.

        An answer it is sure of goes before what a rep or a hold looks like to us.
        """
        if self.wanted == AUTO:
            self._stage.add(t_s, answer)

    def forget(self) -> None:
        """The set is over, or the person has gone."""
        self._stage.forget()
        self._seen_s = nan
        self._stature.forget()
        self._check.forget()
        self._sides.forget()
        for counter in self._counters.values():
            counter.forget()
        for hold in self._holds.values():
            hold.forget()
        for reps in self._unsure.values():
            reps.clear()
        self._views.clear()
        self._challenger, self._told = ("", 0), 0
        self._confirmed, self._confirmed_s = 0, -inf
        if self.wanted == AUTO:
            self._current, self._is_open = None, False

    def _counted(self, now: Moment) -> list[News]:
        news: list[News] = []
        if self.wanted == AUTO and now.t_s - self._rep_s > RESTED_S:
            self._open()
        for name, counter in self._counters.items():
            for rep in counter.update(now):
                if self.wanted != AUTO:
                    news.append(rep)
                else:
                    news += self._recognized(name, rep)
        if any(isinstance(one, Rep) for one in news):
            self._rep_s = now.t_s
            for hold in self._holds.values():  # who moves does not hold; what comes next is another
                hold.forget()
        for name, is_claimed in self._claims(now.t_s):
            held = self._holds[name].update(now, is_claimed=is_claimed)
            # Between two push-ups everybody is in a plank.
            if held is not None and now.t_s - self._rep_s > BUSY_S:
                news.append(held)
        return news

    def _claims(self, t_s: float) -> list[tuple[str, bool | None]]:
        """Every hold, and whether the second stage says that it is held; None: it does not know."""
        sure = self._stage.sure(t_s)
        if sure is None:
            return [(name, None) for name in self._holds]
        if sure not in self._known:  # a label such as "tree"
            self._holds.setdefault(sure, HoldTimer(sure))
        is_now = self._stage.newest == sure
        return [(name, is_now and name == sure) for name in self._holds]

    def _open(self) -> None:
        """After a rest anything may come: what came before tells nothing of it."""
        if self._current is None or self._is_open:
            return
        self._is_open = True
        for name, reps in self._unsure.items():
            since = [one for one in reps if one.began_s > self._rep_s]
            self._unsure[name] = deque(since, REMEMBERED)
        self._challenger, self._told = ("", 0), 0
        self._confirmed, self._confirmed_s = 0, -inf

    def _recognized(self, name: str, rep: Rep) -> Sequence[News]:
        """What of a rep is to be told, now that it may tell which exercise it is."""
        unsure = self._unsure[name]
        again = bool(unsure) and unsure[-1].number == rep.number
        if again:
            unsure.pop()
        if rep.is_full:
            unsure.append(rep)
        if again:
            return [rep] if name == self._current else []
        looks = self._looks_like(rep) if rep.is_full else None
        said = self._stage.during(rep.began_s, rep.ended_s)
        is_sure = rep.is_full and said is not None and self._may_be(said, rep)
        looks = said if is_sure else looks
        is_told = looks == name and not self._is_told_better(rep)
        if self._current is None or self._is_open:
            return self._switched(name, rep) if is_told or (is_sure and looks == name) else []
        if name == self._current:
            if is_told and self._challenger[0] != said:  # else its own rep may come next
                self._challenger = "", 0
                self._confirmed = SURE if is_sure else self._confirmed + 1
                self._confirmed_s = rep.ended_s
            self._told += rep.is_full
            return [rep]
        if looks != name or (not is_sure and (not is_told or self._goes_on(rep))):
            self._counters[name].unlearn()
            return []
        one, wins = self._challenger
        self._challenger = name, (wins + 1 if one == name else 1)
        is_new = self._confirmed < CONVINCED
        if (is_sure and is_new) or self._challenger[1] >= CONVINCED:
            return self._switched(name, rep)
        return []

    def _may_be(self, said: str, rep: Rep) -> bool:
        """Whether a rep may be what the second stage is sure of.

        It has to put everything among its own labels. So the rep must not look altogether
        different, and one of that exercise has been counted in the same time.
        """
        views, _ = self._views.get(rep.exercise, ({}, -inf))
        if views.get(said, STRANGE) >= STRANGE:
            return False
        others = self._unsure.get(said, ())
        return said == rep.exercise or any(one.ended_s > rep.began_s for one in others)

    def _is_told_better(self, rep: Rep) -> bool:
        """Whether the movement is far more like another exercise that counts it as well.

        The way up of one push-up and the way down of the next one make a sit-up of a kind.
        """
        mine = self._likeness(rep.exercise)
        return any(
            reps[-1].ended_s > rep.began_s and self._likeness(name) < mine - CLEARLY
            for name, reps in self._unsure.items()
            if reps and name != rep.exercise
        )

    def _likeness(self, name: str) -> float:
        """How unlike itself the last reps of an exercise were."""
        views, _ = self._views.get(name, ({}, -inf))
        return views.get(name, STRANGE)

    def _goes_on(self, rep: Rep) -> bool:
        """Whether what is done for sure counts that movement as well: nobody changes so."""
        unsure = self._unsure.get(self._current or "")
        if self._confirmed < SURE or self.counter is None or not unsure:
            return False
        return unsure[-1].ended_s > rep.began_s or self.counter.comes_back

    def _looks_like(self, rep: Rep) -> str | None:
        """The most alike of the exercises that may begin and go as far like that."""
        possible = []
        for name, counter in self._counters.items():
            ways = [(rep.at_start, rep.at_peak)]
            if counter.exercise.begins == "either":
                ways.append((rep.at_peak, rep.at_start))
            if any(counter.fits(*way, rep.side) and counter.moves(*way) for way in ways):
                possible.append(name)
        costs = self._recognizer.costs(rep, possible)
        views, last_s = self._views.get(rep.exercise, ({}, -inf))
        if rep.began_s - last_s > BUSY_S:
            views = {}
        # Seen from one side a rep may look like another exercise: several tell more.
        for name in self._counters:
            cost = costs.get(name, STRANGE)
            views[name] = views.get(name, cost) + NEWEST * (cost - views.get(name, cost))
        self._views[rep.exercise] = views, rep.ended_s
        best = min(views, key=lambda one: views[one])
        return best if views[best] < STRANGE else None

    def _switched(self, name: str, rep: Rep) -> Sequence[News]:
        before, self._current, self._is_open = self._current, name, False
        since_s = self._confirmed_s if self._confirmed >= SURE else -inf
        reps = [one for one in self._unsure[name] if one.ended_s > since_s or one is rep]
        news: list[News] = []
        if before is not None and self._told:
            since_s = min(one.began_s for one in reps)
            # What was told before that stays told, and is not told again.
            wrong = [one for one in self._unsure[before] if one.ended_s > since_s]
            told = wrong[-self._told :]
            self._unsure[before] = deque(told, REMEMBERED)
            news.append(Recognized(name, before, len(self._unsure[before])))
        self._challenger, self._told = ("", 0), len(reps)
        self._confirmed, self._confirmed_s = 1, rep.ended_s
        return [*news, *reps]
