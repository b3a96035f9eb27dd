"""Pictures, videos and texts that commands write: whole, or not there."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Self

from edged.cv import cv2
from edged.errors import EdgedError, UsageError
from edged.types import Pixels

VIDEOS = {".avi": "MJPG", ".mp4": "mp4v"}
"""How the names of videos end, and the codec, which every OpenCV has."""

JPEG_QUALITY = 92


def write_picture(target: Path, picture: Pixels) -> None:
    """Write RGB pixels as what the target's ending says.

    Raises:
        EdgedError: it cannot be written.
    """
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    good, data = cv2.imencode(target.suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), quality)
    if not good:
        height, width, _ = picture.shape
        raise EdgedError(f"{target}: {width} x {height} is no size for {target.suffix}")
    write_bytes(target, data.tobytes())


class Part:
    """A file to be written that takes its target's place when it is whole.

    It lies in a directory of its own beside the target: so it gets the usual permissions, and the
    ending that OpenCV wants to see. Leaving the context removes what was not moved.
    """

    def __init__(self, target: Path) -> None:
        """Make the directories. Raises `OSError`."""
        target.parent.mkdir(parents=True, exist_ok=True)
        self._target = target
        self._directory = tempfile.TemporaryDirectory(prefix=".edged-", dir=target.parent)
        self.path = Path(self._directory.name, target.name)

    def move(self) -> None:
        """Put the file in its place. Raises `OSError`."""
        self.path.replace(self._target)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._directory.cleanup()


class Video:
    """A video that is being written. Its frames all get the size of the first."""

    def __init__(self, target: Path, size: tuple[int, int], fps: float) -> None:
        """Begin; `size` is width and height. Raises `EdgedError`."""
        self.target = target
        self._size = size
        self._frames = 0
        with contextlib.ExitStack() as undo:
            try:
                self._part = undo.enter_context(Part(target))
            except OSError as error:
                raise EdgedError(f"{target}: {error.strerror}") from error
            codec = cv2.VideoWriter.fourcc(*VIDEOS[target.suffix.lower()])
            self._writer = cv2.VideoWriter(
                str(self._part.path), cv2.CAP_FFMPEG, codec, fps, self._size
            )
            undo.callback(self._writer.release)
            if not self._writer.isOpened():
                raise EdgedError(f"{target}: OpenCV writes no video of {size[0]} x {size[1]} there")
            self._undo = undo.pop_all()

    def add(self, picture: Pixels) -> None:
        """The next frame, RGB."""
        bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        if bgr.shape[1::-1] != self._size:  # OpenCV would leave it out without a word
            bgr = cv2.resize(bgr, self._size)
        self._writer.write(bgr)
        self._frames += 1

    def finish(self) -> None:
        """Put the file in its place. Raises `EdgedError`."""
        with self._undo:
            self._writer.release()
            try:
                if _frames_in(self._part.path) < self._frames:
                    raise EdgedError(f"{self.target}: not written whole (is the disk full?)")
                self._part.move()
            except OSError as error:
                raise EdgedError(f"{self.target}: {error.strerror}") from error

    def abandon(self) -> None:
        """Remove what was written."""
        self._undo.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.finish()
        else:
            self.abandon()


def check_video(target: Path) -> None:
    """Raises `UsageError` when no video can be written there."""
    if target.suffix.lower() not in VIDEOS:
        raise UsageError(
            f"{target}: expected {' or '.join(VIDEOS)}, got {target.suffix or 'no ending'}"
        )
    if not target.parent.is_dir():
        raise UsageError(f"{target}: there is no directory {target.parent}")


def write_bytes(target: Path, data: bytes) -> None:
    """Write a file. Raises `EdgedError` when that fails; then the old one, if any, is as it was."""
    try:
        with Part(target) as part:
            part.path.write_bytes(data)
            part.move()
    except OSError as error:
        raise EdgedError(f"{target}: {error.strerror}") from error


def _frames_in(video: Path) -> int:
    """OpenCV does not tell when it could not write: what can be read again was written."""
    reader = cv2.VideoCapture(str(video), cv2.CAP_FFMPEG)
    try:
        return int(reader.get(cv2.CAP_PROP_FRAME_COUNT))
    finally:
        reader.release()
