"""`edged reps` with a model of poses of one's own: a real network decides what looks cannot."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pose_classifiers
import pytest
import tiny_models
from commanded import command

from edged.capture.athlete.exercises import Exercise
from edged.commands.reps import Tally
from edged.commands.second_stage import SecondStage, settings
from edged.errors import UsageError
from edged.fitness.crew import Crew
from edged.fitness.exercises import Exercises, built_in, known, read


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return pose_classifiers.write(tmp_path_factory.mktemp("model"))


def counted(
    model: tuple[Path, Path] | None,
    exercises: Exercises,
    exercise: Exercise,
    view_deg: float,
    seed: int,
) -> list[tuple[str, int]]:
    """Sets that are told of one of four reps."""
    tally = Tally(Crew(exercises))
    with contextlib.ExitStack() as undo:
        second = None
        if model is not None:
            wanted = settings(str(model[0]), str(model[1]), layout="yxs", units="auto")
            assert wanted is not None
            second = SecondStage(undo, wanted)
        for seen in pose_classifiers.seen(exercise, view_deg, seed=seed, noise=0.02):
            tally.add(seen)
            if second is not None:
                second.tell(tally.crew, seen)
    tally.finish()
    return [(one.exercise, one.reps) for one in tally.done]


@pytest.mark.parametrize("exercise", ["lunge", "squat"])
def test_what_looks_like_something_else_is_told_right(
    model: tuple[Path, Path], exercise: Exercise
) -> None:
    wrong = "squat" if exercise == "lunge" else "lunge"
    exercises = known(read(pose_classifiers.confused(), "confused.toml"))
    assert counted(None, exercises, exercise, 0.0, 7) == [(wrong, 4)]
    assert counted(model, exercises, exercise, 0.0, 7) == [(exercise, 4)]


@pytest.mark.parametrize(
    ("exercise", "view_deg", "seed"),
    [("squat", 90.0, 24), ("squat", 90.0, 35), ("squat", 90.0, 39), ("lunge", 90.0, 27)],
)
def test_views_that_are_hard_to_tell_are_told_right(
    model: tuple[Path, Path], exercise: Exercise, view_deg: float, seed: int
) -> None:
    """Lunges and curls, by the looks alone."""
    assert counted(None, built_in(), exercise, view_deg, seed)[0][0] != exercise
    assert counted(model, built_in(), exercise, view_deg, seed) == [(exercise, 4)]


@pytest.mark.parametrize("exercise", ["push-up", "sit-up"])
def test_what_the_model_does_not_know_is_recognized_by_its_looks(
    model: tuple[Path, Path], exercise: Exercise
) -> None:
    alone = counted(None, built_in(), exercise, 45.0, 7)
    assert alone[0][0] == exercise
    assert counted(model, built_in(), exercise, 45.0, 7) == alone


@pytest.fixture
def lunges(tmp_path: Path) -> Path:
    frames = list(pose_classifiers.seen("lunge", 0.0, seed=7))
    times = np.array([one.t_s for one in frames])
    keypoints = np.array([one.poses[0].keypoints for one in frames])
    path = tmp_path / "lunges.npz"
    np.savez(path, t_s=times, keypoints=keypoints, size=np.array([640, 480]))
    return path


def test_the_command_takes_it(model: tuple[Path, Path], lunges: Path, tmp_path: Path) -> None:
    (tmp_path / "confused.toml").write_text(pose_classifiers.confused())
    words = ("reps", lunges, "--exercises", "confused.toml")
    assert command(*words, cwd=tmp_path).stdout.startswith(f"{lunges}: squat, 4 reps")
    second = ("--classifier", model[0], "--classifier-labels", model[1])
    done = command(*words, *second, cwd=tmp_path)
    assert done.stdout.startswith(f"{lunges}: lunge, 4 reps"), done.stderr
    assert done.returncode == 0


def test_a_model_that_does_not_fit_is_told_in_a_line(
    model: tuple[Path, Path], lunges: Path, tmp_path: Path
) -> None:
    (tmp_path / "picture.tflite").write_bytes(tiny_models.classifier())
    for name, told in (
        ("picture.tflite", "a classifier of poses has one input [1, 51] or [1, 17, 3]"),
        ("missing.tflite", "missing.tflite"),
        (str(model[0]), "has no labels, and numbers name no exercise"),
    ):
        done = command("reps", lunges, "--classifier", name, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert told in done.stderr
        assert done.stderr.startswith("edged: ")
        assert len(done.stderr.splitlines()) == 1


def test_words_that_do_not_go_together_are_told(lunges: Path, tmp_path: Path) -> None:
    second = ("--classifier", "m.tflite", "--exercise", "squat")
    done = command("reps", lunges, *second, cwd=tmp_path)
    assert done.returncode == 2
    assert "--classifier helps to recognize" in done.stderr
    with pytest.raises(UsageError, match="those of a --classifier"):
        settings("", "labels.txt", layout="yxs", units="auto")
