"""Privacy: `[camera] paused`, by SIGHUP, in a real daemon with a real camera on the network."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from brokers import Broker, Subscriber, until
from cameras import HttpCamera
from daemons import TOPICS, Daemon, configuration, healths, info, poses
from msgspec.structs import replace

from edged.capture.capture import PAUSED
from edged.chain import Chain
from edged.config import Config


@pytest.fixture
def camera() -> Iterator[HttpCamera]:
    camera = HttpCamera()
    camera.level = lambda: 100
    camera.switch_on()
    yield camera
    camera.switch_off()


def paused(config: Config, *, is_paused: bool) -> Config:
    return replace(config, camera=replace(config.camera, paused=is_paused))


def has_camera(subscriber: Subscriber) -> bool:
    told = info(subscriber)
    return told is not None and told.camera is not None


def test_a_pause_closes_the_camera_and_is_told_and_ends(
    tmp_path: Path, camera: HttpCamera, pose_file: Path, broker: Broker
) -> None:
    config = configuration(Path("camera"), pose_file, broker.port)
    config = replace(config, camera=replace(config.camera, source=camera.url))
    with Subscriber(broker.port) as subscriber, Daemon(tmp_path, config) as daemon:
        until(lambda: len(poses(subscriber)) > 3, "poses")
        daemon.configure(paused(config, is_paused=True))
        daemon.process.send_signal(signal.SIGHUP)
        until(lambda: not has_camera(subscriber), "no camera in info")
        until(lambda: healths(subscriber)[-1].state == "paused", "the pause in health")
        assert healths(subscriber)[-1].problems == []
        until(lambda: camera.watchers == 0, "the camera closed")
        told, requests = len(poses(subscriber)), camera.requests
        rounds = len(healths(subscriber))
        until(lambda: len(healths(subscriber)) > rounds + 1, "health goes on")
        assert len(poses(subscriber)) == told
        assert camera.requests == requests
        assert subscriber.last(TOPICS.status) == b"online"
        daemon.configure(config)
        daemon.process.send_signal(signal.SIGHUP)
        until(lambda: len(poses(subscriber)) > told, "poses again")
        until(lambda: healths(subscriber)[-1].state == "ok", "the state in health")
        assert has_camera(subscriber)
        assert daemon.stop() == 0


def test_a_pause_outlives_a_reload(camera: HttpCamera, pose_file: Path, broker: Broker) -> None:
    config = configuration(Path("camera"), pose_file, broker.port)
    config = replace(config, camera=replace(config.camera, source=camera.url))
    with closing(Chain(config, lambda _: None, wanted=lambda: True)) as chain:
        until(lambda: chain.capture.info is not None, "frames")
        assert chain.pause(10)
        until(lambda: camera.watchers == 0, "the camera closed")
        requests = camera.requests
        chain.reload(replace(config, camera=replace(config.camera, width=320)))
        until(lambda: chain.is_paused, "the pause")
        assert chain.problems == []
        assert camera.requests == requests
        chain.resume()
        until(lambda: chain.capture.info is not None, "frames again")
        assert chain.problems == []


def test_a_camera_that_does_not_close_is_not_called_paused(
    camera: HttpCamera, pose_file: Path, broker: Broker
) -> None:
    camera.is_mute.set()  # opening takes its 5 s
    config = configuration(Path("camera"), pose_file, broker.port)
    config = replace(config, camera=replace(config.camera, source=camera.url))
    with closing(Chain(config, lambda _: None, wanted=lambda: True)) as chain:
        until(lambda: camera.watchers == 1, "a connection")
        chain.reload(paused(config, is_paused=True))
        assert camera.watchers == 0 or chain.capture.problem != PAUSED
        camera.switch_off()
        until(lambda: chain.capture.problem == PAUSED, "the pause")
        chain.resume()
        assert chain.capture.is_paused, "the configuration's word stays"


def test_a_pause_that_ends_with_another_camera_is_in_the_log_too(
    tmp_path: Path, camera: HttpCamera, pose_file: Path, broker: Broker
) -> None:
    config = configuration(Path("camera"), pose_file, broker.port)
    awake = replace(config, camera=replace(config.camera, source=camera.url))
    with Daemon(tmp_path, paused(awake, is_paused=True)) as daemon:
        daemon.until_logged("the camera is paused")
        daemon.configure(replace(awake, camera=replace(awake.camera, width=320)))
        daemon.process.send_signal(signal.SIGHUP)
        daemon.until_logged("the camera is no longer paused")
        assert daemon.stop() == 0


def test_a_pause_that_ends_during_a_reload_has_ended(
    camera: HttpCamera, pose_file: Path, broker: Broker
) -> None:
    config = configuration(Path("camera"), pose_file, broker.port)
    config = replace(config, camera=replace(config.camera, source=camera.url))
    chains: list[Chain] = []

    def wanted() -> bool:
        if chains:
            chains.pop().resume()  # when the other camera is there, and not in its place yet
        return True

    with closing(Chain(config, lambda _: None, wanted=wanted)) as chain:
        chain.pause()
        chains.append(chain)
        chain.reload(replace(config, camera=replace(config.camera, source="athlete")))
        assert not chains
        assert not chain.capture.is_paused
