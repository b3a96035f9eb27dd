"""The truth about a clip: what a file says is what was to be seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from edged.capture.athlete.address import script_of
from edged.capture.athlete.angles import angles
from edged.capture.athlete.athlete import Athlete
from edged.capture.athlete.told import ToldClip, read_clip, tell, truth_of
from edged.errors import SourceError
from edged.types import KEYPOINT_NAMES

FPS = 10.0


@pytest.fixture(scope="module")
def athlete() -> Athlete:
    return Athlete(script_of("lunge", seed=1, reps=1, repeat=False), 64, 48)


@pytest.fixture(scope="module")
def clip(athlete: Athlete) -> ToldClip:
    moments = [athlete.at(number / FPS) for number in range(20)]
    frames = [
        tell(number, number / FPS, moment, athlete.truth(moment))
        for number, moment in enumerate(moments)
    ]
    return ToldClip(width=64, height=48, fps=FPS, seed=1, view_deg=athlete.view_deg, frames=frames)


@pytest.fixture
def file(clip: ToldClip, tmp_path: Path) -> Path:
    path = tmp_path / "truth.json"
    path.write_bytes(msgspec.json.encode(clip))
    return path


def test_a_frame_is_told_as_it_is(athlete: Athlete, clip: ToldClip) -> None:
    for told in clip.frames:
        moment = athlete.at(told.frame / FPS)
        assert told.t_s == told.frame / FPS
        assert (told.exercise, told.phase, told.set) == ("lunge", moment.phase, 1)
        assert (told.reps, told.bad_reps) == (moment.reps, moment.bad_reps)
        assert told.depth == pytest.approx(moment.depth, abs=1e-4)
        assert told.angles.left_knee == pytest.approx(angles(moment.posture).left_knee, abs=0.051)


def test_keypoints_lose_no_more_than_a_hundredth_of_a_pixel(
    athlete: Athlete, clip: ToldClip
) -> None:
    for told in clip.frames:
        exact, again = athlete.truth(athlete.at(told.frame / FPS)), truth_of(told)
        assert np.abs(exact.keypoints - again.keypoints).max() * 640 < 0.01
        assert np.array_equal(exact.visibility, again.visibility)
        assert again.keypoints.dtype == exact.keypoints.dtype
        assert again.visibility.dtype == exact.visibility.dtype
        assert again.area == pytest.approx(exact.area, abs=1e-6)


def test_a_file_reads_back_as_it_was_written(clip: ToldClip, file: Path) -> None:
    assert read_clip(file) == clip


def test_a_file_is_plain_json_for_anyone(file: Path) -> None:
    told = json.loads(file.read_text())
    assert (told["v"], told["width"], told["height"], told["fps"]) == (1, 64, 48, FPS)
    assert told["keypoint_names"] == list(KEYPOINT_NAMES)
    frame = told["frames"][3]
    assert (frame["frame"], frame["t_s"], frame["exercise"]) == (3, 0.3, "lunge")
    assert len(frame["keypoints"]) == 17
    assert set(frame["angles"]) >= {"left_knee", "right_elbow"}


def _cut(told: dict[str, Any]) -> None:
    del told["frames"][5]


def _short(told: dict[str, Any]) -> None:
    told["frames"][0]["keypoints"].pop()


def _empty(told: dict[str, Any]) -> None:
    told["frames"] = []


def _newer(told: dict[str, Any]) -> None:
    told["v"] = 2


def _renamed(told: dict[str, Any]) -> None:
    told["keypoint_names"].reverse()


def _null(told: dict[str, Any]) -> None:
    told["frames"][1]["area"] = None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_cut, "frames are missing, or not in their order"),
        (_short, r"no truth as edged athlete writes it: .*frames\[0\]\.keypoints"),
        (_empty, "no truth as edged athlete writes it: .*frames"),
        (_newer, r"no truth as edged athlete writes it: .*\$\.v"),
        (_renamed, "no truth as edged athlete writes it: other keypoint_names"),
        (_null, r"no truth as edged athlete writes it: .*frames\[1\]\.area"),
    ],
)
def test_what_cannot_be_the_truth_is_told(
    file: Path, change: Callable[[dict[str, Any]], None], words: str
) -> None:
    told = json.loads(file.read_text())
    change(told)
    file.write_text(json.dumps(told))
    with pytest.raises(SourceError, match=words) as caught:
        read_clip(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfe", b"[" * 100_000, b"[]", b'{"a": 1}', b"\0", b"no truth"]
)
def test_other_files_are_told(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "other.json"
    path.write_bytes(data)
    with pytest.raises(SourceError, match="no truth as edged athlete writes it") as caught:
        read_clip(path)
    assert "\n" not in str(caught.value)


def test_a_truth_that_was_cut_is_told(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(SourceError, match="no truth as edged athlete writes it"):
        read_clip(file)


def test_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no\.json: no such file"):
        read_clip(tmp_path / "no.json")
    with pytest.raises(SourceError, match="is a directory"):
        read_clip(tmp_path)
