"""What commands do to the real daemon: pause, models, exercises; each answered."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
import tiny_models
from brokers import Broker, Subscriber, retained, until
from cameras import HttpCamera
from daemons import TOPICS, Daemon, configuration, healths, info, poses, write_clip
from msgspec.structs import replace

from edged.chain import Chain
from edged.config import Config
from edged.messages.commands import Reply
from edged.messages.exercise import ExerciseState
from edged.mqtt.commands import Command, Pause, Reset, UseModel
from edged.mqtt.inbox import Asked, Order
from edged.orders import BUSY, MOST_WAITING, STOPPING, Orders


@pytest.fixture
def camera() -> Iterator[HttpCamera]:
    camera = HttpCamera()
    camera.level = lambda: 100
    camera.switch_on()
    yield camera
    camera.switch_off()


@pytest.fixture
def watching(camera: HttpCamera, pose_file: Path, broker: Broker) -> Config:
    """A configuration with the camera."""
    config = configuration(Path("camera"), pose_file, broker.port)
    return replace(config, camera=replace(config.camera, source=camera.url))


@pytest.fixture
def playing(tmp_path: Path, pose_file: Path, broker: Broker) -> Config:
    """A configuration with a clip."""
    return configuration(write_clip(tmp_path / "clip.avi"), pose_file, broker.port)


@pytest.fixture
def other_pose(tmp_path: Path) -> Path:
    path = tmp_path / "other.tflite"
    path.write_bytes(tiny_models.pose_model(size=48))
    return path


def replies(subscriber: Subscriber) -> list[Reply]:
    return [
        msgspec.json.decode(message.payload, type=Reply) for message in subscriber.of(TOPICS.reply)
    ]


def command(subscriber: Subscriber, what: str, payload: bytes) -> Reply:
    """Send one and wait for the answer."""
    before = len(replies(subscriber))
    subscriber.publish(TOPICS.set(what), payload)
    until(lambda: len(replies(subscriber)) > before, f"an answer to {what}")
    reply = replies(subscriber)[before]
    assert reply.command == what
    return reply


def exercise(subscriber: Subscriber) -> ExerciseState:
    payload = subscriber.last(TOPICS.exercise)
    assert payload is not None
    return msgspec.json.decode(payload, type=ExerciseState)


def ordered(command: Command, number: int = 0) -> Order:
    return Order(command, Asked(str(number), TOPICS.reply))


def test_a_pause_by_command_closes_the_camera_and_its_state_follows(
    tmp_path: Path, camera: HttpCamera, watching: Config, broker: Broker
) -> None:
    with Subscriber(broker.port) as subscriber, Daemon(tmp_path, watching) as daemon:
        until(lambda: len(poses(subscriber)) > 3, "poses")
        assert subscriber.last(TOPICS.paused) == b"OFF"
        assert command(subscriber, "pause", b"ON").ok
        until(lambda: camera.watchers == 0, "the camera closed")
        subscriber.until(TOPICS.paused, b"ON")
        until(lambda: healths(subscriber)[-1].state == "paused", "the pause in health")
        told = len(poses(subscriber))
        assert command(subscriber, "pause", b"OFF").ok
        subscriber.until(TOPICS.paused, b"OFF")
        until(lambda: len(poses(subscriber)) > told, "poses again")
        (state, *_) = subscriber.of(TOPICS.paused)
        assert (state.qos, state.retain, state.content_type) == (1, True, "text/plain")
        assert TOPICS.paused in retained(broker)
        assert daemon.stop() == 0


def test_a_pause_of_the_configuration_is_told_and_no_command_ends_it(
    tmp_path: Path, camera: HttpCamera, watching: Config, broker: Broker
) -> None:
    config = replace(watching, camera=replace(watching.camera, paused=True))
    with Subscriber(broker.port) as subscriber, Daemon(tmp_path, config) as daemon:
        subscriber.until(TOPICS.paused, b"ON")
        reply = command(subscriber, "pause", b"OFF")
        assert (reply.ok, "[camera] paused is true" in reply.reason) == (False, True)
        assert [message.payload for message in subscriber.of(TOPICS.paused)] == [b"ON"]
        assert camera.requests == 0
        daemon.configure(watching)
        daemon.process.send_signal(signal.SIGHUP)
        subscriber.until(TOPICS.paused, b"OFF")
        assert daemon.stop() == 0


def test_a_camera_that_does_not_close_is_not_called_paused(
    camera: HttpCamera, watching: Config, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edged.orders.CLOSING_S", 0.2)
    camera.is_mute.set()  # opening takes its 5 s
    orders = Orders(lambda: None, lambda: True)
    with (
        Subscriber(broker.port) as subscriber,
        closing(Chain(watching, lambda _: None, wanted=lambda: True)) as chain,
    ):
        until(lambda: camera.watchers == 1, "a connection")
        orders.put(ordered(Pause(is_on=True)))
        orders.carry_out(chain)
        until(lambda: bool(replies(subscriber)), "an answer")
        (reply,) = replies(subscriber)
        assert reply.ok == chain.is_paused
        assert reply.ok or "does not close it yet" in reply.reason
        camera.switch_off()
        until(lambda: chain.is_paused, "the pause")


def test_another_model_by_command(
    tmp_path: Path, playing: Config, other_pose: Path, broker: Broker
) -> None:
    with Subscriber(broker.port) as subscriber, Daemon(tmp_path, playing) as daemon:
        until(lambda: bool(poses(subscriber)), "poses")
        reply = command(subscriber, "model", b"no-such-model")
        assert not reply.ok
        assert "no-such-model" in reply.reason
        assert command(subscriber, "model", str(other_pose).encode()).ok
        until(lambda: poses(subscriber)[-1].model == "other", "poses of the other model")
        told = info(subscriber)
        assert told is not None
        assert [model.name for model in told.models] == ["other"]
        assert daemon.stop() == 0


def test_commands_of_a_workout(tmp_path: Path, playing: Config, broker: Broker) -> None:
    with Subscriber(broker.port) as subscriber, Daemon(tmp_path, playing) as daemon:
        until(lambda: subscriber.last(TOPICS.exercise) is not None, "the state")
        assert command(subscriber, "target_reps", b"12").ok
        assert command(subscriber, "rest_s", b"90").ok
        assert command(subscriber, "exercise", b"squat").ok
        until(lambda: exercise(subscriber).wanted == "squat", "the exercise")
        state = exercise(subscriber)
        assert (state.target_reps, state.rest_s) == (12, 90.0)
        reply = command(subscriber, "exercise", b"napping")
        assert (reply.ok, "napping" in reply.reason) == (False, True)
        assert not command(subscriber, "correct", b"1").ok  # there is no set
        assert command(subscriber, "reset", b"").ok
        assert command(subscriber, "person", b"auto").ok
        assert daemon.stop() == 0


def test_without_fitness_nothing_of_it_can_be_set(
    tmp_path: Path, playing: Config, broker: Broker
) -> None:
    config = replace(playing, fitness=replace(playing.fitness, enabled=False))
    with Subscriber(broker.port) as subscriber, Daemon(tmp_path, config) as daemon:
        until(lambda: bool(poses(subscriber)), "poses")
        reply = command(subscriber, "reset", b"")
        assert (reply.ok, reply.reason) == (
            False,
            "nothing is counted: [fitness] enabled is false, or no model finds people",
        )
        assert daemon.stop() == 0


def test_commands_are_done_in_order(tmp_path: Path, playing: Config, broker: Broker) -> None:
    with Subscriber(broker.port) as subscriber, Daemon(tmp_path, playing) as daemon:
        until(lambda: subscriber.last(TOPICS.exercise) is not None, "the state")
        for reps in range(1, 16):
            subscriber.publish(TOPICS.set("target_reps"), b"%d" % reps)
        until(lambda: len(replies(subscriber)) == 15, "all answers")
        until(lambda: exercise(subscriber).target_reps == 15, "the last goal")
        assert all(reply.ok for reply in replies(subscriber))
        assert daemon.stop() == 0


def test_a_pause_does_not_wait_for_a_model_that_is_being_loaded(
    camera: HttpCamera, watching: Config, other_pose: Path, broker: Broker
) -> None:
    chains: list[Chain] = []
    seen: list[int] = []

    def is_wanted() -> bool:
        for chain in chains:
            if not seen:
                seen.append(0)
                orders.put(ordered(Pause(is_on=True), 1))
            orders.carry_out_pauses(chain)
            seen.append(camera.watchers)
        return True

    orders = Orders(lambda: None, is_wanted)
    with (
        Subscriber(broker.port) as subscriber,
        closing(Chain(watching, lambda _: None, wanted=is_wanted)) as chain,
    ):
        until(lambda: chain.capture.info is not None, "frames")
        chains.append(chain)
        orders.put(ordered(UseModel(str(other_pose)), 0))
        orders.carry_out(chain)
        assert chain.is_paused
        until(lambda: len(replies(subscriber)) == 2, "both answers")
        assert [(reply.command, reply.ok) for reply in replies(subscriber)] == [
            ("1", True),
            ("0", True),
        ]
        assert [spec.name for spec in chain.pipeline.specs] == ["other"]


def test_too_much_is_refused_at_once() -> None:
    woken: list[None] = []
    orders = Orders(lambda: woken.append(None), lambda: True)
    taken = [orders.put(ordered(Reset(), number)) for number in range(MOST_WAITING + 1)]
    assert taken == [""] * MOST_WAITING + [BUSY]
    assert orders.put(ordered(Pause(is_on=True))) == "", "a pause has a queue of its own"
    assert len(woken) == MOST_WAITING + 1


def test_what_waits_at_the_end_is_answered(playing: Config, broker: Broker) -> None:
    orders = Orders(lambda: None, lambda: False)
    with Subscriber(broker.port) as subscriber:
        with closing(Chain(playing, lambda _: None, wanted=lambda: True)) as chain:
            until(lambda: chain.publisher.connected, "a connection")
            orders.put(ordered(Reset(), 1))
            orders.carry_out(chain)  # nothing is wanted any more: nothing is done
            orders.close(chain)
            assert orders.put(ordered(Reset(), 2)) == STOPPING
        subscriber.until(TOPICS.status, b"offline")
        assert [(reply.command, reply.reason) for reply in replies(subscriber)] == [("1", STOPPING)]


def test_a_pause_lasts_over_another_name_and_a_crash(
    tmp_path: Path, watching: Config, broker: Broker
) -> None:
    renamed = replace(watching, device=replace(watching.device, name="gym-2"))
    with Subscriber(broker.port) as subscriber:
        with Daemon(tmp_path, watching) as daemon:
            until(lambda: bool(poses(subscriber)), "poses")
            assert command(subscriber, "pause", b"ON").ok
            daemon.configure(renamed)
            daemon.process.send_signal(signal.SIGHUP)
            until(lambda: subscriber.last("edged/gym-2/paused") == b"ON", "a pause")
            # Nothing stays under the old name.
            until(lambda: not [one for one in retained(broker) if "/gym/" in one], "nothing left")
            daemon.process.kill()
            daemon.process.wait(30)
        with Daemon(tmp_path, renamed):
            subscriber.until("edged/gym-2/status", b"online")
            until(lambda: subscriber.last("edged/gym-2/paused") == b"ON", "the pause again")
            assert not subscriber.of("edged/gym-2/pose")


def test_a_pause_lasts_over_a_crash_until_a_command_ends_it(
    tmp_path: Path, watching: Config, broker: Broker
) -> None:
    with Subscriber(broker.port) as subscriber:
        with Daemon(tmp_path, watching) as daemon:
            until(lambda: bool(poses(subscriber)), "poses")
            assert command(subscriber, "pause", b"ON").ok
            daemon.process.kill()
            daemon.process.wait(30)
        subscriber.until(TOPICS.status, b"offline")
        frames = len(poses(subscriber))
        with Daemon(tmp_path, watching) as daemon:
            subscriber.until(TOPICS.status, b"online")
            until(lambda: bool(healths(subscriber)), "health")
            until(lambda: healths(subscriber)[-1].state == "paused", "a pause")
            assert len(poses(subscriber)) == frames
            assert subscriber.last(TOPICS.paused) == b"ON"
            assert command(subscriber, "pause", b"OFF").ok
            until(lambda: len(poses(subscriber)) > frames, "poses")
            assert daemon.stop() == 0
        with Daemon(tmp_path, watching) as daemon:
            frames = len(poses(subscriber))
            until(lambda: len(poses(subscriber)) > frames, "poses after a restart")
