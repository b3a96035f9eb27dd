"""PoseNet's last operator is cut off in memory, whatever else lies in the file."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
import tiny_models
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given
from hypothesis import strategies as st

from edged.errors import ModelError
from edged.inference import graphs
from edged.inference.engine import Engine
from edged.sections import Inference

POSENET = "posenet_mobilenet_v1_075_353_481_16_quant_decoder"
MAPS = [(1, 23, 31, 17), (1, 23, 31, 34), (1, 23, 31, 64)]


def read(model: bytes) -> Any:
    return schema.ModelT.InitFromPackedBuf(model, 0)


def told(thing: Any) -> Any:
    """What a schema object holds, to be compared."""
    if hasattr(thing, "__dict__"):
        return {name: told(value) for name, value in vars(thing).items()}
    if isinstance(thing, list):
        return [told(value) for value in thing]
    return thing.tolist() if isinstance(thing, np.ndarray) else thing


def with_two_graphs(model: bytes) -> bytes:
    whole = read(model)
    whole.subgraphs = [whole.subgraphs[0]] * 2
    builder = flatbuffers.Builder(1024)
    builder.Finish(whole.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def test_only_the_operator_goes_and_its_inputs_come_out() -> None:
    model = tiny_models.posenet_model()
    expected = read(model)
    (graph,) = expected.subgraphs
    graph.outputs = graph.operators[-1].inputs
    graph.operators.pop()
    cut = graphs.without_decoder(model)
    assert told(read(cut)) == told(expected)
    assert len(cut) == len(model)


@pytest.mark.parametrize(
    "model",
    [
        tiny_models.pose_model(),
        tiny_models.classifier(),
        tiny_models.posenet_model(decoder="AnotherOp"),
        with_two_graphs(tiny_models.posenet_model()),
        b"",
        b"PosenetDecoderOp",
        b"\x1c\x00\x00\x00TFL3PosenetDecoderOp" + bytes(60),
    ],
    ids=["pose", "labels", "another", "two graphs", "empty", "name only", "no graph"],
)
def test_what_is_no_such_model_stays_as_it_is(model: bytes) -> None:
    assert graphs.without_decoder(model) == model


def test_a_model_that_was_cut_is_not_cut_again() -> None:
    cut = graphs.without_decoder(tiny_models.posenet_model())
    assert graphs.without_decoder(cut) == cut


@given(st.data())
def test_a_damaged_model_is_nothing_to_fail_about(data: st.DataObject) -> None:
    damaged = bytearray(tiny_models.posenet_model())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(damaged) - 4))
        struct.pack_into("<I", damaged, place, data.draw(st.integers(0, 2**32 - 1)))
    end = data.draw(st.integers(0, len(damaged)))
    assert len(graphs.without_decoder(bytes(damaged[:end]))) == end


def test_the_interpreter_gets_the_path_of_all_others(tmp_path: Path, pose_file: Path) -> None:
    empty = tmp_path / "empty.tflite"
    empty.touch()
    for path in (pose_file, empty, tmp_path / "missing.tflite", tmp_path):
        assert graphs.given(str(path)) == {"model_path": str(path)}


def test_the_file_stays_as_it_is_and_alone(tmp_path: Path) -> None:
    path = tmp_path / "posenet.tflite"
    path.write_bytes(tiny_models.posenet_model())
    path.chmod(0o400)
    before = path.stat()
    assert graphs.given(str(path)).keys() == {"model_content"}
    assert path.read_bytes() == tiny_models.posenet_model()
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert [*tmp_path.iterdir()] == [path]


def test_a_worker_runs_the_graph_that_is_left(tmp_path: Path) -> None:
    path = tmp_path / "posenet.tflite"
    path.write_bytes(tiny_models.posenet_model(rows=3, columns=4))
    engine = Engine([path], Inference(threads=1))
    try:
        (model,) = engine.start()
        assert [tensor.shape for tensor in model.signature.outputs] == [
            (1, 3, 4, channels) for channels in (17, 34, 64)
        ]
        stored = np.random.default_rng(5).integers(0, 256, 3 * 4 * 115, np.uint8)
        model.inputs[0].reshape(-1)[: len(stored)] = stored
        engine.invoke(0)
        told = np.concatenate([output.reshape(-1) for output in model.outputs])
        assert np.array_equal(told, stored)
    finally:
        engine.close()


def test_an_operator_that_nobody_knows_is_still_told(tmp_path: Path) -> None:
    path = tmp_path / "other.tflite"
    path.write_bytes(tiny_models.posenet_model(decoder="AnotherOp"))
    engine = Engine([path], Inference(threads=1))
    with pytest.raises(ModelError, match=r"other\.tflite: .*unresolved custom op: AnotherOp"):
        engine.start()


@pytest.mark.parametrize("any_size", [False, True])
def test_an_input_of_any_size_gets_one(tmp_path: Path, any_size: bool) -> None:  # noqa: FBT001
    path = tmp_path / "multipose.tflite"
    path.write_bytes(tiny_models.multipose_model(any_size=any_size))
    engine = Engine([path], Inference(threads=1))
    try:
        (model,) = engine.start()
        side = graphs.SIDE if any_size else 32
        assert model.signature.inputs[0].shape == (1, side, side, 3)
        assert model.signature.outputs[0].shape == (1, 6, 56)
        model.inputs[0].reshape(-1)[: 6 * 56] = 100
        engine.invoke(0)
        assert model.outputs[0] == pytest.approx(0.5)
    finally:
        engine.close()


# Coral's files


def test_coral_s_posenet_gives_its_maps(shared: Path) -> None:
    given = graphs.given(str(shared / "models" / f"{POSENET}.tflite"))
    interpreter = Interpreter(**given)
    interpreter.allocate_tensors()
    outputs = interpreter.get_output_details()
    assert [tuple(output["shape"]) for output in outputs] == MAPS
    assert [output["dtype"] for output in outputs] == [np.uint8] * 3


def test_what_is_left_of_the_compiled_half_is_the_edge_tpu_s(shared: Path) -> None:
    path = shared / "models" / f"{POSENET}_edgetpu.tflite"
    cut = graphs.given(str(path))["model_content"]
    (graph,) = read(cut).subgraphs
    (operator,) = graph.operators
    codes = read(cut).operatorCodes
    assert codes[operator.opcodeIndex].customCode == b"edgetpu-custom-op"
    assert [tuple(graph.tensors[place].shape) for place in graph.outputs] == MAPS
    assert graph.outputs.tolist() == operator.outputs.tolist()
    with pytest.raises(RuntimeError, match="unresolved custom op: edgetpu-custom-op"):
        Interpreter(model_content=cut).allocate_tensors()


def test_an_input_that_is_no_picture_stays_as_it_is() -> None:
    interpreter = Interpreter(model_content=tiny_models.sound_model())
    graphs.settle(interpreter)
    interpreter.allocate_tensors()
    assert interpreter.get_input_details()[0]["shape"].tolist() == [8]
