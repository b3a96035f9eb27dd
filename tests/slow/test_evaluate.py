"""`edged evaluate`: figures of a model about people whose truth is known."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import psutil
import pytest
from brokers import DEADLINE_S, until
from clips import render
from commanded import command
from terminals import Terminal
from tiny_models import classifier, pose_model

from edged.capture.athlete.exercises import IN_TURN
from edged.capture.athlete.told import read_clip
from edged.commands import evaluate
from edged.errors import EdgedError, EngineError, ModelError, SourceError, UsageError
from edged.types import KEYPOINT_NAMES

EVALUATE = ("-m", "edged", "evaluate")
FRAMES = 12
Told = dict[str, Any]
Evaluate = Callable[..., Told]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finds somebody anywhere, by the brightness of a corner."""
    path = tmp_path_factory.mktemp("model") / "pose.tflite"
    path.write_bytes(pose_model())
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small clip and its truth."""
    return render(
        tmp_path_factory.mktemp("clip"), seed=3, reps=3, size=(80, 60), seconds=FRAMES / 10
    )


@pytest.fixture
def measured(
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Evaluate:
    """Runs the command in this process and an empty directory; gives what it prints as JSON."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def run(source: str, **changes: Any) -> Told:
        words: dict[str, Any] = {
            "model": str(model),
            "truth": None,
            "frames": FRAMES,
            "seed": None,
            "looks": None,
            "threads": 1,
            "plot_file": None,
            "draws": False,
            "json": True,
        }
        capsys.readouterr()
        evaluate.run(source, **words | changes)
        told: Told = json.loads(capsys.readouterr().out)
        return told

    return run


def files_here() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


# What is measured


def test_anyone_is_another_person_in_every_frame(measured: Evaluate) -> None:
    told = measured("athlete", frames=len(IN_TURN) + 1)
    assert (told["source"], told["model"], told["looks"]) == ("athlete", "pose", 2)
    assert told["frames"] == len(IN_TURN) + 1
    assert set(told["exercises"]) == set(IN_TURN)
    assert told["exercises"][IN_TURN[0]]["frames"] == 2
    assert set(told["keypoints"]) == set(KEYPOINT_NAMES)
    assert len(told["views"]) > 1
    assert 0.0 <= told["oks"] <= 1.0
    assert 0.0 <= told["pck"] <= 1.0
    assert files_here() == []
    assert measured("athlete", frames=len(IN_TURN) + 1) == told
    assert measured("athlete", frames=9, seed=1)["keypoints"] != told["keypoints"]


def test_looking_once_is_told(measured: Evaluate) -> None:
    assert measured("athlete", frames=2, looks=1)["looks"] == 1


def test_one_athlete_is_followed(measured: Evaluate) -> None:
    told = measured("athlete:squat?seed=1&view=0")
    assert (told["frames"], told["looks"]) == (FRAMES, 0)
    assert (list(told["exercises"]), list(told["views"])) == (["squat"], ["front"])


