"""Pictures: one, or those of a directory or glob, one after the other.

A picture keeps its own aspect, and is scaled down to fit the size asked for when it is larger.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from threading import Event

import numpy as np

from edged.capture.pace import Pace
from edged.capture.source import SourceGoneError, SourceInfo, wall_time
from edged.capture.upright import Upright, scale_to_fit
from edged.cv import cv2
from edged.errors import SourceError
from edged.sections import Camera
from edged.types import Frame, Pixels

_JPEG_MARKER = 0xFF
_JPEG_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers SOF0 to SOF15 of ITU-T T.81, table B.1: DHT, JPG and DAC lie between them."""


class Pictures:
    """The pictures at `paths` (at least one), in this order, `settings.fps` a second."""

    def __init__(self, paths: Sequence[Path], settings: Camera, stop: Event) -> None:
        """Read the first good picture, for its size.

        Raises:
            SourceError: none of the pictures can be read.
        """
        self._settings = settings
        self._pace = Pace(settings.fps, settings.pace, stop)
        self._left = list(reversed(paths))
        self._good: list[Path] = []
        self._seq = 0
        self._is_open = True
        self._first: tuple[Path, Pixels] | None = self._first_good(paths)
        height, width, _ = self._first[1].shape
        self.info = SourceInfo(
            settings.source, width, height, settings.fps, live=False, frames=len(paths)
        )

    def _first_good(self, paths: Sequence[Path]) -> tuple[Path, Pixels]:
        problem = SourceError(f"{self._settings.source}: no picture there")
        for path in paths:
            try:
                return path, read_picture(path, self._settings)
            except SourceError as error:
                problem = error
        if len(paths) == 1:
            raise problem
        raise SourceError(
            f"{self._settings.source}: none of its {len(paths)} pictures can be read; the last: "
            f"{problem}"
        )

    def read(self, timeout_s: float) -> Frame | None:  # noqa: ARG002 - files are there at once
        """The next picture when it is due. See `Source.read`."""
        if not self._left and self._settings.loop:
            # Those that could not be read were told once: the next round goes without them.
            self._left, self._good = self._good[::-1], []
            if not self._left and self._is_open:
                self.close()
                raise SourceGoneError(f"{self._settings.source}: none of its pictures is left")
        if not self._left:
            return None
        path = self._left.pop()
        if self._first is not None and self._first[0] == path:
            pixels, self._first = self._first[1], None  # decoded once is enough
        else:
            pixels = read_picture(path, self._settings)
        self._good.append(path)
        due_ns = self._pace.wait()
        if due_ns is None:
            return None
        seq, self._seq = self._seq, self._seq + 1
        return Frame(pixels, seq, due_ns, wall_time(due_ns), name=str(path))

    def close(self) -> None:
        """There will be no more pictures."""
        self._left, self._good, self._first, self._is_open = [], [], None, False


def read_picture(path: Path, settings: Camera) -> Pixels:
    """The picture in a file, upright by its EXIF data and the settings, gray and alpha as RGB.

    Raises:
        SourceError: the file cannot be read or is no picture.
    """
    try:
        data = path.read_bytes()
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), _flags(data, settings))
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from error
    except cv2.error:  # an empty file, a size that OpenCV refuses
        picture = None
    if picture is None:
        raise SourceError(f"{path}: damaged, or not a picture that OpenCV can read")
    height, width, _ = picture.shape
    upright = Upright(width, height, settings, interpolation=cv2.INTER_AREA)
    pixels: Pixels = np.empty(upright.shape, np.uint8)
    upright(picture, pixels)
    return pixels


def _flags(data: bytes, settings: Camera) -> int:
    """How to decode: a JPEG much larger than asked for at a half, quarter or eighth of its size."""
    width, height = jpeg_size(data) or (1, 1)
    # The EXIF data may turn it on its side.
    scale = max(scale_to_fit(*size, settings) for size in ((width, height), (height, width)))
    for factor, flag in (
        (8, cv2.IMREAD_REDUCED_COLOR_8),
        (4, cv2.IMREAD_REDUCED_COLOR_4),
        (2, cv2.IMREAD_REDUCED_COLOR_2),
    ):
        if scale * factor <= 1:
            return int(flag)
    return int(cv2.IMREAD_COLOR)


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height by the header of a JPEG; None: not told, or not a JPEG."""
    if data[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 9 <= len(data) and data[at] == _JPEG_MARKER:
        marker = data[at + 1]
        if marker in _JPEG_FRAME_HEADERS:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return (width, height) if width and height else None
        # Bytes 0xFF may fill the space before a marker; else a segment that tells its length.
        at += 1 if marker == _JPEG_MARKER else 2 + int.from_bytes(data[at + 2 : at + 4])
    return None
