"""What a TensorFlow Lite model is made of, and what of it the Edge TPU compiler would not take.

The rules are those of https://coral.ai/docs/edgetpu/models-intro/#supported-operations (compiler
16) and of what its users met: a graph that keeps to them may still be refused, for a tensor too
large or for a loss of precision. Only the compiler itself, `edgetpu_compiler`, can tell that.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edged.errors import ModelError

_MAPPED_DIMENSIONS = 3
_SOFTMAX_ELEMENTS = 16_000
_LANES = 4
_BYTES = {"INT8", "UINT8"}
_BIASES = {"INT32"}


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a graph."""

    shape: tuple[int, ...]
    dynamic: bool
    """A dimension is known only when the model runs."""
    dtype: str
    """As the schema calls it: INT8, FLOAT32."""
    constant: Any
    """Its values where they are in the file, else None."""


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator of a graph."""

    name: str
    """As the schema calls it: CONV_2D."""
    version: int
    options: Any
    """Of the schema, or None."""
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Operators that would run on the CPU."""

    name: str
    reason: str
    count: int


def operators(model: bytes) -> list[Operator]:
    """The operators of a model, in the order in which they run.

    Raises:
        ModelError: these bytes are no model of TensorFlow Lite, damaged, or of several graphs.
    """
    if model[4:8] != b"TFL3":
        raise ModelError("not a TensorFlow Lite model: bytes 4 to 8 are not TFL3")
    try:
        return _operators(schema.ModelT.InitFromPackedBuf(bytearray(model)))
    except (struct.error, IndexError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise ModelError(f"a damaged TensorFlow Lite model: {error}") from error


def _operators(graphs: Any) -> list[Operator]:
    if len(graphs.subgraphs) != 1:
        raise ModelError(f"a model of {len(graphs.subgraphs)} graphs: only one can be compiled")
    (graph,) = graphs.subgraphs
    tensors = [_tensor(tensor, graphs.buffers) for tensor in graph.tensors]
    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if name[0].isupper()}
    found = []
    for operator in graph.operators:
        code = graphs.operatorCodes[operator.opcodeIndex]
        number = max(code.builtinCode, code.deprecatedBuiltinCode)
        custom = code.customCode.decode() if code.customCode else None
        found.append(
            Operator(
                name=custom or names[number],
                version=code.version,
                options=operator.builtinOptions,
                inputs=tuple(None if at < 0 else tensors[at] for at in operator.inputs),
                outputs=tuple(tensors[at] for at in operator.outputs),
            )
        )
    return found


def _tensor(tensor: Any, buffers: Any) -> Tensor:
    names = {code: name for name, code in vars(schema.TensorType).items() if name[0].isupper()}
    shape = tuple(int(size) for size in (() if tensor.shape is None else tensor.shape))
    signature = () if tensor.shapeSignature is None else tensor.shapeSignature
    data = buffers[tensor.buffer].data
    dtype = names[tensor.type]
    values = None
    if data is not None and len(data):
        kind = {"INT32": np.int32, "INT8": np.int8}.get(dtype, np.uint8)
        values = np.frombuffer(bytes(data), kind)
    return Tensor(shape, any(size < 0 for size in signature), dtype, values)


def refusals(found: list[Operator]) -> list[Refusal]:
    """What the Edge TPU compiler would leave to the CPU, and why; the first reason of each."""
    told = Counter((one.name, reason) for one in found if (reason := refusal(one)) is not None)
    return [Refusal(name, reason, count) for (name, reason), count in told.items()]


def refusal(operator: Operator) -> str | None:
    """Why the compiler would not take an operator; None: it would."""
    if operator.name not in _RULES:
        return "the Edge TPU has no such operator"
    return next(chain(_general(operator), _RULES[operator.name](operator)), None)


def _general(operator: Operator) -> Iterator[str]:
    """What holds for every operator."""
    present = [tensor for tensor in operator.inputs if tensor is not None]
    for tensor in (*present, *operator.outputs):
        if tensor.dynamic:
            yield "a size is known only at run time: convert with a batch of 1 and fixed sizes"
    for tensor in operator.outputs:
        if tensor.dtype not in _BYTES:
            yield f"its output is {tensor.dtype.lower()}, not int8: quantize fully"
    for tensor in present:
        parameters = tensor.constant is not None or tensor.dtype in _BIASES
        if tensor.dtype not in _BYTES and not parameters:
            yield f"its input is {tensor.dtype.lower()}, not int8: quantize fully"
    for tensor in (*(one for one in present if one.constant is None), *operator.outputs):
        large = sum(size > 1 for size in tensor.shape[:-_MAPPED_DIMENSIONS])
        if large:
            yield f"a tensor {list(tensor.shape)} has more than three sizes above 1"


def _always(_: Operator) -> Iterator[str]:
    yield from ()


def _no_activation(operator: Operator) -> Iterator[str]:
    if operator.options.fusedActivationFunction != schema.ActivationFunctionType.NONE:
        yield "it has a fused activation function: put that behind it, as a layer"


def _convolution(operator: Operator) -> Iterator[str]:
    options = operator.options
    if options.dilationWFactor != options.dilationHFactor:
        yield "it is dilated differently in x and y"
    if any(one is not None and one.constant is None for one in operator.inputs[1:]):
        yield "its weights or biases are not constant"


