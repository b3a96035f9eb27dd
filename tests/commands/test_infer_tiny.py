"""`edged infer` on pictures and videos written here, by a tiny model: on any machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from daemons import write_clip


def infer(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edged", "infer", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path, pose_file: Path) -> Path:
    """With a model, two pictures and a video, in all of which a tiny person is at 0.4, 0.4."""
    assert pose_file.parent == tmp_path
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(pictures / name), np.full((48, 64, 3), 100, np.uint8))
    write_clip(tmp_path / "clip.avi", frames=5)
    return tmp_path


def test_a_line_of_the_contract_for_each_frame(folder: Path) -> None:
    words = ("-m", "pose.tflite", "--fit", "stretch", "--json", "pictures", "clip.avi")
    done = infer(*words, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    places = [(line["source"], line["frame"]) for line in lines]
    assert places == [
        ("pictures/a.png", 0),
        ("pictures/b.png", 0),
        *(("clip.avi", number) for number in range(5)),
    ]
    for line in lines:
        (pose,) = line["poses"]
        assert pose["keypoints"][0] == pytest.approx([0.4, 0.4, 0.4], abs=0.02)


def test_overlays_are_pictures_and_videos_of_the_same_size(folder: Path) -> None:
    done = infer(
        "-m",
        "pose.tflite",
        "--fit",
        "stretch",
        "--overlay",
        "out/",
        "pictures",
        "clip.avi",
        cwd=folder,
    )
    assert (done.returncode, done.stderr) == (0, "")
    for name in ("a.png", "b.png"):
        before = cv2.imread(str(folder / "pictures" / name))
        after = cv2.imread(str(folder / "out" / name))
        assert before is not None
        assert after is not None
        assert before.shape == after.shape
        assert not np.array_equal(before, after)
    video = cv2.VideoCapture(str(folder / "out" / "clip.avi"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 5
    video.release()


def test_what_cannot_be_read_is_told_and_the_rest_goes_on(folder: Path) -> None:
    (folder / "broken.png").write_text("no picture")
    done = infer("-m", "pose.tflite", "broken.png", "pictures", cwd=folder)
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 2
    (line,) = done.stderr.splitlines()
    assert "broken.png" in line


def test_a_path_that_is_not_there_is_one_line_even_with_an_overlay(folder: Path) -> None:
    done = infer("-m", "pose.tflite", "no.png", "--overlay", "out.png", cwd=folder)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("edged: no.png: not there")


def test_the_athlete_is_no_file_and_it_is_told_how_to_make_one(folder: Path) -> None:
    done = infer("-m", "pose.tflite", "athlete:squat", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "edged: athlete:squat: expected a file, got the athlete; "
        "edged athlete --out FILE.mp4 makes one\n"
    )
