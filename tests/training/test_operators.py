"""What the Edge TPU compiler would not take, on real models of a few operators."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_models

from edged.errors import ModelError
from models.training.operators import operators, refusals


def told(model: bytes) -> dict[str, str]:
    return {one.name: one.reason for one in refusals(operators(model))}


def test_operators_come_in_order_with_their_tensors() -> None:
    reshape, cut = operators(tiny_models.classifier(classes=4, size=8))
    assert (reshape.name, cut.name) == ("RESHAPE", "SLICE")
    assert reshape.outputs[0].shape == (1, 192)
    assert cut.inputs[1] is not None
    assert cut.inputs[1].constant.tolist() == [0, 0]


def test_a_graph_of_bytes_is_taken() -> None:
    assert told(tiny_models.classifier()) == {}
    assert told(tiny_models.heatmap_model()) == {}


def test_what_is_unknown_or_float_is_refused() -> None:
    reasons = told(tiny_models.pose_model())
    assert reasons["CAST"] == "the Edge TPU has no such operator"
    assert reasons["MUL"] == "its output is float32, not int8: quantize fully"


def test_other_files_are_no_models() -> None:
    with pytest.raises(ModelError, match="not a TensorFlow Lite model"):
        operators(b"PK\x03\x04 a zip")


def test_coral_s_models_are_judged_as_the_compiler_judged_them(shared: Path) -> None:
    """What it left to the CPU in its MoveNet, it left because of these operators."""
    path = shared / "models" / "movenet_single_pose_lightning_ptq.tflite"
    assert {"CAST", "GATHER_ND", "ARG_MAX", "FLOOR_DIV", "SQRT", "DIV", "UNPACK"} <= set(
        told(path.read_bytes())
    )
    assert "RESIZE_BILINEAR" not in told(path.read_bytes())
    mobilenet = shared / "models" / "mobilenet_v1_0.25_128_quant.tflite"
    assert told(mobilenet.read_bytes()) == {}
