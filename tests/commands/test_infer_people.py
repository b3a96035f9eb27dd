"""`edged infer` with a tiny model of several people, on pictures written here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_models import posenet_model, yolo_model


def infer(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edged", "infer", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a model and a picture of two people, small and far from each other."""
    (tmp_path / "yolo.tflite").write_bytes(yolo_model("int8", transposed=True))
    values = np.full((21, 56), 100, np.uint8)  # everything is in 1/200
    values[:, 4] = 0
    for candidate, x, score in ((3, 50, 120), (4, 50, 180), (9, 150, 150)):
        values[candidate, :5] = (x, 100, 40, 80, score)
        values[candidate, 5:] = np.tile([x, 100, 160], 17)
    picture = np.zeros((32, 32, 3), np.uint8)
    picture.reshape(-1)[: values.size] = values.reshape(-1)
    cv2.imwrite(str(tmp_path / "two.png"), picture[..., ::-1])
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((32, 32, 3), np.uint8))
    return tmp_path


def test_a_line_counts_them_with_their_scores(folder: Path) -> None:
    done = infer("-m", "yolo.tflite", "two.png", "black.png", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "two.png: 2 people (0.90, 0.75)\nblack.png: nobody\n"


def test_json_has_each_with_box_and_keypoints(folder: Path) -> None:
    done = infer("-m", "yolo.tflite", "--json", "two.png", cwd=folder)
    first, second = json.loads(done.stdout)["poses"]
    assert (first["score"], second["score"]) == (0.9, 0.75)
    assert first["box"] == pytest.approx([0.15, 0.3, 0.2, 0.4])
    assert first["keypoints"][0] == pytest.approx([0.25, 0.5, 0.8])
    assert second["keypoints"][16] == pytest.approx([0.75, 0.5, 0.8])


def test_an_overlay_has_all_of_them(folder: Path) -> None:
    done = infer("-m", "yolo.tflite", "two.png", "--overlay", "seen.png", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    before, after = (cv2.imread(str(folder / name)) for name in ("two.png", "seen.png"))
    assert before is not None
    assert after is not None
    changed = (before != after).any(axis=2)
    assert changed[14:18, 6:10].any()
    assert changed[14:18, 22:26].any()


def test_one_of_several_is_not_followed(folder: Path) -> None:
    done = infer("-m", "yolo.tflite", "--fit", "track", "two.png", cwd=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "edged: yolo finds several people and follows none: the fit is auto, letterbox or "
        "stretch, not track\n"
    )


def test_a_posenet_with_the_operator_that_no_runtime_has_is_looked_through(folder: Path) -> None:
    (folder / "posenet.tflite").write_bytes(posenet_model())
    done = infer("-m", "posenet.tflite", "black.png", cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "black.png: nobody\n", "")
