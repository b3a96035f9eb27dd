"""Rendered frames on disk: shards that are mapped into memory, and training batches made of them.

A shard is two files: `frames-N.npy`, uint8 (frames, 240, 320, 3), and `truth-N.npz`, which is
written last: where it is, the shard is whole.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from edged.errors import EdgedError
from edged.types import Pixels
from models.training.augment import Sample, augment
from models.training.targets import Floats, Targets, encode

T = TypeVar("T")

FRAME = (320, 240)
"""Width and height of what is kept of a frame of 640 x 480: enough for the tightest crop."""


@dataclass(frozen=True, slots=True, eq=False)
class Truths:
    """Of many frames."""

    keypoints: Floats
    """(frames, 17, 2): x and y in 0..1 of the frame."""
    visibility: npt.NDArray[np.uint8]
    """(frames, 17)."""
    area: Floats
    """(frames,): of the silhouette, a fraction of the frame."""
    exercise: npt.NDArray[np.str_]
    """(frames,): empty where nobody is there."""
    azimuth: Floats
    """(frames,): degrees that the camera stands to the side; 0 = in front of the person."""


class FramesError(EdgedError):
    """There are no frames, or not those that are needed."""


def write(directory: Path, number: int, pixels: Pixels, truths: Truths) -> None:
    """Write a shard, whole or not at all."""
    frames = directory / f"frames-{number}.npy"
    truth = directory / f"truth-{number}.npz"
    with (directory / f".frames-{number}").open("wb") as file:
        np.save(file, pixels)
    os.replace(directory / f".frames-{number}", frames)  # noqa: PTH105 - the same in one word
    with (directory / f".truth-{number}").open("wb") as file:
        np.savez(
            file,
            keypoints=truths.keypoints,
            visibility=truths.visibility,
            area=truths.area,
            exercise=truths.exercise,
            azimuth=truths.azimuth,
        )
    os.replace(directory / f".truth-{number}", truth)  # noqa: PTH105


def shards(directory: Path) -> list[int]:
    """The numbers of the whole shards of a directory, in order."""
    return sorted(int(path.stem.partition("-")[2]) for path in directory.glob("truth-*.npz"))


class Frames:
    """All frames of a directory, mapped into memory."""

    def __init__(self, directory: Path) -> None:
        """Raises `FramesError` when there are none."""
        numbers = shards(directory)
        if not numbers:
            raise FramesError(f"{directory}: no frames: render some first")
        self._shards: list[Pixels] = [
            np.load(directory / f"frames-{number}.npy", mmap_mode="r") for number in numbers
        ]
        told = [np.load(directory / f"truth-{number}.npz") for number in numbers]
        self.truths = Truths(
            **{
                name: np.concatenate([truth[name] for truth in told])
                for name in Truths.__dataclass_fields__
            }
        )
        self._starts = np.cumsum([0, *(len(shard) for shard in self._shards)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def pixels(self, index: int) -> Pixels:
        """Of one frame; not to be written to."""
        shard = int(np.searchsorted(self._starts, index, side="right")) - 1
        pixels: Pixels = self._shards[shard][index - int(self._starts[shard])]
        return pixels

    def sample(self, index: int) -> Sample:
        """One frame and where the person is in it."""
        truths = self.truths
        return Sample(self.pixels(index), truths.keypoints[index], truths.visibility[index])


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What one step learns from."""

    pictures: npt.NDArray[np.uint8]
    """(batch, size, size, 3)."""
    targets: Targets


def batch(
    frames: Frames, step: int, count: int, size: int, grid: tuple[int, int], whole: float
) -> Batch:
    """The batch of a step: always the same, so that training goes on as if never interrupted.

    Args:
        frames: to make pictures of.
        step: from 0.
        count: of pictures.
        size: of the pictures.
        grid: rows and columns of the answer.
        whole: how many of them show a whole frame, 0..1.
    """
    rng = np.random.default_rng([step, 0xED6E])
    chosen = rng.integers(0, len(frames), count)
    samples = [augment(frames.sample(int(index)), size, whole, rng) for index in chosen]
    return Batch(
        pictures=np.stack([sample.pixels for sample in samples]),
        targets=encode(
            np.stack([sample.keypoints for sample in samples]),
            np.stack([sample.visibility for sample in samples]),
            grid,
        ),
    )


class Ahead(Generic[T]):
    """Makes things in a thread before they are asked for, in order. A context manager."""

    def __init__(self, make: Callable[[int], T], numbers: range, depth: int = 4) -> None:
        self._made: queue.Queue[Any] = queue.Queue(depth)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(make, numbers), daemon=True)

    def __enter__(self) -> Iterator[T]:
        self._thread.start()
        return self._take()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self, make: Callable[[int], T], numbers: range) -> None:
        for number in numbers:
            try:
                made: Any = make(number)
            except Exception as error:  # noqa: BLE001 - told to the one who waits for it
                made = error
            while not self._stop.is_set():
                try:
                    self._made.put(made, timeout=0.1)
                    break
                except queue.Full:
                    continue
            if self._stop.is_set():
                return
        self._made.put(None)

    def _take(self) -> Iterator[T]:
        while (made := self._made.get()) is not None:
            if isinstance(made, Exception):
                raise made
            yield made
