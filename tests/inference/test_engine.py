"""The engine against real worker processes, with real signals."""

from __future__ import annotations

import gc
import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import tiny_models

from edged.errors import EngineError, ModelError
from edged.inference.engine import Engine
from edged.sections import Inference

DEADLINE_S = 10.0


@pytest.fixture
def engine(pose_file: Path) -> Iterator[Engine]:
    engine = Engine([pose_file], Inference(threads=1))
    engine.start()
    yield engine
    engine.close()


def wait_for(condition: Callable[[], bool], deadline_s: float = DEADLINE_S) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.005)


def ask(engine: Engine, first: int) -> float:
    """Write a byte into the picture; the tiny model tells it back as the nose's y."""
    (picture,) = engine.models[0].inputs
    picture.reshape(-1)[:51] = first
    engine.invoke(0)
    return float(engine.models[0].outputs[0][0, 0, 0, 0])


def test_the_answer_is_of_the_input_in_the_shared_memory(engine: Engine) -> None:
    for value in (0, 25, 250):
        assert ask(engine, value) == pytest.approx(value / 250)


def test_the_model_tells_its_tensors(engine: Engine) -> None:
    (model,) = engine.models
    (signature,) = engine.signatures
    assert (signature.inputs[0].shape, signature.inputs[0].dtype) == ((1, 32, 32, 3), "uint8")
    assert (signature.outputs[0].shape, signature.outputs[0].dtype) == ((1, 1, 17, 3), "float32")
    assert model.inputs[0].shape == (1, 32, 32, 3)
    assert model.warmup_ns > 0
    assert engine.runtime.startswith(("ai_edge_litert", "tflite_runtime"))


def test_one_worker_holds_several_models(pose_file: Path, tmp_path: Path) -> None:
    classifier = tmp_path / "classifier.tflite"
    classifier.write_bytes(tiny_models.classifier(classes=4))
    engine = Engine([pose_file, classifier], Inference())
    try:
        pose, labels = engine.start()
        labels.inputs[0].reshape(-1)[:4] = (1, 2, 3, 4)
        pose.inputs[0][...] = 250
        engine.invoke(0)
        engine.invoke(1)
        assert labels.outputs[0].tolist() == [[1, 2, 3, 4]]
        assert labels.signature.outputs[0].scale == pytest.approx(1 / 256)
        assert np.all(pose.outputs[0] == pytest.approx(1.0))
    finally:
        engine.close()


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_a_dead_worker_is_told_and_replaced(engine: Engine, fault: signal.Signals) -> None:
    before = engine.worker_pid
    assert before is not None
    os.kill(before, fault)
    with pytest.raises(EngineError, match=fault.name):
        ask(engine, 1)
    wait_for(lambda: engine.wait_ready(0.1))
    assert ask(engine, 50) == pytest.approx(0.2)
    assert engine.worker_pid != before
    assert engine.restarts == 1
    assert engine.problem is None


def test_a_hanging_worker_is_killed_at_the_deadline(pose_file: Path) -> None:
    engine = Engine([pose_file], Inference(deadline_ms=100))
    try:
        engine.start()
        before = engine.worker_pid
        assert before is not None
        os.kill(before, signal.SIGSTOP)
        with pytest.raises(EngineError, match="no answer within 100 ms"):
            ask(engine, 1)
        wait_for(lambda: engine.wait_ready(0.1) and not psutil.pid_exists(before))
        assert ask(engine, 50) == pytest.approx(0.2)
    finally:
        engine.close()


def test_while_no_worker_is_ready_there_is_no_answer_rather_than_an_old_one(
    engine: Engine,
) -> None:
    assert engine.worker_pid is not None
    ask(engine, 50)
    os.kill(engine.worker_pid, signal.SIGKILL)
    with pytest.raises(EngineError):
        engine.invoke(0)
    with pytest.raises(EngineError):
        engine.invoke(0)
    with pytest.raises(EngineError):
        _ = engine.models


def test_an_invoke_that_fails_is_an_error_with_the_runtimes_words(shared: Path) -> None:
    engine = Engine([shared / "models" / "model_invoking_error.tflite"], Inference())
    with pytest.raises(ModelError, match=r"model_invoking_error\.tflite: "):
        engine.start()


@pytest.mark.parametrize(
    "content",
    [b"", b"no model at all", tiny_models.pose_model()[:600], bytes(4) + b"TFL3" + bytes(500)],
    ids=["empty", "text", "truncated", "zeros"],
)
def test_a_broken_file_is_an_error_that_names_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.tflite"
    path.write_bytes(content)
    engine = Engine([path], Inference())
    with pytest.raises((ModelError, EngineError), match=r"broken\.tflite|worker was killed"):
        engine.start()
    assert engine.worker_pid is None


