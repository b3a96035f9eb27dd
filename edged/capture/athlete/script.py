"""What the athlete does: sets of exercises, as a TOML file or made in code.

[workout]
seed = 7
repeat = true

[[set]]
exercise = "squat"
reps = 8
tempo = [1.2, 0.2, 1.0, 0.4]   # seconds down, at the bottom, up, at the top
bad = [4, 7]                   # these go half-way only
rest_s = 20

[[set]]
exercise = "plank"
seconds = 30
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from edged import toml
from edged.capture.athlete.exercises import HOLDS, IN_TURN, Exercise
from edged.errors import ConfigError

FILE_BYTES = 256 * 1024
MOST_SETS = 200

_Seconds = Annotated[float, Meta(ge=0.0, le=600.0)]
_Moving = Annotated[float, Meta(ge=0.2, le=60.0)]
_Holding = Annotated[float, Meta(ge=0.0, le=60.0)]
_RepNumbers = Annotated[
    tuple[Annotated[int, Meta(ge=1, le=1000)], ...],
    Meta(max_length=1000, description="a list of rep numbers 1-1000, as [4, 9]"),
]


class Tempo(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Seconds of the parts of one rep; down is away from the start, wherever that leads."""

    down_s: _Moving
    bottom_s: _Holding
    up_s: _Moving
    top_s: _Holding


TEMPOS: dict[Exercise, Tempo] = {
    "squat": Tempo(1.2, 0.2, 1.0, 0.4),
    "push-up": Tempo(1.1, 0.15, 0.9, 0.25),
    "biceps-curl": Tempo(1.1, 0.2, 1.3, 0.3),
    "shoulder-press": Tempo(1.1, 0.2, 1.3, 0.3),
    "jumping-jack": Tempo(0.65, 0.0, 0.65, 0.0),
    "lunge": Tempo(1.4, 0.2, 1.3, 0.4),
    "sit-up": Tempo(1.3, 0.2, 1.5, 0.3),
    "deadlift": Tempo(1.5, 0.3, 1.3, 0.6),
    "plank": Tempo(2.0, 0.0, 2.0, 0.0),
    "pull-up": Tempo(1.1, 0.2, 1.3, 0.5),
    "triceps-extension": Tempo(1.3, 0.2, 1.1, 0.3),
    "front-raise": Tempo(1.1, 0.2, 1.3, 0.3),
    "lateral-raise": Tempo(1.1, 0.2, 1.3, 0.3),
    "high-knees": Tempo(0.32, 0.0, 0.32, 0.0),
    "wall-sit": Tempo(2.0, 0.0, 2.0, 0.0),
}
"""How fast each exercise is done where a script does not say; of a hold, its breath.

Near the medians of recordings of people, some of whom demonstrate and go slower.
"""

_TempoKey = Annotated[
    Tempo | None,
    Meta(
        description="four numbers of seconds [down, bottom, up, top], moving 0.2-60, holding 0-60"
    ),
]


class Set(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One exercise, some reps or seconds long."""

    exercise: Exercise
    reps: Annotated[int, Meta(ge=1, le=1000)] = 10
    """Those in `bad` included; a hold has none. Each knee of high knees is one."""
    seconds: Annotated[float, Meta(ge=1.0, le=3600.0)] = 20.0
    """How long a plank or wall-sit is held."""
    tempo: _TempoKey = None
    """None: the exercise's own of `TEMPOS`."""
    range: Annotated[float, Meta(ge=0.5, le=1.0)] = 1.0
    """The depth that the good reps reach, as a share of the full one."""
    bad: _RepNumbers = ()
    """Reps that go half-way only."""
    paused: _RepNumbers = ()
    """Reps that stop in the middle of the way up, for `pause_s`."""
    pause_s: _Seconds = 1.0
    rest_s: _Seconds = 5.0
    """Rest afterwards, besides what getting into place takes."""

    @property
    def rhythm(self) -> Tempo:
        """The tempo in force."""
        return self.tempo or TEMPOS[self.exercise]


class Course(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is true of all sets."""

    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0
    """Of habits, sway and the unevenness of the tempo."""
    repeat: bool = False
    """After the last set, the first again, without end."""
    lead_s: _Seconds = 1.0
    """In the start position before the first rep, and after the last."""


class Script(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A workout as planned."""

    workout: Course = Course()
    set: tuple[Set, ...] = ()
    """At least one."""

    @classmethod
    def single(
        cls, exercise: Exercise, reps: int = 10, *, seed: int = 0, repeat: bool = False
    ) -> Script:
        """One set; of a hold, `reps` breaths' time."""
        breath = TEMPOS["plank"].down_s + TEMPOS["plank"].up_s
        seconds = min(3600.0, max(1.0, reps * breath))
        one = Set(exercise=exercise, reps=reps, seconds=seconds)
        return cls(workout=Course(seed=seed, repeat=repeat), set=(one,))

    @classmethod
    def all_exercises(cls, seed: int = 0, reps: int = 6) -> Script:
        """Every exercise of `IN_TURN`, endlessly."""
        order = *(e for e in IN_TURN if e not in _ON_THE_FLOOR), *_ON_THE_FLOOR
        sets = tuple(Set(exercise=e, reps=reps, seconds=12.0, rest_s=2.0) for e in order)
        return cls(workout=Course(seed=seed, repeat=True), set=sets)


_ON_THE_FLOOR: tuple[Exercise, ...] = ("push-up", "plank", "sit-up")


def read(text: str, name: str) -> Script:
    """The script of a TOML text; `name` is the file to blame.

    Raises:
        ConfigError: a line for each thing that is wrong.
    """
    script, wrong = toml.read(text, Script)
    if not wrong:
        wrong = dict(_contradictions(script))
    if wrong:
        raise ConfigError("\n".join(f"{name}: {place}: {what}" for place, what in wrong.items()))
    return script


def load(path: Path) -> Script:
    """The script of a file.

    Raises:
        ConfigError: the file cannot be read, or a line for each thing that is wrong with it.
    """
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    if len(data) > FILE_BYTES:
        raise ConfigError(f"{path}: expected at most {FILE_BYTES} bytes, got more")
    try:
        text = data.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: expected UTF-8 text, got byte 0x{data[error.start]:02x}"
        ) from error
    return read(text, str(path))


def _contradictions(script: Script) -> Iterator[tuple[str, str]]:
    if not 1 <= len(script.set) <= MOST_SETS:
        yield "[[set]]", f"expected 1-{MOST_SETS} of them, got {len(script.set)}"
    for number, one in enumerate(script.set, 1):
        if one.exercise in HOLDS:
            for key, numbers in (("bad", one.bad), ("paused", one.paused)):
                if numbers:
                    why = f"because a {one.exercise} has no reps"
                    yield f"[[set]] {number} {key}", f"expected none, {why}"
            continue
        for key, numbers in (("bad", one.bad), ("paused", one.paused)):
            if over := [rep for rep in numbers if rep > one.reps]:
                yield (
                    f"[[set]] {number} {key}",
                    f"expected numbers of reps 1-{one.reps}, got {over[0]}",
                )
