"""Models of poses: which ones edged can use, and how a pose lies in their input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.errors import ModelError
from edged.inference.catalog import alone
from edged.inference.keypoint_models import KeypointSpec, describe, write
from edged.sections import KeypointLayout, KeypointUnits
from edged.types import TensorInfo

FLOAT = TensorInfo("in", "float32", (1, 51))
OUT = TensorInfo("out", "float32", (1, 6))
SIZE = (640.0, 480.0)
POSE = np.tile(np.array([0.5, 0.25, 0.9], np.float32), (17, 1))
POSE[0] = 0.1, 0.2, 0.3


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "yoga_labels.txt"
    path.write_text("downdog\ngoddess\nmountain\ntree\nwarrior1\nwarrior2")
    return path


def spec_of(
    labels: Path,
    tensor: TensorInfo = FLOAT,
    layout: KeypointLayout = "yxs",
    units: KeypointUnits = "auto",
) -> KeypointSpec:
    file = alone(labels.with_name("yoga.tflite"))
    return describe(file, [tensor], [OUT], layout=layout, units=units, labels=labels)


def written(spec: KeypointSpec) -> np.ndarray:
    target = np.zeros(spec.input.shape, spec.input.dtype)
    write(spec, POSE, SIZE, target)
    return target.reshape(17, 3)


def test_a_pose_lies_in_it_as_in_the_fields_example(labels: Path) -> None:
    spec = spec_of(labels)
    assert (spec.name, spec.kind, spec.classes, spec.width) == ("yoga", "exercise", 6, 0)
    nose, eye = written(spec)[:2]
    assert nose == pytest.approx([0.2 * 480, 0.1 * 640, 0.3])
    assert eye == pytest.approx([0.25 * 480, 0.5 * 640, 0.9])


def test_x_may_come_first_and_the_frame_may_be_the_unit(labels: Path) -> None:
    assert written(spec_of(labels, layout="xys"))[0] == pytest.approx([64, 96, 0.3])
    assert written(spec_of(labels, units="frame"))[0] == pytest.approx([0.2, 0.1, 0.3])


@pytest.mark.parametrize("shape", [(1, 51), (1, 17, 3), (1, 1, 17, 3)])
def test_its_input_may_be_a_row_or_a_table(labels: Path, shape: tuple[int, ...]) -> None:
    spec = spec_of(labels, TensorInfo("in", "float32", shape))
    assert written(spec)[1] == pytest.approx([120, 320, 0.9])


@pytest.mark.parametrize(("dtype", "zero_point"), [("uint8", 0), ("int8", -128)])
def test_a_quantized_input_tells_its_unit_by_what_it_holds(
    labels: Path, dtype: str, zero_point: int
) -> None:
    small = spec_of(labels, TensorInfo("in", dtype, (1, 51), 1 / 255, zero_point))
    assert not small.in_pixels
    real = (written(small).astype(float) - zero_point) / 255
    assert real[0] == pytest.approx([0.2, 0.1, 0.3], abs=1 / 255)
    assert spec_of(labels, TensorInfo("in", dtype, (1, 51), 4.0, zero_point)).in_pixels


@given(
    st.lists(st.floats(-1.0, 2.0, width=32), min_size=51, max_size=51),
    st.floats(0.001, 4.0),
    st.integers(-128, 127),
)
def test_what_is_beyond_a_quantized_input_is_cut(
    values: list[float], scale: float, zero_point: int
) -> None:
    tensor = TensorInfo("in", "int8", (1, 51), scale, zero_point)
    spec = KeypointSpec("m", tensor, OUT, "xys", in_pixels=False, labels=None, licence="")  # type: ignore[arg-type]
    target = np.zeros((1, 51), np.int8)
    write(spec, np.array(values, np.float32).reshape(17, 3), SIZE, target)
    real = scale * (target[0].astype(float) - zero_point)
    least, most = scale * (-128 - zero_point), scale * (127 - zero_point)
    assert real == pytest.approx(np.clip(values, least, most), abs=scale * 0.51)


@pytest.mark.parametrize(
    ("inputs", "outputs", "told"),
    [
        ([TensorInfo("in", "uint8", (1, 224, 224, 3), 1.0)], [OUT], r"one input \[1, 51\]"),
        ([FLOAT, FLOAT], [OUT], r"one input \[1, 51\]"),
        ([TensorInfo("in", "float32", (1, 99))], [OUT], r"has inputs float32 \[1, 99\]"),
        ([TensorInfo("in", "int8", (1, 51))], [OUT], "without a quantization scale"),
        ([FLOAT], [OUT, OUT], r"one output \[1, classes\]"),
        ([FLOAT], [TensorInfo("out", "float32", (1, 1))], "two classes at least"),
        ([FLOAT], [TensorInfo("out", "float32", ())], r"one output \[1, classes\]"),
        ([FLOAT], [TensorInfo("out", "uint8", (1, 6))], "output is uint8 without a quantization"),
    ],
)
def test_another_model_is_told_with_what_it_has(
    labels: Path, inputs: list[TensorInfo], outputs: list[TensorInfo], told: str
) -> None:
    with pytest.raises(ModelError, match=told):
        describe(alone(labels.with_name("m.tflite")), inputs, outputs, labels=labels)


def test_a_model_without_labels_could_name_nothing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has no labels, and numbers name no exercise"):
        describe(alone(tmp_path / "m.tflite"), [FLOAT], [OUT])
    (tmp_path / "labels.txt").write_text("a\nb\n")
    assert describe(alone(tmp_path / "m.tflite"), [FLOAT], [OUT]).labels.text == "a\nb\n"
