"""The handle of a worker process that does not behave."""

from __future__ import annotations

import errno
import mmap
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from brokers import until

from edged.errors import EngineError
from edged.inference.process import Worker

Make = Callable[[Path], Worker]


@pytest.fixture
def make() -> Iterator[Make]:
    workers: list[Worker] = []

    def make(model: Path) -> Worker:
        workers.append(Worker([model], threads=1, runtime="auto"))
        return workers[-1]

    yield make
    for worker in workers:
        worker.kill()


def test_one_that_hangs_up_and_stays_is_not_waited_for(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "mute"
    program.write_text(
        f"#!{sys.executable}\nimport os, sys, time\nos.close(int(sys.argv[4]))\ntime.sleep(60)\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    worker = make(tmp_path / "none.tflite")

    def has_hung_up() -> bool:
        assert not worker.poll(0.0), "as long as it may still end, there is nothing to tell"
        return worker.has_hung_up

    until(has_hung_up, "the end of the socket")

    with pytest.raises(EngineError, match="the worker hung up while loading"):
        until(lambda: worker.poll(0.01), "the end of patience")


def test_no_memory_for_the_tensors_is_an_error_of_the_engine(
    make: Make, pose_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> mmap.mmap:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(mmap, "mmap", refuse)
    worker = make(pose_file)
    with pytest.raises(EngineError, match="shared memory: Cannot allocate memory"):
        until(lambda: worker.poll(1.0), "an error")
