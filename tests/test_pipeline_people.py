"""Frames become several people, by real interpreters in a real worker, from bytes to poses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import tiny_models

from edged.decoders import posenet
from edged.errors import ModelError
from edged.inference.engine import Engine
from edged.messages.streams import PoseMessage
from edged.pipeline import Pipeline, find_models
from edged.sections import Inference, LabelModel, PoseModel
from edged.types import Frame, Pixels, Pose, TensorInfo

Array: TypeAlias = npt.NDArray[Any]
Build = Callable[..., Pipeline]

POSENET = "posenet_mobilenet_v1_075_353_481_16_quant_decoder"


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """Makes pipelines of models that are given as bytes, or by path."""
    with ExitStack() as stack:

        def make(model: bytes | Path, **settings: Any) -> Pipeline:
            path = tmp_path / "people.tflite"
            if isinstance(model, bytes):
                path.write_bytes(model)
            else:
                path = model
            pose = PoseModel(model=str(path), **settings)
            files = find_models(pose, LabelModel(), [tmp_path])
            engine = Engine(files.each, Inference(threads=1))
            stack.callback(engine.close)
            engine.start()
            return Pipeline(engine, files, pose, LabelModel())

        yield make


def picture(values: Array, height: int, width: int) -> Pixels:
    """A picture with these bytes first: what tiny models answer with."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels.reshape(-1)[: values.size] = values.reshape(-1)
    return pixels


def look(pipeline: Pipeline, pixels: Pixels) -> list[Pose]:
    result = pipeline.look(Frame(pixels, 0, 0, 0.0))
    assert result.poses is not None
    return result.poses


def six_people(scores: list[int]) -> Array:
    """MultiPose's rows in 1/200: all joints of a person are at 0.1 times its number."""
    rows = np.zeros((6, 56), np.uint8)
    for number, (row, score) in enumerate(zip(rows, scores, strict=True)):
        row[:51] = np.tile([20 * number, 100, 150], 17)
        row[51:] = (20, 40, 120, 160, score)
    return rows


def candidates() -> Array:
    """YOLO's values (56, 21) in 1/200: two people, of whom one is seen twice, and nobody else."""
    values = np.full((56, 21), 100, np.uint8)
    values[4] = 0
    for candidate, x, score in ((3, 50, 120), (4, 50, 180), (9, 150, 150)):
        values[:5, candidate] = (x, 100, 40, 80, score)
        values[5:, candidate] = np.tile([x, 100, 160], 17)
    return values


@pytest.mark.parametrize("any_size", [False, True])
def test_multipose_gives_people_with_boxes_best_first(build: Build, *, any_size: bool) -> None:
    pipeline = build(tiny_models.multipose_model(any_size=any_size), fit="stretch")
    side = 256 if any_size else 32
    poses = look(pipeline, picture(six_people([20, 0, 180, 100, 60, 30]), side, side))
    assert [round(pose.score, 2) for pose in poses] == [0.9, 0.5, 0.3]
    assert [pose.keypoints[0].tolist() for pose in poses] == [
        pytest.approx([0.5, y, 0.75]) for y in (0.2, 0.3, 0.4)
    ]
    assert poses[0].bounds == pytest.approx((0.2, 0.1, 0.6, 0.5))


@pytest.mark.parametrize("dtype", ["float32", "uint8", "int8"])
@pytest.mark.parametrize("transposed", [False, True])
def test_yolo_gives_each_once(build: Build, dtype: str, *, transposed: bool) -> None:
    pipeline = build(tiny_models.yolo_model(dtype, transposed=transposed), fit="stretch")
    values = candidates()
    poses = look(pipeline, picture(values.T if transposed else values, 32, 32))
    assert [round(pose.score, 2) for pose in poses] == [0.9, 0.75]
    assert [pose.keypoints[0].tolist() for pose in poses] == [
        pytest.approx([x, 0.5, 0.8]) for x in (0.25, 0.75)
    ]
    assert poses[0].bounds == pytest.approx((0.15, 0.3, 0.2, 0.4))


