"""The beginning of a video, decoded once and played from memory at any rate: for benchmarks.

No decoder reaches ten times the rate of a fast model; pictures that are already there do.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import Event

import msgspec

from edged.capture.opencv import VideoFile
from edged.capture.pace import Pace
from edged.capture.source import wall_time
from edged.errors import SourceError
from edged.sections import Camera
from edged.types import Frame

MOST_FRAMES = 60
"""55 MB of 640x480."""


class Replay:
    """Frames at `settings.fps`, over and over where `settings.loop` says so."""

    def __init__(self, path: Path, settings: Camera, stop: Event) -> None:
        """Decode the frames.

        Raises:
            SourceError: the file cannot be read or is no video.
        """
        once = msgspec.structs.replace(settings, source=str(path), pace="fast", loop=False)
        video = VideoFile(path, once, stop)
        self._frames: list[Frame] = []
        while len(self._frames) < MOST_FRAMES and (frame := video.read(0.0)) is not None:
            self._frames.append(frame)
        video.close()
        if not self._frames:
            raise SourceError(f"{path}: no frames")
        self._pace = Pace(settings.fps, settings.pace, stop)
        self._loop = settings.loop
        self._seq = 0
        self.info = replace(video.info, source=settings.source, fps=settings.fps)

    def read(self, timeout_s: float) -> Frame | None:  # noqa: ARG002 - the frames are there
        """The next frame when it is due; those that are late are left out. See `Source.read`."""
        for _ in range(self._pace.late()):
            self._seq += 1
            self._pace.skip()
        if not self._frames or (self._seq >= len(self._frames) and not self._loop):
            return None
        due_ns = self._pace.wait()
        if due_ns is None:
            return None
        seq, self._seq = self._seq, self._seq + 1
        pixels = self._frames[seq % len(self._frames)].pixels
        return Frame(pixels, seq, due_ns, wall_time(due_ns), name=self.info.source)

    def close(self) -> None:
        """Forget the frames."""
        self._frames = []
