"""Findings: what is said, and how bad it is."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from edged.doctor.finding import Finding, Level, Trouble, problem, warning, worst

TROUBLES = st.lists(
    st.builds(Trouble, st.sampled_from(Level), st.text(min_size=1), st.text()), max_size=5
)


def test_without_trouble_there_is_a_line_of_what_was_found() -> None:
    finding = Finding("a camera")
    assert finding.level is Level.OK
    assert finding.lines == ((Level.OK, "a camera"),)


def test_what_was_found_what_is_wrong_and_what_to_do_are_one_line() -> None:
    finding = Finding("3 MB free", (warning("nearly full", "make room"),))
    assert finding.lines == ((Level.WARNING, "3 MB free; nearly full: make room"),)


def test_the_worst_trouble_comes_first() -> None:
    finding = Finding("", (warning("slow"), problem("broken", "mend it")))
    assert finding.lines == ((Level.PROBLEM, "broken: mend it"), (Level.WARNING, "slow"))


@settings(deadline=None)
@given(TROUBLES)
def test_nothing_is_left_out_and_the_level_is_the_worst(troubles: list[Trouble]) -> None:
    finding = Finding("found", tuple(troubles))
    levels = [level for level, _ in finding.lines]
    assert len(finding.lines) == max(1, len(troubles))
    assert finding.level == levels[0] == worst(levels)
    assert all(any(f"{one}" in words for _, words in finding.lines) for one in troubles)
