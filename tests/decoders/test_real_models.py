"""Real pictures through real models: the right people, nobody, and the right labels."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert.interpreter import Interpreter

from edged.decoders import classify, movenet, people, person
from edged.inference import geometry
from edged.sections import PoseModel
from edged.types import Keypoints, Pixels, Pose

INPUT = (192, 192)
MIN_SCORE = PoseModel().min_score


class Model:
    """A model without a worker."""

    def __init__(self, path: Path) -> None:
        self._interpreter = Interpreter(str(path), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]
        self.size = (int(self._input["shape"][2]), int(self._input["shape"][1]))
        self.scale, self.zero_point = self._output["quantization"]

    def __call__(self, picture: Pixels) -> npt.NDArray[Any]:
        """The output for an input picture."""
        self._interpreter.set_tensor(self._input["index"], picture[None])
        self._interpreter.invoke()
        output: npt.NDArray[Any] = self._interpreter.get_tensor(self._output["index"])
        return output


@pytest.fixture(scope="module")
def lightning(shared: Path) -> Model:
    return Model(shared / "models" / "movenet_single_pose_lightning_ptq.tflite")


def read(path: Path) -> Pixels:
    picture = cv2.imread(str(path))
    assert picture is not None
    pixels: Pixels = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    return pixels


def size_of(pixels: Pixels) -> tuple[int, int]:
    return pixels.shape[1], pixels.shape[0]


def look(model: Model, pixels: Pixels, plan: geometry.Plan) -> Keypoints:
    picture = geometry.blank(plan.input_size)
    geometry.fill(plan, pixels, picture)
    return geometry.to_frame(plan, movenet.decode(model(picture), model.scale, model.zero_point))


def follow(model: Model, frames: list[Pixels]) -> list[list[Pose]]:
    """The poses of each frame, looked at where the frame before says."""
    found: list[list[Pose]] = []
    for pixels in frames:
        size = size_of(pixels)
        region = person.next_region(found[-1] if found else [], size)
        plan = geometry.crop(region, size, model.size)
        found.append(people.one(look(model, pixels, plan)).poses(MIN_SCORE))
    return found


def reference(path: Path) -> npt.NDArray[np.float64]:
    with path.open(newline="") as stream:
        rows = csv.DictReader(stream)
        return np.array([[float(r["keypoint_x"]), float(r["keypoint_y"])] for r in rows])


def test_the_stretched_squat_has_coral_s_keypoints(lightning: Model, shared: Path) -> None:
    pixels = read(shared / "images" / "squat.bmp")
    found = look(lightning, pixels, geometry.stretch(size_of(pixels), INPUT))
    expected = reference(shared / "models" / "movenet_single_pose_lightning_ptq_reference.csv")
    assert np.abs(found[:, :2] - expected).max() <= 0.04


def test_a_letterbox_finds_the_same_body(lightning: Model, shared: Path) -> None:
    pixels = read(shared / "images" / "squat.bmp")
    found = look(lightning, pixels, geometry.letterbox(size_of(pixels), INPUT))
    expected = reference(shared / "models" / "movenet_single_pose_lightning_ptq_reference.csv")
    assert np.abs(found[:, :2] - expected).max() <= 0.05


@pytest.mark.parametrize("name", ["squat.bmp", "test_image.bmp"])
@pytest.mark.parametrize("fit", [geometry.stretch, geometry.letterbox])
def test_people_are_found(
    lightning: Model,
    shared: Path,
    name: str,
    fit: Callable[[tuple[int, int], tuple[int, int]], geometry.Plan],
) -> None:
    pixels = read(shared / "images" / name)
    keypoints = look(lightning, pixels, fit(size_of(pixels), INPUT))
    assert len(people.one(keypoints).poses(MIN_SCORE)) == 1


def test_people_are_kept_while_the_crop_follows_them(lightning: Model, shared: Path) -> None:
    for name in ("squat.bmp", "test_image.bmp"):
        assert all(follow(lightning, [read(shared / "images" / name)] * 5))


def empty_scenes(shared: Path) -> dict[str, Pixels]:
    random = np.random.default_rng(5)
    noise = random.integers(0, 256, (480, 640, 3), dtype=np.uint8)
    ramp = np.linspace(0, 255, 640).astype(np.uint8)
    return {
        "cat": read(shared / "images" / "cat.bmp"),
        "parrot": read(shared / "images" / "parrot.jpg"),
        "black": np.zeros((480, 640, 3), np.uint8),
        "white": np.full((480, 640, 3), 255, np.uint8),
        "noise": noise,
        "clouds": cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 15), None, 0, 255, cv2.NORM_MINMAX),
        "ramp": np.repeat(np.tile(ramp, (480, 1))[:, :, None], 3, axis=2),
    }


def test_nobody_is_there(lightning: Model, shared: Path) -> None:
    for name, pixels in empty_scenes(shared).items():
        size = size_of(pixels)
        for fit in (geometry.stretch, geometry.letterbox):
            keypoints = look(lightning, pixels, fit(size, INPUT))
            assert people.one(keypoints).poses(MIN_SCORE) == [], name
        assert follow(lightning, [pixels] * 3) == [[], [], []], name


def test_a_person_who_was_lost_is_found_again(lightning: Model, shared: Path) -> None:
    alone = read(shared / "images" / "squat.bmp")
    there = np.zeros((alone.shape[0], 3 * alone.shape[1], 3), np.uint8)
    left, right = there.copy(), there.copy()
    left[:, : alone.shape[1]] = alone
    right[:, -alone.shape[1] :] = alone
    found = follow(lightning, [left, left, left, right, right, right])
    assert [len(poses) for poses in found[:3]] == [1, 1, 1]
    assert len(found[-1]) == 1
    assert found[2][0].keypoints[0, 0] < 1 / 3
    assert found[-1][0].keypoints[0, 0] > 2 / 3


def test_real_exercisers_are_not_lost(shared: Path) -> None:
    clips = json.loads((shared / "keypoints" / "manifest.json").read_text())
    lost = frames = 0
    for clip in clips:
        with np.load(shared / "keypoints" / f"{clip['name']}.npz") as arrays:
            keypoints = arrays["keypoints"].astype(np.float32)
        exercising = keypoints[clip["rep_frames"][0] : clip["rep_frames"][-1] + 1]
        lost += sum(not people.one(found).poses(MIN_SCORE) for found in exercising)
        frames += len(exercising)
    assert lost <= 0.002 * frames


@pytest.mark.parametrize(
    "name",
    [
        "mobilenet_v2_1.0_224_quant",
        "tf2_mobilenet_v2_1.0_224_ptq",
        "mobilenet_v1_0.25_128_quant",
    ],
)
def test_a_cat_and_a_macaw_are_named(shared: Path, name: str) -> None:
    model = Model(shared / "models" / f"{name}.tflite")
    labels = classify.fit_labels(
        (shared / "models" / "imagenet_labels.txt").read_text(), 1001, "imagenet_labels.txt"
    )
    for picture, expected in (("cat.bmp", "Egyptian cat"), ("parrot.jpg", "macaw")):
        pixels = read(shared / "images" / picture)
        plan = geometry.centre_crop(size_of(pixels), model.size, 0.875)
        out = geometry.blank(model.size)
        geometry.fill(plan, pixels, out)
        result = classify.decode(model(out), labels, scale=model.scale, zero_point=model.zero_point)
        assert result.labels[0].label == expected
        assert result.confident