def test_a_script_that_ends_ends_the_measurement(measured: Evaluate, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(
        '[workout]\nlead_s = 0\n[[set]]\nexercise = "jumping-jack"\nreps = 1\n'
        "tempo = [0.2, 0, 0.2, 0]\n"
    )
    assert 5 < measured(f"athlete:{tmp_path}/s.toml", frames=1000)["frames"] < 30


def test_a_clip_is_compared_with_its_truth(measured: Evaluate, clip: Path) -> None:
    told = measured(str(clip / "clip.mp4"), truth=clip / "truth.json", frames=1000)
    assert (told["frames"], told["looks"]) == (FRAMES, 0)
    assert list(told["exercises"]) == ["squat"]
    few = measured(str(clip / "clip.mp4"), truth=clip / "truth.json", frames=3)
    assert few["frames"] == 3


def test_a_clip_is_as_good_as_the_athlete_of_whom_it_is(
    measured: Evaluate, shared: Path, tmp_path: Path
) -> None:
    words = {
        "model": str(shared / "models" / "movenet_single_pose_lightning_ptq.tflite"),
        "frames": 45,
    }
    render(tmp_path, seed=3, reps=3, size=(640, 480), fps=30.0, seconds=1.5)
    direct = measured("athlete:squat?seed=3&reps=3", **words)
    by_file = measured(str(tmp_path / "clip.mp4"), truth=tmp_path / "truth.json", **words)
    assert direct["found"] == by_file["found"] == 1.0
    assert direct["oks"] > 0.5
    assert by_file["oks"] == pytest.approx(direct["oks"], abs=0.05)
    assert by_file["pck"] == pytest.approx(direct["pck"], abs=0.05)
    assert list(by_file["views"]) == list(direct["views"])


# What is printed


def test_a_program_gets_one_json_object_and_a_person_a_table(model: Path, tmp_path: Path) -> None:
    words = ("--model", model, "--frames", "3", "--no-plot")
    done = command("evaluate", *words, "--json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert {"oks", "pck", "keypoints", "exercises", "views"} < set(json.loads(done.stdout))
    done = command("evaluate", *words, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    head, everything, _, nose, *_ = done.stdout.splitlines()
    assert head.split() == ["OKS", "PCK@0.2", "frames"]
    assert everything.split()[::3] == ["all", "3"]
    assert nose.startswith("nose ")
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_sees_how_far_it_has_come(model: Path) -> None:
    words = (*EVALUATE, "--model", str(model), "--frames", "9", "--no-plot", "--json")
    with Terminal(words, columns=200) as terminal:
        assert terminal.wait() == 0
        until(lambda: '"views"' in terminal.text, "the end")
        assert "100%" in terminal.text
        assert terminal.is_restored


# The plot


def test_a_plot_is_drawn_where_one_can_be(measured: Evaluate) -> None:
    evaluate_and_draw = {"frames": 2, "draws": True}
    assert measured("athlete", **evaluate_and_draw)
    assert files_here() == ["evaluation.png"]
    assert cv2.imread("evaluation.png") is not None
    measured("athlete", plot_file=Path("own.svg"), **evaluate_and_draw)
    assert files_here() == ["evaluation.png", "own.svg"]


def test_where_a_plot_is_is_told_beside_the_figures(model: Path, tmp_path: Path) -> None:
    done = command("evaluate", "--model", model, "--frames", "1", "--json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "plot: evaluation.png\n")
    assert json.loads(done.stdout)["frames"] == 1


def test_without_matplotlib_there_are_the_figures_and_a_hint(
    measured: Evaluate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.backend_bases", None)
    measured("athlete", frames=1, draws=True)
    assert files_here() == []
    with pytest.raises(UsageError, match="a plot needs matplotlib: pip install"):
        measured("athlete", frames=1, draws=True, plot_file=Path("own.png"))


def test_the_hint_says_what_to_install(model: Path, tmp_path: Path) -> None:
    without = (
        "import sys; sys.modules['matplotlib.backend_bases'] = None\n"
        "from edged.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", without, "evaluate", "-m", model, "--frames", "1"],
        cwd=tmp_path,
        env={**os.environ, "EDGED_DEBUG": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    hint = "no plot: a plot needs matplotlib: pip install 'edged[evaluate]'\n"
    assert done.stderr == hint
    assert done.stdout.startswith(" " * 16)


def test_a_plot_that_was_asked_for_has_to_be_written(measured: Evaluate) -> None:
    with pytest.raises(UsageError, match=r"own\.docx: expected .*\.png"):
        measured("athlete", draws=True, plot_file=Path("own.docx"))
    with pytest.raises(UsageError, match="there is no directory"):
        measured("athlete", draws=True, plot_file=Path("no/own.png"))
    with pytest.raises(UsageError, match="--plot or --no-plot"):
        measured("athlete", draws=False, plot_file=Path("own.png"))
    with pytest.raises(EdgedError, match=r"/proc/own\.png: "):
        measured("athlete", frames=1, draws=True, plot_file=Path("/proc/own.png"))
    assert files_here() == []


def test_a_plot_that_nobody_asked_for_may_be_missing(
    measured: Evaluate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "PLOT", Path("/proc/evaluation.png"))
    assert measured("athlete", frames=1, draws=True)["frames"] == 1


# What does not go together


@pytest.mark.parametrize(
    ("source", "changes", "words"),
    [
        ("athlete", {"truth": Path("t.json")}, "--truth goes with a video"),
        ("athlete:squat", {"truth": Path("t.json")}, "--truth goes with a video"),
        ("athlete:squat", {"seed": 1}, "--seed and --looks go with --source athlete"),
        ("athlete:squat", {"looks": 1}, "--seed and --looks go with --source athlete"),
        ("clip.mp4", {}, r"--truth: what is to be seen in clip\.mp4\?"),
        ("rtsp://u:geheim@h/", {"truth": Path("t.json")}, "nobody knows the truth"),
    ],
)
def test_wrong_use_is_told(measured: Evaluate, source: str, changes: Told, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        measured(source, **changes)
    assert "geheim" not in str(caught.value)


def test_a_truth_of_another_video_is_told(measured: Evaluate, clip: Path, tmp_path: Path) -> None:
    video, told = str(clip / "clip.mp4"), read_clip(clip / "truth.json")
    for changes, words in (
        ({"frames": told.frames[:-1]}, r"tells of 11 frames, and .*clip\.mp4 has 12"),
        ({"fps": 10.2}, r"is of a video of 10\.2 frames/s, and .*clip\.mp4 has 10"),
        ({"width": 60, "height": 80}, "is of a video of 60x80, and .* has the shape of 60x45"),
    ):
        other = tmp_path / "other.json"
        other.write_bytes(msgspec.json.encode(msgspec.structs.replace(told, **changes)))
        with pytest.raises(SourceError, match=words):
            measured(video, truth=other)


def test_a_clip_that_was_made_smaller_still_fits_its_truth(
    measured: Evaluate, clip: Path, tmp_path: Path
) -> None:
    reader = cv2.VideoCapture(str(clip / "clip.mp4"))
    writer = cv2.VideoWriter(
        str(tmp_path / "half.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (40, 30)
    )
    for _ in range(FRAMES):
        writer.write(cv2.resize(np.asarray(reader.read()[1]), (40, 30)))
    writer.release()
    told = measured(str(tmp_path / "half.avi"), truth=clip / "truth.json")
    assert told["frames"] == FRAMES


def test_what_cannot_be_read_is_told(measured: Evaluate, clip: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mp4"
    cut.write_bytes((clip / "clip.mp4").read_bytes()[:-300])
    for source, truth, words in (
        ("no.mp4", clip / "truth.json", r"no\.mp4: not there"),
        (str(cut), clip / "truth.json", r"cut\.mp4: "),
        (str(clip / "clip.mp4"), clip / "no.json", r"no\.json: no such file"),
        (str(clip / "clip.mp4"), clip / "clip.mp4", "no truth as edged athlete writes it"),
        ("athlete:sqat", None, "did you mean squat"),
    ):
        with pytest.raises(SourceError, match=words) as caught:
            measured(source, truth=truth)
        assert "\n" not in str(caught.value)


def test_a_model_that_finds_nobody_ever_is_told(measured: Evaluate, tmp_path: Path) -> None:
    labels, useless = tmp_path / "things.tflite", tmp_path / "useless.tflite"
    labels.write_bytes(classifier())
    useless.write_bytes(pose_model(divisor=float("nan")))
    with pytest.raises(UsageError, match="things finds no poses"):
        measured("athlete", model=str(labels))
    with pytest.raises(EngineError, match="athlete: frame 0: no answer: "):
        measured("athlete", model=str(useless))
    with pytest.raises(ModelError, match=r"no\.tflite"):
        measured("athlete", model="no.tflite")


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_it_and_leaves_nothing(
    model: Path, tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    with subprocess.Popen(
        [sys.executable, *EVALUATE, "--model", model, "--frames", "100000"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        parent = psutil.Process(process.pid)
        until(lambda: bool(parent.children()), "a worker", 20)
        (worker,) = parent.children()
        process.send_signal(sent)
        told = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, *told) == (code, "", "")
    until(lambda: not worker.is_running(), "the end of the worker")
    assert list(tmp_path.iterdir()) == []
