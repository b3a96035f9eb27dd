"""ONNX models through `edged infer`, `run` and `bench`: as users meet them."""

from __future__ import annotations

import importlib.util
import json
import math
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tiny_onnx
from brokers import Broker, Subscriber, until
from daemons import Daemon, configuration, info, labels, poses, write_clip

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("onnxruntime") is None, reason="needs edged[onnx]"
)

SALMON = (255, 128, 51)
"""Red, green, blue."""


def edged(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edged", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def seen(*words: str | Path) -> list[dict[str, Any]]:
    """The messages of `edged infer`."""
    done = edged("infer", "--json", *words)
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def scores(*words: str | Path) -> dict[str, float]:
    """What it says of one picture, by label."""
    (message,) = seen(*words)
    return {label["label"]: label["score"] for label in message["labels"]}


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "salmon.png"
    cv2.imwrite(str(path), np.full((48, 64, 3), SALMON[::-1], np.uint8))
    return path


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    """Where a model of the colours belongs, with its labels."""
    path = tmp_path / "colours.onnx"
    path.with_suffix(".txt").write_text("red\ngreen\nblue\n")
    return path


def softmax(*logits: float) -> list[float]:
    powers = [math.exp(logit) for logit in logits]
    return [power / sum(powers) for power in powers]


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
@pytest.mark.parametrize("dtype", ["uint8", "int32"])
def test_bytes_arrive_in_the_order_red_green_blue(
    colours: Path, picture: Path, layout: str, dtype: str
) -> None:
    colours.write_bytes(tiny_onnx.colours(layout, dtype, factor=1 / 255))
    expected = {"red": 255 / 255, "green": 128 / 255, "blue": 51 / 255}
    assert scores("-m", colours, picture) == pytest.approx(expected, abs=0.001)


def test_float_planes_are_normalized_as_imagenet_s_and_logits_get_a_softmax(
    colours: Path, picture: Path
) -> None:
    colours.write_bytes(tiny_onnx.colours("nchw", "float32"))
    red, green, blue = softmax(
        (1.0 - 0.485) / 0.229, (128 / 255 - 0.456) / 0.224, (0.2 - 0.406) / 0.225
    )
    expected = {"red": red, "green": green, "blue": blue}
    assert scores("-m", colours, picture) == pytest.approx(expected, abs=0.001)


def test_other_floats_are_from_minus_1_to_1(colours: Path, picture: Path) -> None:
    colours.write_bytes(tiny_onnx.colours("nhwc", "float32"))
    red, green, blue = softmax(1.0, 128 / 127.5 - 1, 51 / 127.5 - 1)
    expected = {"red": red, "green": green, "blue": blue}
    assert scores("-m", colours, picture) == pytest.approx(expected, abs=0.001)


CATALOG = """
[models.colours]
title = "Which colour?"
decoder = "classify"
width = 32
height = 32
fit = "crop"
mean = [0, 0, 255]
std = [255, 512, 408]
logits = false
licence = "CC0-1.0"
file = { path = "colours.onnx", sha256 = "%s" }
labels = { path = "colours.txt" }
"""


def test_a_catalog_entry_tells_the_normalization_of_each_channel(
    colours: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    colours.write_bytes(tiny_onnx.colours("nchw", "float32"))
    (colours.parent / "catalog.toml").write_text(CATALOG % sha256(colours.read_bytes()).hexdigest())
    monkeypatch.setenv("EDGED_MODELS", str(colours.parent))
    expected = {"red": 1.0, "green": 0.25}  # and blue is -0.5
    assert scores("-m", "colours", picture) == pytest.approx(expected, abs=0.001)


def test_a_model_of_poses_needs_no_more_than_the_file(tmp_path: Path) -> None:
    pose = tmp_path / "pose.onnx"
    pose.write_bytes(tiny_onnx.first_values((1, 1, 17, 3), "nhwc", "int32", factor=1 / 250))
    path = tmp_path / "gray.png"
    cv2.imwrite(str(path), np.full((48, 64, 3), 100, np.uint8))
    (message,) = seen("-m", pose, "--fit", "stretch", path)
    (person,) = message["poses"]
    assert person["keypoints"] == [pytest.approx([0.4, 0.4, 0.4], abs=0.001)] * 17
    assert message["accelerator"] == "cpu"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (tiny_onnx.colours()[:90], "damaged, not whole or no ONNX model"),
        (tiny_onnx.colours(size="h"), "export it with a fixed height and width"),
        (tiny_onnx.two_inputs(), "edged needs one input"),
        (b"<!DOCTYPE html>", "no ONNX model but a web page"),
        (tiny_onnx.identity(opset=99), "upgrade that, or export"),
    ],
)
def test_what_cannot_be_used_is_one_line(
    colours: Path, picture: Path, content: bytes, told: str
) -> None:
    colours.write_bytes(content)
    done = edged("infer", "-m", colours, picture)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert str(colours) in line
    assert told in line


def test_the_daemon_tells_labels_by_onnx_beside_poses_by_tensorflow_lite(
    tmp_path: Path, colours: Path, pose_file: Path, broker: Broker
) -> None:
    colours.write_bytes(tiny_onnx.colours("nchw", "uint8", factor=1 / 255))
    clip = write_clip(tmp_path / "clip.avi")
    config = configuration(clip, pose_file, broker.port, labels=colours)
    with Subscriber(broker.port) as subscriber, Daemon(tmp_path, config) as daemon:
        until(lambda: len(labels(subscriber)) > 2 and len(poses(subscriber)) > 2, "both")
        until(lambda: info(subscriber) is not None, "info")
        told = info(subscriber)
        worker = daemon.worker()
        assert daemon.stop() == 0
    assert not worker.is_running()
    best = labels(subscriber)[0].labels[0]
    assert best.score == pytest.approx(100 / 255, abs=0.02)
    assert told is not None
    assert told.accelerator == "cpu"
    assert "onnxruntime" in told.runtime


@pytest.mark.parametrize(("name", "expected"), [("parrot.jpg", "macaw"), ("cat.bmp", "cat")])
def test_mobilenet_in_onnx_says_what_its_twin_in_tensorflow_lite_says(
    shared: Path, name: str, expected: str
) -> None:
    given = ("--labels", shared / "models" / "imagenet_labels.txt")
    said = []
    for model in ("mobilenet_v2_224_nchw.onnx", "tf2_mobilenet_v2_1.0_224_ptq.tflite"):
        (message,) = seen("-m", shared / "models" / model, *given, shared / "images" / name)
        assert message["confident"]
        said.append(message["labels"][0])
    onnx, lite = said
    assert onnx["label"] == lite["label"]
    assert expected in onnx["label"]
    assert onnx["score"] == pytest.approx(lite["score"], abs=0.05)