def test_a_model_with_a_description_longer_than_a_message_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "many.tflite"
    path.write_bytes(tiny_models.many_outputs(900))
    engine = Engine([path], Inference())
    try:
        (model,) = engine.start()
        model.inputs[0].reshape(-1)[:900] = np.arange(900) % 256
        engine.invoke(0)
        assert [int(output[0, 0]) for output in model.outputs] == [i % 256 for i in range(900)]
    finally:
        engine.close()


def test_an_abort_from_another_thread_ends_the_invoke_and_every_restart(pose_file: Path) -> None:
    engine = Engine([pose_file], Inference(deadline_ms=60_000))
    engine.start()
    assert engine.worker_pid is not None
    worker = psutil.Process(engine.worker_pid)
    worker.suspend()
    timer = threading.Timer(0.2, engine.abort)
    timer.start()
    with pytest.raises(EngineError, match="SIGKILL"):
        ask(engine, 1)
    assert not engine.wait_ready(0.01)
    assert not worker.is_running()
    timer.join()
    engine.close()


def test_a_model_that_vanishes_is_told_and_used_again_when_it_is_back(
    engine: Engine, pose_file: Path
) -> None:
    content = pose_file.read_bytes()
    pose_file.unlink()
    assert engine.worker_pid is not None
    os.kill(engine.worker_pid, signal.SIGKILL)
    with pytest.raises(EngineError):
        ask(engine, 1)
    wait_for(lambda: not engine.wait_ready(0.05) and "pose.tflite" in (engine.problem or ""))
    pose_file.write_bytes(content)
    wait_for(lambda: engine.wait_ready(0.05))
    assert ask(engine, 50) == pytest.approx(0.2)


def test_a_file_that_became_another_model_is_refused(engine: Engine, pose_file: Path) -> None:
    pose_file.write_bytes(tiny_models.pose_model(size=48))
    assert engine.worker_pid is not None
    os.kill(engine.worker_pid, signal.SIGKILL)
    with pytest.raises(EngineError):
        ask(engine, 1)
    wait_for(lambda: not engine.wait_ready(0.05) and "replaced" in (engine.problem or ""))


def test_close_leaves_no_process_and_no_descriptor(pose_file: Path) -> None:
    gc.collect()
    this = psutil.Process()
    before = this.num_fds()
    engine = Engine([pose_file], Inference())
    pid = engine.worker_pid
    engine.start()
    engine.close()
    engine.close()
    assert pid is not None
    assert not psutil.pid_exists(pid)
    assert this.num_fds() == before


def test_faults_in_a_row_leak_nothing_and_are_told_once(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    gc.collect()  # what other tests have left is not counted
    this = psutil.Process()
    before = this.num_fds()
    others = {child.pid for child in this.children()} - {engine.worker_pid}
    for round_ in range(8):
        assert engine.worker_pid is not None
        os.kill(engine.worker_pid, signal.SIGKILL)
        with pytest.raises(EngineError):
            ask(engine, 1)
        wait_for(lambda: engine.wait_ready(0.1))
        assert ask(engine, round_) == pytest.approx(round_ / 250)
    gc.collect()  # the caught errors hold frames, which hold views of the shared memory
    assert this.num_fds() == before
    assert {child.pid for child in this.children()} - others == {engine.worker_pid}
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1


def test_a_runtime_that_is_not_installed_is_told(pose_file: Path) -> None:
    engine = Engine([pose_file], Inference(runtime="tflite_runtime"))
    if importlib.util.find_spec("tflite_runtime"):
        engine.start()
        engine.close()
        return
    with pytest.raises(ModelError, match="tflite_runtime is not installed here: set"):
        engine.start()


PARENT = """
import sys, time
from pathlib import Path
from edged.sections import Inference
from edged.inference.engine import Engine

engine = Engine([Path(sys.argv[1])], Inference())
engine.start()
print(engine.worker_pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("stopped", [False, True], ids=["idle", "hanging"])
def test_the_worker_leaves_when_its_parent_is_killed(pose_file: Path, *, stopped: bool) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(pose_file)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        worker = psutil.Process(int(parent.stdout.readline()))
        if stopped:
            worker.suspend()
        parent.kill()
        wait_for(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)


def test_where_the_system_lets_no_process_start_the_start_fails(
    pose_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(EngineError, match="cannot start a worker process"):
        Engine([pose_file], Inference(accelerators=("cpu",))).start()
