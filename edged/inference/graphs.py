"""What an interpreter is given of a model's file: the graph, less what no interpreter can run.

Used by the worker, so of the standard library only.

PoseNet's last operator, `PosenetDecoderOp`, is in no runtime that can be installed; what it does is
done by `edged.decoders.posenet`. It is cut off in memory: its inputs become outputs of the graph.
The file stays as it is, and nothing is written beside it. A .tflite file is a FlatBuffer
(https://flatbuffers.dev/internals/, fields by TensorFlow Lite's `schema.fbs`), and all that changes
are two vectors in it, which become shorter: no other byte moves, so no schema is needed, which
tflite-runtime has none of.
"""

from __future__ import annotations

import mmap
import struct
from typing import Any

DECODER = b"PosenetDecoderOp"

SIDE = 256
"""Pixels of an input that takes pictures of any size: what MoveNet MultiPose, which has one, is
meant for (https://www.kaggle.com/models/google/movenet/tfLite/multipose-lightning-tflite-float16).
"""

# Numbers of fields in `schema.fbs`.
_MODEL_OPERATOR_CODES, _MODEL_SUBGRAPHS = 1, 2
_CODE_CUSTOM = 1
_SUBGRAPH_OUTPUTS, _SUBGRAPH_OPERATORS = 2, 3
_OPERATOR_CODE, _OPERATOR_INPUTS, _OPERATOR_OUTPUTS = 0, 1, 2


def given(path: str) -> dict[str, Any]:
    """The arguments of an interpreter for this file: its path, or a graph that had to be cut.

    Of a file that is empty or cannot be read, its path: the interpreter has words for that.
    """
    try:
        with (
            open(path, "rb") as file,  # noqa: PTH123 - the worker starts faster without pathlib
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            whole = bytes(content) if content.find(DECODER) >= 0 else b""
    except (OSError, ValueError):
        whole = b""
    cut = without_decoder(whole)
    return {"model_path": path} if cut == whole else {"model_content": cut}


def settle(interpreter: Any) -> None:
    """Give inputs that take pictures of any size one: `SIDE` x `SIDE`."""
    for tensor in interpreter.get_input_details():
        match [int(size) for size in tensor["shape_signature"]]:
            case [batch, -1, -1, channels]:
                shape = [max(batch, 1), SIDE, SIDE, channels]
                interpreter.resize_tensor_input(tensor["index"], shape)


def without_decoder(model: bytes) -> bytes:
    """The same model with the inputs of PoseNet's decoder as its outputs.

    Args:
        model: the content of a .tflite file.

    Returns:
        The model as it was where its last operator is no such decoder, or where it is damaged: the
        interpreter has words for that.
    """
    cut = bytearray(model)
    try:
        _cut(cut)
    except (struct.error, IndexError):
        return model
    return bytes(cut)


def _cut(model: bytearray) -> None:
    """Do it in place. Raises `struct.error` or `IndexError` before anything is changed."""
    root = _follow(model, 0)
    graphs = _tables(model, _vector(model, root, _MODEL_SUBGRAPHS))
    graph = graphs[0]
    operators = _vector(model, graph, _SUBGRAPH_OPERATORS)
    last = _tables(model, operators[-1:])[0]
    codes = _tables(model, _vector(model, root, _MODEL_OPERATOR_CODES))
    code_at = _field(model, last, _OPERATOR_CODE)
    code = codes[_uint(model, code_at) if code_at else 0]
    outputs = _vector(model, graph, _SUBGRAPH_OUTPUTS)
    inputs = _vector(model, last, _OPERATOR_INPUTS)
    if (
        len(graphs) > 1
        or _text(model, code, _CODE_CUSTOM) != DECODER
        or _ints(model, outputs) != _ints(model, _vector(model, last, _OPERATOR_OUTPUTS))
        or len(inputs) > len(outputs)
    ):
        return
    for place, tensor in zip(outputs, _ints(model, inputs), strict=False):
        _SIGNED.pack_into(model, place, tensor)
    _resize(model, outputs, len(inputs))
    _resize(model, operators, len(operators) - 1)


_UNSIGNED, _SIGNED, _SHORT = struct.Struct("<I"), struct.Struct("<i"), struct.Struct("<H")


def _at(model: bytearray, form: struct.Struct, place: int) -> int:
    """The number at a place; one before the beginning would else count from the end."""
    if place < 0:
        raise IndexError(place)
    number: int = form.unpack_from(model, place)[0]
    return number


def _uint(model: bytearray, place: int) -> int:
    return _at(model, _UNSIGNED, place)


def _follow(model: bytearray, place: int) -> int:
    """Where the offset at a place leads to."""
    return place + _uint(model, place)


def _field(model: bytearray, table: int, number: int) -> int:
    """Where the value of a field lies; 0: it has its default."""
    layout = table - _at(model, _SIGNED, table)
    slot = 4 + 2 * number
    if slot >= _at(model, _SHORT, layout):
        return 0
    offset = _at(model, _SHORT, layout + slot)
    return table + offset if offset else 0


def _vector(model: bytearray, table: int, number: int) -> range:
    """Where the elements of a field lie, of 4 bytes each."""
    field = _field(model, table, number)
    if not field:
        return range(0)
    vector = _follow(model, field)
    elements = range(vector + 4, vector + 4 + 4 * _uint(model, vector), 4)
    if elements.stop > len(model):
        raise IndexError(elements.stop)
    return elements


def _resize(model: bytearray, elements: range, count: int) -> None:
    """Have a vector end after so many of its elements."""
    _UNSIGNED.pack_into(model, elements.start - 4, count)


def _tables(model: bytearray, elements: range) -> list[int]:
    return [_follow(model, place) for place in elements]


def _ints(model: bytearray, elements: range) -> list[int]:
    return [_at(model, _SIGNED, place) for place in elements]


def _text(model: bytearray, table: int, number: int) -> bytes:
    field = _field(model, table, number)
    if not field:
        return b""
    start = _follow(model, field)
    return bytes(model[start + 4 : start + 4 + _uint(model, start)])
