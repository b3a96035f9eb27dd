"""The athlete's address: `athlete`, `athlete:squat?seed=7`, `athlete:workout.toml?view=90`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

from edged.capture.athlete.exercises import EXERCISES
from edged.capture.athlete.script import Script, load
from edged.errors import ConfigError, SourceError

SEEDS = range(2**31)
MOST_REPS = 1000
REPS, REPS_EACH = 10, 6
"""Of a set where the address does not say: of one exercise, and of every exercise."""

_ADDRESS = re.compile(r"athlete(?::(?P<what>[^?]*))?(?:\?(?P<options>.*))?", re.DOTALL)
_OPTIONS = ("seed", "reps", "view")


@dataclass(frozen=True, slots=True)
class Request:
    """What an address asks for."""

    script: Script
    view_deg: float | None
    """See `Athlete`."""


def read_address(address: str) -> Request:
    """What an athlete's address asks for.

    `athlete` does every exercise in turn, `athlete:EXERCISE` one of them, both without end;
    `athlete:FILE.toml` what the script in the file says. Behind a `?` may follow, with `&` between
    them, `seed=` (who and where; takes the place of the script's), `reps=` (of a set, not for a
    script) and `view=` (degrees around the athlete).

    Raises:
        SourceError: it asks for something that there is not.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise SourceError(f"{address}: not the athlete")
    what = unquote(match["what"] or "")
    options = dict(_options(address, match["options"] or ""))
    seed = _whole(address, "seed", options.get("seed"), SEEDS.start, SEEDS.stop - 1)
    reps = _whole(address, "reps", options.get("reps"), 1, MOST_REPS)
    if not what.endswith(".toml"):
        script = script_of(what, address, seed=seed, reps=reps, repeat=True)
    elif reps is not None:
        raise SourceError(f"{address}: reps: the script says how many")
    else:
        script = script_in(Path(what).expanduser(), seed)
    return Request(script, _view(address, options.get("view")))


def _options(address: str, text: str) -> Iterator[tuple[str, str]]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text))
    except ValueError as error:
        raise SourceError(f"{address}: expected ?name=value&name=value") from error
    for name, value in pairs:
        if name not in _OPTIONS:
            raise SourceError(f"{address}: expected {', '.join(_OPTIONS)} behind ?, got {name}")
        yield name, value


def _whole(address: str, name: str, text: str | None, least: int, most: int) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and least <= int(text[:20]) <= most):
        raise SourceError(f"{address}: {name}: expected {least}-{most}, got {text!r}")
    return int(text)


def _view(address: str, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        view = float(text)
    except ValueError:
        view = float("nan")
    if not abs(view) <= 360.0:  # noqa: PLR2004 - degrees of a circle
        raise SourceError(f"{address}: view: expected degrees -360 to 360, got {text!r}")
    return view


def script_of(
    exercise: str, asker: str, *, seed: int | None, reps: int | None, repeat: bool
) -> Script:
    """A set of an exercise, or of every exercise in turn.

    Args:
        exercise: empty: every one.
        asker: who is told when there is no such exercise.
        seed: None: 0.
        reps: of each set; None: as usual.
        repeat: go on without end.

    Raises:
        SourceError: there is no such exercise.
    """
    if not exercise:
        return _changed(Script.all_exercises(seed or 0, reps or REPS_EACH), repeat=repeat)
    known = next((one for one in EXERCISES if one == exercise), None)
    if known is None:
        near = get_close_matches(exercise, EXERCISES, 1)
        hint = f", did you mean {near[0]}?" if near else "."
        raise SourceError(
            f'{asker}: no exercise is called "{exercise}"{hint} There are {", ".join(EXERCISES)}'
        )
    return Script.single(known, reps or REPS, seed=seed or 0, repeat=repeat)


def script_in(file: Path, seed: int | None) -> Script:
    """The script in a file; `seed` takes the place of its own.

    Raises:
        SourceError: it cannot be used; a line for each thing that is wrong.
    """
    try:
        script = load(file)
    except ConfigError as error:
        raise SourceError(str(error)) from error
    return script if seed is None else _changed(script, seed=seed)


def _changed(script: Script, **course: Any) -> Script:
    changed = msgspec.structs.replace(script.workout, **course)
    return msgspec.structs.replace(script, workout=changed)