def test_posenet_gives_what_its_maps_say(build: Build) -> None:
    stored = np.random.default_rng(3).integers(100, 150, 3 * 4 * 115).astype(np.uint8)
    ends = np.cumsum([3 * 4 * channels for channels in posenet.CHANNELS])
    tensors = [TensorInfo("map", "uint8", (), *told) for told in tiny_models.POSENET]
    expected = posenet.decode(
        [part.reshape(1, 3, 4, -1) for part in np.split(stored, ends[:-1])], tensors, (49, 33)
    )
    pipeline = build(tiny_models.posenet_model(rows=3, columns=4))
    poses = look(pipeline, picture(stored, 33, 49))
    assert len(poses) == len(expected.scores) > 1
    for pose, keypoints in zip(poses, expected.keypoints, strict=True):
        assert pose.keypoints == pytest.approx(keypoints, abs=1e-5)


def test_borders_are_no_part_of_the_frame(build: Build) -> None:
    pipeline = build(tiny_models.multipose_model(), min_score=0.0)
    # Black borders above and below a wide frame come first in the input: all values are 0.
    poses = look(pipeline, np.full((32, 64, 3), 250, np.uint8))
    assert len(poses) == 6
    assert poses[0].keypoints[0, 1] == pytest.approx(-0.5, abs=0.01)
    assert poses[0].box() == (0.0, 0.0, 0.0, 0.0)


def test_all_of_the_next_frame_is_looked_at(build: Build) -> None:
    pipeline = build(tiny_models.multipose_model())
    pixels = picture(six_people([180] * 6), 32, 32)
    first = look(pipeline, pixels)
    assert pipeline.pose is not None
    assert not pipeline.pose.follows
    (again,) = pipeline.process(Frame(pixels, 1, 1, 0.0))
    assert again.poses is not None
    assert [pose.keypoints.tolist() for pose in again.poses] == [
        pose.keypoints.tolist() for pose in first
    ]


def test_the_message_has_all_of_them(build: Build) -> None:
    pipeline = build(tiny_models.yolo_model(), fit="stretch")
    frame = Frame(picture(candidates(), 32, 32), 0, 0, 0.0)
    (result,) = pipeline.process(frame)
    message = pipeline.message(frame, result, age_ns=0)
    assert isinstance(message, PoseMessage)
    assert [pose.score for pose in message.poses] == [0.9, 0.75]
    assert message.poses[0].box == pytest.approx((0.15, 0.3, 0.2, 0.4))


def test_one_of_several_is_not_followed(build: Build) -> None:
    with pytest.raises(ModelError, match="people finds several people and follows none: the fit"):
        build(tiny_models.multipose_model(), fit="track")


@pytest.mark.parametrize("fit", ["auto", "stretch"])
def test_posenet_meets_corals_reference(build: Build, shared: Path, fit: str) -> None:
    pipeline = build(shared / "models" / f"{POSENET}.tflite", fit=fit)
    pixels = cv2.imread(str(shared / "images" / "test_image.bmp"))
    assert pixels is not None
    poses = look(pipeline, np.ascontiguousarray(pixels[..., ::-1], np.uint8))
    rows = np.loadtxt(shared / "models" / f"{POSENET}_reference.csv", delimiter=",", skiprows=1)
    expected = [one for one in rows.reshape(-1, 17, 6) if one[0, 1] > 0.5]
    assert len(poses) == len(expected) == 2
    for pose, one in zip(poses, expected, strict=True):
        sure = one[:, 3] > 0.5
        assert pose.score == pytest.approx(one[0, 1], abs=0.02)
        assert np.abs(pose.keypoints[sure, :2] - one[sure, 4:6]).max() <= 0.02


@pytest.mark.parametrize("name", ["cat.bmp", "parrot.jpg"])
def test_posenet_sees_nobody_in_animals(build: Build, shared: Path, name: str) -> None:
    pipeline = build(shared / "models" / f"{POSENET}.tflite")
    pixels = cv2.imread(str(shared / "images" / name))
    assert pixels is not None
    assert look(pipeline, np.ascontiguousarray(pixels[..., ::-1], np.uint8)) == []
