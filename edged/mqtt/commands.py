"""Commands as they are asked for: `set/<what>` and a payload of plain text. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, get_args

from edged.errors import EdgedError
from edged.messages.commands import COMMAND_BYTES, What

AUTO = "auto"
MOST_CORRECTED = 100
"""Reps that are added or taken away at once."""
MOST_REPS = 1000
LONGEST_REST_S = 3600.0
MOST_PERSON = 2**31 - 1
EXERCISE_CHARACTERS = 64
SHOWN_CHARACTERS = 40
"""What is repeated of a wrong payload or name."""

_ON = {"on", "true", "1"}
_OFF = {"off", "false", "0"}
_NUMBER = re.compile(r"[+-]?[0-9]{1,9}(\.[0-9]{1,9})?")


class CommandError(EdgedError, ValueError):
    """Something that is no command, and why, for a person."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Close the camera, or take that back."""

    is_on: bool


@dataclass(frozen=True, slots=True)
class UseModel:
    """Look for people with another model: a name of the catalog or a path."""

    model: str


@dataclass(frozen=True, slots=True)
class ChooseExercise:
    """Count this exercise; `auto`: the one that is recognized."""

    exercise: str


@dataclass(frozen=True, slots=True)
class Reset:
    """The set under way counts from nothing."""


@dataclass(frozen=True, slots=True)
class Correct:
    """Add reps to the set under way, -100 to 100."""

    by: int


@dataclass(frozen=True, slots=True)
class AimAtReps:
    """Reps of a set to aim at, 0 to 1000; 0: no goal."""

    target_reps: int


@dataclass(frozen=True, slots=True)
class AimAtRest:
    """Seconds to rest between two sets, 0 to 3600; 0: no goal."""

    rest_s: float


@dataclass(frozen=True, slots=True)
class WatchPerson:
    """Whose exercise counts: an id of `pose.poses[]`; None: whoever exercises."""

    person: int | None


Command: TypeAlias = (
    Pause | UseModel | ChooseExercise | Reset | Correct | AimAtReps | AimAtRest | WatchPerson
)


def parse(what: str, payload: bytes) -> Command:
    """The command that a message to `set/<what>` is.

    Args:
        what: the last level of the topic.
        payload: UTF-8 text, with or without white space around it.

    Raises:
        CommandError: it is none.
    """
    read = _READERS.get(what)
    if read is None:
        there_are = ", ".join(_READERS)
        raise CommandError(f"there is no set/{_shown(what)}; what can be set: {there_are}")
    if len(payload) > COMMAND_BYTES:
        raise CommandError(f"expected at most {COMMAND_BYTES} bytes, got {len(payload)}")
    try:
        text = payload.decode().strip()
    except UnicodeDecodeError:
        raise CommandError("expected text in UTF-8, got other bytes") from None
    return read(text)


def _pause(text: str) -> Pause:
    word = text.lower()
    if word not in _ON | _OFF:
        raise _expected("ON or OFF", text)
    return Pause(word in _ON)


def _model(text: str) -> UseModel:
    if not text or not text.isprintable():
        raise _expected("the name or path of a model", text)
    return UseModel(text)


def _exercise(text: str) -> ChooseExercise:
    name = text.lower()
    if not re.fullmatch(rf"[a-z0-9_-]{{1,{EXERCISE_CHARACTERS}}}", name):
        raise _expected(f'"{AUTO}" or the name of an exercise', text)
    return ChooseExercise(name)


def _reset(_text: str) -> Reset:
    return Reset()


def _correct(text: str) -> Correct:
    return Correct(_integer(text, -MOST_CORRECTED, MOST_CORRECTED))


def _target_reps(text: str) -> AimAtReps:
    return AimAtReps(_integer(text, 0, MOST_REPS))


def _rest_s(text: str) -> AimAtRest:
    seconds = float(text) if _NUMBER.fullmatch(text) else -1.0
    if not 0.0 <= seconds <= LONGEST_REST_S:
        raise _expected(f"a number 0-{LONGEST_REST_S:g}", text)
    return AimAtRest(abs(seconds))  # no -0.0


def _person(text: str) -> WatchPerson:
    if text.lower() == AUTO:
        return WatchPerson(None)
    try:
        return WatchPerson(_integer(text, 0, MOST_PERSON))
    except CommandError:
        raise _expected(f'"{AUTO}" or the id of a person', text) from None


_READERS: Mapping[str, Callable[[str], Command]] = {
    "pause": _pause,
    "model": _model,
    "exercise": _exercise,
    "reset": _reset,
    "correct": _correct,
    "target_reps": _target_reps,
    "rest_s": _rest_s,
    "person": _person,
}
if tuple(_READERS) != get_args(What):
    raise TypeError("the readers are not those of the contract")


def _integer(text: str, low: int, high: int) -> int:
    """Whole numbers; `3.0` too, which is how some dashboards write a 3."""
    value = float(text) if _NUMBER.fullmatch(text) else 0.5
    if value != int(value) or not low <= value <= high:
        between = f"{low} to {high}" if low < 0 else f"{low}-{high}"
        raise _expected(f"an integer {between}", text)
    return int(value)


def _expected(what: str, text: str) -> CommandError:
    got = f'"{_shown(text)}"' if text else "nothing"
    return CommandError(f"expected {what}, got {got}")


def _shown(text: str) -> str:
    """As much as fits, on one line, and nothing that moves a terminal's cursor."""
    seen = "".join(character if character.isprintable() else "?" for character in text)
    return seen[:SHOWN_CHARACTERS] + ("..." if len(seen) > SHOWN_CHARACTERS else "")
