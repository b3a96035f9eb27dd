"""Opens a camera and looks at its frames. A program of its own, since drivers crash and hang.

`[camera]` as JSON on standard input, an `Outcome` as JSON on standard output.
"""

from __future__ import annotations

import statistics
import sys
import time

import msgspec

from edged.capture.source import open_source
from edged.errors import SourceError
from edged.sections import Camera
from edged.types import READ_TIMEOUT_S

LOOK_S = 1.2
"""Long enough for the rate of a slow camera, and for a webcam's exposure to settle."""
FILE_S = 0.4
"""A file is known sooner."""
MOST_FRAMES = 45


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a source gave."""

    source: str
    """Without any password."""
    width: int
    height: int
    """Pixels of the upright frame."""
    frames: int
    rate: float | None
    """Frames a second, by their own times; None: too few."""
    age_ms: float
    """From the exposure to us: the median frame's."""
    brightness: float
    """Mean of the last frame, 0..255."""
    contrast: float
    """Its standard deviation, 0..127.5."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Either of them."""

    seen: Seen | None = None
    problem: str = ""


def look(settings: Camera) -> Seen:
    """Read frames for a while.

    Raises:
        SourceError: it does not open, or gives no frame.
    """
    source = open_source(settings)
    try:
        until = time.monotonic() + (LOOK_S if source.info.live else FILE_S)
        times: list[int] = []
        ages: list[int] = []
        shape, brightness, contrast = (0, 0), 0.0, 0.0
        while len(times) < MOST_FRAMES and (not times or time.monotonic() < until):
            frame = source.read(READ_TIMEOUT_S)
            if frame is None:
                break
            ages.append(time.monotonic_ns() - frame.sensor_ns)
            times.append(frame.sensor_ns)
            shape = frame.pixels.shape[:2]
            few = frame.pixels[::7, ::5]  # odd, so that no pattern falls in with them
            brightness, contrast = float(few.mean()), float(few.std())
            frame.release()
        if not times:
            raise SourceError(f"{source.info.source}: gives no frame")
        spent_s = (times[-1] - times[0]) / 1e9
        return Seen(
            source=source.info.source,
            width=shape[1],
            height=shape[0],
            frames=len(times),
            rate=round((len(times) - 1) / spent_s, 2) if spent_s > 0 else None,
            age_ms=round(statistics.median(ages) / 1e6, 1),
            brightness=round(brightness, 1),
            contrast=round(contrast, 1),
        )
    finally:
        source.close()


def main() -> None:
    """Look at the camera that we are told."""
    settings = msgspec.json.decode(sys.stdin.buffer.read(), type=Camera)
    try:
        outcome = Outcome(seen=look(settings))
    except SourceError as error:
        outcome = Outcome(problem=str(error))
    print(msgspec.json.encode(outcome).decode(), flush=True)


if __name__ == "__main__":
    main()
