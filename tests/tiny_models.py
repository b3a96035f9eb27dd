"""Real TensorFlow Lite models of a few hundred bytes, whose outputs are written in their inputs.

They let tests know what an interpreter must answer, without any trained weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

TYPES = {
    "uint8": schema.TensorType.UINT8,
    "int8": schema.TensorType.INT8,
    "float32": schema.TensorType.FLOAT32,
}


Quantization: TypeAlias = tuple[float, int]
"""Scale and zero point."""


@dataclass
class Graph:
    """A graph that is being written: tensors and operators are added, then it is packed."""

    buffers: list[Any] = field(default_factory=lambda: [schema.BufferT()])
    tensors: list[Any] = field(default_factory=list)
    operators: list[Any] = field(default_factory=list)
    codes: list[Any] = field(default_factory=list)

    def tensor(
        self,
        shape: Sequence[int],
        dtype: str,
        value: np.ndarray[Any, Any] | None = None,
        quantization: Quantization | None = None,
    ) -> int:
        tensor = schema.TensorT()
        tensor.shape = list(shape)
        tensor.type = TYPES[dtype] if value is None or dtype in TYPES else schema.TensorType.INT32
        tensor.name = f"t{len(self.tensors)}"
        if value is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(value.tobytes(), np.uint8)
            tensor.buffer = len(self.buffers)
            self.buffers.append(buffer)
        if quantization is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = [quantization[0]]
            tensor.quantization.zeroPoint = [quantization[1]]
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def constant(self, values: Sequence[int]) -> int:
        array = np.asarray(values, np.int32)
        return self.tensor(array.shape, "int32", array)

    def operator(
        self, name: str, inputs: Sequence[int], outputs: Sequence[int], options: Any = None
    ) -> None:
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self.codes)
        operator.inputs, operator.outputs = list(inputs), list(outputs)
        if options is not None:
            operator.builtinOptions = options
            operator.builtinOptionsType = getattr(
                schema.BuiltinOptions, type(options).__name__.removesuffix("T")
            )
        self.codes.append(code)
        self.operators.append(operator)

    def custom(self, name: str, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        """An operator that no runtime has."""
        self.operator("CUSTOM", inputs, outputs)
        self.codes[-1].customCode = name

    def part(self, of: int, begin: int, shape: Sequence[int], quantization: Quantization) -> int:
        """Some of the bytes [1, n], in another shape."""
        count = int(np.prod(shape))
        flat = self.tensor((1, count), "uint8", quantization=quantization)
        ends = [self.constant([0, begin]), self.constant([1, count])]
        self.operator("SLICE", [of, *ends], [flat], schema.SliceOptionsT())
        shaped = self.tensor(shape, "uint8", quantization=quantization)
        self.operator("RESHAPE", [flat, self.constant(shape)], [shaped])
        return shaped

    def real(self, bytes_of: int, shape: Sequence[int], divisor: float) -> int:
        """The bytes [1, n] divided, as float32 in another shape."""
        count = int(np.prod(shape))
        real, divided = (self.tensor((1, count), "float32") for _ in range(2))
        self.operator("CAST", [bytes_of], [real], schema.CastOptionsT())
        by = self.tensor((1,), "float32", np.asarray([1 / divisor], np.float32))
        self.operator("MUL", [real, by], [divided], schema.MulOptionsT())
        out = self.tensor(shape, "float32")
        self.operator("RESHAPE", [divided, self.constant(shape)], [out])
        return out

    def pack(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        subgraph = schema.SubGraphT()
        subgraph.tensors, subgraph.operators = self.tensors, self.operators
        subgraph.inputs, subgraph.outputs = list(inputs), list(outputs)
        model = schema.ModelT()
        model.version = 3
        model.operatorCodes, model.subgraphs, model.buffers = self.codes, [subgraph], self.buffers
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())


def _first_bytes(graph: Graph, size: int, count: int, height: int = 0) -> tuple[int, int]:
    """The picture [1, height or size, size, 3] and its first `count` bytes, [1, count] uint8."""
    shape = (1, height or size, size, 3)
    picture = graph.tensor(shape, "uint8")
    flat = graph.tensor((1, int(np.prod(shape))), "uint8")
    graph.operator("RESHAPE", [picture, graph.constant([1, -1])], [flat])
    first = graph.tensor((1, count), "uint8")
    graph.operator(
        "SLICE",
        [flat, graph.constant([0, 0]), graph.constant([1, count])],
        [first],
        schema.SliceOptionsT(),
    )
    return picture, first


def pose_model(size: int = 32, divisor: float = 250.0) -> bytes:
    """A MoveNet-shaped model: uint8 [1, size, size, 3] in, float32 [1, 1, 17, 3] out.

    The keypoints (y, x, score) are the first 51 bytes of the picture, divided by `divisor`; NaN
    makes a model whose every answer is worthless.
    """
    graph = Graph()
    picture, first = _first_bytes(graph, size, 51)
    return graph.pack([picture], [graph.real(first, (1, 1, 17, 3), divisor)])


def multipose_model(*, any_size: bool = False, divisor: float = 200.0) -> bytes:
    """A model shaped as MoveNet MultiPose: uint8 [1, 32, 32, 3] in, float32 [1, 6, 56] out.

    The output is the first bytes of the picture, divided. With `any_size` the input is
    [1, 1, 1, 3], and of any height and width by its signature, as the real one's is.
    """
    graph = Graph()
    picture, first = _first_bytes(graph, 32, 6 * 56)
    if any_size:
        graph.tensors[picture].shape = [1, 1, 1, 3]
        graph.tensors[picture].shapeSignature = [1, -1, -1, 3]
    return graph.pack([picture], [graph.real(first, (1, 6, 56), divisor)])


def yolo_model(dtype: str = "float32", *, transposed: bool = False) -> bytes:
    """A model shaped as YOLO pose: uint8 [1, 32, 32, 3] in, [1, 56, 21] or [1, 21, 56] out.

    The output's real values are the first bytes of the picture, each of 1/200.
    """
    graph = Graph()
    shape = (1, 21, 56) if transposed else (1, 56, 21)
    picture, first = _first_bytes(graph, 32, 56 * 21)
    if dtype == "float32":
        return graph.pack([picture], [graph.real(first, shape, 200.0)])
    stored = graph.part(first, 0, shape, (1 / 200, 0))
    if dtype == "int8":
        shifted = graph.tensor(shape, "int8", quantization=(1 / 200, -128))
        graph.operator("QUANTIZE", [stored], [shifted], schema.QuantizeOptionsT())
        stored = shifted
    return graph.pack([picture], [stored])


POSENET = ((0.1, 128), (1.0, 128), (1.0, 128))
"""Quantization of heats, short and middle offsets."""


def posenet_model(rows: int = 3, columns: int = 4, decoder: str = "PosenetDecoderOp") -> bytes:
    """A model shaped as Coral's PoseNet: uint8 [1, height, width, 3] in, the decoder's outputs out.

    A cell is 16 pixels, so that 3 x 4 of them are over 33 x 49 pixels. The heats, short and middle
    offsets are the first bytes of the picture, see `POSENET`.
    """
    graph = Graph()
    cells = rows * columns
    height, width = 16 * (rows - 1) + 1, 16 * (columns - 1) + 1
    picture, first = _first_bytes(graph, width, cells * (17 + 34 + 64), height)
    maps, begin = [], 0
    for channels, quantization in zip((17, 34, 64), POSENET, strict=True):
        maps.append(graph.part(first, begin, (1, rows, columns, channels), quantization))
        begin += cells * channels
    decoded = [graph.tensor((), "float32") for _ in range(4)]
    graph.custom(decoder, maps, decoded)
    return graph.pack([picture], decoded)


def heatmap_model(rows: int = 3, columns: int = 4, size: int = 32) -> bytes:
    """Heatmaps with offsets: uint8 [1, size, size, 3] in, uint8 [1, rows, columns, 51] out.

    They are the first bytes of the picture, each of 1/100.
    """
    graph = Graph()
    picture, first = _first_bytes(graph, size, rows * columns * 51)
    out = graph.tensor((1, rows, columns, 51), "uint8", quantization=(1 / 100, 0))
    graph.tensors[first].quantization = graph.tensors[out].quantization
    graph.operator("RESHAPE", [first, graph.constant([1, rows, columns, 51])], [out])
    return graph.pack([picture], [out])


def classifier(classes: int = 4, size: int = 32) -> bytes:
    """A classifier: uint8 [1, size, size, 3] in, [1, classes] uint8 (scale 1/256) out.

    The scores are the first bytes of the picture.
    """
    graph = Graph()
    picture, first = _first_bytes(graph, size, classes)
    graph.tensors[first].quantization = schema.QuantizationParametersT()
    graph.tensors[first].quantization.scale = [1 / 256]
    graph.tensors[first].quantization.zeroPoint = [0]
    return graph.pack([picture], [first])


def float_classifier(factor: float, classes: int = 4, size: int = 32) -> bytes:
    """A classifier with float scores: the first bytes of the picture times `factor`."""
    graph = Graph()
    picture, first = _first_bytes(graph, size, classes)
    real = graph.tensor((1, classes), "float32")
    graph.operator("CAST", [first], [real], schema.CastOptionsT())
    out = graph.tensor((1, classes), "float32")
    by = graph.tensor((1,), "float32", np.asarray([factor], np.float32))
    graph.operator("MUL", [real, by], [out], schema.MulOptionsT())
    return graph.pack([picture], [out])


def sound_model() -> bytes:
    """No picture: float32 [8] in, float32 [1, 8] out."""
    graph = Graph()
    samples, out = graph.tensor((8,), "float32"), graph.tensor((1, 8), "float32")
    graph.operator("RESHAPE", [samples, graph.constant([1, 8])], [out])
    return graph.pack([samples], [out])


def many_outputs(count: int, size: int = 32) -> bytes:
    """A model with as many outputs, each [1, 1] uint8: their description is long."""
    graph = Graph()
    picture, first = _first_bytes(graph, size, count)
    outputs = []
    for place in range(count):
        out = graph.tensor((1, 1), "uint8")
        begin, extent = graph.constant([0, place]), graph.constant([1, 1])
        graph.operator("SLICE", [first, begin, extent], [out], schema.SliceOptionsT())
        outputs.append(out)
    return graph.pack([picture], outputs)
