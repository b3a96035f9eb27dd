"""What every source of frames is, and how one is opened."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from threading import Event
from typing import Protocol

from edged.errors import SourceError
from edged.masking import without_password
from edged.sections import Camera
from edged.types import Frame

KINDS = (
    "a picture, a directory or glob of pictures, a video file, picamera, /dev/videoN, webcam:N, "
    "a stream (rtsp://, rtsps://, http://, https://), athlete, or replay:VIDEO for benchmarks"
)
REPLAY = "replay:"
"""Before the path of a video: see `edged.capture.replay`."""

PICTURES = frozenset((".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"))
"""How the names of pictures end, in lower case; any other file is taken for a video."""

_ATHLETE = re.compile(r"athlete([:?].*)?", re.DOTALL)
_PICAMERA = re.compile(r"picamera(:.+)?")
_WEBCAM = re.compile(r"/dev/(?:.+/)?video\d+|/dev/v4l/.+|webcam:\d+")
"""Below /dev are files too, as in /dev/shm."""
_STREAM = re.compile(r"(rtsps?|https?)://.+", re.IGNORECASE | re.DOTALL)


class SourceGoneError(SourceError):
    """A file has ended before its time: there are no more frames."""


class SourceStuckError(SourceError):
    """A driver hangs in this process or keeps the camera, which cannot be opened again here."""


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a source really gives, whatever it was asked for."""

    source: str
    """Its address as configured, without any password."""
    width: int
    height: int
    """Pixels of the upright frame. Pictures: of the first one, each has its own size."""
    fps: float
    """Frames a second; 0: unknown."""
    live: bool
    """True: a camera or stream, which has no end and is opened again when it fails."""
    frames: int = 0
    """As many as a file says that it has; 0: unknown, or without an end."""


class Source(Protocol):
    """Gives frames, one at a time, to one thread."""

    @property
    def info(self) -> SourceInfo:
        """What the source gives."""

    def read(self, timeout_s: float) -> Frame | None:
        """The next frame, waiting until it is due; None: the end, and so at every later call.

        A live source has no end: None says that it was told to stop.

        A file's wait for the moment of its next frame does not count as time without a frame.

        Raises:
            SourceError: no frame within `timeout_s`, or the source is gone. A file source may be
                read on: the next call gives the next frame that can be read, or None.
            SourceGoneError: a file gives no more frames, though it has not come to its end.
        """

    def close(self) -> None:
        """Let go of the device, file or stream. May be called twice."""


def open_source(settings: Camera, stop: Event | None = None) -> Source:
    """Open what `settings.source` names; `stop`, once set, ends the wait for the next frame.

    Raises:
        SourceError: the address names nothing that gives frames.
    """
    address, stop = settings.source, stop or Event()
    if is_live(address):
        return _open_live(settings, stop)
    if is_athlete(address):
        from edged.capture.athlete.source import Rendered  # noqa: PLC0415

        return Rendered(settings, stop)
    if address.startswith(REPLAY):
        from edged.capture.replay import Replay  # noqa: PLC0415

        return Replay(Path(address.removeprefix(REPLAY)), settings, stop)
    paths = files_at(address)
    if len(paths) == 1 and not is_picture(paths[0]):
        from edged.capture.opencv import VideoFile  # noqa: PLC0415 - OpenCV takes a while

        return VideoFile(paths[0], settings, stop)
    from edged.capture.images import Pictures  # noqa: PLC0415

    return Pictures(paths, settings, stop)


def _open_live(settings: Camera, stop: Event) -> Source:
    if _PICAMERA.fullmatch(settings.source):
        from edged.capture.picamera import PiCamera  # noqa: PLC0415 - its library is not for all

        return PiCamera(settings, stop)
    from edged.capture.opencv import open_stream, open_webcam  # noqa: PLC0415 - takes a while

    is_webcam = _WEBCAM.fullmatch(settings.source)
    return open_webcam(settings) if is_webcam else open_stream(settings)


def is_live(address: str) -> bool:
    """Whether the address is of a camera or stream, which may come and go."""
    return any(kind.fullmatch(address) for kind in (_PICAMERA, _WEBCAM, _STREAM))


def is_athlete(address: str) -> bool:
    """Whether the address is of the rendered athlete, see `edged.capture.athlete.address`."""
    return bool(_ATHLETE.fullmatch(address))


def wall_time(sensor_ns: int) -> float:
    """Seconds since 1970 of a moment that is given in monotonic nanoseconds."""
    return time.time() - (time.monotonic_ns() - sensor_ns) / 1e9


def natural_order(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Sort key by which `frame2` comes before `frame10`."""
    digits_and_text = re.findall(r"([0-9]+)|([^0-9]+)", str(path))
    return [(int(number or -1), text) for number, text in digits_and_text], str(path)


def is_picture(path: Path) -> bool:
    """Whether a file is taken for a picture, by its name."""
    return path.suffix.lower() in PICTURES


def files_at(address: str) -> list[Path]:
    """The video, or the pictures in the order in which they are read, that an address names.

    Raises:
        SourceError: it names none.
    """
    shown = without_password(address)  # a stream's address with a slip in it comes here too
    if "://" in address:
        raise SourceError(f"{shown}: no such kind of source; there is {KINDS}")
    try:
        path = Path(address).expanduser()
        if path.is_file():
            return [path]
        if address and path.is_dir():
            pictures = _pictures_among(path.iterdir())
        elif any(sign in address for sign in "*?["):
            names = glob(str(path), recursive=True)  # noqa: PTH207 - the user's own pattern
            pictures = _pictures_among(map(Path, names))
        else:
            pictures = None
    except (OSError, RuntimeError, ValueError) as error:  # no permission, too long, ~nobody
        reason = getattr(error, "strerror", None) or error
        raise SourceError(f"{shown}: {reason}") from error
    if pictures:
        return pictures
    if pictures is not None:
        raise SourceError(f"{shown}: no picture there ({', '.join(sorted(PICTURES))})")
    raise SourceError(f"{shown or 'no source'}: not there; a source is {KINDS}")


def _pictures_among(paths: Iterable[Path]) -> list[Path]:
    return sorted(
        (path for path in paths if is_picture(path) and path.is_file()), key=natural_order
    )
