"""Files that commands write are whole, or not there; and what was there before stays."""

from __future__ import annotations

import contextlib
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.commands.files import (
    Part,
    Video,
    check_place,
    check_video,
    held_fps,
    move_together,
    write_bytes,
    write_picture,
)
from edged.errors import EdgedError, UsageError
from edged.types import Pixels

SIZE = (64, 48)


@pytest.fixture
def full_disk() -> Iterator[None]:
    """The limit of a file's size ends a write half-way, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def noise(seed: int) -> Pixels:
    return np.random.default_rng(seed).integers(0, 255, (*SIZE[::-1], 3), np.uint8)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_whole_with_the_usual_permissions(tmp_path: Path) -> None:
    target = tmp_path / "new" / "file.json"
    write_bytes(target, b"1")
    write_bytes(target, b"22")
    assert target.read_bytes() == b"22"
    (tmp_path / "usual").touch()
    assert target.stat().st_mode == (tmp_path / "usual").stat().st_mode
    assert names(target.parent) == ["file.json"]


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "file.json"
    target.write_text("old")
    with pytest.raises(EdgedError, match=r"file\.json: file too large"):
        write_bytes(target, bytes(30_000))
    assert target.read_text() == "old"
    assert names(tmp_path) == ["file.json"]


@pytest.mark.parametrize("before", [[], ["one"]])
def test_files_take_their_places_together_or_not_at_all(tmp_path: Path, before: list[str]) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for name in before:
        (tmp_path / name).write_text("old")
    with Part(one) as first, Part(other) as second:
        first.write(b"new")
        second.write(b"new")
        other.mkdir()
        (other / "precious").touch()
        with pytest.raises(EdgedError, match="other: is a directory"):
            move_together([first, second])
        first.write(b"new")
        second.path.unlink()
        other.rename(tmp_path / "away")
        with pytest.raises(EdgedError, match="other: no such file"):
            move_together([first, second])
    assert names(tmp_path / "away") == ["precious"]
    assert names(tmp_path) == ["away", *before]
    assert not before or one.read_text() == "old"


def test_a_signal_waits_until_files_have_their_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Part.move_for_now

    def interrupted(part: Part) -> None:
        real(part)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Part, "move_for_now", interrupted)
    with Part(tmp_path / "one") as first, Part(tmp_path / "other") as second:
        for part in (first, second):
            part.write(b"new")
        with pytest.raises(KeyboardInterrupt):
            move_together([first, second])
    assert names(tmp_path) == ["one", "other"]


def test_a_part_that_is_not_moved_was_never_there(tmp_path: Path) -> None:
    with Part(tmp_path / "file") as part:
        part.write(b"1")
        assert part.path.parent.parent == tmp_path
    assert names(tmp_path) == []


def test_where_nothing_can_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EdgedError, match=r"file/x\.json: (not a directory|file exists)"):
        write_bytes(tmp_path / "file" / "x.json", b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(EdgedError, match="folder: is a directory"):
        write_bytes(tmp_path / "folder", b"")
    assert names(tmp_path) == ["file", "folder"]


@pytest.mark.parametrize("ending", [".mp4", ".AVI"])
def test_a_video_has_all_its_frames(tmp_path: Path, ending: str) -> None:
    target = tmp_path / f"clip{ending}"
    with Video(target, SIZE, 12.5) as video:
        for number in range(5):
            video.add(np.full((48, 64, 3), (200, 50 * number, 10), np.uint8))
        video.add(np.zeros((10, 10, 3), np.uint8))  # is given the size of the others
        assert not target.exists()
    reader = cv2.VideoCapture(str(target))
    facts = [reader.get(what) for what in (cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_COUNT)]
    _, first = reader.read()
    reader.release()
    assert facts == [12.5, 6.0]
    assert first.shape == (48, 64, 3)
    assert np.allclose(first.mean(axis=(0, 1)), (10, 0, 200), atol=12)  # BGR
    assert names(tmp_path) == [target.name]


@pytest.mark.usefixtures("full_disk")
@pytest.mark.parametrize("name", ["clip.mp4", "clip.avi"])
def test_a_video_for_which_there_is_no_room_is_not_there(tmp_path: Path, name: str) -> None:
    video = Video(tmp_path / name, SIZE, 30.0)
    for number in range(40):
        video.add(noise(number))
    with pytest.raises(EdgedError, match=f"{name}: not written whole"):
        video.finish()
    assert names(tmp_path) == []


def test_a_video_that_is_given_up_was_never_there(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_text("old")
    with contextlib.suppress(KeyboardInterrupt), Video(tmp_path / "clip.mp4", SIZE, 30.0) as video:
        video.add(noise(0))
        raise KeyboardInterrupt
    assert (tmp_path / "clip.mp4").read_text() == "old"
    assert names(tmp_path) == ["clip.mp4"]


def test_places_where_there_can_be_no_file_are_told(tmp_path: Path) -> None:
    for check, name in ((check_video, "clip.mp4"), (check_place, "truth.json")):
        check(tmp_path / name)
        with pytest.raises(UsageError, match=f"{name}: there is no directory .*no"):
            check(tmp_path / "no" / name)
        (tmp_path / name).mkdir()
        with pytest.raises(UsageError, match=f"{name}: expected a file, got a directory"):
            check(tmp_path / name)
    for name, ending in (("clip.mkv", ".mkv"), ("clip", "no ending")):
        with pytest.raises(UsageError, match=f"{name}: expected .avi or .mp4, got {ending}"):
            check_video(tmp_path / name)


def test_a_picture_is_what_its_ending_says(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", noise(1))
    again = cv2.imread(str(tmp_path / "a.png"))
    assert again is not None
    assert np.array_equal(again[..., ::-1], noise(1))
    with pytest.raises(EdgedError, match=r"a\.webp: 20000 x 1 is no size"):
        write_picture(tmp_path / "a.webp", np.zeros((1, 20_000, 3), np.uint8))


@pytest.mark.parametrize("name", ["clip.mp4", "clip.avi"])
@pytest.mark.parametrize(
    "fps", [1.0, 7.679, 23.976, 29.97, 54.00107, 53.1086, 65.535, 65.536, 66.667, 100.001, 119.9999]
)
def test_a_video_has_the_rate_that_is_told_of_it(tmp_path: Path, name: str, fps: float) -> None:
    with Video(tmp_path / name, SIZE, fps) as video:
        for seed in range(3):
            video.add(noise(seed))
    reader = cv2.VideoCapture(str(tmp_path / name))
    try:
        assert reader.get(cv2.CAP_PROP_FPS) == pytest.approx(video.fps, abs=1e-6)
    finally:
        reader.release()
    assert video.fps == pytest.approx(fps, abs=5e-3)


@given(st.floats(0.5, 120.0), st.sampled_from([".mp4", ".avi"]))
def test_a_rate_that_is_held_stays_as_it_is(fps: float, ending: str) -> None:
    held = held_fps(Path(f"clip{ending}"), fps)
    assert held_fps(Path(f"clip{ending}"), held) == held
    assert held == pytest.approx(fps, abs=5.1e-3)
