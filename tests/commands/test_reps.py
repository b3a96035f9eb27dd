"""`edged reps` and `edged exercises`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import stick_people as people
from commanded import command
from stick_people import View, moved

from edged.commands import clips
from edged.errors import SourceError, UsageError
from edged.types import Keypoints

FPS = 15.0
CALF = '[[exercise]]\nname = "dip"\nsignals = [["hip-over-ankle", 0.47, 0.2]]\n'


def write(path: Path, frames: list[tuple[float, Keypoints]], **more: object) -> Path:
    times, keypoints = zip(*frames, strict=True)
    np.savez(path, t_s=np.array(times), keypoints=np.array(keypoints), **more)  # type: ignore[arg-type]
    return path


@pytest.fixture
def squats(tmp_path: Path) -> Path:
    frames = list(moved(people.squat, reps=3, fps=FPS))
    return write(tmp_path / "squats.npz", frames, size=np.array([640, 480]))


def test_a_line_a_clip(squats: Path, tmp_path: Path) -> None:
    curls = write(tmp_path / "curls.npz", list(moved(people.curl, reps=2, fps=FPS)))
    done = command("reps", squats, curls, cwd=tmp_path)
    assert done.stderr == ""
    assert done.stdout == f"{squats}: squat, 3 reps\n{curls}: biceps-curl, 2 reps\n"
    assert done.returncode == 0


def test_a_line_of_json_a_clip(squats: Path, tmp_path: Path) -> None:
    done = command("reps", squats, squats, "--exercise", "squat", "--json", cwd=tmp_path)
    one, other = map(json.loads, done.stdout.splitlines())
    assert one == other
    assert (one["source"], one["exercise"], one["reps"]) == (str(squats), "squat", 3)
    assert [rep["side"] for rep in one["each"]] == ["both"] * 3
    assert one["sets"][0]["reps"] == 3


def test_what_cannot_be_read_is_told_and_the_others_go_on(squats: Path, tmp_path: Path) -> None:
    none, text = tmp_path / "none.npz", tmp_path / "text.npz"
    text.write_text("hello")
    done = command("reps", none, squats, text, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == f"{squats}: squat, 3 reps\n"
    first, second = done.stderr.splitlines()
    assert first == f"edged: {none}: no such file or directory"
    assert second.startswith(f"edged: {text}: no file of keypoints")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--exercise", "sqat"), 'no exercise is called "sqat", did you mean squat?'),
        (("--rotate", "45"), "'45' is not one of"),
        (("--plot", "out.txt"), "got .txt"),
        (("x.npz", "--plot", "out.png"), "--plot draws one clip, got 2"),
        (("athlete:squat",), "expected a file, got the athlete"),
    ],
)
def test_words_that_do_not_fit_are_told(
    squats: Path, tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    done = command("reps", squats, *words, cwd=tmp_path)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stdout == ""


def test_a_clip_is_drawn(squats: Path, tmp_path: Path) -> None:
    done = command("reps", squats, "--plot", tmp_path / "out.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


def test_an_exercise_of_ones_own_is_counted(squats: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(CALF)
    done = command("reps", squats, "--exercises", own, "--exercise", "dip", cwd=tmp_path)
    assert done.stdout == f"{squats}: dip, 3 reps\n"


def test_a_file_of_exercises_is_tested(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(CALF)
    done = command("exercises", "test", own, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == f"{own}: ok"
    own.write_text(CALF.replace("signals", "singals"))
    done = command("exercises", "test", own, cwd=tmp_path)
    assert done.returncode == 78
    assert 'did you mean "signals"?' in done.stderr


def test_the_exercises_are_listed(tmp_path: Path) -> None:
    done = command("exercises", "list", "--json", cwd=tmp_path)
    assert "squat" in [one["name"] for one in json.loads(done.stdout)]
    lines = command("exercises", "list", cwd=tmp_path).stdout.splitlines()
    assert len(lines) == 15
    assert lines[-1].startswith("wall-sit: held, by ")


def test_a_video_is_counted_by_a_model(tmp_path: Path, pose_file: Path) -> None:
    """The tiny model sees somebody who does nothing."""
    video = tmp_path / "clip.mp4"
    made = command(
        *("athlete", "--out", video, "--exercise", "squat", "--seconds", "1"),
        *("--width", "64", "--height", "48"),
        cwd=tmp_path,
    )
    assert made.returncode == 0, made.stderr
    words = "--model", pose_file, "--rotate", "90", "--exercise", "squat", "--json"
    done = command("reps", video, *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["reps"], told["exercise"]) == (0, "squat")
    assert told["seconds"] > 0.8


def test_pictures_have_no_time(tmp_path: Path, pose_file: Path) -> None:
    picture = tmp_path / "one.png"
    picture.write_bytes(b"")
    done = command("reps", picture, "--model", pose_file, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        f"edged: {picture}: expected a video: nobody knows when pictures were taken\n"
    )


def test_the_size_of_the_frames_is_found(tmp_path: Path) -> None:
    frames = [(0.0, View().place(people.standing(0.0)))]
    clip = write(tmp_path / "one.npz", frames)
    assert next(clips.from_keypoints(clip)).aspect == 1.0
    entry = {"name": "one", "width": 640, "height": 360, "more": 1}
    (tmp_path / "manifest.json").write_text(json.dumps([entry]))
    assert next(clips.from_keypoints(clip)).aspect == pytest.approx(16 / 9)
    assert next(clips.from_keypoints(clip, 90)).aspect == pytest.approx(9 / 16)
    write(clip, frames, size=np.array([100, 200]))
    assert next(clips.from_keypoints(clip)).aspect == 0.5


def test_keypoints_are_turned(tmp_path: Path) -> None:
    keypoints = np.full((17, 3), 0.5, np.float32)
    keypoints[:, :2] = 0.1, 0.2
    clip = write(tmp_path / "one.npz", [(0.0, keypoints)])
    turned = {
        rotate: next(clips.from_keypoints(clip, rotate)).poses[0].keypoints[0, :2].tolist()
        for rotate in (0, 90, 180, 270)
    }
    assert turned == {
        0: pytest.approx([0.1, 0.2]),
        90: pytest.approx([0.8, 0.1]),
        180: pytest.approx([0.9, 0.8]),
        270: pytest.approx([0.2, 0.9]),
    }


@pytest.mark.parametrize(
    ("times", "shape", "told"),
    [
        ([0.0, 1.0], (3, 17, 3), "expected t_s"),
        ([], (0, 17, 3), "expected t_s"),
        ([1.0, 0.0], (2, 17, 3), "times that grow"),
        ([0.0, np.nan], (2, 17, 3), "expected numbers"),
    ],
)
def test_what_is_no_file_of_keypoints_is_refused(
    tmp_path: Path, times: list[float], shape: tuple[int, ...], told: str
) -> None:
    path = tmp_path / "wrong.npz"
    np.savez(path, t_s=np.array(times), keypoints=np.zeros(shape))
    with pytest.raises(SourceError, match=told):
        list(clips.from_keypoints(path))


def test_an_archive_without_keypoints_or_with_objects_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wrong.npz"
    np.savez(path, x=np.zeros(3))
    with pytest.raises(SourceError, match="expected t_s and keypoints"):
        list(clips.from_keypoints(path))
    np.savez(path, t_s=np.array([object()]), keypoints=np.zeros((1, 17, 3)))
    with pytest.raises(SourceError, match="no file of keypoints"):
        list(clips.from_keypoints(path))


def test_streams_are_no_clips() -> None:
    with pytest.raises(UsageError, match="got a camera"):
        clips.check_video("rtsp://somewhere/stream")
