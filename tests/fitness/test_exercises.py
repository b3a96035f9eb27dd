"""Exercises as data, and what is wrong with a file of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.errors import ConfigError, UsageError
from edged.fitness.exercises import built_in, chosen, known, load, read
from edged.fitness.signals import signal

NAMED = (
    *("squat", "lunge", "deadlift", "push-up", "pull-up", "shoulder-press", "biceps-curl"),
    *("triceps-extension", "front-raise", "lateral-raise", "sit-up", "jumping-jack"),
    *("high-knees", "plank", "wall-sit"),
)
CALF = """
[[exercise]]
name = "calf-raise"
signals = [["knee-over-ankle", 0.23, 0.27]]
at_full = [["shoulder-rise", 0.01, 0.2]]
cues = [["knees straight", "knee", 160, 180]]
"""


def wrong(text: str) -> str:
    with pytest.raises(ConfigError) as problem:
        read(text, "my.toml")
    return str(problem.value)


def test_the_built_in_ones_are_there_and_their_signals_known() -> None:
    assert tuple(built_in()) == NAMED
    for one in built_in().values():
        for name in one.measured:
            signal(name)


def test_every_built_in_one_that_is_counted_is_recognized() -> None:
    assert all(one.looks for one in built_in().values() if one.kind == "reps")


def test_a_person_adds_one_without_code() -> None:
    own = read(CALF, "my.toml")
    assert own["calf-raise"].signals[0].full == 0.27
    assert tuple(known(own)) == (*NAMED, "calf-raise")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("signals", "signal", 'unknown key, did you mean "signals"?'),
        ("[[exercise]]", "[[exercises]]", 'did you mean "exercise"?'),
        ("knee-over-ankle", "knee-ower-ankle", 'did you mean "knee-over-ankle"?'),
        ("calf-raise", "Calf Raise", "expected a name of small letters"),
        ("calf-raise", "auto", "which means any of them"),
        ("0.23, 0.27", "0.23, 0.23", "has to change"),
        ("0.23, 0.27", "0.23, 9", "is between -2 and 2"),
        ("160, 180", "180, 160", "expected less first"),
        ("160, 180", "160, 200", "cues: expected a number -180-180, got 200"),
        ("160, 180", "160", 'cues: expected ["words", "signal", least, most], got a list'),
        ('"knees straight"', '""', 'cues: expected 1-60 characters in quotes, got ""'),
        ('"knee", 160', "1, 160", "cues: expected the name of a signal in quotes, got 1"),
        ('[["knee-over-ankle", 0.23, 0.27]]', "5", 'expected a list of up to 12 ["signal", at'),
        (
            '[["knee-over-ankle", 0.23, 0.27]]',
            "[5]",
            'expected ["signal", at start, at full], got 5',
        ),
        ('["knee-over-ankle", 0.23, 0.27]', ", ".join(['["knee", 1, 2]'] * 13), "up to 12"),
        ('"knee-over-ankle", 0.23, 0.27', '"shoulder-rise", 0, 1', "goes with at_full and looks"),
        ('signals = [["knee-over-ankle", 0.23, 0.27]]', "", "nothing to count by"),
        ("at_full", 'kind = "hold"\nat_full', "nothing says what is held"),
        ("at_full", "min_s = 20\nat_full", "expected less than max_s"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(before: str, after: str, told: str) -> None:
    text = wrong(CALF.replace(before, after))
    assert text.startswith("my.toml: [")
    assert told in text


def test_names_come_once_and_some_have_to_come() -> None:
    assert 'expected another than "calf-raise"' in wrong(CALF + CALF)
    assert "expected at least one, got none" in wrong("")


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        read(text, "my.toml")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"\xe9")
    with pytest.raises(ConfigError, match="expected UTF-8"):
        load(tmp_path / "latin.toml")
    (tmp_path / "large.toml").write_bytes(b"#" * 300_000)
    with pytest.raises(ConfigError, match="at most"):
        load(tmp_path / "large.toml")


def test_a_slip_in_a_name_is_understood() -> None:
    assert chosen("squat", built_in()).name == "squat"
    with pytest.raises(UsageError, match="did you mean biceps-curl"):
        chosen("Biceps Curls", built_in())
