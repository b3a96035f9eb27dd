"""The chain of parts, without the service around it."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec
import psutil
import pytest
import tiny_models
from brokers import Broker, Subscriber, free_port, until
from daemons import TOPICS, configuration, poses, write_clip

from edged.chain import Chain
from edged.errors import ModelError
from edged.sections import LabelModel, Outbox
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


def test_events_outlive_the_publisher_that_a_reload_replaces(
    tmp_path: Path, pose_file: Path, broker: Broker
) -> None:
    there = configuration(write_clip(tmp_path / "clip.avi"), pose_file, broker.port)
    there = msgspec.structs.replace(there, outbox=Outbox(file=str(tmp_path / "outbox.sqlite")))
    nowhere = msgspec.structs.replace(
        there, mqtt=msgspec.structs.replace(there.mqtt, port=free_port())
    )
    fewer = msgspec.structs.replace(
        there, outbox=msgspec.structs.replace(there.outbox, max_events=5)
    )
    with (
        Subscriber(broker.port) as subscriber,
        contextlib.closing(Chain(nowhere, lambda _: None, wanted=lambda: True)) as chain,
    ):
        chain.publisher.event(TOPICS.event_rep, "0", b"0")
        assert chain.outbox_health.depth == 1
        chain.reload(there)
        subscriber.until(TOPICS.event_rep, b"0")
        until(lambda: chain.outbox_health.depth == 0, "the broker has it")
        chain.reload(nowhere)
        chain.publisher.event(TOPICS.event_rep, "1", b"1")
        chain.reload(fewer)  # the same file, opened anew
        subscriber.until(TOPICS.event_rep, b"1")
        assert chain.outbox_health.problem is None
