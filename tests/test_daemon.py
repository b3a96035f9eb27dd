"""The service as its users meet it: a real process, a real broker, real models, real signals."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import msgspec
import psutil
import pytest
import tiny_models
from brokers import Broker, Subscriber, free_port, until
from daemons import TOPICS, Daemon, configuration, healths, info, labels, poses, write_clip

from edged.capture.athlete.source import Rendered
from edged.config import Config
from edged.types import KEYPOINT_NAMES

ORDERLY_S = 8.0
"""It takes 0.1 s, or 1 s where something is stuck; after 10 s systemd would kill it."""


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.avi")


@pytest.fixture
def config(clip: Path, pose_file: Path, broker: Broker) -> Config:
    return configuration(clip, pose_file, broker.port)


@pytest.fixture
def subscriber(broker: Broker) -> Iterator[Subscriber]:
    with Subscriber(broker.port) as subscriber:
        yield subscriber


def changed(config: Config, section: str, **keys: object) -> Config:
    """The configuration with other values in one section."""
    replaced = msgspec.structs.replace(getattr(config, section), **keys)
    return msgspec.structs.replace(config, **{section: replaced})


def test_keypoints_of_every_frame_come_out(
    tmp_path: Path, config: Config, subscriber: Subscriber
) -> None:
    with Daemon(tmp_path, config) as daemon:
        until(lambda: len(poses(subscriber)) >= 5, "poses")
        assert daemon.stop() == 0
    message = poses(subscriber)[-1]
    (pose,) = message.poses
    assert len(pose.keypoints) == len(KEYPOINT_NAMES)
    x, y, score = pose.keypoints[0]
    assert (x, y, score) == pytest.approx((0.4, 0.4, 0.4), abs=0.02)
    assert (message.model, message.accelerator) == ("pose", "cpu")
    assert abs(time.time() - message.ts) < 60
    assert 0 < message.age_ms < 10_000
    sequence = [message.seq for message in poses(subscriber)]
    assert sequence == sorted(set(sequence))


def test_status_info_and_health_tell_what_the_device_is(
    tmp_path: Path, config: Config, subscriber: Subscriber
) -> None:
    with Daemon(tmp_path, config) as daemon:
        subscriber.until(TOPICS.status, b"online")
        until(lambda: len(healths(subscriber)) >= 2, "health")
        told = info(subscriber)
        assert daemon.stop() == 0
    subscriber.until(TOPICS.status, b"offline")
    assert told is not None
    assert told.camera is not None
    assert (told.camera.width, told.camera.height, told.camera.fps) == (64, 48, 30.0)
    (model,) = told.models
    assert (model.name, model.kind, model.width, model.height) == ("pose", "pose", 32, 32)
    assert told.accelerator == "cpu"
    assert told.runtime.startswith(("ai_edge_litert", "tflite_runtime"))
    assert told.keypoint_names == KEYPOINT_NAMES
    health = healths(subscriber)[-1]
    assert (health.state, health.problems, health.failed) == ("ok", [], 0)
    assert health.invoke_ms is not None
    assert health.age_ms is not None
    assert health.stage_ms is not None
    assert health.invoke_ms.p50 <= health.stage_ms.infer.p50 <= health.age_ms.p50
    assert health.frames > 0
    assert health.rss_mb > 10
    for topic, retain, qos in (
        (TOPICS.status, True, 1),
        (TOPICS.info, True, 1),
        (TOPICS.pose, False, 0),
        (TOPICS.health, False, 0),
    ):
        message = subscriber.of(topic)[-1]
        assert (message.retain, message.qos) == (retain, qos), topic


def test_labels_come_out_beside_poses(
    tmp_path: Path, clip: Path, pose_file: Path, broker: Broker, subscriber: Subscriber
) -> None:
    (tmp_path / "things.tflite").write_bytes(tiny_models.classifier(classes=4))
    (tmp_path / "things.txt").write_text("cat\ndog\nparrot\nmat\n")
    config = configuration(clip, pose_file, broker.port, labels=tmp_path / "things.tflite")
    with Daemon(tmp_path, config):
        until(lambda: len(labels(subscriber)) > 2 and len(poses(subscriber)) > 2, "both")
    message = labels(subscriber)[0]
    assert {label.label for label in message.labels} < {"cat", "dog", "parrot", "mat"}
    assert message.labels[0].score == pytest.approx(100 / 256, abs=0.02)
    assert message.confident is False
    assert message.model == "things"


def test_a_file_that_ends_ends_the_daemon(
    tmp_path: Path, config: Config, subscriber: Subscriber
) -> None:
    with Daemon(tmp_path, changed(config, "camera", loop=False, pace="fast")) as daemon:
        assert daemon.process.wait(20) == 0
    subscriber.until(TOPICS.status, b"offline")
    until(lambda: len(poses(subscriber)) > 0, "poses")
    assert poses(subscriber)[-1].seq == 29, "as fast as they are consumed, no frame is dropped"


def test_a_workout_that_ends_ends_the_daemon_as_a_file_does(
    tmp_path: Path, config: Config, subscriber: Subscriber
) -> None:
    (tmp_path / "script.toml").write_text(
        '[workout]\nlead_s = 0\n[[set]]\nexercise = "jumping-jack"\nreps = 1\n'
        "tempo = [0.2, 0, 0.2, 0]\n"
    )
    camera = {"source": f"athlete:{tmp_path}/script.toml", "width": 160, "height": 120}
    workout = changed(config, "camera", loop=False, pace="fast", **camera)
    with Daemon(tmp_path, workout) as daemon:
        assert daemon.process.wait(20) == 0
        assert "Traceback" not in daemon.log()
    subscriber.until(TOPICS.status, b"offline")
    frames = Rendered(workout.camera, Event()).info.frames
    until(lambda: len(poses(subscriber)) > 0, "poses")
    assert poses(subscriber)[-1].seq == frames - 1


def test_a_looping_file_that_vanishes_is_told_and_is_no_good_end(
    tmp_path: Path, config: Config, clip: Path, subscriber: Subscriber
) -> None:
    with Daemon(tmp_path, config) as daemon:
        until(lambda: len(poses(subscriber)) > 0, "poses")
        clip.unlink()
        assert daemon.process.wait(20) == 1
        assert "clip.avi" in daemon.log().strip().splitlines()[-1]
    subscriber.until(TOPICS.status, b"offline")


@pytest.mark.parametrize(("how", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it_in_order(
    tmp_path: Path, config: Config, subscriber: Subscriber, how: signal.Signals, code: int
) -> None:
    with Daemon(tmp_path, config) as daemon:
        until(lambda: len(poses(subscriber)) > 0, "poses")
        worker = daemon.worker()
        start = time.monotonic()
        assert daemon.stop(how) == code
        assert time.monotonic() - start < ORDERLY_S
        assert not worker.is_running()
        assert "Traceback" not in daemon.log()
    subscriber.until(TOPICS.status, b"offline")


def test_a_stuck_worker_and_a_stuck_broker_do_not_hold_up_the_end(
    tmp_path: Path, config: Config, broker: Broker, subscriber: Subscriber
) -> None:
    with Daemon(tmp_path, config) as daemon:
        until(lambda: len(poses(subscriber)) > 0, "poses")
        worker = daemon.worker()
        with broker.suspended():
            worker.suspend()
            start = time.monotonic()
            assert daemon.stop() == 0
            assert time.monotonic() - start < ORDERLY_S
        assert not worker.is_running()
        assert "WARNING" not in daemon.log(), "that we end the worker ourselves is no fault"


@pytest.mark.parametrize("delay_s", [0.0, 0.1, 0.2, 0.3])
def test_a_signal_while_it_starts_leaves_nothing(
    tmp_path: Path, config: Config, delay_s: float
) -> None:
    with Daemon(tmp_path, config) as daemon:
        process = psutil.Process(daemon.process.pid)
        end = time.monotonic() + delay_s
        until(lambda: time.monotonic() >= end, "the moment")
        children = process.children()
        assert daemon.stop() in {0, -signal.SIGTERM}
        until(lambda: not any(child.is_running() for child in children), "no orphan")
        assert "Traceback" not in daemon.log()


def test_sigkill_leaves_no_orphan_and_the_will_says_offline(
    tmp_path: Path, config: Config, subscriber: Subscriber
) -> None:
    with Daemon(tmp_path, config) as daemon:
        until(lambda: len(poses(subscriber)) > 0, "poses")
        worker = daemon.worker()
        daemon.stop(signal.SIGKILL)
        until(lambda: not worker.is_running(), "the worker leaves")
    subscriber.until(TOPICS.status, b"offline")


def test_it_runs_without_a_broker_and_is_there_when_one_comes(
    tmp_path: Path, config: Config, broker: Broker
) -> None:
    broker.stop()
    with Daemon(tmp_path, config) as daemon:
        daemon.until_logged(f"127.0.0.1:{broker.port}")
        broker.start()
        with Subscriber(broker.port) as subscriber:
            until(lambda: len(poses(subscriber)) > 0, "poses")
            until(lambda: info(subscriber) is not None, "info, which has a thread of its own")
        assert daemon.stop() == 0


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSEGV, signal.SIGSTOP])
def test_a_fault_of_the_worker_costs_frames_and_nothing_else(
    tmp_path: Path, config: Config, subscriber: Subscriber, fault: signal.Signals
) -> None:
    with Daemon(tmp_path, config) as daemon:
        until(lambda: len(poses(subscriber)) > 0, "poses")
        before = daemon.worker()
        before.send_signal(fault)
        until(lambda: any(health.failed for health in healths(subscriber)), "a fault")
        told = len(poses(subscriber))
        until(lambda: len(poses(subscriber)) > told + 3, "poses again")
        assert daemon.worker().pid != before.pid
        health = next(health for health in healths(subscriber) if health.failed)
        assert (health.worker_restarts, health.failed, health.reconnects) == (1, 1, 0)
        assert (health.state, len(health.problems)) == ("degraded", 1)
        until(lambda: healths(subscriber)[-1].state == "ok", "all is well again")
        assert daemon.stop() == 0
    times = [message.at_ns for message in subscriber.of(TOPICS.pose)]
    gap_s = max(after - before for before, after in itertools.pairwise(times)) / 1e9
    assert gap_s < 5, "the figure is the benchmark's, this is the order of magnitude"
    assert subscriber.of(TOPICS.status)[-1].payload == b"offline"
    assert [message.payload for message in subscriber.of(TOPICS.status)].count(b"offline") == 1


def test_a_camera_that_is_not_there_is_told_while_the_device_stays_online(
    tmp_path: Path, config: Config, subscriber: Subscriber
) -> None:
    absent = changed(config, "camera", source="/dev/video77")
    with Daemon(tmp_path, absent) as daemon:
        subscriber.until(TOPICS.status, b"online")
        until(lambda: bool(healths(subscriber)), "health")
        health = healths(subscriber)[-1]
        assert health.state == "degraded"
        assert "/dev/video77" in " ".join(health.problems)
        told = info(subscriber)
        assert told is not None
        assert told.camera is None
        assert not poses(subscriber)
        assert daemon.stop() == 0


def width(subscriber: Subscriber) -> int | None:
    """Of the input of the model that `info` tells of."""
    told = info(subscriber)
    return None if told is None else told.models[0].width


def test_a_model_whose_answers_are_worthless_is_told(
    tmp_path: Path, config: Config, subscriber: Subscriber
) -> None:
    worthless = tmp_path / "nan.tflite"
    worthless.write_bytes(tiny_models.pose_model(divisor=float("nan")))
    with Daemon(tmp_path, changed(config, "pose", model=str(worthless))) as daemon:
        until(lambda: any(health.failed for health in healths(subscriber)), "failed frames")
        health = healths(subscriber)[-1]
        assert (health.state, health.frames) == ("degraded", 0)
        assert "not finite" in " ".join(health.problems)
        assert not poses(subscriber)
        assert daemon.stop() == 0
        assert daemon.log().count("not finite") == 1


def test_a_model_that_never_answers_in_time_is_told_once_and_restarted_calmly(
    tmp_path: Path, config: Config, subscriber: Subscriber, shared: Path
) -> None:
    real = shared / "models" / "movenet_single_pose_lightning_ptq.tflite"
    hopeless = changed(changed(config, "inference", deadline_ms=1), "pose", model=str(real))
    with Daemon(tmp_path, hopeless) as daemon:
        until(lambda: any(health.worker_restarts > 5 for health in healths(subscriber)), "restarts")
        assert daemon.log().count("WARNING") == 1
        assert daemon.stop() == 0


def test_labels_without_an_answer_cost_no_pose(
    tmp_path: Path, config: Config, subscriber: Subscriber
) -> None:
    worthless = tmp_path / "nan.tflite"
    worthless.write_bytes(tiny_models.float_classifier(float("nan")))
    both = changed(config, "labels", model=str(worthless), interval_s=60.0)
    with Daemon(tmp_path, both) as daemon:
        until(lambda: len(poses(subscriber)) > 45, "poses")
        until(lambda: healths(subscriber)[-1].frames > 30, "they count")
        health = healths(subscriber)[-1]
        assert 1 <= health.failed <= 4, "asked again once a second"
        assert not labels(subscriber)
        assert daemon.stop() == 0


class TestReload:
    """SIGHUP."""

    def test_while_the_worker_restarts(
        self, tmp_path: Path, config: Config, subscriber: Subscriber
    ) -> None:
        with Daemon(tmp_path, config) as daemon:
            until(lambda: len(poses(subscriber)) > 0, "poses")
            for round_ in range(6):
                daemon.worker().kill()
                end = time.monotonic() + 0.02 * round_
                until(lambda end=end: time.monotonic() >= end, "the moment")  # type: ignore[misc]
                daemon.configure(changed(config, "pose", min_score=0.1 + 0.01 * round_))
                daemon.process.send_signal(signal.SIGHUP)
                reloads = round_ + 1
                until(
                    lambda reloads=reloads: daemon.log().count("reloaded") == reloads,  # type: ignore[misc]
                    "reloaded",
                )
                told = len(poses(subscriber))
                until(lambda told=told: len(poses(subscriber)) > told + 2, "poses")  # type: ignore[misc]
            assert "not reloaded" not in daemon.log()
            assert daemon.stop() == 0

    def test_to_a_camera_that_fails_keeps_the_old_even_when_its_file_is_gone(
        self, tmp_path: Path, config: Config, subscriber: Subscriber
    ) -> None:
        # Long, since a video needs its file again for the next round.
        long = write_clip(tmp_path / "long.avi", frames=900)
        with Daemon(tmp_path, changed(config, "camera", source=str(long))) as daemon:
            until(lambda: len(poses(subscriber)) > 0, "poses")
            long.unlink()
            daemon.configure(changed(config, "camera", source=str(tmp_path / "missing.avi")))
            daemon.process.send_signal(signal.SIGHUP)
            daemon.until_logged("the old configuration stays")
            told = len(poses(subscriber))
            until(lambda: len(poses(subscriber)) > told + 3, "poses go on")
            assert daemon.stop() == 0

    def test_takes_a_model_file_that_was_replaced(
        self, tmp_path: Path, config: Config, pose_file: Path, subscriber: Subscriber
    ) -> None:
        with Daemon(tmp_path, config) as daemon:
            until(lambda: width(subscriber) == 32, "info")
            pose_file.write_bytes(tiny_models.pose_model(size=48))
            daemon.worker().kill()
            daemon.until_logged("replaced by another kind of model")
            daemon.process.send_signal(signal.SIGHUP)
            until(lambda: width(subscriber) == 48, "info of the new file")
            told = len(poses(subscriber))
            until(lambda: len(poses(subscriber)) > told + 3, "poses")
            assert daemon.stop() == 0

    def test_counts_go_on(self, tmp_path: Path, config: Config, subscriber: Subscriber) -> None:
        other = write_clip(tmp_path / "other.avi")
        with Daemon(tmp_path, config) as daemon:
            until(lambda: len(poses(subscriber)) > 0, "poses")
            daemon.worker().kill()
            until(lambda: any(health.worker_restarts for health in healths(subscriber)), "restart")
            slow = changed(changed(config, "camera", source=str(other)), "inference", threads=1)
            daemon.configure(slow)
            daemon.process.send_signal(signal.SIGHUP)
            daemon.until_logged("reloaded")
            told = len(healths(subscriber))
            until(lambda: len(healths(subscriber)) > told + 1, "health")
            health = healths(subscriber)[-1]
            assert (health.worker_restarts, health.failed) == (1, 1)
            assert daemon.stop() == 0

    def test_does_not_hold_up_the_end(
        self, tmp_path: Path, config: Config, subscriber: Subscriber
    ) -> None:
        slow = changed(config, "inference", deadline_ms=30_000)
        with Daemon(tmp_path, slow) as daemon:
            until(lambda: len(poses(subscriber)) > 0, "poses")
            daemon.worker().suspend()
            daemon.configure(changed(slow, "pose", min_score=0.3))
            daemon.process.send_signal(signal.SIGHUP)
            start = time.monotonic()
            assert daemon.stop() == 0
            assert time.monotonic() - start < ORDERLY_S

    def test_a_bad_file_is_told_and_the_old_one_stays(
        self, tmp_path: Path, config: Config, subscriber: Subscriber
    ) -> None:
        with Daemon(tmp_path, config) as daemon:
            until(lambda: len(poses(subscriber)) > 0, "poses")
            daemon.file.write_text("[mqtt]\nport = 0\n[cam]\n")
            daemon.process.send_signal(signal.SIGHUP)
            daemon.until_logged("the old configuration stays")
            assert "[mqtt] port: expected an integer 1-65535, got 0" in daemon.log()
            told = len(poses(subscriber))
            until(lambda: len(poses(subscriber)) > told + 3, "poses go on")
            assert daemon.stop() == 0

    def test_a_model_that_cannot_be_loaded_changes_nothing(
        self, tmp_path: Path, config: Config, subscriber: Subscriber
    ) -> None:
        with Daemon(tmp_path, config) as daemon:
            until(lambda: len(poses(subscriber)) > 0, "poses")
            worker = daemon.worker()
            broken = tmp_path / "broken.tflite"
            broken.write_bytes(tiny_models.pose_model()[:700])
            daemon.configure(changed(config, "pose", model=str(broken)))
            daemon.process.send_signal(signal.SIGHUP)
            daemon.until_logged("broken.tflite")
            told = len(poses(subscriber))
            until(lambda: len(poses(subscriber)) > told + 3, "poses go on")
            assert daemon.worker() == worker
            assert daemon.stop() == 0

    def test_another_model_takes_over_without_a_new_connection(
        self, tmp_path: Path, config: Config, subscriber: Subscriber
    ) -> None:
        other = tmp_path / "other.tflite"
        other.write_bytes(tiny_models.pose_model(size=48))
        with Daemon(tmp_path, config) as daemon:
            until(lambda: len(poses(subscriber)) > 0, "poses")
            before = daemon.worker()
            daemon.configure(changed(config, "pose", model=str(other)))
            daemon.process.send_signal(signal.SIGHUP)
            until(lambda: poses(subscriber)[-1].model == "other", "the other model")
            until(
                lambda: (told := info(subscriber)) is not None and told.models[0].width == 48,
                "info",
            )
            until(lambda: not before.is_running(), "the old worker leaves")
            assert daemon.stop() == 0
        assert [m.payload for m in subscriber.of(TOPICS.status)] == [b"online", b"offline"]

    def test_another_camera_takes_over(
        self, tmp_path: Path, config: Config, subscriber: Subscriber
    ) -> None:
        other = write_clip(tmp_path / "other.avi", fps=10)
        with Daemon(tmp_path, config) as daemon:
            until(lambda: len(poses(subscriber)) > 0, "poses")
            daemon.configure(changed(config, "camera", source=str(tmp_path / "missing.avi")))
            daemon.process.send_signal(signal.SIGHUP)
            daemon.until_logged("missing.avi")
            daemon.configure(changed(config, "camera", source=str(other)))
            daemon.process.send_signal(signal.SIGHUP)
            until(
                lambda: (
                    (told := info(subscriber)) is not None
                    and told.camera is not None
                    and told.camera.fps == 10
                ),
                "info of the other",
            )
            told = len(poses(subscriber))
            until(lambda: len(poses(subscriber)) > told + 3, "poses")
            assert daemon.stop() == 0

    def test_another_broker_takes_over(
        self, tmp_path: Path, config: Config, subscriber: Subscriber, make_broker: object
    ) -> None:
        assert callable(make_broker)
        with make_broker("allow_anonymous true") as second, Daemon(tmp_path, config) as daemon:
            until(lambda: len(poses(subscriber)) > 0, "poses")
            daemon.configure(changed(config, "mqtt", port=second.port))
            daemon.process.send_signal(signal.SIGHUP)
            with Subscriber(second.port) as there:
                until(lambda: len(poses(there)) > 0, "poses at the second")
                until(lambda: info(there) is not None, "info at the second")
            subscriber.until(TOPICS.status, b"offline")
            assert daemon.stop() == 0


@pytest.mark.parametrize(
    ("section", "keys", "told"),
    [
        ("camera", {"source": "missing.avi"}, "missing.avi"),
        ("pose", {"model": "missing.tflite"}, "missing.tflite"),
        ("pose", {"model": "movenet-lightening"}, "did you mean movenet-lightning?"),
        ("mqtt", {"tls": True, "ca_file": "missing.pem"}, "missing.pem"),
    ],
)
def test_what_cannot_work_is_one_line_and_the_exit_code_of_a_wrong_configuration(
    tmp_path: Path, config: Config, section: str, keys: dict[str, object], told: str
) -> None:
    with Daemon(tmp_path, changed(config, section, **keys)) as daemon:
        assert daemon.process.wait(20) == 78
        last = daemon.log().strip().splitlines()[-1]
        assert last.startswith("edged: ")
        assert told in last
        assert "Traceback" not in daemon.log()


def test_a_worker_that_dies_as_it_starts_may_do_better_the_next_time(
    tmp_path: Path, config: Config
) -> None:
    runtime = tmp_path / "library" / "ai_edge_litert"
    runtime.mkdir(parents=True)
    (runtime / "__init__.py").write_text("import os\nos.abort()\n")
    environment = {"PYTHONPATH": str(runtime.parent)}
    with Daemon(tmp_path, config, environment=environment) as daemon:
        assert daemon.process.wait(20) == 1, "systemd is to start it again"
        assert "SIGABRT" in daemon.log().strip().splitlines()[-1]


def test_a_port_where_nobody_listens_is_told_once(tmp_path: Path, config: Config) -> None:
    nobody = changed(config, "mqtt", port=free_port())
    with Daemon(tmp_path, nobody) as daemon:
        daemon.until_logged("WARNING")
        os.kill(daemon.process.pid, 0)
        assert daemon.stop() == 0
        assert daemon.log().count("WARNING") == 1
