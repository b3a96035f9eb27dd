"""The engine on the stand-in of libedgetpu: every fault, at the start and in service."""

from __future__ import annotations

import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import tiny_models
from brokers import until
from stand_in.edgetpu import USB, Fault, Mode, StandIn
from stand_in.twins import compiled_twin

from edged.errors import EngineError, ModelError
from edged.inference import engine as engines
from edged.inference.catalog import ModelFile, resolve
from edged.inference.engine import Engine
from edged.inference.graphs import without_decoder
from edged.inference.hotplug import Hotplug
from edged.inference.order import Patience, State
from edged.inference.roster import Roster
from edged.sections import Inference

PATIENCE = Patience(first_s=0.3, longest_s=0.3, least_s=0.05, probe_s=1.5)
"""Enough for a probe on a busy machine, but for those that are to hang."""
CALM = replace(PATIENCE, first_s=600.0, longest_s=600.0)
WORDS = {"segv": "SIGSEGV", "abort": "SIGABRT", "hang": "hangs"}


@pytest.fixture
def pair(pose_file: Path) -> ModelFile:
    """A tiny model and its twin for the Edge TPU."""
    twin = pose_file.with_name("pose_edgetpu.tflite")
    twin.write_bytes(compiled_twin(pose_file.read_bytes()))
    return resolve(str(pose_file), [])


def settings(edgetpu: StandIn, *accelerators: str) -> Inference:
    return Inference(
        threads=1,
        edgetpu_library=str(edgetpu.path),
        accelerators=accelerators or ("edgetpu", "cpu"),
    )


Make = Callable[..., Engine]


@pytest.fixture
def make(edgetpu: StandIn) -> Iterator[Make]:
    """Makes engines on the stand-in, and closes them."""
    engines: list[Engine] = []

    def make(*files: ModelFile | Path, names: tuple[str, ...] = (), **options: object) -> Engine:
        patience = options.pop("patience", PATIENCE)
        engine = Engine(files, settings(edgetpu, *names), patience=patience, **options)  # type: ignore[arg-type]
        engines.append(engine)
        return engine

    yield make
    for engine in engines:
        engine.close()


def answer(engine: Engine, first: int = 50) -> float:
    """Write a byte into the picture; the tiny model tells it back as the nose's y."""
    (picture,) = engine.models[0].inputs
    picture.reshape(-1)[:51] = first
    engine.invoke(0)
    return float(engine.models[0].outputs[0][0, 0, 0, 0])


def until_on(engine: Engine, name: str) -> None:
    """Ask again and again, as for frames, until an accelerator answers."""

    def is_on() -> bool:
        if not engine.wait_ready(0.05):
            return False
        assert answer(engine) == pytest.approx(0.2)
        return engine.accelerator == name

    until(is_on, name)


def show_up(group: int) -> None:
    """Tell those who listen to a group that a Coral was plugged in, or skip the test."""
    told = "ACTION=add\0SUBSYSTEM=usb\0DEVTYPE=usb_device\0PRODUCT=18d1/9302/100\0"
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15) as speaker:
        try:
            speaker.sendto(told.encode(), (0, group))
        except PermissionError:
            pytest.skip("only the system may speak to those who listen")


def reason(engine: Engine) -> str:
    return engine.order.reason(engine.accelerator, time.monotonic())


def until_reason(engine: Engine, words: str) -> None:
    until(lambda: engine.wait_ready(0.01) and words in reason(engine), f"{words} in the reason")


def test_the_edge_tpu_serves_and_the_cpu_s_worker_goes(
    make: Make, pair: ModelFile, edgetpu: StandIn
) -> None:
    engine = make(pair)
    engine.start()
    assert (engine.accelerator, reason(engine)) == ("edgetpu", "")
    assert answer(engine) == pytest.approx(0.2)
    assert edgetpu.counts().invokes == 2
    assert edgetpu.creations()[0].options == (("device", ""),)
    assert engine.worker_pid is not None
    gone = {child.pid for child in psutil.Process().children()} - {engine.worker_pid}
    until(
        lambda: engine.wait_ready(0.0) and not any(map(psutil.pid_exists, gone)),
        "one worker is left",
    )


