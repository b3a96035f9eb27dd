"""A script is a TOML file, and what is wrong with it is told in one clear line each."""

from __future__ import annotations

from pathlib import Path

import pytest

from edged.capture.athlete.exercises import EXERCISES, HOLDS, IN_TURN
from edged.capture.athlete.script import TEMPOS, Course, Script, Set, Tempo, load, read
from edged.errors import ConfigError

WHOLE = """
[workout]
seed = 7
repeat = true
lead_s = 0.5

[[set]]
exercise = "squat"
reps = 8
tempo = [1.5, 0, 1, 0.25]
range = 0.9
bad = [4, 7]
paused = [5]
pause_s = 2
rest_s = 20

[[set]]
exercise = "plank"
seconds = 30
"""


def test_a_file_says_everything_there_is(tmp_path: Path) -> None:
    (tmp_path / "script.toml").write_text(WHOLE)
    assert load(tmp_path / "script.toml") == Script(
        workout=Course(seed=7, repeat=True, lead_s=0.5),
        set=(
            Set(
                exercise="squat",
                reps=8,
                tempo=Tempo(1.5, 0.0, 1.0, 0.25),
                range=0.9,
                bad=(4, 7),
                paused=(5,),
                pause_s=2.0,
                rest_s=20.0,
            ),
            Set(exercise="plank", seconds=30.0),
        ),
    )


def test_what_a_file_does_not_say_has_a_default() -> None:
    script = read('[[set]]\nexercise = "lunge"\n', "s.toml")
    assert script == Script(set=(Set(exercise="lunge"),))
    assert script.set[0].rhythm == TEMPOS["lunge"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "[[set]]: expected 1-200 of them, got 0"),
        ("[[set]]\nreps = 3", "[[set]] 1 exercise: expected one of"),
        ('[[set]]\nexercise = "squad"', '[[set]] 1 exercise: expected one of "biceps-curl", '),
        (
            '[[set]]\nexercise = "squat"\nrepps = 3',
            '[[set]] 1 repps: unknown key, did you mean "reps"?',
        ),
        (
            '[[set]]\nexercise = "squat"\n[[set]]\nexercise = "lunge"\nreps = 0',
            "[[set]] 2 reps: expected an integer 1-1000, got 0",
        ),
        ('[[sets]]\nexercise = "squat"', '[sets]: unknown section, did you mean "set"?'),
        (
            '[set]\nexercise = "squat"',
            "[[set]]: expected sections in double brackets, got a single section",
        ),
        ("set = 3", "[[set]]: expected sections in double brackets, got a number"),
        ("set = [3]", "[[set]] 1: expected a section of keys, got a number"),
        (
            '[workout]\nbad = [3]\n[[set]]\nexercise = "squat"',
            "[workout] bad: unknown key, did you mean [set] bad?",
        ),
        (
            '[[set]]\nexercise = "squat"\ntempo = [1, 2, 3]',
            "[[set]] 1 tempo: expected four numbers of seconds",
        ),
        (
            '[[set]]\nexercise = "squat"\ntempo = [0, 0, 1, 0]',
            "[[set]] 1 tempo: expected four numbers of seconds",
        ),
        (
            '[[set]]\nexercise = "squat"\nrange = nan',
            "[[set]] 1 range: expected a number 0.5-1, got nan",
        ),
        (
            '[[set]]\nexercise = "squat"\nreps = 3\nbad = [2, 4]',
            "[[set]] 1 bad: expected numbers of reps 1-3, got 4",
        ),
        (
            '[[set]]\nexercise = "squat"\nbad = "4"',
            '[[set]] 1 bad: expected a list of rep numbers 1-1000, as [4, 9], got "4"',
        ),
        (
            '[[set]]\nexercise = "plank"\npaused = [2]',
            "[[set]] 1 paused: expected none, because a plank has no reps",
        ),
        (
            '[[set]]\nexercise = "wall-sit"\nbad = [2]',
            "[[set]] 1 bad: expected none, because a wall-sit has no reps",
        ),
        ("[[set]\n", "line 1, column 6: not TOML"),
    ],
)
def test_what_is_wrong_is_one_line_that_says_where(text: str, line: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read(text, "s.toml")
    told = str(raised.value)
    assert told.startswith(f"s.toml: {line}")
    assert "\n" not in told


def test_everything_wrong_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        read('[workout]\nseed = -1\n[[set]]\nexercise = "x"\nreps = "y"\n', "s.toml")
    assert len(str(raised.value).splitlines()) == 3


@pytest.mark.parametrize(
    ("data", "what"),
    [(None, "no such file"), (b"\xff", "UTF-8"), (b"#" * 300_000, "at most")],
)
def test_a_file_that_cannot_be_read_is_one_line(
    tmp_path: Path, data: bytes | None, what: str
) -> None:
    path = tmp_path / "script.toml"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(ConfigError, match=what) as raised:
        load(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


def test_a_script_can_be_one_exercise_or_all() -> None:
    single = Script.single("sit-up", 4, seed=3)
    assert [(one.exercise, one.reps) for one in single.set] == [("sit-up", 4)]
    assert single.workout == Course(seed=3)
    every = Script.all_exercises(5)
    assert sorted(one.exercise for one in every.set) == sorted(IN_TURN)
    assert every.workout.repeat


def test_every_exercise_has_a_tempo_of_its_own() -> None:
    assert set(TEMPOS) == set(EXERCISES)


def test_a_hold_lasts_as_many_breaths_as_others_have_reps() -> None:
    for hold in HOLDS:
        assert Script.single(hold, 3).set[0].seconds == pytest.approx(12.0)
