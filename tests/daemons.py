"""The real daemon as a child process, on tiny models and a clip that tests write."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import cv2
import msgspec
import numpy as np
import psutil
from brokers import DEADLINE_S, Subscriber, until

from edged.config import Config, dump
from edged.messages.device import HealthMessage, Info
from edged.messages.encoding import Reader
from edged.messages.streams import LabelsMessage, PoseMessage
from edged.messages.topics import Topics
from edged.sections import Camera, Device, Health, LabelModel, Mqtt, PoseModel

TOPICS = Topics("edged", "gym")


def write_clip(path: Path, frames: int = 30, fps: float = 30.0) -> Path:
    """A gray 64x48 video; by it the tiny pose model sees a person, whose keypoints are all 0.4."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (64, 48))
    for _ in range(frames):
        writer.write(np.full((48, 64, 3), 100, np.uint8))
    writer.release()
    return path


def configuration(clip: Path, pose: Path, port: int, *, labels: Path | None = None) -> Config:
    """Of a daemon that plays the clip over and over."""
    return Config(
        device=Device(name=TOPICS.device),
        camera=Camera(source=str(clip), loop=True),
        pose=PoseModel(model=str(pose), fit="stretch"),
        labels=LabelModel(model=str(labels) if labels else "", interval_s=0.0),
        mqtt=Mqtt(port=port),
        health=Health(interval_s=0.5),
    )


class Daemon:
    """`edged run` as a child process; the end of the block kills what is left of it."""

    def __init__(
        self,
        directory: Path,
        config: Config,
        *,
        program: Sequence[str] = ("-m", "edged"),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.file = directory / "edged.toml"
        self.configure(config)
        self._log = directory / "edged.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *program, "run", "--config", str(self.file)],
                stdout=log,
                stderr=log,
                env={
                    **os.environ,
                    "EDGED_DEBUG": "",
                    "XDG_STATE_HOME": str(directory / "state"),
                    **(environment or {}),
                },
            )

    def configure(self, config: Config) -> None:
        """Write the file that it reads at its start and at SIGHUP."""
        self.file.write_text(dump(config))

    def log(self) -> str:
        """What it wrote."""
        return self._log.read_text()

    def until_logged(self, words: str) -> None:
        """Wait for words in the log."""
        until(lambda: words in self.log(), f"{words!r} in the log")

    def worker(self) -> psutil.Process:
        """Its worker process, as soon as it has just one."""
        until(lambda: len(self.workers()) == 1, "one worker")
        (worker,) = self.workers()
        return worker

    def workers(self) -> list[psutil.Process]:
        """Its worker processes, but for those that have ended and are about to be reaped."""
        children = psutil.Process(self.process.pid).children()
        return [child for child in children if child.status() != psutil.STATUS_ZOMBIE]

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Signal it and wait for its exit code."""
        self.process.send_signal(how)
        return self.process.wait(DEADLINE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(DEADLINE_S)


def poses(subscriber: Subscriber) -> list[PoseMessage]:
    """All that came."""
    decode = Reader(PoseMessage).decode
    return [decode(message.payload) for message in subscriber.of(TOPICS.pose)]


def labels(subscriber: Subscriber) -> list[LabelsMessage]:
    """All that came."""
    decode = Reader(LabelsMessage).decode
    return [decode(message.payload) for message in subscriber.of(TOPICS.labels)]


def healths(subscriber: Subscriber) -> list[HealthMessage]:
    """All that came."""
    decode = msgspec.json.Decoder(HealthMessage).decode
    return [decode(message.payload) for message in subscriber.of(TOPICS.health)]


def info(subscriber: Subscriber) -> Info | None:
    """The last one."""
    payload = subscriber.last(TOPICS.info)
    return None if payload is None else msgspec.json.decode(payload, type=Info)
