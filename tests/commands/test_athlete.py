"""`edged athlete`: a clip and its truth, both whole or neither there."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from brokers import DEADLINE_S, until
from clips import render
from commanded import command
from terminals import Terminal

from edged.capture.athlete.address import script_of
from edged.capture.athlete.athlete import Athlete
from edged.capture.athlete.told import read_clip, truth_of
from edged.errors import ConfigError, EdgedError, UsageError
from edged.types import Pixels

ATHLETE = ("-m", "edged", "athlete")
SMALL = ("--width", "64", "--height", "48")
SCRIPT = """
[workout]
seed = 3
repeat = true
[[set]]
exercise = "lunge"
reps = 1
"""


def frames_of(video: Path) -> list[Pixels]:
    reader = cv2.VideoCapture(str(video))
    frames: list[Pixels] = []
    while True:
        good, picture = reader.read()
        if not good:
            return frames
        frames.append(np.asarray(picture[..., ::-1], np.uint8))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_clip_shows_what_its_truth_says(tmp_path: Path) -> None:
    done = command(
        "athlete",
        *("--exercise", "push-up", "--reps", "1", "--seed", "7", "--view", "90", "--fps", "12.5"),
        *("--width", "160", "--height", "120", "--out", "clip.avi", "--truth", "truth.json"),
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    told, frames = read_clip(tmp_path / "truth.json"), frames_of(tmp_path / "clip.avi")
    seconds = f"{len(frames) / 12.5:.1f}"
    assert done.stdout == (
        f"clip.avi: {len(frames)} frames, {seconds} s; the truth is in truth.json\n"
    )
    assert (told.width, told.height, told.fps, told.seed, told.view_deg) == (160, 120, 12.5, 7, 90)
    assert len(told.frames) == len(frames) > 30
    assert {moment.exercise for moment in told.frames} == {"push-up"}
    assert [told.frames[0].reps, told.frames[-1].reps] == [0, 1]
    script = script_of("push-up", seed=7, reps=1, repeat=False)
    same = Athlete(script, 160, 120, 90.0)
    pixels = np.empty((120, 160, 3), np.uint8)
    for number in (0, len(frames) // 2, len(frames) - 1):
        moment = same.at(number / 12.5)
        same.paint(moment, pixels, number)
        assert np.abs(pixels.astype(int) - frames[number]).mean() < 8  # the codec's
        truth = truth_of(told.frames[number])
        assert truth.keypoints == pytest.approx(same.truth(moment).keypoints, abs=1e-5)


@pytest.mark.parametrize(("exercise", "reps"), [("pull-up", 2), ("wall-sit", 0)])
def test_exercises_that_are_not_done_in_turn_are_where_they_are_named(
    tmp_path: Path, exercise: str, reps: int
) -> None:
    words = ("--exercise", exercise, "--reps", "2", "--fps", "10", "--truth", "t.json", *SMALL)
    done = command("athlete", *words, "--out", "clip.avi", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    told = read_clip(tmp_path / "t.json").frames
    assert {moment.exercise for moment in told} == {exercise}
    assert told[-1].reps == reps
    assert len(frames_of(tmp_path / "clip.avi")) == len(told)


def test_a_script_without_end_is_cut(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "w.toml").write_text(SCRIPT)
    words: dict[str, Any] = {"exercise": None, "reps": None, "file": tmp_path / "w.toml"}
    render(tmp_path, **words, seconds=1.1, fps=30.0)
    assert len(read_clip(tmp_path / "truth.json").frames) == 33
    assert read_clip(tmp_path / "truth.json").seed == 3
    assert capsys.readouterr().out.startswith(f"{tmp_path}/clip.mp4: 33 frames, 1.1 s; the truth")
    render(tmp_path, **words, seed=5)
    assert read_clip(tmp_path / "truth.json").seed == 5
    with pytest.raises(UsageError, match="the script repeats without end: give --seconds"):
        render(tmp_path, **words, seconds=None)


def test_without_an_exercise_every_one_has_its_turn(tmp_path: Path) -> None:
    render(tmp_path, exercise=None, seconds=None, fps=1.0)
    assert len({moment.exercise for moment in read_clip(tmp_path / "truth.json").frames}) == 9


@pytest.mark.parametrize("fps", [66.667, 100.001])
def test_the_truth_has_the_rate_that_the_video_has(tmp_path: Path, fps: float) -> None:
    render(tmp_path, fps=fps)
    told = read_clip(tmp_path / "truth.json")
    reader = cv2.VideoCapture(str(tmp_path / "clip.mp4"))
    assert told.fps == pytest.approx(reader.get(cv2.CAP_PROP_FPS), abs=1e-6)
    assert told.frames[-1].t_s == pytest.approx((len(told.frames) - 1) / told.fps, abs=1e-6)
    reader.release()


def test_the_truth_is_not_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    render(tmp_path, truth=None)
    assert names(tmp_path) == ["clip.mp4"]
    assert capsys.readouterr().out == f"{tmp_path}/clip.mp4: 5 frames, 0.5 s\n"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"exercise": "sqat"}, '--exercise: no exercise is called "sqat", did you mean squat'),
        ({"out": Path("clip.gif")}, r"clip\.gif: expected \.avi or \.mp4, got \.gif"),
        ({"out": Path("no/clip.mp4")}, r"no/clip\.mp4: there is no directory no"),
        ({"truth": Path("no/t.json")}, r"no/t\.json: there is no directory no"),
        ({"truth": Path()}, "expected a file, got a directory"),
        ({"truth": Path("clip.mp4"), "out": Path("clip.mp4")}, "--truth: clip.mp4 is the video's"),
        ({"file": Path("w.toml")}, "leave out --exercise"),
        ({"file": Path("w.toml"), "exercise": None}, "leave out --reps"),
        ({"size": (65, 48)}, "width and height are even numbers: got 65x48"),
        ({"fps": float("nan")}, "--fps, --view and --seconds are finite numbers"),
        ({"view_deg": float("inf")}, "finite numbers"),
        (
            {"exercise": None, "reps": 1000, "seconds": None},
            r"\d s are longer than 3600 s: give --seconds, or fewer",
        ),
    ],
)
def test_wrong_use_is_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=words) as caught:
        render(tmp_path, **changes)
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == []


def test_what_is_wrong_with_a_script_has_its_lines_and_exit_code(tmp_path: Path) -> None:
    (tmp_path / "w.toml").write_text(SCRIPT.replace("lunge", "lung").replace("3", "-3"))
    done = command("athlete", "--script", "w.toml", "--out", "clip.mp4", *SMALL, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (ConfigError.exit_code, "")
    assert [line.split(": ")[:2] for line in done.stderr.splitlines()] == [
        ["w.toml", "[workout] seed"],
        ["w.toml", "[[set]] 1 exercise"],
    ]
    assert names(tmp_path) == ["w.toml"]


@pytest.fixture
def full_disk() -> Iterator[None]:
    """The limit of a file's size ends a write half-way, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (15_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_leaves_neither_clip_nor_truth(tmp_path: Path) -> None:
    with pytest.raises(EdgedError, match=r"clip\.avi: not written whole \(is the disk full\?\)"):
        render(tmp_path, out=tmp_path / "clip.avi", size=(320, 240), truth=None)
    assert names(tmp_path) == []
    with pytest.raises(EdgedError, match=r"truth\.json: file too large"):
        render(tmp_path, size=(32, 32), fps=60.0)
    assert names(tmp_path) == []


