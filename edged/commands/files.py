"""Pictures, videos and texts that commands write: whole, or not there."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
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
        """Make the directories. Raises `EdgedError`."""
        self._target = target
        with self._told():
            target.parent.mkdir(parents=True, exist_ok=True)
            self._directory = tempfile.TemporaryDirectory(prefix=".edged-", dir=target.parent)
        self.path = Path(self._directory.name, target.name)

    def write(self, data: bytes) -> None:
        """Fill the file. Raises `EdgedError`."""
        with self._told():
            self.path.write_bytes(data)

    def move(self) -> None:
        """Put the file in its place. Raises `EdgedError`."""
        with self._told():
            self.path.replace(self._target)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise EdgedError(f"{self._target}: {(error.strerror or str(error)).lower()}") from error

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
            self._part = undo.enter_context(Part(target))
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
            if not _is_whole(self._part.path, self._frames):
                raise EdgedError(f"{self.target}: not written whole (is the disk full?)")
            self._part.move()

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
    check_place(target)


def check_place(target: Path) -> None:
    """Raises `UsageError` when no file can be there, whatever the permissions are."""
    if not target.parent.is_dir():
        raise UsageError(f"{target}: there is no directory {target.parent}")
    if target.is_dir():
        raise UsageError(f"{target}: expected a file, got a directory")


def write_bytes(target: Path, data: bytes) -> None:
    """Write a file. Raises `EdgedError` when that fails; then the old one, if any, is as it was."""
    with Part(target) as part:
        part.write(data)
        part.move()


def _is_whole(video: Path, frames: int) -> bool:
    """OpenCV does not tell when it could not write: what can be read again was written.

    The last frame too, for the count is in a header that has room on a full disk.
    """
    reader = cv2.VideoCapture(str(video), cv2.CAP_FFMPEG)
    try:
        if int(reader.get(cv2.CAP_PROP_FRAME_COUNT)) < frames:
            return False
        reader.set(cv2.CAP_PROP_POS_FRAMES, frames - 1)
        return frames == 0 or bool(reader.grab())
    finally:
        reader.release()
