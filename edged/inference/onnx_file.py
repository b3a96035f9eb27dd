"""What onnxruntime does not tell of an ONNX file: the quantization of its inputs and outputs.

Belongs to the worker process, see `edged.inference.onnx`. The file is a protobuf message, described
in `onnx/onnx.proto` of github.com/onnx/onnx; the numbers here are its field numbers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

Quantization: TypeAlias = tuple[float, int]
"""Scale and zero point: real value = scale * (stored value - zero point)."""

_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_CONSTANT = 1, 5
_NODE_INPUT, _NODE_OUTPUT, _NODE_KIND = 1, 2, 4
_TENSOR_TYPE, _TENSOR_FLOATS, _TENSOR_INTEGERS, _TENSOR_NAME, _TENSOR_RAW = 2, 4, 5, 8, 9
_FLOAT, _UINT8, _INT8 = 1, 2, 3
"""Types of a tensor."""
_VARINT, _EIGHT_BYTES, _COUNTED, _FOUR_BYTES = 0, 1, 2, 5
"""How a field is written."""


def quantizations(path: str | Path) -> dict[str, Quantization]:
    """Of every tensor that the model quantizes or dequantizes with one scale, by its name.

    That is the output of a `QuantizeLinear` and the first input of a `DequantizeLinear`.

    Args:
        path: of a file that onnxruntime has loaded; one that is none has no quantizations.

    Raises:
        OSError: the file cannot be read.
    """
    content = memoryview(Path(path).read_bytes())
    try:
        return dict(_found(content))
    except (IndexError, ValueError, struct.error):
        return {}


def _found(content: memoryview) -> Iterator[tuple[str, Quantization]]:
    graph = [part for number, part in _parts(content) if number == _MODEL_GRAPH]
    parts = [part for one in graph for part in _parts(one)]
    constants = {
        name: tensor
        for number, tensor in parts
        if number == _GRAPH_CONSTANT
        for name in _texts(tensor, _TENSOR_NAME)
    }
    for number, node in parts:
        if number != _GRAPH_NODE:
            continue
        kind, inputs = "".join(_texts(node, _NODE_KIND)), _texts(node, _NODE_INPUT)
        if kind not in {"QuantizeLinear", "DequantizeLinear"}:
            continue
        (name,) = _texts(node, _NODE_OUTPUT) if kind == "QuantizeLinear" else inputs[:1]
        scale, zero_point = ([_scalar(constants.get(of)) for of in inputs[1:3]] + [0])[:2]
        if scale is not None and zero_point is not None:
            yield name, (float(scale), int(zero_point))


def _texts(message: memoryview, wanted: int) -> list[str]:
    return [str(part, "utf-8") for number, part in _parts(message) if number == wanted]


def _scalar(tensor: memoryview | None) -> float | None:
    """The only value of a tensor; None: it has several, or is no constant of a type known here."""
    if tensor is None:
        return None
    dtype, values = 0, b""
    for number, value in _fields(tensor):
        if number == _TENSOR_TYPE and isinstance(value, int):
            dtype = value
        elif number in {_TENSOR_RAW, _TENSOR_FLOATS} and isinstance(value, memoryview):
            values += bytes(value)
        elif number == _TENSOR_INTEGERS:  # packed, as all writers do, or alone
            integer = value if isinstance(value, int) else _varint(value, 0)[0]
            values += struct.pack("B", integer & 0xFF)
    form = {_FLOAT: "<f", _UINT8: "<B", _INT8: "<b"}.get(dtype)
    if form is None or len(values) != struct.calcsize(form):
        return None
    (scalar,) = struct.unpack(form, values)
    return float(scalar)


def _parts(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Texts, numbers of a fixed size and messages within a message, each after its field number."""
    for number, value in _fields(message):
        if isinstance(value, memoryview):
            yield number, value


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Everything in a message, each after its field number. Raises `IndexError`, `ValueError`."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, how = key >> 3, key & 7
        if how == _VARINT:
            integer, at = _varint(message, at)
            yield number, integer
            continue
        if how == _COUNTED:
            size, at = _varint(message, at)
        else:
            size = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}.get(how, -1)
        if size < 0 or at + size > len(message):
            raise ValueError("no protobuf message")
        yield number, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """An integer of seven bits a byte, lowest first, and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:  # noqa: PLR2004 - the highest bit tells that there is more
            return value, at
