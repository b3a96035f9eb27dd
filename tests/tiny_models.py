"""Real TensorFlow Lite models of a few hundred bytes, whose outputs are written in their inputs.

They let tests know what an interpreter must answer, without any trained weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

TYPES = {"uint8": schema.TensorType.UINT8, "float32": schema.TensorType.FLOAT32}


@dataclass
class _Graph:
    buffers: list[Any] = field(default_factory=lambda: [schema.BufferT()])
    tensors: list[Any] = field(default_factory=list)
    operators: list[Any] = field(default_factory=list)
    codes: list[Any] = field(default_factory=list)

    def tensor(
        self,
        shape: Sequence[int],
        dtype: str,
        value: np.ndarray[Any, Any] | None = None,
        quantization: tuple[float, int] | None = None,
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


def _first_bytes(graph: _Graph, size: int, count: int) -> tuple[int, int]:
    """The picture [1, size, size, 3] and its first `count` bytes, [1, count] uint8."""
    picture = graph.tensor((1, size, size, 3), "uint8")
    flat = graph.tensor((1, size * size * 3), "uint8")
    graph.operator("RESHAPE", [picture, graph.constant([1, size * size * 3])], [flat])
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
    graph = _Graph()
    picture, first = _first_bytes(graph, size, 51)
    real = graph.tensor((1, 51), "float32")
    graph.operator("CAST", [first], [real], schema.CastOptionsT())
    divided = graph.tensor((1, 51), "float32")
    by = graph.tensor((1,), "float32", np.asarray([1 / divisor], np.float32))
    graph.operator("MUL", [real, by], [divided], schema.MulOptionsT())
    out = graph.tensor((1, 1, 17, 3), "float32")
    graph.operator("RESHAPE", [divided, graph.constant([1, 1, 17, 3])], [out])
    return graph.pack([picture], [out])


def heatmap_model(rows: int = 3, columns: int = 4, size: int = 32) -> bytes:
    """Heatmaps with offsets: uint8 [1, size, size, 3] in, uint8 [1, rows, columns, 51] out.

    They are the first bytes of the picture, each of 1/100.
    """
    graph = _Graph()
    picture, first = _first_bytes(graph, size, rows * columns * 51)
    out = graph.tensor((1, rows, columns, 51), "uint8", quantization=(1 / 100, 0))
    graph.tensors[first].quantization = graph.tensors[out].quantization
    graph.operator("RESHAPE", [first, graph.constant([1, rows, columns, 51])], [out])
    return graph.pack([picture], [out])


def classifier(classes: int = 4, size: int = 32) -> bytes:
    """A classifier: uint8 [1, size, size, 3] in, [1, classes] uint8 (scale 1/256) out.

    The scores are the first bytes of the picture.
    """
    graph = _Graph()
    picture, first = _first_bytes(graph, size, classes)
    graph.tensors[first].quantization = schema.QuantizationParametersT()
    graph.tensors[first].quantization.scale = [1 / 256]
    graph.tensors[first].quantization.zeroPoint = [0]
    return graph.pack([picture], [first])


def float_classifier(factor: float, classes: int = 4, size: int = 32) -> bytes:
    """A classifier with float scores: the first bytes of the picture times `factor`."""
    graph = _Graph()
    picture, first = _first_bytes(graph, size, classes)
    real = graph.tensor((1, classes), "float32")
    graph.operator("CAST", [first], [real], schema.CastOptionsT())
    out = graph.tensor((1, classes), "float32")
    by = graph.tensor((1,), "float32", np.asarray([factor], np.float32))
    graph.operator("MUL", [real, by], [out], schema.MulOptionsT())
    return graph.pack([picture], [out])


def many_outputs(count: int, size: int = 32) -> bytes:
    """A model with as many outputs, each [1, 1] uint8: their description is long."""
    graph = _Graph()
    picture, first = _first_bytes(graph, size, count)
    outputs = []
    for place in range(count):
        out = graph.tensor((1, 1), "uint8")
        begin, extent = graph.constant([0, place]), graph.constant([1, 1])
        graph.operator("SLICE", [first, begin, extent], [out], schema.SliceOptionsT())
        outputs.append(out)
    return graph.pack([picture], outputs)
