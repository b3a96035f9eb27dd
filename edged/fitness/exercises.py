"""The exercises, as data: what is counted and how it is recognized. See config/exercises.toml."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from edged import toml
from edged.errors import ConfigError, UsageError
from edged.fitness.signals import signal
from edged.resources import resource

FILE_BYTES = 256 * 1024
AUTO = "auto"
"""Instead of an exercise: the one that is recognized."""

Sides: TypeAlias = Literal["together", "alternate", "each"]
Half: TypeAlias = Literal["out", "back"]
View: TypeAlias = Literal["any", "side", "front"]
_Signal: TypeAlias = Annotated[str, Meta(description="the name of a signal in quotes")]
_Number: TypeAlias = Annotated[float, Meta(ge=-180.0, le=180.0)]
_Rep_S: TypeAlias = Annotated[float, Meta(ge=0.1, le=120.0)]


class Way(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A signal and its values at the two ends of a rep."""

    what: _Signal
    start: _Number
    full: _Number


class Bound(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A signal and what it may be."""

    what: _Signal
    least: _Number
    most: _Number


class Cue(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a trainer would say where a signal is out of bounds at the farthest place."""

    text: Annotated[str, Meta(min_length=1, max_length=60, description="1-60 characters in quotes")]
    what: _Signal
    least: _Number
    most: _Number


_Ways: TypeAlias = Annotated[
    tuple[Annotated[Way, Meta(description='["signal", at start, at full]')], ...],
    Meta(max_length=12, description='a list of up to 12 ["signal", at start, at full]'),
]
_Bounds: TypeAlias = Annotated[
    tuple[Annotated[Bound, Meta(description='["signal", least, most]')], ...],
    Meta(max_length=12, description='a list of up to 12 ["signal", least, most]'),
]
_Cues: TypeAlias = Annotated[
    tuple[Annotated[Cue, Meta(description='["words", "signal", least, most]')], ...],
    Meta(max_length=12, description='a list of up to 12 ["words", "signal", least, most]'),
]


class Exercise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What edged knows of an exercise. The keys are explained in config/exercises.toml."""

    name: Annotated[
        str,
        Meta(
            pattern=r"^[a-z][a-z0-9-]{0,39}\Z",
            description='a name of small letters, digits and "-", 40 at most',
        ),
    ]
    kind: Literal["reps", "hold"] = "reps"
    signals: _Ways = ()
    sides: Sides = "together"
    begins: Literal["start", "either"] = "start"
    least: Annotated[float, Meta(ge=0.2, le=1.0)] = 0.6
    at_start: _Bounds = ()
    at_full: _Bounds = ()
    looks: _Ways = ()
    min_s: _Rep_S = 0.5
    max_s: _Rep_S = 10.0
    fast_s: Annotated[float, Meta(ge=0.0, le=60.0)] = 0.0
    lowers: Half = "out"
    view: View = "any"
    cues: _Cues = ()

    @property
    def measured(self) -> Iterator[str]:
        """Every signal that it needs."""
        yield from (way.what for way in (*self.signals, *self.looks))
        yield from (bound.what for bound in (*self.at_start, *self.at_full))
        yield from (cue.what for cue in self.cues)


class _File(msgspec.Struct, frozen=True, kw_only=True):
    exercise: tuple[Exercise, ...] = ()


Exercises: TypeAlias = Mapping[str, Exercise]
"""By name."""


def read(text: str, name: str) -> Exercises:
    """The exercises of a TOML text; `name` is the file to blame.

    Raises:
        ConfigError: a line for each thing that is wrong.
    """
    file, wrong = toml.read(text, _File)
    if not wrong:
        wrong = dict(_contradictions(file.exercise))
    if wrong:
        raise ConfigError("\n".join(f"{name}: {place}: {what}" for place, what in wrong.items()))
    return {one.name: one for one in file.exercise}


def load(path: Path) -> Exercises:
    """The exercises of a file.

    Raises:
        ConfigError: it cannot be read, or a line for each thing that is wrong with it.
    """
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES + 1)
        if len(data) > FILE_BYTES:
            raise ConfigError(f"{path}: expected at most {FILE_BYTES} bytes, got more")
        return read(data.decode("utf-8-sig"), str(path))
    except OSError as error:
        raise ConfigError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: expected UTF-8 text, got {error.reason}") from error


@functools.cache
def built_in() -> Exercises:
    """The exercises that edged knows."""
    return load(resource("config/exercises.toml"))


def known(own: Exercises | None = None) -> Exercises:
    """The built-in exercises and those of a person, which go before."""
    return {**built_in(), **(own or {})}


def chosen(name: str, exercises: Exercises) -> Exercise:
    """The exercise of a name.

    Raises:
        UsageError: nobody knows it.
    """
    if name in exercises:
        return exercises[name]
    near = get_close_matches(name[:60].lower().replace(" ", "-").replace("_", "-"), exercises, n=1)
    hint = f", did you mean {near[0]}?" if near else "."
    raise UsageError(f'no exercise is called "{name}"{hint} Known are {", ".join(exercises)}')


def _contradictions(exercises: Iterable[Exercise]) -> Iterator[tuple[str, str]]:
    names: set[str] = set()
    number = 0
    for number, one in enumerate(exercises, 1):
        place = f"[[exercise]] {number}"
        if one.name in names:
            yield f"{place} name", f'expected another than "{one.name}", which is there already'
        if one.name == AUTO:
            yield f"{place} name", f'expected another than "{AUTO}", which means any of them'
        names.add(one.name)
        if one.kind == "reps" and not one.signals:
            yield f"{place} signals", "expected at least one, for there is nothing to count by"
        if one.kind == "hold" and not one.at_start:
            yield f"{place} at_start", "expected at least one, for nothing says what is held"
        if one.min_s >= one.max_s:
            yield f"{place} min_s", f"expected less than max_s, {one.max_s:g}, got {one.min_s:g}"
        for key in ("signals", "looks", "at_start", "at_full", "cues"):
            for what in _wrong_signals(one, key):
                yield f"{place} {key}", what
    if not number:
        yield "[[exercise]]", "expected at least one, got none"


def _wrong_signals(one: Exercise, key: str) -> Iterator[str]:
    for entry in getattr(one, key):
        try:
            known_signal = signal(entry.what)
        except ValueError as error:
            yield f'no signal is called "{entry.what}", {error}'
            continue
        if known_signal.is_rise and key in {"signals", "at_start"}:
            yield f'"{entry.what}" goes with at_full and looks, for it begins at 0 in every rep'
        ends = (entry.start, entry.full) if isinstance(entry, Way) else (entry.least, entry.most)
        low, high = known_signal.bounds
        if not all(low <= end <= high for end in ends):
            yield f'"{entry.what}" is between {low:g} and {high:g}, got {ends[0]:g} and {ends[1]:g}'
        elif isinstance(entry, Way) and key == "signals" and ends[0] == ends[1]:
            yield f'"{entry.what}" has to change between start and full, got {ends[0]:g} twice'
        elif not isinstance(entry, Way) and ends[0] >= ends[1]:
            yield f'"{entry.what}": expected less first and more then, got {ends[0]:g}, {ends[1]:g}'
