"""Pictures from files: sizes, colours, orientation, order, and the ones that cannot be read."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.capture.images import Pictures, jpeg_size, read_picture
from edged.capture.source import SourceGoneError, open_source
from edged.errors import SourceError
from edged.sections import Camera
from edged.types import Frame, Pixels

FAST = Camera(pace="fast")
EXIF_TURN_CLOCKWISE = (
    b"\xff\xe1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
)
"""An APP1 segment with one tag, orientation 6: the camera was held on its side."""


def write(path: Path, picture: npt.NDArray[Any]) -> Path:
    assert cv2.imwrite(str(path), picture)
    return path


def halves(width: int, height: int) -> Pixels:
    """Red on the left, blue on the right."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, : width // 2] = (0, 0, 255)
    picture[:, width // 2 :] = (255, 0, 0)
    return picture


def all_of(source: Pictures) -> list[Frame]:
    frames = []
    while (frame := source.read(1)) is not None:
        frames.append(frame)
    return frames


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.jpg", "a.WEBP", "a.tiff", "a.ppm"])
def test_a_picture_is_rgb(tmp_path: Path, name: str) -> None:
    pixels = read_picture(write(tmp_path / name, halves(60, 40)), FAST)
    assert pixels.shape == (40, 60, 3)
    assert pixels.dtype == np.uint8
    assert np.allclose(pixels[20, 10], (255, 0, 0), atol=9)
    assert np.allclose(pixels[20, 50], (0, 0, 255), atol=9)


@pytest.mark.parametrize("shape", [(40, 60), (40, 60, 4)])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_gray_transparent_and_deep_pictures_become_rgb(
    tmp_path: Path, shape: tuple[int, ...], depth: type
) -> None:
    picture: npt.NDArray[Any] = np.full(shape, np.iinfo(depth).max // 2, depth)
    pixels = read_picture(write(tmp_path / "a.png", picture), FAST)
    assert pixels.shape == (40, 60, 3)
    assert np.allclose(pixels, 127, atol=1)


@pytest.mark.parametrize("width", [60, 3000])  # 3000: decoded at a quarter
def test_a_photograph_is_turned_as_its_exif_data_says(tmp_path: Path, width: int) -> None:
    path = write(tmp_path / "a.jpg", halves(width, width * 2 // 3))
    data = path.read_bytes()
    path.write_bytes(data[:2] + EXIF_TURN_CLOCKWISE + data[2:])
    pixels = read_picture(path, FAST)
    height, width, _ = pixels.shape
    assert height > width
    assert np.allclose(pixels[5, width // 2], (255, 0, 0), atol=9)  # left is up now
    assert np.allclose(pixels[-5, width // 2], (0, 0, 255), atol=9)


@pytest.mark.parametrize("size", [(640, 480), (641, 480), (1300, 980), (2600, 200), (400, 5200)])
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_large_picture_fits_the_size_asked_for_in_its_own_aspect(
    tmp_path: Path, size: tuple[int, int], suffix: str
) -> None:
    width, height = size
    pixels = read_picture(write(tmp_path / f"a.{suffix}", halves(width, height)), FAST)
    scale = min(640 / width, 480 / height)
    assert pixels.shape[0] == pytest.approx(height * scale, abs=1)
    assert pixels.shape[1] == pytest.approx(width * scale, abs=1)


def test_a_small_picture_stays_as_it_is(tmp_path: Path) -> None:
    pixels = read_picture(write(tmp_path / "a.png", halves(30, 20)), FAST)
    assert np.array_equal(pixels, halves(30, 20)[:, :, ::-1])


def test_a_directory_is_read_in_natural_order_by_name(tmp_path: Path) -> None:
    for number in (10, 9, 1):
        write(tmp_path / f"{number}.png", halves(8, number))
    (tmp_path / "notes.txt").touch()
    (tmp_path / "deeper.png").mkdir()
    source = Pictures([tmp_path / f"{number}.png" for number in (1, 9, 10)], FAST, Event())
    frames = all_of(source)
    assert [frame.pixels.shape[0] for frame in frames] == [1, 9, 10]
    opened = open_source(Camera(source=str(tmp_path), pace="fast"))
    assert (opened.info.width, opened.info.height) == (8, 1)
    again = [opened.read(1) for _ in range(4)]
    assert [frame and frame.name for frame in again] == [*(frame.name for frame in frames), None]
    assert [frame.seq for frame in frames] == [0, 1, 2]
    assert frames[0].name == str(tmp_path / "1.png")
    assert frames[0].ts == pytest.approx(time.time(), abs=5)


def test_a_damaged_picture_is_told_by_name_and_the_next_one_read(tmp_path: Path) -> None:
    good = write(tmp_path / "1.png", halves(8, 8))
    bad = tmp_path / "2.jpg"
    bad.write_bytes(write(tmp_path / "3.jpg", halves(900, 900)).read_bytes()[:100])
    gone = tmp_path / "4.png"
    source = Pictures([bad, good, gone], Camera(pace="fast", loop=True), Event())
    with pytest.raises(SourceError, match=r"2\.jpg: damaged"):
        source.read(1)
    assert source.read(1)
    with pytest.raises(SourceError, match=r"4\.png: No such file"):
        source.read(1)
    # The next rounds go without them.
    assert [frame.name for _ in range(3) if (frame := source.read(1))] == [str(good)] * 3
    source.close()


def test_when_no_picture_can_be_read_the_error_says_so(tmp_path: Path) -> None:
    for name in ("1.png", "2.png"):
        (tmp_path / name).write_text("not a picture", encoding="utf-8")
    with pytest.raises(SourceError, match="none of its 2 pictures can be read"):
        open_source(Camera(source=str(tmp_path)))


def test_pictures_that_vanish_all_end_a_loop(tmp_path: Path) -> None:
    path = write(tmp_path / "1.png", halves(8, 8))
    source = Pictures([path], Camera(pace="fast", loop=True), Event())
    path.unlink()
    assert source.read(0.0) is not None  # it was decoded for its size
    with pytest.raises(SourceError, match=r"1\.png"):
        source.read(1)
    with pytest.raises(SourceGoneError, match="none of its pictures is left"):
        source.read(1)
    assert source.read(1) is None


def test_pictures_are_shown_at_the_rate_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "1.png", halves(8, 8))
    source = Pictures([path], Camera(fps=100, loop=True), Event())
    frames = [frame for _ in range(5) if (frame := source.read(1))]
    gaps = {b.sensor_ns - a.sensor_ns for a, b in pairwise(frames)}
    assert min(gaps) >= 10_000_000
    assert time.monotonic_ns() >= frames[-1].sensor_ns


@given(st.integers(1, 600), st.integers(1, 600))
def test_the_size_of_a_jpeg_is_told_by_its_header(width: int, height: int) -> None:
    _, data = cv2.imencode(".jpg", np.zeros((height, width, 3), np.uint8))
    assert jpeg_size(data.tobytes()) == (width, height)
    assert jpeg_size(data.tobytes()[:2] + EXIF_TURN_CLOCKWISE + data.tobytes()[2:]) == (
        width,
        height,
    )


@given(st.binary().map(lambda data: b"\xff\xd8\xff" + data) | st.binary())
def test_what_is_no_jpeg_has_no_size_and_does_no_harm(data: bytes) -> None:
    size = jpeg_size(data)
    assert size is None or min(size) > 0
