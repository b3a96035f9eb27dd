"""`edged` for which pictures were taken at their own rate, however fast they are shown.

`run --config ...` with pictures and `pace = "fast"`: a day of a camera passes in minutes, and what
is made of the poses, which goes by the times of the frames, sees a whole day.
"""

from __future__ import annotations

import time
from threading import Event
from typing import Literal

from edged.__main__ import main
from edged.capture import images


class Grid:
    """In place of `edged.capture.pace.Pace`: no frame is waited for, each has its own moment."""

    def __init__(self, fps: float, _pace: Literal["realtime", "fast"], stop: Event) -> None:
        self._period_ns = round(1e9 / fps)
        self._stop = stop
        self._due_ns = time.monotonic_ns()

    def wait(self, *, new_grid: bool = True) -> int | None:  # noqa: ARG002 - as the other one
        """The moment of the next frame; None: told to stop."""
        self._due_ns += self._period_ns
        return None if self._stop.is_set() else self._due_ns


if __name__ == "__main__":
    setattr(images, "Pace", Grid)  # noqa: B010 - no name of the module's own
    main()
