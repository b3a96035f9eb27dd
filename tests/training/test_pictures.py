"""Representative pictures: any size and format, damaged ones told, the same ones every time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.commands.files import write_picture
from edged.errors import UsageError
from edged.types import Pixels
from models.training.pictures import HELD_BACK, LEAST, gather, hold_back


def gray(level: int, width: int = 40, height: int = 20) -> Pixels:
    return np.full((height, width, 3), level, np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve pictures of different sizes and formats, in two directories."""
    (tmp_path / "below").mkdir()
    for number, ending in enumerate(("bmp", "jpg", "png") * 4):
        where = tmp_path / "below" if number % 2 else tmp_path
        write_picture(where / f"{number}.{ending}", gray(20 * number, 30 + number, 20))
    return tmp_path


def test_pictures_of_every_kind_get_the_size_that_is_wanted(folder: Path) -> None:
    told = gather(folder, (24, 16), 100)
    assert told.pixels.shape == (12, 16, 24, 3)
    assert told.pixels.dtype == np.uint8
    assert told.left_out == ()


def test_a_picture_keeps_its_proportions_unless_told(tmp_path: Path) -> None:
    write_picture(tmp_path / "wide.png", gray(200))
    bordered, stretched, cropped = (
        gather(tmp_path, (20, 20), 1, fit, least=1).pixels[0]
        for fit in ("letterbox", "stretch", "crop")
    )
    assert (bordered[5:15] == 200).all()
    assert not bordered[:5].any()
    assert not bordered[15:].any()
    assert (stretched == 200).all()
    assert (cropped == 200).all()


def test_colours_are_red_green_blue(tmp_path: Path) -> None:
    red = gray(0)
    red[..., 0] = 250
    write_picture(tmp_path / "red.png", red)
    assert gather(tmp_path, (8, 8), 1, "crop", least=1).pixels[0, 4, 4].tolist() == [250, 0, 0]


def test_damaged_files_are_told_and_others_are_not_looked_at(folder: Path) -> None:
    (folder / "damaged.jpg").write_bytes(b"\xff\xd8 no")
    (folder / "empty.png").touch()
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").touch()
    told = gather(folder, (16, 16), 100)
    assert len(told.pixels) == 12
    assert sorted(Path(line.partition(": ")[0]).name for line in told.left_out) == [
        "damaged.jpg",
        "empty.png",
    ]


def test_a_limit_takes_the_same_ones_each_time_from_everywhere(folder: Path) -> None:
    one, again = (gather(folder, (16, 16), 10).pixels for _ in range(2))
    assert len(one) == 10
    assert (one == again).all()
    assert one.mean(axis=(1, 2, 3)).tolist() != sorted(one.mean(axis=(1, 2, 3)).tolist())


@given(st.integers(LEAST, 300))
def test_a_fifth_is_held_back_where_enough_remain(count: int) -> None:
    pixels: Any = np.arange(count).reshape(count, 1, 1, 1)
    ranged, measured = (kept.ravel().tolist() for kept in hold_back(pixels))
    if measured == ranged:
        assert ranged == list(range(count))
        assert count - count // HELD_BACK < LEAST
    else:
        assert ranged + measured == list(range(count))
        assert len(ranged) >= LEAST
        assert len(measured) == count // HELD_BACK


def test_too_few_pictures_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no directory"):
        gather(folder / "0.bmp", (16, 16), 100)
    with pytest.raises(UsageError, match=r"below has 6 pictures: at least 10 .* better 100"):
        gather(folder / "below", (16, 16), 100)
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "x.png").touch()
    with pytest.raises(UsageError, match=r"has no pictures \(1 cannot be read, as .*x\.png"):
        gather(tmp_path / "bare", (16, 16), 100)
