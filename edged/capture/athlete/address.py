"""The athlete's address: `athlete`, `athlete:squat?seed=7`, `athlete:workout.toml?view=90`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

from edged.capture.athlete.exercises import EXERCISES, Exercise
from edged.capture.athlete.script import Script, load
from edged.errors import ConfigError, SourceError

MOST_SEED = 2**31 - 1
MOST_REPS = 1000
MOST_DEGREES = 360.0
REPS, REPS_EACH = 10, 6
"""Of a set where nobody says: of one exercise, and of each that is done in turn."""

_ADDRESS = re.compile(r"athlete(?::(?P<what>[^?]*))?(?:\?(?P<options>.*))?", re.DOTALL)
_OPTIONS = ("seed", "reps", "view")
_DIGITS = re.compile(r"[0-9]{1,10}")
_DEGREES = re.compile(r"-?[0-9]{1,3}(\.[0-9]{1,10})?")
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Request:
    """What an address asks for."""

    script: Script
    view_deg: float | None
    """See `Athlete`."""


def read_address(address: str) -> Request:
    """What an athlete's address asks for.

    `athlete` does those of `IN_TURN`, `athlete:EXERCISE` any one, both without end;
    `athlete:FILE.toml` what the script in the file says. Behind a `?` may follow, with `&` between
    them, `seed=` (who and where; takes the place of the script's), `reps=` (of a set, not for a
    script) and `view=` (degrees around the athlete). `%3F` is a `?` in the name of a file.

    Raises:
        SourceError: it asks for something that there is not.
    """
    try:
        return _read(address)
    except ConfigError as error:  # a line for each thing that is wrong with a script
        text = str(error).replace("\n", "; ")
        raise SourceError(_printable(f"{address}: {text}")) from error
    except ValueError as error:
        raise SourceError(_printable(f"{address}: {error}")) from error


def _read(address: str) -> Request:
    """As `read_address`, but raises `ValueError`, which says nothing of the address."""
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise ValueError("not the athlete")
    options = _options(match["options"] or "")
    seed = _whole("seed", options.get("seed"), 0, MOST_SEED)
    reps = _whole("reps", options.get("reps"), 1, MOST_REPS)
    view_deg = _degrees(options.get("view"))
    what = unquote(match["what"] or "")
    if not what.endswith(".toml"):
        if {".", "/"} & set(what):
            raise ValueError(f"expected an exercise or a script FILE.toml, got {what}")
        exercise = exercise_named(what) if what else None
        script = script_of(exercise, seed=seed, reps=reps, repeat=True)
    elif reps is not None:
        raise ValueError("reps: the script says how many")
    else:
        script = script_in(Path(what), seed=seed)
    return Request(script, view_deg)


def _options(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text))
    except ValueError as error:
        raise ValueError(f"expected name=value&name=value behind ?, got {text}") from error
    for name, _ in pairs:
        if name not in _OPTIONS:
            raise ValueError(f"expected {', '.join(_OPTIONS)} behind ?, got {name}")
    options = dict(pairs)
    if len(options) < len(pairs):
        raise ValueError("expected each of seed, reps and view once")
    return options


def _whole(name: str, text: str | None, least: int, most: int) -> int | None:
    if text is None:
        return None
    number = int(text) if _DIGITS.fullmatch(text) else -1
    if not least <= number <= most:
        raise ValueError(f"{name}: expected {least}-{most}, got {text or 'nothing'}")
    return number


def _degrees(text: str | None) -> float | None:
    if text is None:
        return None
    degrees = float(text) if _DEGREES.fullmatch(text) else float("inf")
    if abs(degrees) > MOST_DEGREES:
        raise ValueError(
            f"view: expected degrees -{MOST_DEGREES:g} to {MOST_DEGREES:g}, got {text or 'nothing'}"
        )
    return degrees


def _printable(text: str) -> str:
    """On one line, whatever it holds."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def exercise_named(name: str) -> Exercise:
    """The exercise of this name.

    Raises:
        ValueError: there is none; which there are, or was meant.
    """
    for exercise in EXERCISES:
        if exercise == name:
            return exercise
    near = get_close_matches(name[:_LONGEST_NAME], EXERCISES, 1)  # quadratic in the length
    hint = f", did you mean {near[0]}?" if near else "."
    raise ValueError(f'no exercise is called "{name}"{hint} There are {", ".join(EXERCISES)}')


def script_of(
    exercise: Exercise | None, *, seed: int | None, reps: int | None, repeat: bool
) -> Script:
    """A set of an exercise, or of each of `IN_TURN`.

    Args:
        exercise: None: those of `IN_TURN`.
        seed: None: 0.
        reps: of each set; None: as usual.
        repeat: go on without end.
    """
    if exercise is None:
        return _changed(Script.all_exercises(seed or 0, reps or REPS_EACH), repeat=repeat)
    return Script.single(exercise, reps or REPS, seed=seed or 0, repeat=repeat)


def script_in(file: Path, *, seed: int | None) -> Script:
    """The script in a file; `seed` takes the place of its own, and `~` is the home directory.

    Raises:
        ConfigError: it cannot be used; a line for each thing that is wrong.
    """
    try:
        script = load(file.expanduser())
    except (ValueError, RuntimeError) as error:
        if isinstance(error, ConfigError):
            raise
        # A name that no file can have, or the home of nobody.
        raise ConfigError(f"{file}: {error}") from error
    return script if seed is None else _changed(script, seed=seed)


def repeated(script: Script) -> Script:
    """The same without end."""
    return _changed(script, repeat=True)


def _changed(script: Script, **course: Any) -> Script:
    changed = msgspec.structs.replace(script.workout, **course)
    return msgspec.structs.replace(script, workout=changed)
