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
from edged.inference.process import Signature, Worker
from edged.types import TensorInfo

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


def tensor(name: str, size: int, scale: float = 0.5) -> TensorInfo:
    return TensorInfo(name, "uint8", (1, size), scale, 0)


OURS = Signature((tensor("in", 9),), (tensor("a", 2), tensor("b", 3), tensor("c", 3)))


@pytest.mark.parametrize(
    ("outputs", "places"),
    [
        ((tensor("a", 2), tensor("b", 3), tensor("c", 3)), (0, 1, 2)),
        ((tensor("c", 3), tensor("a", 2), tensor("b", 3)), (1, 2, 0)),
        ((tensor("x", 3), tensor("y", 3), tensor("z", 2)), (2, 0, 1)),
        ((tensor("a", 2), tensor("b", 3), tensor("c", 3), tensor("d", 3)), (0, 1, 2)),
        ((tensor("a", 2), tensor("b", 3)), None),
        ((tensor("a", 2), tensor("b", 3), tensor("c", 3, 0.25)), None),
    ],
    ids=["same", "moved", "renamed", "one more", "one less", "another scale"],
)
def test_the_outputs_of_a_twin_are_found_in_any_order(
    outputs: tuple[TensorInfo, ...], places: tuple[int, ...] | None
) -> None:
    assert OURS.places(Signature(OURS.inputs, outputs)) == places
    assert OURS.places(Signature((tensor("in", 8),), outputs)) is None


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
