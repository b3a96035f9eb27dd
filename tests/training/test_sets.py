"""Two sets never mix: what made a directory of frames stands beside them."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.training import sets
from models.training.frames import FramesError, Truths, shards, write
from models.training.sets import NOTE, SHARD, Set, begin, fingerprint, open_whole

SIZE = (4, 3)
WHOLE = Set("train", 0, SHARD + 20, 5, SIZE)


def shard(directory: Path, number: int, count: int) -> None:
    write(
        directory,
        number,
        np.zeros((count, *SIZE[::-1], 3), np.uint8),
        Truths(
            keypoints=np.zeros((count, 17, 2), np.float32),
            visibility=np.zeros((count, 17), np.uint8),
            area=np.zeros(count, np.float32),
            exercise=np.array([""] * count),
            azimuth=np.zeros(count, np.float32),
        ),
    )


def rendered(directory: Path, what: Set = WHOLE) -> Path:
    """A directory with all frames of a set."""
    for number in begin(directory, what):
        shard(directory, number, what.lengths[number])
    return directory


@given(st.integers(0, 5 * SHARD))
def test_shards_hold_all_frames_and_only_the_last_is_short(frames: int) -> None:
    lengths = dataclasses.replace(WHOLE, frames=frames).lengths
    assert sum(lengths.values()) == frames
    assert list(lengths) == list(range(len(lengths)))
    assert all(length == SHARD for length in list(lengths.values())[:-1])
    assert all(length > 0 for length in lengths.values())


def test_the_note_is_there_before_the_first_shard(tmp_path: Path) -> None:
    assert begin(tmp_path / "train", WHOLE) == [0, 1]
    made = msgspec.json.decode((tmp_path / "train" / NOTE).read_bytes(), type=sets.Made)
    assert made == sets.Made(what=WHOLE, shard=SHARD, sources=fingerprint())


def test_it_goes_on_with_what_is_missing(tmp_path: Path) -> None:
    begin(tmp_path, WHOLE)
    shard(tmp_path, 0, SHARD)
    assert begin(tmp_path, WHOLE) == [1]
    shard(tmp_path, 1, 20)
    assert begin(tmp_path, WHOLE) == []
    assert len(open_whole(tmp_path)) == SHARD + 20


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"frames": 20}, f"frames {SHARD + 20}, not 20"),
        ({"looks": 1}, "looks 5, not 1"),
        ({"first_seed": 7}, "first_seed 0, not 7"),
        ({"size": (8, 6)}, "size (4, 3), not (8, 6)"),
        ({"frames": 300, "looks": 2}, "frames 270, not 300; looks 5, not 2"),
    ],
)
def test_another_set_is_refused_and_nothing_is_touched(
    tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    before = (rendered(tmp_path) / NOTE).read_bytes()
    with pytest.raises(FramesError) as refused:
        begin(tmp_path, dataclasses.replace(WHOLE, **change))
    assert str(refused.value) == (
        f"{tmp_path}: it was rendered with {told}: delete it to render it again"
    )
    assert (tmp_path / NOTE).read_bytes() == before
    assert shards(tmp_path) == [0, 1]


def test_where_no_shard_is_there_yet_another_set_may_begin(tmp_path: Path) -> None:
    begin(tmp_path, WHOLE)
    fewer = dataclasses.replace(WHOLE, frames=20)
    assert begin(tmp_path, fewer) == [0]
    assert len(open_whole(rendered(tmp_path, fewer))) == 20


def test_an_athlete_who_looks_different_by_now_is_another_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    frames, sources = rendered(tmp_path / "frames"), tmp_path / "sources"
    sources.mkdir()
    copies = [Path(shutil.copy(path, sources)) for path in sets.SOURCES]
    monkeypatch.setattr(sets, "SOURCES", copies)
    assert begin(frames, WHOLE) == [], "the same sources in another place"
    copies[0].write_text("changed = True\n")
    with pytest.raises(FramesError, match=r"other sources of the athlete or of render\.py: delete"):
        begin(frames, WHOLE)
    assert len(open_whole(frames)) == SHARD + 20
    assert capsys.readouterr().err == f"warning: {frames}: rendered by other sources than these\n"


def test_the_fingerprint_is_of_all_that_paints() -> None:
    names = {path.name for path in sets.SOURCES}
    assert {"render.py", "athlete.py", "painter.py", "scene.py", "body.py"} <= names
    assert all(path.is_file() for path in sets.SOURCES)
    assert fingerprint() == fingerprint()


@pytest.mark.parametrize("count", [20, SHARD + 1])
def test_a_shard_of_another_length_is_refused(tmp_path: Path, count: int) -> None:
    rendered(tmp_path)
    shard(tmp_path, 0, count)
    for look in (lambda: begin(tmp_path, WHOLE), lambda: open_whole(tmp_path)):
        with pytest.raises(FramesError, match=rf"frames-0\.npy holds {count} frames instead of 25"):
            look()


def test_a_shard_too_many_is_refused(tmp_path: Path) -> None:
    shard(rendered(tmp_path), 2, 9)
    with pytest.raises(FramesError, match=r"frames-2\.npy holds 9 frames instead of 0"):
        begin(tmp_path, WHOLE)


@pytest.mark.parametrize("name", [NOTE, "frames-0.npy"])
@pytest.mark.parametrize("content", [b"", b"{}", b"\x93NUMPY"])
def test_what_is_damaged_is_told(tmp_path: Path, name: str, content: bytes) -> None:
    (rendered(tmp_path) / name).write_bytes(content)
    with pytest.raises(FramesError, match=rf"{name} cannot be read .*: delete it"):
        begin(tmp_path, WHOLE)


def test_half_a_set_is_not_trained_with(tmp_path: Path) -> None:
    begin(tmp_path, WHOLE)
    shard(tmp_path, 0, SHARD)
    with pytest.raises(FramesError, match="250 of 270 frames: render the others first"):
        open_whole(tmp_path)


def test_older_frames_are_read_with_a_warning_but_nothing_is_added_to_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (rendered(tmp_path) / NOTE).unlink()
    assert begin(tmp_path, WHOLE) == []
    assert len(open_whole(tmp_path)) == SHARD + 20
    lines = capsys.readouterr().err.splitlines()
    assert (
        lines
        == [f"warning: {tmp_path}: there is no set.json that tells what made these frames"] * 2
    )
    assert not (tmp_path / NOTE).exists()
    for other in (20, 3 * SHARD):
        with pytest.raises(FramesError, match=r"there is no set\.json that tells what made it"):
            begin(tmp_path, dataclasses.replace(WHOLE, frames=other))
