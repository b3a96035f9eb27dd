"""The chain of parts, without the service around it."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec
import psutil
import pytest
import tiny_models
from brokers import Broker, Subscriber, until
from daemons import TOPICS, configuration, poses, write_clip

from edged.chain import Chain
from edged.errors import ModelError
from edged.sections import LabelModel
from edged.supervision import signs_of


def test_who_stands_still_for_an_exchange_is_not_missed(
    tmp_path: Path, pose_file: Path, broker: Broker
) -> None:
    config = configuration(write_clip(tmp_path / "clip.avi"), pose_file, broker.port)
    other = tmp_path / "other.tflite"
    other.write_bytes(tiny_models.pose_model(size=48))
    chains: list[Chain] = []
    watched: list[set[str]] = []

    def is_wanted() -> bool:  # asked while the main thread waits, when the watchdog is fed
        watched.extend({sign.part for sign in signs_of(chain)} for chain in chains)
        return True

    with contextlib.closing(Chain(config, lambda _: None, wanted=is_wanted)) as chain:
        chains.append(chain)
        chain.use_models(msgspec.structs.replace(config.pose, model=str(other)), LabelModel())
        assert {"capture", "mqtt"} in watched
        assert {sign.part for sign in signs_of(chain)} == {"capture", "frames", "mqtt"}


def test_models_are_exchanged_as_a_command_asks(
    tmp_path: Path, pose_file: Path, broker: Broker
) -> None:
    other = tmp_path / "other.tflite"
    other.write_bytes(tiny_models.pose_model(size=48))
    config = configuration(write_clip(tmp_path / "clip.avi"), pose_file, broker.port)
    this = psutil.Process()
    before = {child.pid for child in this.children()}
    with Subscriber(broker.port) as subscriber:
        chain = Chain(config, lambda _: None, wanted=lambda: True)
        with contextlib.closing(chain):
            until(lambda: bool(poses(subscriber)), "poses")
            pose = msgspec.structs.replace(config.pose, model=str(other))
            with pytest.raises(ModelError, match=r"nothing\.tflite"):
                chain.use_models(config.pose, LabelModel(model="nothing.tflite"))
            camera = chain.capture
            chain.use_models(pose, LabelModel())
            until(lambda: poses(subscriber)[-1].model == "other", "poses of the other model")
            assert chain.config.pose == pose
            assert chain.capture is camera
            until(lambda: len(chain.worker_pids) == 1, "the old worker is gone")
            assert (chain.counts.worker_restarts, chain.counts.reconnects) == (0, 0)
        subscriber.until(TOPICS.status, b"offline")
    assert {child.pid for child in this.children()} == before
