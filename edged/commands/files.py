"""Pictures, videos and texts that commands write: whole, or not there."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

from edged.commands.ending import undisturbed
from edged.cv import cv2
from edged.errors import EdgedError, UsageError
from edged.types import Pixels

VIDEOS = {".avi": "MJPG", ".mp4": "mp4v"}
"""How the names of videos end, and the codec, which every OpenCV has."""

MPEG4_TICKS = 65_535
"""Ticks a second that MPEG-4 counts at most."""

HELD_FPS = 1.5e-3
"""Nearer to a rate of fewer digits than that, OpenCV might take that one."""

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
        self._old = self.path.with_name(f"{target.name}.old")

    def write(self, data: bytes) -> None:
        """Fill the file. Raises `EdgedError`."""
        with self._told():
            self.path.write_bytes(data)

    def move(self) -> None:
        """Put the file in its place. Raises `EdgedError`."""
        with self._told():
            self.path.replace(self._target)

    def move_for_now(self) -> None:
        """The same, but that `move_back` has a way back. Raises `EdgedError`."""
        with self._told():
            if self._target.is_dir():  # would go along with all that is in it
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            with contextlib.suppress(FileNotFoundError):
                self._target.replace(self._old)
            try:
                self.path.replace(self._target)
            except OSError:
                self.move_back()
                raise

    def move_back(self) -> None:
        """Put in the target's place what was there before."""
        with contextlib.suppress(OSError):  # what fails already is told
            try:
                self._old.replace(self._target)
            except FileNotFoundError:
                self._target.unlink(missing_ok=True)

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


def move_together(parts: Iterable[Part]) -> None:
    """Put files in their places, all or none; signals wait. Raises `EdgedError`.

    Only a power cut or SIGKILL between the renames can leave some of them.
    """
    with undisturbed(), contextlib.ExitStack() as undo:
        for part in parts:
            part.move_for_now()
            undo.callback(part.move_back)
        undo.pop_all()


def held_fps(target: Path, fps: float) -> float:
    """A rate near `fps` that a video of that name holds exactly.

    OpenCV gives the codec the first whole number by 1, 10, 100 or 1000 that is within a thousandth
    of a frame a second (`CvVideoWriter_FFMPEG::open`), and MPEG-4 takes none above `MPEG4_TICKS`.
    """
    most = MPEG4_TICKS if VIDEOS[target.suffix.lower()] == "mp4v" else math.inf
    held = float(round(fps))
    for parts in (1, 10, 100, 1000):
        if round(fps * parts) > most or abs(held - fps) <= HELD_FPS:
            break
        held = round(fps * parts) / parts
    return held


class Video:
    """A video that is being written. Its frames all get the size of the first."""

    def __init__(self, target: Path, size: tuple[int, int], fps: float) -> None:
        """Begin; `size` is width and height, `fps` as near as can be. Raises `EdgedError`."""
        self.target = target
        self.fps = held_fps(target, fps)
        """That it has."""
        self._size = size
        self._frames = 0
        with contextlib.ExitStack() as undo:
            self._part = undo.enter_context(Part(target))
            codec = cv2.VideoWriter.fourcc(*VIDEOS[target.suffix.lower()])
            self._writer = cv2.VideoWriter(
                str(self._part.path), cv2.CAP_FFMPEG, codec, self.fps, self._size
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

    def sealed(self) -> Part:
        """All of it, beside its place. Raises `EdgedError`; `abandon` comes after it anyway."""
        self._writer.release()
        if not _is_whole(self._part.path, self._frames):
            raise EdgedError(f"{self.target}: not written whole (is the disk full?)")
        return self._part

    def finish(self) -> None:
        """Put the file in its place. Raises `EdgedError`."""
        with self._undo:
            self.sealed().move()

    def abandon(self) -> None:
        """Remove what was written, unless it was moved."""
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