def _concatenation(operator: Operator) -> Iterator[str]:
    yield from _no_activation(operator)
    constants = [one for one in operator.inputs if one is not None and one.constant is not None]
    if constants and (len(operator.inputs) > 2 or np.any(constants[0].constant)):  # noqa: PLR2004
        yield "a constant is joined that is not all zeros, or to more than one other tensor"


def _fully_connected(operator: Operator) -> Iterator[str]:
    if operator.options.weightsFormat != schema.FullyConnectedOptionsWeightsFormat.DEFAULT:
        yield "its weights are not in the default format"
    if sum(size > 1 for size in operator.outputs[0].shape) > 1:
        yield "its output has more than one dimension"


def _resize_nearest(operator: Operator) -> Iterator[str]:
    # The bilinear one is taken so by compiler 16: Coral's MoveNet has it.
    if getattr(operator.options, "halfPixelCenters", False):
        yield "half_pixel_centers, which compilers up to 15 refuse (google-coral/edgetpu #187)"


def _softmax(operator: Operator) -> Iterator[str]:
    shape = operator.outputs[0].shape
    if sum(size > 1 for size in shape) > 1 or max(shape, default=1) > _SOFTMAX_ELEMENTS:
        yield f"it takes one dimension of at most {_SOFTMAX_ELEMENTS} elements"


def _strided_slice(operator: Operator) -> Iterator[str]:
    options = operator.options
    if options.ellipsisMask or options.newAxisMask:
        yield "it has an ellipsis mask or a new-axis mask"
    strides = operator.inputs[3].constant if operator.inputs[3] is not None else None
    if strides is None or (strides != 1).any():
        yield "its strides are not all 1"


def _not_the_batch(operator: Operator) -> Iterator[str]:
    """For operators whose second input tells the dimensions."""
    axes = operator.inputs[1].constant if operator.inputs[1] is not None else None
    first = operator.inputs[0]
    rank = len(first.shape) if first is not None else 0
    if axes is None or rank == 0 or (axes % rank == 0).any():
        yield "it reduces the batch"


def _mean(operator: Operator) -> Iterator[str]:
    yield from _not_the_batch(operator)
    first, second = operator.inputs[:2]
    if first is None or second is None or second.constant is None:
        return
    rank = len(first.shape)
    if rank - 1 in second.constant % rank and first.shape[-1] % _LANES:
        yield f"it reduces the channels, whose number is no multiple of {_LANES}"


def _pack(operator: Operator) -> Iterator[str]:
    if operator.options.axis % len(operator.outputs[0].shape) == 0:
        yield "it packs into the batch"


def _split(operator: Operator) -> Iterator[str]:
    axis, divided = operator.inputs[:2]
    rank = len(divided.shape) if divided is not None else 0
    if axis is None or axis.constant is None or rank == 0 or axis.constant[0] % rank == 0:
        yield "it splits the batch"


def _pad(operator: Operator) -> Iterator[str]:
    amounts = operator.inputs[1].constant if operator.inputs[1] is not None else None
    if amounts is None or amounts[:2].any():
        yield "it pads the batch"


def _transpose_convolution(operator: Operator) -> Iterator[str]:
    if any(one is not None and one.constant is None for one in operator.inputs[:2]):
        yield "its weights or its output's size are not constant"


def _prelu(operator: Operator) -> Iterator[str]:
    alpha = operator.inputs[1]
    if alpha is None or sum(size > 1 for size in alpha.shape[:-1]):
        yield "its slopes differ within a channel: use shared_axes=[1, 2]"


_Rule: TypeAlias = Callable[[Operator], Iterator[str]]

_RULES: dict[str, _Rule] = {
    "ADD": _always,
    "AVERAGE_POOL_2D": _no_activation,
    "CONCATENATION": _concatenation,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "EXPAND_DIMS": _always,
    "FULLY_CONNECTED": _fully_connected,
    "L2_NORMALIZATION": _always,
    "LOGISTIC": _always,
    "MAXIMUM": _always,
    "MAX_POOL_2D": _no_activation,
    "MEAN": _mean,
    "MINIMUM": _always,
    "MUL": _always,
    "PACK": _pack,
    "PAD": _pad,
    "PRELU": _prelu,
    "QUANTIZE": _always,
    "REDUCE_MAX": _not_the_batch,
    "REDUCE_MIN": _not_the_batch,
    "RELU": _always,
    "RELU6": _always,
    "RELU_N1_TO_1": _always,
    "RESHAPE": _always,
    "RESIZE_BILINEAR": _always,
    "RESIZE_NEAREST_NEIGHBOR": _resize_nearest,
    "RSQRT": _always,
    "SLICE": _always,
    "SOFTMAX": _softmax,
    "SPACE_TO_DEPTH": _always,
    "SPLIT": _split,
    "SQUARED_DIFFERENCE": _always,
    "SQUEEZE": _always,
    "STRIDED_SLICE": _strided_slice,
    "SUB": _always,
    "SUM": _not_the_batch,
    "TANH": _always,
    "TRANSPOSE": _always,
    "TRANSPOSE_CONV": _transpose_convolution,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _always,
}
