"""The athlete as a source of frames: a camera for machines that have none."""

from __future__ import annotations

import math
from threading import Event

from edged.capture.athlete.address import read_address, repeated
from edged.capture.athlete.athlete import Athlete, frames_within
from edged.capture.pace import Pace
from edged.capture.source import SourceInfo, wall_time
from edged.capture.upright import Pool
from edged.errors import SourceError
from edged.sections import Camera
from edged.types import Frame

MOST_FPS = 120.0


def open_athlete(settings: Camera) -> Athlete:
    """The athlete that `settings.source` asks for, in front of a camera of this size.

    Frame number `seq` of the source shows it at the moment `seq / settings.fps`: who knows the
    settings knows the truth about every frame.

    Raises:
        SourceError: the address or the settings ask for something that there is not.
    """
    request = read_address(settings.source)
    if settings.rotate or settings.flip != "none":
        raise SourceError(
            f'{settings.source} is upright: expected rotate = 0 and flip = "none", '
            f'got {settings.rotate} and "{settings.flip}"'
        )
    if settings.fps > MOST_FPS:
        raise SourceError(
            f"{settings.source}: at most {MOST_FPS:g} frames/s, got fps = {settings.fps:g}"
        )
    script = repeated(request.script) if settings.loop else request.script
    return Athlete(script, settings.width, settings.height, request.view_deg)


class Rendered:
    """Frames of the athlete at `settings.fps`, painted before they are due.

    Time goes on as for a camera: what nobody asks for in time, or cannot be painted in time, is
    left out.
    """

    def __init__(self, settings: Camera, stop: Event) -> None:
        """Paint the place. Raises `SourceError`, see `open_athlete`."""
        self._athlete: Athlete | None = open_athlete(settings)
        self._pool = Pool((settings.height, settings.width, 3))
        self._pace = Pace(settings.fps, settings.pace, stop)
        self._seq = 0
        duration_s = self._athlete.duration_s
        frames = 0 if math.isinf(duration_s) else frames_within(duration_s, settings.fps)
        self.info = SourceInfo(
            settings.source,
            settings.width,
            settings.height,
            settings.fps,
            live=False,
            frames=frames,
        )

    def read(self, timeout_s: float) -> Frame | None:  # noqa: ARG002 - it never fails
        """The next frame when it is due. See `Source.read`."""
        for _ in range(self._pace.late()):
            self._seq += 1
            self._pace.skip()
        if self._athlete is None or self._seq >= (self.info.frames or math.inf):
            return None
        # Not at once: the last frame is being worked on, maybe on this very core.
        self._pace.wait_half()
        pixels, give_back = self._pool.borrow()
        self._athlete.paint(self._athlete.at(self._seq / self.info.fps), pixels, self._seq)
        due_ns = self._pace.wait(new_grid=False)
        if due_ns is None:
            give_back()
            return None
        seq, self._seq = self._seq, self._seq + 1
        return Frame(pixels, seq, due_ns, wall_time(due_ns), give_back, name=self.info.source)

    def close(self) -> None:
        """Forget the athlete."""
        self._athlete = None
