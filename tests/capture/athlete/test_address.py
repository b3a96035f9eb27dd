"""What can be asked of the athlete by its address, and what is said of everything else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edged.capture.athlete.address import (
    MOST_REPS,
    MOST_SEED,
    Request,
    exercise_named,
    read_address,
    repeated,
    script_in,
    script_of,
)
from edged.capture.athlete.exercises import EXERCISES, Exercise
from edged.capture.athlete.script import Script
from edged.capture.source import is_athlete
from edged.errors import ConfigError, SourceError

PUSH_UPS = '[workout]\nseed = 9\n[[set]]\nexercise = "push-up"\nreps = 3\n'


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "my workout?.toml"
    path.write_text(PUSH_UPS)
    return path


def told(address: str) -> str:
    """What is said of an address; it is one line about it."""
    with pytest.raises(SourceError) as caught:
        read_address(address)
    assert str(caught.value).isprintable()
    return str(caught.value).removeprefix(f"{address}: ")


@pytest.mark.parametrize("address", ["athlete", "athlete:", "athlete?", "athlete:?seed=0"])
def test_the_athlete_does_nine_exercises_without_end(address: str) -> None:
    assert read_address(address) == Request(script_of(None, seed=0, reps=6, repeat=True), None)


@given(
    st.sampled_from([None, *EXERCISES]),
    st.none() | st.integers(0, MOST_SEED),
    st.none() | st.integers(1, MOST_REPS),
    st.none() | st.integers(-3600, 3600).map(lambda tenths: tenths / 10),
    st.randoms(use_true_random=False),
)
def test_whatever_can_be_asked_for_is_given(
    exercise: Exercise | None, seed: int | None, reps: int | None, view: float | None, order: object
) -> None:
    given_options = {"seed": seed, "reps": reps, "view": view}
    options = [f"{name}={value}" for name, value in given_options.items() if value is not None]
    order.shuffle(options)  # type: ignore[attr-defined]
    address = "athlete" + (f":{exercise}" if exercise else "") + "?" * bool(options)
    address += "&".join(options)
    assert is_athlete(address)
    expected = script_of(exercise, seed=seed, reps=reps, repeat=True)
    assert read_address(address) == Request(expected, view)


def test_a_script_is_the_one_in_its_file(script: Path) -> None:
    quoted = str(script).replace("?", "%3F")
    request = read_address(f"athlete:{quoted}?view=-90")
    assert request == Request(script_in(script, seed=None), -90.0)
    assert request.script.workout.seed == 9
    assert not request.script.workout.repeat
    assert read_address(f"athlete:{quoted}?seed=4").script.workout.seed == 4
    assert repeated(request.script).workout.repeat
    assert repeated(request.script).set == request.script.set


def test_home_is_where_it_is(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(script.parent))
    assert read_address("athlete:~/my workout%3F.toml").script.workout.seed == 9


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("athletes", "not the athlete"),
        ("athlete:sqat", 'no exercise is called "sqat", did you mean squat? There are squat, push'),
        ("athlete:xyz", 'no exercise is called "xyz". There are squat, push-up, '),
        ("athlete:squat.tml", "expected an exercise or a script FILE.toml, got squat.tml"),
        ("athlete?sed=1", "expected seed, reps, view behind ?, got sed"),
        ("athlete?seed", "expected name=value&name=value behind ?, got seed"),
        ("athlete?seed=1&seed=2", "expected each of seed, reps and view once"),
        ("athlete?seed=", "seed: expected 0-2147483647, got nothing"),
        ("athlete?seed=-1", "seed: expected 0-2147483647, got -1"),
        ("athlete?seed=2147483648", "seed: expected 0-2147483647, got 2147483648"),
        ("athlete?seed=" + "0" * 5000, "seed: expected 0-2147483647, got 000"),
        ("athlete?seed=" + "0" * 20 + "9" * 30, "seed: expected 0-2147483647, got 000"),
        ("athlete?seed=\u0661", "seed: expected"),
        ("athlete?seed=1_0", "seed: expected"),
        ("athlete?reps=0", "reps: expected 1-1000, got 0"),
        ("athlete?reps=1001", "reps: expected 1-1000, got 1001"),
        ("athlete?view=north", "view: expected degrees -360 to 360, got north"),
        ("athlete?view=nan", "view: expected degrees -360 to 360, got nan"),
        ("athlete?view=360.1", "view: expected degrees -360 to 360, got 360.1"),
        ("athlete:s.toml?reps=3", "reps: the script says how many"),
        ("athlete:no.toml", "no.toml: no such file"),
        ("athlete:~nobody-of-this-name/s.toml", "~nobody-of-this-name/s.toml: Could not "),
        ("athlete:%00.toml", "\\x00.toml: embedded null"),
        ("athlete:sq\nuat", 'athlete:sq\\nuat: no exercise is called "sq\\nuat", did you mean'),
    ],
)
def test_what_there_is_not_is_told(address: str, words: str) -> None:
    assert told(address).startswith(words)


def test_everything_that_is_wrong_with_a_script_is_told_on_one_line(script: Path) -> None:
    script.write_text('[workout]\nseed = -1\n[[set]]\nexercise = "sqat"\n')
    text = told(f"athlete:{str(script).replace('?', '%3F')}")
    assert f"{script}: [workout] seed: expected" in text
    assert f"; {script}: [[set]] 1 exercise: expected" in text


def test_of_a_script_by_itself_every_fault_has_a_line(script: Path) -> None:
    script.write_text('[workout]\nseed = -1\n[[set]]\nexercise = "sqat"\n')
    with pytest.raises(ConfigError) as caught:
        script_in(script, seed=None)
    assert len(str(caught.value).splitlines()) == 2


ANYTHING = st.text(
    st.sampled_from("?&=:;%#~/.-+ 019aséx\n\0\udcff\ud800") | st.characters(codec=None), max_size=30
)


@given(ANYTHING)
@example(":~.toml")
@example("?" + "seed=1&" * 500)
@example(":" + "%" * 50 + ".toml")
@example(":" + "squat" * 900)
@example(":\ud800.toml")
@example(":" + "n" * 300 + ".toml")
@example(":/.toml")
def test_garbage_is_one_line_of_a_source_error_and_nothing_else(garbage: str) -> None:
    try:
        request = read_address(f"athlete{garbage}")
    except SourceError as error:
        assert str(error).isprintable()  # noqa: PT017 - garbage may be good, too
        assert str(error).startswith("athlete")  # noqa: PT017
    else:
        assert isinstance(request.script, Script)


@pytest.mark.parametrize("exercise", EXERCISES)
def test_exercises_are_known_by_their_names(exercise: Exercise) -> None:
    assert exercise_named(exercise) == exercise
    script = script_of(exercise, seed=None, reps=None, repeat=False)
    assert [(one.exercise, one.reps) for one in script.set] == [(exercise, 10)]
    assert script.workout.seed == 0


def test_the_documentation_names_every_exercise() -> None:
    text = (Path(__file__).parents[3] / "docs" / "athlete.md").read_text()
    for exercise in EXERCISES:
        assert re.search(rf"\b{exercise}\b", text), exercise
