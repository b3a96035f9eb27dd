"""Real ONNX models of a few hundred bytes, whose outputs are worked out from their inputs.

Written as the protobuf messages of onnx.proto (github.com/onnx/onnx, `onnx/onnx.proto`) by their
field numbers, so that no test needs the `onnx` package.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

Shape: TypeAlias = Sequence[int | str]
"""Of a tensor; a string is a length that the model leaves open."""

OPSET, IR_VERSION = 13, 8
FLOAT, INT64 = 1, 7
TYPES = {"float32": FLOAT, "uint8": 2, "int8": 3, "int32": 6, "int64": INT64, "float16": 10}
"""TensorProto.DataType."""


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    """A varint of a message."""
    return _varint(field << 3) + _varint(value)


def part(field: int, content: bytes | str) -> bytes:
    """A string, bytes or message in a message."""
    content = content.encode() if isinstance(content, str) else content
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def value_info(name: str, dtype: str, shape: Shape) -> bytes:
    """A ValueInfoProto: an input or output of the graph."""
    dimensions = b"".join(
        part(1, part(2, length) if isinstance(length, str) else number(1, length))
        for length in shape
    )
    tensor = number(1, TYPES[dtype]) + part(2, dimensions)
    return part(1, name) + part(2, part(1, tensor))


def integers(name: str, value: int | Sequence[int]) -> bytes:
    """An AttributeProto of one or more integers."""
    if isinstance(value, int):
        return part(1, name) + number(3, value) + number(20, 2)
    return part(1, name) + b"".join(number(8, one) for one in value) + number(20, 7)


def node(kind: str, inputs: Sequence[str], output: str, *attributes: bytes) -> bytes:
    """A NodeProto with one output."""
    return (
        b"".join(part(1, name) for name in inputs)
        + part(2, output)
        + part(4, kind)
        + b"".join(part(5, attribute) for attribute in attributes)
    )


def constant(name: str, values: Sequence[int] | Sequence[float], dtype: str = "int64") -> bytes:
    """A TensorProto of one dimension: a constant of the graph."""
    content = np.asarray(values, dtype).tobytes()
    return number(1, len(values)) + number(2, TYPES[dtype]) + part(8, name) + part(9, content)


def scalar(name: str, value: float, dtype: str, *, raw: bool = True) -> bytes:
    """A TensorProto without dimensions, its value in bytes or in the field of its type."""
    number_ = np.asarray(value, dtype)
    if raw:
        content = part(9, number_.tobytes())
    elif dtype == "float32":
        content = part(4, number_.tobytes())
    else:
        content = part(5, _varint(int(value)))
    return number(2, TYPES[dtype]) + part(8, name) + content


def model(
    nodes: Sequence[bytes],
    inputs: Sequence[bytes],
    outputs: Sequence[bytes],
    constants: Sequence[bytes] = (),
    *,
    opset: int = OPSET,
    ir_version: int = IR_VERSION,
) -> bytes:
    """A ModelProto."""
    graph = (
        b"".join(part(1, one) for one in nodes)
        + part(2, "tiny")
        + b"".join(part(5, one) for one in constants)
        + b"".join(part(11, one) for one in inputs)
        + b"".join(part(12, one) for one in outputs)
    )
    return number(1, ir_version) + part(7, graph) + part(8, number(2, opset))


def picture_shape(layout: str, size: int | str, batch: int | str = 1) -> Shape:
    """Of an input of square pictures."""
    return (batch, size, size, 3) if layout == "nhwc" else (batch, 3, size, size)


def colours(
    layout: str = "nchw",
    dtype: str = "float32",
    size: int | str = 32,
    *,
    batch: int | str = 1,
    factor: float = 1.0,
    answer: Shape | None = None,
) -> bytes:
    """A classifier with three classes: the means of red, green and blue, times `factor`.

    They are means of what is in the input, float32 [batch, 3]; so they tell its order, layout and
    normalization.
    """
    axes = (1, 2) if layout == "nhwc" else (2, 3)
    return model(
        [
            node("Cast", ["picture"], "real", integers("to", FLOAT)),
            node("ReduceMean", ["real"], "means", integers("axes", axes), integers("keepdims", 0)),
            node("Mul", ["means", "factor"], "classes"),
        ],
        [value_info("picture", dtype, picture_shape(layout, size, batch))],
        [value_info("classes", "float32", answer or (batch, 3))],
        [constant("factor", [factor], "float32")],
    )


def first_values(
    shape: Sequence[int],
    layout: str = "nchw",
    dtype: str = "uint8",
    size: int = 32,
    factor: float = 1.0,
) -> bytes:
    """A model whose output is the first values of its input, times `factor`, float32 `shape`."""
    count = int(np.prod(shape))
    return model(
        [
            node("Cast", ["picture"], "real", integers("to", FLOAT)),
            node("Reshape", ["real", "flat"], "row"),
            node("Slice", ["row", "begin", "end"], "first"),
            node("Mul", ["first", "factor"], "scaled"),
            node("Reshape", ["scaled", "shape"], "answer"),
        ],
        [value_info("picture", dtype, picture_shape(layout, size))],
        [value_info("answer", "float32", shape)],
        [
            constant("flat", [-1]),
            constant("begin", [0]),
            constant("end", [count]),
            constant("shape", list(shape)),
            constant("factor", [factor], "float32"),
        ],
    )


def quantized_colours(
    stored: tuple[float, int], answered: tuple[float, int], *, raw: bool = True
) -> bytes:
    """The means of red, green and blue, of an int8 picture to a uint8 answer.

    Args:
        stored: scale and zero point of the picture.
        answered: of the answer.
        raw: how these four numbers are written.
    """
    return model(
        [
            node("DequantizeLinear", ["picture", "in_scale", "in_zero"], "real"),
            node(
                "ReduceMean", ["real"], "means", integers("axes", (2, 3)), integers("keepdims", 0)
            ),
            node("QuantizeLinear", ["means", "out_scale", "out_zero"], "classes"),
        ],
        [value_info("picture", "int8", (1, 3, 32, 32))],
        [value_info("classes", "uint8", (1, 3))],
        [
            scalar("in_scale", stored[0], "float32", raw=raw),
            scalar("in_zero", stored[1], "int8", raw=raw),
            scalar("out_scale", answered[0], "float32", raw=raw),
            scalar("out_zero", answered[1], "uint8", raw=raw),
        ],
    )


def bright_pixels(size: int = 32) -> bytes:
    """A model whose output is as long as the picture has bright values, as of found objects."""
    return model(
        [
            node("Cast", ["picture"], "real", integers("to", FLOAT)),
            node("Greater", ["real", "half"], "bright"),
            node("NonZero", ["bright"], "places"),
        ],
        [value_info("picture", "uint8", (1, 3, size, size))],
        [value_info("places", "int64", (4, "found"))],
        [constant("half", [127.0], "float32")],
    )


def fails_on_bright_pictures(limit: int = 100) -> bytes:
    """A model that runs until a value of the picture is `limit` or more."""
    axes = integers("axes", (1, 2, 3))
    return model(
        [
            node("Cast", ["picture"], "real", integers("to", FLOAT)),
            node("ReduceMax", ["real"], "brightest", axes, integers("keepdims", 0)),
            node("Cast", ["brightest"], "index", integers("to", INT64)),
            node("Gather", ["values", "index"], "answer"),
        ],
        [value_info("picture", "uint8", (1, 3, 32, 32))],
        [value_info("answer", "float32", (1,))],
        [constant("values", [0.0] * limit, "float32")],
    )


def identity(
    kind: str = "Identity", dtype: str = "float32", *, opset: int = OPSET, ir_version: int = 8
) -> bytes:
    """A model of one operator from an input to an output of the same kind."""
    return model(
        [node(kind, ["picture"], "classes")],
        [value_info("picture", dtype, (1, 3, 32, 32))],
        [value_info("classes", dtype, (1, 3, 32, 32))],
        opset=opset,
        ir_version=ir_version,
    )


def weights_elsewhere(name: str = "weights.data") -> bytes:
    """A model whose only constant is in a second file."""
    place = part(13, part(1, "location") + part(2, name))
    return model(
        [node("Mul", ["picture", "factor"], "classes")],
        [value_info("picture", "float32", (1, 3))],
        [value_info("classes", "float32", (1, 3))],
        [number(1, 3) + number(2, FLOAT) + part(8, "factor") + place + number(14, 1)],
    )


def two_inputs() -> bytes:
    """A model that wants two pictures."""
    names = ("left", "right")
    return model(
        [node("Sub", names, "difference")],
        [value_info(name, "float32", (1, 3, 32, 32)) for name in names],
        [value_info("difference", "float32", (1, 3, 32, 32))],
    )
