"""The service on an Edge TPU that comes, fails and goes, as its users meet it."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import tiny_models
from brokers import Broker, Subscriber, until
from daemons import TOPICS, Daemon, configuration, healths, info, poses, write_clip
from managers import NotifySocket
from stand_in.edgetpu import FINE, Fault, Mode, StandIn
from stand_in.twins import compiled_twin

from edged.config import Config

IMPATIENT = (str(Path(__file__).parents[1] / "impatient_edged.py"),)


@pytest.fixture
def twins(pose_file: Path) -> Path:
    """A tiny model, with its twin for the Edge TPU beside it."""
    twin = pose_file.with_name("pose_edgetpu.tflite")
    twin.write_bytes(compiled_twin(pose_file.read_bytes()))
    return pose_file


@pytest.fixture
def config(tmp_path: Path, twins: Path, broker: Broker, edgetpu: StandIn) -> Config:
    plain = configuration(write_clip(tmp_path / "clip.avi"), twins, broker.port)
    runs_on = msgspec.structs.replace(plain.inference, edgetpu_library=str(edgetpu.path))
    return msgspec.structs.replace(plain, inference=runs_on)


@pytest.fixture
def subscriber(broker: Broker) -> Iterator[Subscriber]:
    with Subscriber(broker.port) as subscriber:
        yield subscriber


def until_on(subscriber: Subscriber, accelerator: str) -> None:
    """Wait until poses come from it and `info` says so."""

    def is_on() -> bool:
        told, seen = info(subscriber), poses(subscriber)
        if told is None or not seen or told.accelerator != accelerator:
            return False
        return seen[-1].accelerator == accelerator

    until(is_on, f"poses and info on {accelerator}")


@pytest.mark.parametrize("fault", ["segv", "error", "hang"])
def test_a_fault_is_told_everywhere_and_poses_go_on(
    tmp_path: Path, config: Config, subscriber: Subscriber, edgetpu: StandIn, fault: Fault
) -> None:
    with (
        NotifySocket(tmp_path) as notify,
        Daemon(tmp_path, config, program=IMPATIENT, environment=notify.environment) as daemon,
    ):
        until_on(subscriber, "edgetpu")
        edgetpu.set_mode(Mode(devices=(), on_invoke=fault))
        until_on(subscriber, "cpu")
        told = info(subscriber)
        assert told is not None
        assert told.accelerator_reason.startswith("edgetpu: ")
        until(lambda: healths(subscriber)[-1].failovers == 1, "the failover is counted")
        health = healths(subscriber)[-1]
        assert (health.state, health.accelerator) == ("degraded", "cpu")
        assert any("edgetpu: " in problem for problem in health.problems)
        assert [one.name for one in health.accelerators] == ["edgetpu", "cpu"]
        assert health.accelerators[1].state == "serving"
        assert "edgetpu: " in notify.until_status("degraded")
        edgetpu.set_mode(FINE)
        until_on(subscriber, "edgetpu")
        until(lambda: healths(subscriber)[-1].state == "ok", "all is well again")
        assert healths(subscriber)[-1].reconnects == 0
        assert daemon.log().count("edgetpu failed: ") == 1
        assert daemon.stop() == 0
    assert [one.payload for one in subscriber.of(TOPICS.status)] == [b"online", b"offline"]


def test_without_an_edge_tpu_all_is_well(
    tmp_path: Path, config: Config, subscriber: Subscriber, edgetpu: StandIn
) -> None:
    edgetpu.unplug()
    with Daemon(tmp_path, config) as daemon:
        until_on(subscriber, "cpu")
        until(lambda: len(healths(subscriber)) > 2, "health")
        told, health = info(subscriber), healths(subscriber)[-1]
        assert told is not None
        assert "no Edge TPU answers" in told.accelerator_reason
        assert (health.state, health.problems) == ("ok", [])
        assert daemon.stop() == 0


@pytest.mark.parametrize("accelerators", [("edgetpu", "cpu"), ("cpu",), ("edgetpu",)])
def test_models_are_exchanged_while_it_runs(
    tmp_path: Path,
    config: Config,
    subscriber: Subscriber,
    edgetpu: StandIn,
    accelerators: tuple[str, ...],
) -> None:
    for name, size in (("small", 48), ("large", 64)):
        model = tiny_models.pose_model(size=size)
        (tmp_path / f"{name}.tflite").write_bytes(model)
        (tmp_path / f"{name}_edgetpu.tflite").write_bytes(compiled_twin(model))
    runs_on = msgspec.structs.replace(config.inference, accelerators=accelerators)
    config = msgspec.structs.replace(config, inference=runs_on)
    with Daemon(tmp_path, config, program=IMPATIENT) as daemon:
        until_on(subscriber, accelerators[0])
        for name in ("small", "large", "small"):
            pose = msgspec.structs.replace(config.pose, model=str(tmp_path / f"{name}.tflite"))
            daemon.configure(msgspec.structs.replace(config, pose=pose))
            daemon.process.send_signal(signal.SIGHUP)
            until(lambda name=name: poses(subscriber)[-1].model == name, name)  # type: ignore[misc]
            until_on(subscriber, accelerators[0])
        until(lambda: len(daemon.workers()) == 1, "one worker")
        health = healths(subscriber)[-1]
        assert (health.worker_restarts, health.failed, health.reconnects) == (0, 0, 0)
        assert daemon.stop() == 0
    sequence = [message.seq for message in poses(subscriber)]
    assert all(before < after for before, after in itertools.pairwise(sequence))
    assert edgetpu.counts().faults == 0


def test_a_model_that_cannot_be_loaded_leaves_the_old_one_on_the_only_device(
    tmp_path: Path, config: Config, subscriber: Subscriber
) -> None:
    runs_on = msgspec.structs.replace(config.inference, accelerators=("edgetpu",))
    config = msgspec.structs.replace(config, inference=runs_on)
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(tiny_models.pose_model())
    (tmp_path / "broken_edgetpu.tflite").write_bytes(bytes(4) + b"TFL3" + bytes(500))
    with Daemon(tmp_path, config, program=IMPATIENT) as daemon:
        until_on(subscriber, "edgetpu")
        pose = msgspec.structs.replace(config.pose, model=str(broken))
        daemon.configure(msgspec.structs.replace(config, pose=pose))
        daemon.process.send_signal(signal.SIGHUP)
        daemon.until_logged("not reloaded")
        told = len(poses(subscriber))
        until(lambda: len(poses(subscriber)) > told + 2, "poses of the old one")
        assert poses(subscriber)[-1].model == "pose"
        assert daemon.stop() == 0


def test_an_edge_tpu_that_hangs_does_not_hold_up_the_start_or_the_end(
    tmp_path: Path, config: Config, subscriber: Subscriber, edgetpu: StandIn
) -> None:
    edgetpu.set_mode(Mode(on_create="hang"))
    with (
        NotifySocket(tmp_path) as notify,
        Daemon(tmp_path, config, environment=notify.environment) as daemon,
    ):
        notify.until("READY")
        until_on(subscriber, "cpu")
        told = info(subscriber)
        assert told is not None
        assert told.accelerator_reason == "edgetpu: being tried"
        assert daemon.stop() == 0
        assert not daemon.process.poll()
