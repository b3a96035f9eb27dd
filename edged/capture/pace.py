"""When the frames of a file are due."""

from __future__ import annotations

import time
from threading import Event
from typing import Literal


class Pace:
    """A moment for each frame: a grid of `1 / fps` seconds, or as soon as it is asked for.

    The grid stands still: waking up late does not move it. One who comes too late by a frame or
    more asks `late` how many frames to leave out; who does not, begins a new grid.
    """

    def __init__(self, fps: float, pace: Literal["realtime", "fast"], stop: Event) -> None:
        self._period_ns = round(1e9 / fps) if pace == "realtime" else 0
        self._stop = stop
        self._due_ns: int | None = None

    def late(self) -> int:
        """How many whole frames the next one is late."""
        if self._due_ns is None or not self._period_ns:
            return 0
        return max(0, (time.monotonic_ns() - self._due_ns) // self._period_ns)

    def skip(self) -> None:
        """Leave one frame out."""
        if self._due_ns is not None:
            self._due_ns += self._period_ns

    def wait_half(self) -> None:
        """Wait until the second half of the time before the next frame is due, or told to stop."""
        if self._due_ns is not None and self._period_ns:
            self._wait_until(self._due_ns - self._period_ns // 2)

    def _wait_until(self, moment_ns: int) -> bool:
        """False: told to stop."""
        return not self._stop.wait(max(0, moment_ns - time.monotonic_ns()) / 1e9)

    def wait(self, *, new_grid: bool = True) -> int | None:
        """Wait until the next frame is due; its monotonic nanoseconds, or None: told to stop.

        Args:
            new_grid: begin one where the frame is late by a whole one; False: it was due when it
                was due, for one who has asked `late` and was slow after that.
        """
        due_ns = self._due_ns
        if due_ns is None or not self._period_ns or (new_grid and self.late()):
            due_ns = time.monotonic_ns()
        if not self._wait_until(due_ns):
            return None
        self._due_ns = due_ns + self._period_ns
        return due_ns