def test_where_nothing_can_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    """Permissions do not stop root; a file system that knows no files does."""
    for words in ({"out": Path("/proc/clip.mp4")}, {"truth": Path("/proc/truth.json")}):
        with pytest.raises(EdgedError, match=r"/proc/(clip\.mp4|truth\.json): [^\n]+"):
            render(tmp_path, **words)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_leaves_what_was_there_and_no_half_file(
    tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    for name in ("clip.mp4", "truth.json"):
        (tmp_path / name).write_text("old")
    words = ("--seconds", "3000", "--out", "clip.mp4", "--truth", "truth.json", *SMALL)
    with subprocess.Popen(
        [sys.executable, *ATHLETE, *words, "--exercise", "squat", "--reps", "900"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        until(lambda: any(tmp_path.glob(".edged-*/clip.mp4")), "a beginning", 20)
        process.send_signal(sent)
        told = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, *told) == (code, b"", b"")
    assert names(tmp_path) == ["clip.mp4", "truth.json"]
    assert {path.read_text() for path in tmp_path.iterdir()} == {"old"}


def test_a_terminal_sees_how_far_it_has_come(tmp_path: Path) -> None:
    words = ("--exercise", "plank", "--seconds", "1", "--out", f"{tmp_path}/clip.mp4", *SMALL)
    with Terminal([*ATHLETE, *words], columns=200) as terminal:
        assert terminal.wait() == 0
        until(lambda: "clip.mp4: 30 frames" in terminal.text, "the end")
        assert "100%" in terminal.text
        assert "plank" in terminal.text
        assert terminal.is_restored
