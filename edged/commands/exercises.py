"""`edged exercises`: what is counted, and whether a file of one's own is right."""

from __future__ import annotations

from pathlib import Path

import msgspec

from edged.fitness.exercises import Exercise, built_in, load


def show(*, json: bool) -> None:
    """Print the built-in exercises."""
    exercises = built_in()
    if json:
        print(msgspec.json.encode(list(exercises.values())).decode())
        return
    for one in exercises.values():
        print(_line(one))


def test(file: Path) -> None:
    """Say that a file of exercises is fine, and what is in it.

    Raises:
        ConfigError: a line for each thing that is wrong.
    """
    own = load(file)
    for one in own.values():
        print(_line(one) + (", instead of the built-in one" if one.name in built_in() else ""))
    print(f"{file}: ok")


def _line(one: Exercise) -> str:
    if one.kind == "hold":
        return f"{one.name}: held, by {', '.join(bound.what for bound in one.at_start)}"
    ways = ", ".join(f"{way.what} {way.start:g} to {way.full:g}" for way in one.signals)
    best = "" if one.view == "any" else f"; seen best from the {one.view}"
    known = "" if one.looks else "; not recognized, only where it is named"
    return f"{one.name}: {ways}{best}{known}"
