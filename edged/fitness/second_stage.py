"""A second stage: what a model says of poses, averaged, and what its labels mean. Pure.

Such models look at one pose: 17 keypoints in, a probability for each label out, as that of
TensorFlow's pose classification example, which knows yoga. Labels are the user's own, so they are
read as people write them: see `meaning`.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping
from math import exp

from edged.types import Classification

AVERAGED_S = 1.0
"""The time constant of the average: one pose may look like anything."""
MOST_S = 0.25
"""For so long one answer counts at most: nothing is known of the gap before it."""
SURE = 0.6
"""So much of what the average tells has to be one exercise."""
LEAST = 0.3
"""So much of the average has to tell anything: else it has just begun, or nothing is done."""
STALE_S = 1.0
"""After so long without an answer it says nothing."""
REMEMBERED = 256
"""Answers, which are at least 10 s of them: the longest rep."""

_PHASES = frozenset(
    {"up", "down", "start", "end", "begin", "finish", "top", "bottom", "mid", "middle"}
    | {"high", "low", "in", "out", "open", "closed", "eccentric", "concentric"}
)
"""Parts of a rep, behind the name of its exercise. Where that is not known, it is no hold."""
_SIDES = frozenset({"left", "right"})
_NOTHING = frozenset(
    {"none", "nothing", "null", "background", "unknown", "dummy", "other", "others", "transition"}
    | {"neutral", "idle", "rest", "resting", "stand", "standing", "walk", "walking"}
    | {"no-pose", "nopose", "no-exercise"}
)
"""What labels files call the class that is none of the others, or nothing to be timed."""
_LONGEST = 40
"""Letters of an exercise's name, see `exercises.Exercise`."""


def meaning(label: str, exercises: Iterable[str]) -> str | None:
    """The exercise that a label names, or the name of a hold that edged does not know.

    A label is taken in small letters with `-` between words. It names an exercise when they are the
    same but for `-` and an s at the end of words (`Push Ups`, `pushup`, `bicep_curls`), or when
    they are without sides and phases at its end (`pushups_down`, `lunge_left_up`). Any other label
    with a phase is of a movement that edged does not know; one without is a hold, such as `tree`.

    Returns:
        None: it names nothing that could be counted or timed.
    """
    words = [word for word in re.split(r"[^a-z0-9]+", label.lower()) if word]
    known = {_squeezed(name.split("-")): name for name in exercises}
    if "-".join(words) in _NOTHING:
        return None
    rest = list(words)
    while rest:
        if (name := known.get(_squeezed(rest))) is not None:
            return name
        if rest[-1] not in _PHASES | _SIDES:
            break
        rest.pop()
    hold = "-".join(words)
    is_movement = bool(words) and words[-1] in _PHASES
    is_name = re.fullmatch(r"[a-z][a-z0-9-]*", hold) is not None and len(hold) <= _LONGEST
    return hold if is_name and not is_movement else None


def _squeezed(words: Iterable[str]) -> str:
    return "".join(word.removesuffix("s") for word in words)


class SecondStage:
    """What is being done, by the answers of a second model about one person."""

    def __init__(self, exercises: Iterable[str]) -> None:
        """Args: `exercises` are the names of those that edged knows."""
        self._exercises = tuple(exercises)
        self._meanings: dict[str, str | None] = {}
        self._average: dict[str, float] = {}
        """Probability by what is meant, over the last second or so; what is unseen is nothing."""
        self._last_s: float | None = None
        self._said: deque[tuple[float, str]] = deque(maxlen=REMEMBERED)
        """When it was sure, and of what."""
        self.newest: str | None = None
        """What the last answer alone means."""

    def forget(self) -> None:
        """Somebody else is there, or something else begins."""
        self._average.clear()
        self._said.clear()
        self._last_s = self.newest = None

    def add(self, t_s: float, answer: Classification) -> None:
        """What the model says of the pose at a time, which grows: every label with its score."""
        passed_s = MOST_S if self._last_s is None else max(0.0, t_s - self._last_s)
        self._last_s = t_s
        kept, share = exp(-passed_s / AVERAGED_S), 1.0 - exp(-min(passed_s, MOST_S) / AVERAGED_S)
        now = self._probabilities(answer)
        for name in {*self._average, *now}:
            self._average[name] = kept * self._average.get(name, 0.0) + share * now.get(name, 0.0)
        best = answer.labels[0].label if answer.labels else ""
        self.newest = self._meaning(best)
        if (sure := self._surest()) is not None:
            self._said.append((t_s, sure))

    def sure(self, t_s: float) -> str | None:
        """What is being done; None: it does not know, or has not been asked lately."""
        if self._last_s is None or t_s - self._last_s > STALE_S:
            return None
        return self._surest()

    def during(self, began_s: float, ended_s: float) -> str | None:
        """What was done for most of a time, as far as it was sure; None: it was not."""
        times: dict[str, int] = {}
        for t_s, said in self._said:
            if began_s <= t_s <= ended_s:
                times[said] = times.get(said, 0) + 1
        best = max(times, key=lambda name: times[name], default=None)
        return best if best and times[best] >= SURE * sum(times.values()) else None

    def _surest(self) -> str | None:
        told = sum(self._average.values())
        if told < LEAST:
            return None
        best = max(self._average, key=lambda name: self._average[name])
        return best if self._average[best] >= SURE * told else None

    def _probabilities(self, answer: Classification) -> Mapping[str, float]:
        """By what is meant: the two ends of a rep are one exercise."""
        sums: dict[str, float] = {}
        for one in answer.labels:
            name = self._meaning(one.label)
            if name is not None:
                sums[name] = sums.get(name, 0.0) + one.score
        return sums

    def _meaning(self, label: str) -> str | None:
        if label not in self._meanings:
            self._meanings[label] = meaning(label, self._exercises)
        return self._meanings[label]