@pytest.mark.parametrize("fault", ["segv", "abort", "error", "hang"])
@pytest.mark.parametrize("stage", ["on_create", "on_prepare", "on_invoke"])
def test_a_probe_that_fails_is_told_and_the_cpu_serves(
    make: Make, pair: ModelFile, edgetpu: StandIn, stage: str, fault: Fault
) -> None:
    edgetpu.set_mode(Mode(**{stage: fault}))  # type: ignore[arg-type]
    engine = make(pair, patience=CALM)
    engine.start()
    assert engine.accelerator == "cpu"
    assert answer(engine) == pytest.approx(0.2)
    if fault != "error":
        assert WORDS[fault] in reason(engine)
        assert "libedgetpu (runtime 14)" in reason(engine)
    elif stage == "on_create":
        assert "no Edge TPU answers" in reason(engine)
    else:
        assert "pose_edgetpu.tflite: Failed to" in reason(engine)
    is_absent = (stage, fault) == ("on_create", "error")
    assert bool(engine.order.shortcomings(time.monotonic())) is not is_absent
    assert engine.order.standings(time.monotonic())[0].state is State.WAITING


@pytest.mark.parametrize("fault", ["segv", "abort", "error", "hang"])
def test_a_fault_in_service_costs_a_frame_and_the_cpu_takes_over(
    make: Make, pair: ModelFile, edgetpu: StandIn, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make(pair, patience=CALM)
    engine.start()
    edgetpu.set_mode(Mode(on_invoke=fault))
    with pytest.raises(EngineError):
        answer(engine)
    until_on(engine, "cpu")
    assert (engine.order.failovers, engine.restarts) == (1, 1)
    assert engine.problem is None
    assert engine.order.shortcomings(time.monotonic()) == [reason(engine)]
    told = [record for record in caplog.records if getattr(record, "event", "") == "failover"]
    assert [(one.accelerator, one.previous) for one in told] == [("cpu", "edgetpu")]  # type: ignore[attr-defined]


def test_it_comes_back_when_it_works_again(make: Make, pair: ModelFile, edgetpu: StandIn) -> None:
    engine = make(pair)
    engine.start()
    promotions = engine.order.promotions
    edgetpu.unplug()
    with pytest.raises(EngineError):
        answer(engine)
    until_on(engine, "cpu")
    until_reason(engine, "no Edge TPU answers")
    edgetpu.plug(USB)
    until_on(engine, "edgetpu")
    assert (engine.order.failovers, reason(engine)) == (1, "")
    assert engine.order.promotions == promotions + 1


def test_a_device_that_shows_up_is_tried_at_once(
    make: Make, pair: ModelFile, edgetpu: StandIn
) -> None:
    group = 1 << 17  # nobody else listens to it
    edgetpu.unplug()
    engine = make(pair, patience=replace(CALM, least_s=0.0), hotplug=Hotplug(group))
    engine.start()
    edgetpu.plug()
    show_up(group)
    until_on(engine, "edgetpu")


def test_the_only_one_is_started_at_once_when_it_shows_up(
    make: Make, pair: ModelFile, edgetpu: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "FIRST_PAUSE_S", 600.0)
    group = 1 << 18  # nobody else listens to it
    engine = make(pair, names=("edgetpu",), hotplug=Hotplug(group))
    engine.start()
    edgetpu.unplug()
    with pytest.raises(EngineError):
        answer(engine)
    until(
        lambda: not engine.wait_ready(0.01) and "no Edge TPU" in (engine.problem or ""), "it waits"
    )
    edgetpu.plug()
    show_up(group)
    until_on(engine, "edgetpu")


def test_one_that_fails_again_and_again_rests(
    make: Make, pair: ModelFile, edgetpu: StandIn
) -> None:
    engine = make(pair, patience=replace(PATIENCE, first_s=0.0))
    engine.start()
    for _ in range(3):
        until_on(engine, "edgetpu")
        edgetpu.set_mode(Mode(on_invoke="segv", times=1))
        with pytest.raises(EngineError):
            answer(engine)
    until_on(engine, "cpu")
    resting = engine.order.standings(time.monotonic())[0]
    assert resting.state is State.RESTING
    assert resting.again_s == pytest.approx(3600, abs=60)
    engine.reprieve()
    until_on(engine, "edgetpu")


def test_only_one_process_has_the_device(make: Make, pair: ModelFile, edgetpu: StandIn) -> None:
    roster = Roster()
    first = make(pair, roster=roster)
    first.start()
    second = make(pair, roster=roster)
    until(lambda: second.poll_start(0.05), "the CPU bridges the gap")
    assert second.accelerator == "cpu"
    assert not second.awaits_release
    first.close()
    until_on(second, "edgetpu")
    assert edgetpu.counts().creations == 2, "nobody knocked while it was in use"
    second.close()
    roster.close()


def test_where_only_the_edge_tpu_can_run_it_the_device_is_handed_over(
    make: Make, pair: ModelFile
) -> None:
    roster = Roster()
    first = make(pair, names=("edgetpu",), roster=roster)
    first.start()
    second = make(pair, names=("edgetpu",), roster=roster)
    assert second.awaits_release
    first.release()
    second.start()
    assert answer(second) == pytest.approx(0.2)
    second.close()
    first.resume()
    until_on(first, "edgetpu")
    first.close()
    roster.close()


def test_a_device_that_is_not_given_back_is_not_waited_for_for_ever(
    make: Make, pair: ModelFile
) -> None:
    roster = Roster()
    first = make(pair, names=("edgetpu",), roster=roster)
    first.start()
    assert first.worker_pid is not None
    patience = replace(PATIENCE, probe_s=0.1)
    second = make(pair, names=("edgetpu",), roster=roster, patience=patience)
    with pytest.raises(EngineError, match=f"still held by process {first.worker_pid}"):
        second.start()
    assert answer(first) == pytest.approx(0.2)
    first.close()
    roster.close()


def test_without_a_cpu_in_the_order_the_start_fails_and_says_what_would_help(
    make: Make, pair: ModelFile, edgetpu: StandIn
) -> None:
    edgetpu.unplug()
    with pytest.raises(EngineError, match=r'no Edge TPU answers .* nothing takes over: add "cpu"'):
        make(pair, names=("edgetpu",)).start()


def test_a_hanging_worker_does_not_hold_up_the_next(
    make: Make, pair: ModelFile, edgetpu: StandIn
) -> None:
    engine = make(pair, patience=CALM)
    engine.start()
    assert engine.worker_pid is not None
    worker = psutil.Process(engine.worker_pid)
    edgetpu.set_mode(Mode(on_invoke="hang"))
    with pytest.raises(EngineError, match="no answer within 500 ms"):
        answer(engine)
    until_on(engine, "cpu")
    until(lambda: engine.wait_ready(0.0) and not worker.is_running(), "it is gone")


def test_without_a_library_there_is_no_waiting(pair: ModelFile) -> None:
    absent = Inference(edgetpu_library="libnone.so.1", threads=1)
    engine = Engine([pair], absent, patience=CALM)
    try:
        engine.start()
        assert reason(engine) == "edgetpu: libnone.so.1 is not installed"
        assert engine.order.shortcomings(time.monotonic()) == []
    finally:
        engine.close()


def test_the_cpu_alone_asks_for_nothing_else(make: Make, pair: ModelFile, edgetpu: StandIn) -> None:
    engine = make(pair, names=("cpu",))
    engine.start()
    answer(engine)
    assert (engine.accelerator, reason(engine), edgetpu.counts().creations) == ("cpu", "", 0)


def test_a_model_without_a_version_for_it_runs_beside_one_that_has(
    make: Make, pair: ModelFile, tmp_path: Path, edgetpu: StandIn
) -> None:
    plain = tmp_path / "classifier.tflite"
    plain.write_bytes(tiny_models.classifier(classes=4))
    engine = make(pair, resolve(str(plain), []))
    engine.start()
    assert (engine.runner(0), engine.runner(1)) == ("edgetpu", "cpu")
    engine.invoke(1)
    assert edgetpu.counts().prepares == 1


def test_models_that_it_cannot_run_are_no_reason_to_try(
    make: Make, pose_file: Path, edgetpu: StandIn
) -> None:
    engine = make(resolve(str(pose_file), []))
    engine.start()
    assert reason(engine) == "edgetpu: pose is not compiled for the Edge TPU"
    assert edgetpu.counts().creations == 0


def test_a_compiled_model_alone_promises_no_fallback(
    make: Make, pair: ModelFile, edgetpu: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    pair.path.unlink()
    alone = resolve(str(pair.edgetpu), [])
    engine = make(alone)
    engine.start()
    assert engine.accelerator == "edgetpu"
    standing = engine.order.standings(time.monotonic())[1]
    assert (standing.state, "nothing takes over" in standing.reason) == (State.UNUSABLE, True)
    assert reason(engine) == f"cpu: {standing.reason}"
    events = [getattr(record, "event", "") for record in caplog.records]
    assert events.count("no-fallback") == 1
    edgetpu.set_mode(Mode(on_invoke="segv", times=1))
    with pytest.raises(EngineError):
        answer(engine)
    until_on(engine, "edgetpu")
    with pytest.raises(ModelError, match="nothing takes over"):
        make(alone, names=("cpu",))


def test_a_twin_of_another_model_never_serves(make: Make, pair: ModelFile) -> None:
    assert pair.edgetpu is not None
    pair.edgetpu.write_bytes(compiled_twin(tiny_models.pose_model(size=48)))
    engine = make(pair, patience=CALM)
    until_reason(engine, "other tensors")
    assert engine.accelerator == "cpu"


def test_a_twin_whose_outputs_come_in_another_order_serves_as_well(
    make: Make, tmp_path: Path
) -> None:
    model = without_decoder(tiny_models.posenet_model())
    file = tmp_path / "several.tflite"
    file.write_bytes(model)
    twin = compiled_twin(model, is_reversed=True)
    file.with_name("several_edgetpu.tflite").write_bytes(twin)
    engine = make(resolve(str(file), []))
    engine.start()
    assert engine.accelerator == "edgetpu"
    (loaded,) = engine.models
    assert [output.shape[-1] for output in loaded.outputs] == [17, 34, 64]
    assert loaded.signature == engine.signatures[0]


def test_a_broken_fallback_is_told_at_the_start(make: Make, pair: ModelFile) -> None:
    pair.path.write_bytes(pair.path.read_bytes()[:600])
    engine = make(pair)
    with pytest.raises((ModelError, EngineError)):
        until(lambda: engine.poll_start(0.1) and engine.is_settled, "never")


def test_a_changed_accelerator_is_announced(make: Make, pair: ModelFile, edgetpu: StandIn) -> None:
    told = threading.Event()
    engine = make(pair, on_change=told.set)
    engine.start()
    assert told.is_set()
    told.clear()
    edgetpu.set_mode(Mode(on_invoke="error"))
    with pytest.raises(EngineError):
        answer(engine)
    assert told.is_set()


def test_faults_in_a_row_leak_nothing(make: Make, pair: ModelFile, edgetpu: StandIn) -> None:
    patience = replace(PATIENCE, first_s=0.0, losses=100)
    engine = make(pair, patience=patience)
    engine.start()
    gc.collect()
    this = psutil.Process()
    until(lambda: engine.wait_ready(0.0) and len(this.children()) == 1, "one worker")
    before = this.num_fds()
    for fault in ("segv", "error", "abort", "segv"):
        edgetpu.set_mode(Mode(on_invoke=fault, times=1))
        with pytest.raises(EngineError):
            answer(engine)
        until_on(engine, "edgetpu")
    until(lambda: engine.wait_ready(0.0) and len(this.children()) == 1, "one worker")
    gc.collect()
    assert this.num_fds() == before


def test_where_two_runtimes_are_here_the_pair_that_works_is_found_and_remembered(
    make: Make,
    pair: ModelFile,
    edgetpu: StandIn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The real one under the name of the other: what differs is the pair.
    package = tmp_path / "site" / "tflite_runtime"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("__version__ = '1'\n")
    (package / "interpreter.py").write_text(
        "from ai_edge_litert.interpreter import Interpreter, load_delegate"
    )
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    monkeypatch.syspath_prepend(str(package.parent))
    edgetpu.set_mode(Mode(on_prepare="segv", times=1))
    roster = Roster()
    for creations in (2, 3):
        engine = make(pair, roster=roster, patience=replace(CALM, probe_s=15.0))
        engine.start()
        assert (engine.accelerator, engine.runtime) == ("edgetpu", "tflite_runtime 1")
        assert edgetpu.counts().creations == creations
        engine.close()
    roster.close()
