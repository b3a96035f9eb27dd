"""Models as the Edge TPU compiler gives them, for the stand-in of libedgetpu."""

from __future__ import annotations

from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

CUSTOM_OP = b"edgetpu-custom-op"


def compiled_twin(model: bytes, *, is_reversed: bool = False) -> bytes:
    """The same model behind an `edgetpu-custom-op`, which only a delegate can run.

    The operator comes first and gives its inputs on unchanged, so that the answers are the CPU's.
    Without a delegate the interpreter says of it what it says of a really compiled model. The
    inputs keep their names, shapes and quantization. With `is_reversed` the last output is first.
    """
    graph = schema.ModelT.InitFromPackedBuf(model, 0)
    subgraph = graph.subgraphs[0]
    inner = [int(index) for index in subgraph.inputs]
    outer = {index: len(subgraph.tensors) + place for place, index in enumerate(inner)}
    for index in inner:
        tensor = subgraph.tensors[index]
        subgraph.tensors.append(_like(tensor))
        tensor.name = (tensor.name or b"input") + b"/edgetpu"
    subgraph.inputs = list(outer.values())
    subgraph.operators.insert(0, _custom_operator(graph, list(outer.values()), inner))
    for signature in graph.signatureDefs or ():
        for named in signature.inputs:
            named.tensorIndex = outer.get(named.tensorIndex, named.tensorIndex)
    if is_reversed:
        subgraph.outputs = subgraph.outputs[::-1]
    builder = flatbuffers.Builder(len(model) + 4096)
    builder.Finish(graph.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _like(tensor: Any) -> Any:
    """Another tensor of the same kind, without a value."""
    other = schema.TensorT()
    for name in ("shape", "type", "name", "quantization", "shapeSignature", "hasRank"):
        setattr(other, name, getattr(tensor, name))
    return other


def _custom_operator(graph: Any, inputs: list[int], outputs: list[int]) -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode = CUSTOM_OP
    code.version = 1
    operator = schema.OperatorT()
    operator.opcodeIndex = len(graph.operatorCodes)
    operator.inputs, operator.outputs = inputs, outputs
    operator.customOptions = list(b"a stand-in")
    graph.operatorCodes.append(code)
    return operator
