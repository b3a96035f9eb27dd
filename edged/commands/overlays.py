"""Where overlays go: which file each is written to, and files that are whole or not there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Self

from edged.capture.source import PICTURES, is_picture
from edged.commands.files import VIDEOS, Video, write_picture
from edged.errors import UsageError
from edged.types import Frame, Pixels

WRITTEN = tuple(sorted(PICTURES - {".pgm"}))  # which is gray
"""What overlays of pictures are written as."""


def targets(out: str, inputs: Sequence[Path]) -> dict[Path, Path]:
    """The file for the overlay of each input.

    Args:
        out: a file for one input; for several, or with a `/` at its end, a directory.
        inputs: pictures and videos, in the order in which they are read.

    Raises:
        UsageError: `out` does not fit the inputs, or an input would be written over.
    """
    inputs = list(dict.fromkeys(inputs))
    path = Path(out).expanduser()
    if path.is_dir() or out.endswith("/"):
        found = _in_directory(path, inputs)
    elif len(inputs) == 1:
        found = {inputs[0]: _checked(path, inputs[0])}
    elif path.exists() or path.suffix:
        raise UsageError(
            f"{out}: expected a directory for {len(inputs)} inputs, with / at its end; got a file"
        )
    else:
        found = _in_directory(path, inputs)
    taken = {_identity(file) for file in inputs if file.exists()}
    for target in found.values():
        if target.exists() and _identity(target) in taken:
            raise UsageError(f"{target} is an input and is not written over: name another place")
    return found


def _identity(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_dev, status.st_ino


def _checked(path: Path, file: Path) -> Path:
    """The path, when what the input is can be written there."""
    endings = WRITTEN if is_picture(file) else tuple(VIDEOS)
    if path.suffix.lower() not in endings:
        what = "a picture" if is_picture(file) else "a video"
        raise UsageError(
            f"{path}: expected {', '.join(endings)} for {what}, or a directory with / at its end; "
            f"got {path.suffix or 'no ending'}"
        )
    if not path.parent.is_dir():
        raise UsageError(f"{path}: there is no directory {path.parent}")
    return path


def _in_directory(directory: Path, files: Sequence[Path]) -> dict[Path, Path]:
    """Files of the inputs' names; `name-2` where a name is there already."""
    found: dict[Path, Path] = {}
    taken: set[str] = set()
    for file in files:
        endings, otherwise = (WRITTEN, ".png") if is_picture(file) else (tuple(VIDEOS), ".mp4")
        ending = file.suffix if file.suffix.lower() in endings else otherwise
        name, number = f"{file.stem}{ending}", 1
        while name in taken:
            number += 1
            name = f"{file.stem}-{number}{ending}"
        taken.add(name)
        found[file] = directory / name
    return found


class Overlays:
    """Draws and writes in a thread, one frame behind the caller: a third faster for a video.

    Pictures are written at once, and a video when its last frame is there. Leaving the context with
    an exception leaves no part of a video behind.
    """

    def __init__(self, files: Mapping[Path, Path]) -> None:
        """`files`: see `targets`."""
        self._files = files
        self._thread = ThreadPoolExecutor(1, "overlays")
        self._pending: Future[None] | None = None
        self._video: Video | None = None

    def add(self, file: Path, frame: Frame, fps: float, draw: Callable[[Pixels], None]) -> None:
        """Draw on a frame of an input and write it. The frame is taken over.

        Args:
            file: the input. The frames of a video come one after the other, from number 0 on.
            frame: its pixels are drawn on.
            fps: frames a second, for a video.
            draw: is called by the thread.

        Raises:
            EdgedError: the frame before cannot be written.
        """
        try:
            self._wait()
            self._pending = self._thread.submit(self._write, file, frame, fps, draw)
        except BaseException:
            frame.release()
            raise

    def _wait(self) -> None:
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def _write(self, file: Path, frame: Frame, fps: float, draw: Callable[[Pixels], None]) -> None:
        try:
            draw(frame.pixels)
            target = self._files[file]
            if frame.seq == 0 or is_picture(file):
                self._finish()
            if is_picture(file):
                write_picture(target, frame.pixels)
                return
            if self._video is None:
                self._video = Video(target, frame.pixels.shape[1::-1], fps)
            self._video.add(frame.pixels)
        finally:
            frame.release()

    def _finish(self) -> None:
        """Put the video in its place, if one is being written."""
        video, self._video = self._video, None
        if video is not None:
            video.finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._wait()
        except BaseException as error:
            kind = type(error)
            raise
        finally:
            self._thread.shutdown()
            if kind is None:
                self._finish()
            elif self._video is not None:
                self._video.abandon()
