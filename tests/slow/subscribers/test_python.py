"""The program of docs/subscribers/python.md, run as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from brokers import Broker, Subscriber, until
from daemons import TOPICS, Daemon, configuration, write_clip
from pages import examples
from payloads import encoded, new_id, rep, set_over

from edged.messages.topics import ONLINE


class Reader:
    """The program while it runs."""

    def __init__(self, directory: Path, port: int) -> None:
        (program,) = examples("python.md", "python")
        (directory / "reader.py").write_text(program)
        self.out = directory / "out"
        with self.out.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, directory / "reader.py", "127.0.0.1", str(port)],
                stdout=out,
                stderr=out,
            )

    def lines(self) -> list[str]:
        """All that it has printed, without the times."""
        return [re.sub(r" \d\d:\d\d:\d\d:", ":", one) for one in self.out.read_text().splitlines()]

    def until(self, line: str) -> None:
        until(lambda: line in self.lines(), line)


@contextmanager
def reading(directory: Path, port: int) -> Iterator[Reader]:
    reader = Reader(directory, port)
    try:
        yield reader
    finally:
        reader.process.kill()
        reader.process.wait()


@pytest.fixture
def device(broker: Broker) -> Iterator[Subscriber]:
    with Subscriber(broker.port, "nothing") as device:
        device._client.publish(TOPICS.status, ONLINE, qos=1, retain=True)
        yield device


def line(count: int) -> str:
    return f"gym: squat {count}, 2.6 s, shallow"


def test_reps_are_right_whatever_happens(
    tmp_path: Path, broker: Broker, device: Subscriber
) -> None:
    of_set = new_id()
    first, second = rep("squat", 1, of_set), rep("squat", 2, of_set)
    with reading(tmp_path, broker.port) as reader:
        reader.until("gym is online")
        device.publish(TOPICS.event_rep, encoded(first))
        device.publish(TOPICS.event_rep, encoded(first))  # at least once
        device.publish(TOPICS.event_rep, encoded(second))
        reader.until(line(2))
        assert reader.lines().count(line(1)) == 1
        better = rep("squat", 2, of_set, replaces=(second.id,))
        device.publish(TOPICS.event_rep, encoded(better))
        until(lambda: reader.lines().count(line(2)) == 2, "the same count")
    # What comes while it does not run is kept for it.
    device.publish(TOPICS.event_rep, encoded(rep("squat", 3, of_set, is_full=False)))
    device.publish(TOPICS.event_set, encoded(set_over("squat", 2, of_set)))
    device.publish(TOPICS.event_set, encoded(set_over("squat", 0, new_id(), number=2)))
    device.publish(TOPICS.event_rep, b'{"v":2}')
    with reading(tmp_path, broker.port) as reader:
        reader.until("gym: set 1 is over: 2 x squat")
        reader.until("gym: set 2 never was")
    assert not [one for one in reader.lines() if "Traceback" in one]


def test_poses_of_a_real_device_are_told(tmp_path: Path, pose_file: Path, broker: Broker) -> None:
    config = configuration(write_clip(tmp_path / "clip.avi"), pose_file, broker.port)
    with reading(tmp_path, broker.port) as reader, Daemon(tmp_path, config) as daemon:
        until(lambda: any("1 people, noses at [[0.4" in one for one in reader.lines()), "a pose")
        assert daemon.stop() == 0
        reader.until("gym is offline")
