"""What the Edge TPU compiler would not take, on real models of a few operators."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tiny_models
from ai_edge_litert import schema_py_generated as schema

from edged.errors import ModelError
from models.training.operators import Operator, Tensor, operators, refusal, refusals

NO_SUCH = "the Edge TPU has no such operator"


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
    assert reasons["CAST"] == NO_SUCH
    assert reasons["MUL"] == "its output is float32, not int8: quantize fully"


def test_other_files_are_no_models() -> None:
    with pytest.raises(ModelError, match="not a TensorFlow Lite model"):
        operators(b"PK\x03\x04 a zip")


def test_a_damaged_model_is_told(shared: Path) -> None:
    damaged = (shared / "models" / "model_invoking_error.tflite").read_bytes()
    with pytest.raises(ModelError, match="a damaged TensorFlow Lite model"):
        operators(damaged)


WHOLLY_COMPILED = ("mobilenet_v1_0.25_128_quant", "mobilenet_v2_1.0_224_quant")
PARTLY_COMPILED = (
    "mobilenet_v1_0.25_128_quant",
    "movenet_single_pose_lightning_ptq",
    "posenet_mobilenet_v1_075_353_481_16_quant_decoder",
)


@pytest.mark.parametrize("name", [*WHOLLY_COMPILED, "tf2_mobilenet_v2_1.0_224_ptq"])
def test_coral_s_classifiers_are_taken_whole(shared: Path, name: str) -> None:
    assert told((shared / "models" / f"{name}.tflite").read_bytes()) == {}


@pytest.mark.parametrize("name", PARTLY_COMPILED)
def test_what_is_refused_is_what_coral_s_compiler_left_to_the_cpu(shared: Path, name: str) -> None:
    """Its compiled models hold one operator for all that it took, and the others as they were."""
    plain, compiled = (
        Counter(
            {(one.name, one.reason): one.count for one in refusals(operators(path.read_bytes()))}
        )
        for path in (
            shared / "models" / f"{name}.tflite",
            shared / "models" / f"{name}_edgetpu.tflite",
        )
    )
    assert compiled.pop(("edgetpu-custom-op", NO_SUCH)) == 1
    assert plain == compiled


# Rules, each on an operator that is not taken for one reason only


def tensor(*shape: int, dtype: str = "INT8", constant: Any = None, dynamic: bool = False) -> Tensor:
    values = None if constant is None else np.asarray(constant, np.int32)
    return Tensor(shape, dynamic, dtype, values)


def operator(
    name: str, inputs: Sequence[Tensor], output: Tensor, version: int = 1, **options: Any
) -> Operator:
    return Operator(name, version, SimpleNamespace(**options), tuple(inputs), (output,))


PICTURE = tensor(1, 8, 8, 6)
NONE, RELU = schema.ActivationFunctionType.NONE, schema.ActivationFunctionType.RELU
WEIGHTS, BIAS = tensor(6, 3, 3, 6, constant=[1]), tensor(6, dtype="INT32", constant=[0])


def axes(*values: int) -> Tensor:
    return tensor(len(values), dtype="INT32", constant=values)


TAKEN = [
    operator("CONV_2D", [PICTURE, WEIGHTS, BIAS], PICTURE, dilationWFactor=2, dilationHFactor=2),
    operator("MEAN", [PICTURE, axes(1, 2)], tensor(1, 6)),
    operator("MEAN", [tensor(1, 8, 8, 8), axes(-1)], tensor(1, 8, 8, 1)),
    operator("PACK", [tensor(1, 8)] * 2, tensor(1, 2, 8), axis=1),
    operator("SPLIT", [axes(3), PICTURE], tensor(1, 8, 8, 3)),
    operator("PAD", [PICTURE, axes(0, 0, 1, 1, 1, 1, 0, 0)], tensor(1, 10, 10, 6)),
    operator("SOFTMAX", [tensor(1, 1000)], tensor(1, 1000)),
    operator(
        "FULLY_CONNECTED", [tensor(1, 8), tensor(4, 8, constant=[1])], tensor(1, 4), weightsFormat=0
    ),
    operator(
        "RESIZE_NEAREST_NEIGHBOR",
        [PICTURE, axes(16, 16)],
        tensor(1, 16, 16, 6),
        halfPixelCenters=False,
    ),
    operator(
        "CONCATENATION",
        [PICTURE, tensor(1, 8, 8, 2, constant=[0, 0])],
        tensor(1, 8, 8, 8),
        fusedActivationFunction=NONE,
    ),
    operator(
        "STRIDED_SLICE",
        [PICTURE, axes(0), axes(1), axes(1, 1, 1, 1)],
        PICTURE,
        ellipsisMask=0,
        newAxisMask=0,
    ),
    operator("PRELU", [PICTURE, tensor(1, 1, 6, constant=[1])], PICTURE),
]

REFUSED = [
    (operator("GELU", [PICTURE], PICTURE), "the Edge TPU has no such operator"),
    (
        operator("ADD", [PICTURE, PICTURE], tensor(1, 8, 8, 6, dynamic=True)),
        "known only at run time",
    ),
    (
        operator("ADD", [PICTURE, PICTURE], tensor(1, 8, 8, 6, dtype="FLOAT32")),
        "its output is float32",
    ),
    (operator("QUANTIZE", [tensor(1, 8, dtype="FLOAT32")], tensor(1, 8)), "its input is float32"),
    (operator("ADD", [PICTURE, PICTURE], tensor(2, 8, 8, 6)), "more than three sizes above 1"),
    (
        operator(
            "CONV_2D", [PICTURE, WEIGHTS, BIAS], PICTURE, dilationWFactor=2, dilationHFactor=1
        ),
        "dilated differently",
    ),
    (
        operator(
            "CONV_2D", [PICTURE, PICTURE, BIAS], PICTURE, dilationWFactor=1, dilationHFactor=1
        ),
        "not constant",
    ),
    (operator("MEAN", [PICTURE, axes(0, 1)], tensor(8, 6)), "reduces the batch"),
    (operator("MEAN", [PICTURE, axes(-1)], tensor(1, 8, 8, 1)), "no multiple of 4"),
    (operator("REDUCE_MAX", [PICTURE, axes(-4)], tensor(8, 8, 6)), "reduces the batch"),
    (operator("PACK", [tensor(8), tensor(8)], tensor(2, 8), axis=0), "packs into the batch"),
    (operator("SPLIT", [axes(0), tensor(1, 8)], tensor(1, 8)), "splits the batch"),
    (operator("PAD", [tensor(1, 8), axes(1, 0, 0, 0)], tensor(2, 8)), "pads the batch"),
    (operator("SOFTMAX", [tensor(1, 20_000)], tensor(1, 20_000)), "16000 elements"),
    (operator("SOFTMAX", [tensor(1, 8, 8)], tensor(1, 8, 8)), "one dimension"),
    (
        operator(
            "FULLY_CONNECTED", [PICTURE, tensor(4, 6, constant=[1])], tensor(8, 4), weightsFormat=0
        ),
        "more than one dimension",
    ),
    (
        operator("FULLY_CONNECTED", [tensor(1, 8)], tensor(1, 4), weightsFormat=1),
        "not in the default format",
    ),
    (operator("MAX_POOL_2D", [PICTURE], PICTURE, fusedActivationFunction=RELU), "fused activation"),
    (
        operator(
            "CONCATENATION",
            [PICTURE, tensor(1, 8, 8, 2, constant=[0, 1])],
            tensor(1, 8, 8, 8),
            fusedActivationFunction=NONE,
        ),
        "not all zeros",
    ),
    (
        operator(
            "RESIZE_NEAREST_NEIGHBOR",
            [PICTURE, axes(16, 16)],
            tensor(1, 16, 16, 6),
            halfPixelCenters=True,
        ),
        "half_pixel_centers",
    ),
    (
        operator(
            "STRIDED_SLICE",
            [PICTURE, axes(0), axes(1), axes(1, 2, 2, 1)],
            PICTURE,
            ellipsisMask=0,
            newAxisMask=0,
        ),
        "not all 1",
    ),
    (
        operator(
            "STRIDED_SLICE",
            [PICTURE, axes(0), axes(1), axes(1)],
            PICTURE,
            ellipsisMask=0,
            newAxisMask=1,
        ),
        "new-axis mask",
    ),
    (operator("PRELU", [PICTURE, tensor(8, 8, 6, constant=[1])], PICTURE), "shared_axes"),
    (operator("TRANSPOSE_CONV", [PICTURE, WEIGHTS, PICTURE], PICTURE), "not constant"),
]


@pytest.mark.parametrize("taken", TAKEN, ids=lambda one: one.name)
def test_what_keeps_to_the_rules_is_taken(taken: Operator) -> None:
    assert refusal(taken) is None


@pytest.mark.parametrize(("refused", "why"), REFUSED)
def test_what_breaks_a_rule_is_refused_with_the_reason(refused: Operator, why: str) -> None:
    assert why in str(refusal(refused))


def test_operators_that_are_refused_alike_are_counted() -> None:
    odd = operator("GELU", [PICTURE], PICTURE)
    (one,) = refusals([odd, TAKEN[0], odd])
    assert (one.name, one.count, one.reason) == ("GELU", 2, NO_SUCH)
