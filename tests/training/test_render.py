"""Frames that are trained with, and those that are not."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from edged.capture.athlete.athlete import HELD_OUT
from models.training import render
from models.training.frames import FRAME, shards
from models.training.sets import Set, begin, open_whole


def seeds(what: Set) -> range:
    return range(what.first_seed, what.first_seed + -(-what.frames // what.looks))


def test_nobody_who_is_trained_with_is_measured_by_or_seen_by_users() -> None:
    validation, train = render.sets()
    assert max(seeds(train)) < min(seeds(validation))
    assert max(seeds(validation)) < HELD_OUT
    assert len(seeds(train)) == 8_000


def test_a_seed_is_always_the_same_frames() -> None:
    (one,), (again,), (other,) = (list(render.render(seed, 1)) for seed in (5, 5, 6))
    assert (one.pixels == again.pixels).all()
    assert (one.pixels != other.pixels).any()
    assert (one.exercise, one.azimuth) == (again.exercise, again.azimuth)


def test_some_rooms_are_empty_and_say_so() -> None:
    made = [frame for seed in range(4) for frame in render.render(seed, 5)]
    empty = [frame for frame in made if frame.seen is None]
    assert 0 < len(empty) < 10
    assert {frame.exercise for frame in empty} == {""}


def test_a_set_is_rendered_once_and_what_is_missing_of_it(tmp_path: Path) -> None:
    few = Set("train", 0, 3, 2, FRAME)
    directory = tmp_path / "train"
    render.render_set(tmp_path, few, processes=1)
    assert shards(directory) == [0]
    frames = open_whole(directory)
    assert len(frames) == 3
    assert frames.pixels(0).shape == (240, 320, 3)
    assert frames.truths.azimuth[0] == frames.truths.azimuth[1] != frames.truths.azimuth[2]
    before = (directory / "truth-0.npz").stat().st_mtime_ns
    render.render_set(tmp_path, few, processes=1)
    assert (directory / "truth-0.npz").stat().st_mtime_ns == before


def test_frames_of_another_set_are_left_alone_and_told_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(tmp_path / "validation", render.sets(20)[0])
    (tmp_path / "validation" / "truth-0.npz").touch()
    np.save(tmp_path / "validation" / "frames-0.npy", np.zeros((20, 4, 4, 3), np.uint8))
    words = ["--work", str(tmp_path), "--processes", "1", "--frames"]
    assert render.main([*words, "3200"]) == 1
    assert capsys.readouterr().err == (
        f"error: {tmp_path / 'validation'}: it was rendered with frames 20, not 40: "
        "delete it to render it again\n"
    )


def test_told_to_end_it_ends_with_all_of_its_processes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "models.training.render", "--work", str(tmp_path)]
    rendering = subprocess.Popen(
        [*command, "--processes", "1"], cwd=Path(render.__file__).parents[2], start_new_session=True
    )
    children = Path(f"/proc/{rendering.pid}/task/{rendering.pid}/children")
    deadline = time.monotonic() + 30
    while len(children.read_text().split()) < 2:  # the one that renders, and its tracker
        assert rendering.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    pids = children.read_text().split()
    rendering.terminate()
    assert rendering.wait(20) == 128 + signal.SIGTERM
    while any(Path("/proc", pid, "exe").exists() for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.02)
