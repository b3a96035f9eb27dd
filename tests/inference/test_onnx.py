"""ONNX models in real worker processes: what they tell, answer and refuse."""

from __future__ import annotations

import gc
import importlib.util
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
import tiny_onnx
from hypothesis import given
from hypothesis import strategies as st

from edged.errors import EngineError, ModelError
from edged.inference.engine import Engine
from edged.inference.onnx_file import quantizations
from edged.sections import Inference
from edged.types import TensorInfo

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("onnxruntime") is None, reason="needs edged[onnx]"
)


@contextmanager
def running(*paths: Path, settings: Inference | None = None) -> Iterator[Engine]:
    engine = Engine(paths, settings or Inference(threads=1))
    try:
        engine.start()
        yield engine
    finally:
        engine.close()


def written(folder: Path, content: bytes, name: str = "model.onnx") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32", "float32"])
def test_the_answer_is_of_the_input_in_the_shared_memory(
    tmp_path: Path, layout: str, dtype: str
) -> None:
    path = written(tmp_path, tiny_onnx.colours(layout, dtype))
    with running(path) as engine:
        (model,) = engine.models
        shape = (1, 32, 32, 3) if layout == "nhwc" else (1, 3, 32, 32)
        assert model.signature.inputs == (TensorInfo("picture", dtype, shape),)
        assert model.signature.outputs == (TensorInfo("classes", "float32", (1, 3)),)
        channels = model.inputs[0] if layout == "nhwc" else model.inputs[0].transpose(0, 2, 3, 1)
        for colour in ((1, 2, 3), (100, 0, 7)):
            channels[...] = colour
            engine.invoke(0)
            assert model.outputs[0].tolist() == [pytest.approx(colour)]
        assert engine.accelerator == "cpu"


def test_an_open_batch_size_is_one_and_shapes_that_depend_on_it_are_found(tmp_path: Path) -> None:
    for answer in (("batch", 3), ("unknown", "unknown_2")):
        path = written(tmp_path, tiny_onnx.colours(batch="batch", answer=answer))
        with running(path) as engine:
            (signature,) = engine.signatures
            assert signature.inputs[0].shape == (1, 3, 32, 32)
            assert signature.outputs[0].shape == (1, 3)
            engine.models[0].inputs[0][...] = 5
            engine.invoke(0)
            assert engine.models[0].outputs[0].tolist() == [[5, 5, 5]]


@pytest.mark.parametrize("raw", [False, True])
def test_the_quantization_of_inputs_and_outputs_is_told(tmp_path: Path, *, raw: bool) -> None:
    path = written(tmp_path, tiny_onnx.quantized_colours((0.5, -3), (1 / 256, 4), raw=raw))
    with running(path) as engine:
        (signature,) = engine.signatures
        assert signature.inputs[0] == TensorInfo("picture", "int8", (1, 3, 32, 32), 0.5, -3)
        assert signature.outputs[0] == TensorInfo("classes", "uint8", (1, 3), 1 / 256, 4)
        (model,) = engine.models
        model.inputs[0][...] = -2  # stands for 0.5
        engine.invoke(0)
        assert model.outputs[0].tolist() == [[128 + 4] * 3]


@given(st.data())
def test_a_damaged_file_has_quantizations_or_none_and_never_a_fault(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    damaged = bytearray(tiny_onnx.quantized_colours((0.5, -3), (1 / 256, 4)))
    for place in data.draw(st.lists(st.integers(0, len(damaged) - 1), max_size=4)):
        damaged[place] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.onnx"
    path.write_bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    quantizations(path)


def test_both_runtimes_serve_in_one_worker(tmp_path: Path, pose_file: Path) -> None:
    path = written(tmp_path, tiny_onnx.colours())
    with running(pose_file, path) as engine:
        pose, labels = engine.models
        pose.inputs[0][...] = 250
        labels.inputs[0][...] = 7
        engine.invoke(0)
        engine.invoke(1)
        assert np.allclose(pose.outputs[0], 1.0)
        assert labels.outputs[0].tolist() == [[7, 7, 7]]
        lite, onnx = engine.runtime.split(", ")
        assert re.fullmatch(r"(ai_edge_litert|tflite_runtime) \S+", lite)
        assert re.fullmatch(r"onnxruntime \S+", onnx)


def test_a_worker_that_is_closed_ends_and_leaves_nothing(tmp_path: Path) -> None:
    gc.collect()
    before = psutil.Process().num_fds()
    with running(written(tmp_path, tiny_onnx.colours())) as engine:
        assert engine.worker_pid is not None
        worker = psutil.Process(engine.worker_pid)
    assert not worker.is_running()
    assert psutil.Process().num_fds() == before


GOOD = tiny_onnx.colours()
REFUSED = {
    "cut off": (GOOD[:100], "damaged, not whole or no ONNX model: copy or download it again"),
    "text": (b"no model at all", "damaged, not whole or no ONNX model: copy or download it again"),
    "zeros": (bytes(500), "damaged"),
    "of tomorrow": (
        tiny_onnx.identity(opset=99),
        r"newer \(Opset 99\) than onnxruntime \S+: upgrade that, or",
    ),
    "of next year": (
        tiny_onnx.identity(ir_version=99),
        r"newer \(IR version: 99\) than onnxruntime \S+: upgrade",
    ),
    "unknown operator": (
        tiny_onnx.identity("NobodyHasIt"),
        r"lacks an operator \(No Op registered for NobodyHasIt\): upgrade",
    ),
    "wrong type": (
        tiny_onnx.identity("ReduceMean", dtype="uint8"),
        "refuses it: .* Type Error: .*: export it again",
    ),
    "any height": (tiny_onnx.colours(size="height"), r"\[1, 3, height, height\], which leaves"),
    "no weights": (
        tiny_onnx.weights_elsewhere(),
        "its weights are in a second file, .*/weights.data: copy that there",
    ),
    "objects": (tiny_onnx.bright_pixels(), "export it without non-maximum suppression"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_run_is_refused_in_a_line_that_says_what_to_do(
    tmp_path: Path, what: str
) -> None:
    content, told = REFUSED[what]
    path = written(tmp_path, content)
    with pytest.raises(ModelError, match=told) as caught, running(path):
        pass
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    for noise in ("ONNXRuntimeError", "onnxruntime_src", "Load model from"):
        assert noise not in text


def test_a_missing_onnxruntime_is_told_and_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pose_file: Path
) -> None:
    (tmp_path / "without").mkdir()
    absent = "raise ModuleNotFoundError('No module named onnxruntime', name='onnxruntime')"
    (tmp_path / "without" / "onnxruntime.py").write_text(absent)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "without"))
    path = written(tmp_path, GOOD)
    with pytest.raises(ModelError) as caught, running(path):
        pass
    assert str(caught.value) == (
        f"{path}: ONNX models need onnxruntime, which is not installed here: "
        'pip install "edged[onnx]", or convert the model to TensorFlow Lite'
    )
    with running(pose_file):
        pass  # which needs none


def test_an_invoke_that_fails_is_no_answer(tmp_path: Path) -> None:
    path = written(tmp_path, tiny_onnx.fails_on_bright_pictures())
    with running(path) as engine:
        engine.models[0].inputs[0][...] = 0
        engine.invoke(0)
        engine.models[0].inputs[0][...] = 200
        with pytest.raises(EngineError, match="indices"):
            engine.invoke(0)
