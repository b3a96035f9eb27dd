"""When connections that end are an outage, and when somebody else wants our place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edged.mqtt.endings import FIGHT, STABLE_S, Endings

SECOND = 1_000_000_000


def test_brief_connections_in_a_row_are_a_fight() -> None:
    endings = Endings()
    news = []
    for turn in range(FIGHT + 2):
        endings.began(turn * SECOND)
        news.append(endings.ended(turn * SECOND + SECOND // 2))
    assert news == [True] * FIGHT + [False] * 2
    assert endings.is_fight


def test_an_attempt_that_fails_or_a_connection_that_lasts_ends_the_fight() -> None:
    for patience_s in (None, STABLE_S + 1):
        endings = Endings()
        for turn in range(FIGHT + 1):
            endings.began(turn)
            endings.ended(turn + 1)
        assert endings.is_fight
        if patience_s is not None:
            endings.began(SECOND)
        endings.ended(SECOND + int((patience_s or 0) * SECOND))
        assert not endings.is_fight


@given(st.lists(st.integers(1, 9), max_size=20))
def test_whom_we_leave_we_do_not_fight(seconds: list[int]) -> None:
    endings, now_ns = Endings(), 0
    for gap in seconds:
        endings.began(now_ns)
        endings.left()
        now_ns += gap * SECOND
        assert not endings.ended(now_ns)
        assert not endings.is_fight
