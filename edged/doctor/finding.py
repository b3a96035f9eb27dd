"""What the doctor says of one subject: what was found, what is wrong with it, what to do."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass


class Level(enum.StrEnum):
    """How bad it is, least first."""

    OK = "ok"
    WARNING = "warning"
    """The service works, but less well than it could, or not for long."""
    PROBLEM = "problem"
    """The service does not work."""


_ORDER = tuple(Level)


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is not as it should be."""

    level: Level
    wrong: str
    todo: str = ""
    """What mends it; empty: `wrong` says it."""

    def __str__(self) -> str:
        return f"{self.wrong}: {self.todo}" if self.todo else self.wrong


@dataclass(frozen=True, slots=True)
class Finding:
    """One subject."""

    found: str
    """In a line; empty: nothing, see the troubles."""
    troubles: tuple[Trouble, ...] = ()

    @property
    def level(self) -> Level:
        """Of its worst trouble."""
        return worst(trouble.level for trouble in self.troubles)

    @property
    def lines(self) -> tuple[tuple[Level, str], ...]:
        """For people: what was found with the worst trouble, then a line for each other trouble."""
        if not self.troubles:
            return ((Level.OK, self.found),)
        first, *others = sorted(self.troubles, key=lambda one: -_ORDER.index(one.level))
        begin = f"{self.found}; {first}" if self.found else f"{first}"
        return ((first.level, begin), *((other.level, f"{other}") for other in others))


def worst(levels: Iterable[Level]) -> Level:
    """The worst of some; `OK` of none."""
    return max(levels, key=_ORDER.index, default=Level.OK)


def problem(wrong: str, todo: str = "") -> Trouble:
    """What keeps the service from working."""
    return Trouble(Level.PROBLEM, wrong, todo)


def warning(wrong: str, todo: str = "") -> Trouble:
    """What the service works in spite of."""
    return Trouble(Level.WARNING, wrong, todo)
