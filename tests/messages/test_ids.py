"""Ids of events."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from edged.messages.ids import RANDOM_BITS, uuid7

CHANCE = st.integers(0, (1 << RANDOM_BITS) - 1)
WALL_S = st.floats(0, 1e10)


@given(WALL_S, CHANCE)
def test_an_id_is_a_uuid_of_version_7(wall_s: float, chance: int) -> None:
    made = uuid.UUID(uuid7(wall_s, chance))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == int(wall_s * 1000)
    assert str(made) == uuid7(wall_s, chance)


@given(WALL_S, st.floats(0.001, 1e6), CHANCE, CHANCE)
def test_ids_sort_by_time(wall_s: float, later_s: float, one: int, other: int) -> None:
    before, after = uuid7(wall_s, one), uuid7(wall_s + later_s + 0.001, other)
    assert before < after


@given(WALL_S, CHANCE, CHANCE)
def test_other_chances_make_other_ids(wall_s: float, one: int, other: int) -> None:
    assert (uuid7(wall_s, one) == uuid7(wall_s, other)) == (one == other)


@given(st.floats(-1e12, 1e12))
def test_a_clock_that_is_wrong_makes_an_id_all_the_same(wall_s: float) -> None:
    assert uuid.UUID(uuid7(wall_s, 0)).version == 7
