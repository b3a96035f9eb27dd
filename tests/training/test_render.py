"""Frames that are trained with, and those that are not."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from edged.capture.athlete.athlete import HELD_OUT
from models.training import render
from models.training.frames import FRAME, Frames, shards


def seeds(what: render.Set) -> range:
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
    few = render.Set("train", 0, 3, 2, FRAME)
    assert render.render_shard(tmp_path, few, 0) == 3
    assert shards(tmp_path) == [0]
    frames = Frames(tmp_path)
    assert frames.pixels(0).shape == (240, 320, 3)
    assert frames.truths.azimuth[0] == frames.truths.azimuth[1] != frames.truths.azimuth[2]
    before = (tmp_path / "truth-0.npz").stat().st_mtime_ns
    (tmp_path / "train").mkdir()
    for path in tmp_path.glob("*-0.np?"):
        path.rename(tmp_path / "train" / path.name)
    render.render_set(tmp_path, few, processes=1)
    assert (tmp_path / "train" / "truth-0.npz").stat().st_mtime_ns == before


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
