"""Frames on disk: whole shards only, the same batch for the same step, errors where they belong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.training.frames import Ahead, Frames, FramesError, Truths, batch, shards, write


def shard(directory: Path, number: int, count: int = 3) -> None:
    rng = np.random.default_rng(number)
    write(
        directory,
        number,
        rng.integers(0, 256, (count, 24, 32, 3), np.uint8),
        Truths(
            keypoints=rng.random((count, 17, 2), np.float32),
            visibility=np.full((count, 17), 2, np.uint8),
            area=np.full(count, 0.1, np.float32),
            exercise=np.array(["squat"] * (count - 1) + ["push-up"]),
            azimuth=np.full(count, number, np.float32),
        ),
    )


def test_what_was_written_is_read(tmp_path: Path) -> None:
    shard(tmp_path, 0)
    shard(tmp_path, 10, count=2)
    shard(tmp_path, 9)
    frames = Frames(tmp_path)
    assert len(frames) == 8
    assert frames.truths.azimuth.tolist() == [0, 0, 0, 9, 9, 9, 10, 10]
    assert frames.truths.exercise.tolist()[5:] == ["push-up", "squat", "push-up"]
    expected = np.random.default_rng(9).integers(0, 256, (3, 24, 32, 3), np.uint8)
    assert (frames.pixels(4) == expected[1]).all()


def test_a_shard_without_its_truth_is_not_there(tmp_path: Path) -> None:
    shard(tmp_path, 0)
    shard(tmp_path, 1)
    (tmp_path / "truth-1.npz").unlink()
    assert shards(tmp_path) == [0]
    assert len(Frames(tmp_path)) == 3


def test_no_frames_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FramesError, match="no frames: render some first"):
        Frames(tmp_path)


def test_a_step_always_learns_from_the_same_batch(tmp_path: Path) -> None:
    shard(tmp_path, 0, count=9)
    frames = Frames(tmp_path)
    one, again, other = (batch(frames, step, 4, 32, (4, 4), 0.5) for step in (7, 7, 8))
    assert (one.pictures == again.pictures).all()
    assert (one.targets.answer == again.targets.answer).all()
    assert not (one.pictures == other.pictures).all()
    assert one.pictures.shape == (4, 32, 32, 3)
    assert one.targets.answer.shape == (4, 4, 4, 51)


def test_what_is_made_ahead_comes_in_order_and_the_thread_ends() -> None:
    with Ahead(lambda number: number * number, range(3, 7), depth=2) as made:
        assert list(made) == [9, 16, 25, 36]
    endless = Ahead(str, range(10**9), depth=2)
    with endless as made:
        assert next(made) == "0"
    assert not endless._thread.is_alive()


def test_what_goes_wrong_ahead_is_told_to_the_one_who_waits() -> None:
    with (
        Ahead(lambda number: 1 // number, range(-1, 2)) as made,
        pytest.raises(ZeroDivisionError),
    ):
        list(made)
