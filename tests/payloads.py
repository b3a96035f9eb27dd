"""Events as a device tells them, for tests of those who listen."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import msgspec
import told

from edged.messages.exercise import RepEvent, SetEvent
from edged.messages.fields import Payload
from edged.messages.ids import uuid7

_NUMBERS: Iterator[int] = itertools.count(1)
WORKOUT = uuid7(1767225482.2, 1)


def new_id() -> str:
    """Another one each time."""
    return uuid7(1767225600.0, next(_NUMBERS))


def encoded(message: Payload) -> bytes:
    """As it is sent."""
    return msgspec.json.encode(message)


def rep(
    exercise: str,
    count: int,
    of_set: str = "",
    *,
    is_full: bool = True,
    replaces: tuple[str, ...] = (),
) -> RepEvent:
    """The next one of a set."""
    figures = told.exercise().last_rep
    assert figures is not None
    return RepEvent(
        id=new_id(),
        ts=1767225600.9,
        exercise=exercise,
        person=1,
        workout=WORKOUT,
        set=of_set or new_id(),
        count=count,
        is_full=is_full,
        rep=figures,
        replaces=replaces,
    )


def set_over(exercise: str, reps: int, set_id: str, number: int = 1) -> SetEvent:
    """The end of a set."""
    return SetEvent(
        id=set_id,
        ts=1767225640.9,
        exercise=exercise,
        person=1,
        workout=WORKOUT,
        number=number,
        reps=reps,
        partial_reps=0,
        held_s=0.0,
        began=1767225590.1,
        duration_s=22.4,
        mean_rep_s=2.6,
        mean_range=0.9,
        flags={},
        target_reps=0,
    )
