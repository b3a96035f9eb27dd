"""What every source of frames is, and how one is opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from edged.types import Frame


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a source really gives, whatever it was asked for."""

    source: str
    """Its address as configured, without any password."""
    width: int
    height: int
    """Pixels of the upright frame."""
    fps: float
    """Frames a second; 0: unknown."""
    live: bool
    """True: a camera or stream, which has no end and is opened again when it fails."""


class Source(Protocol):
    """Gives frames, one at a time, to one thread."""

    @property
    def info(self) -> SourceInfo:
        """What the source gives."""

    def read(self, timeout_s: float) -> Frame | None:
        """The next frame, waiting until it is due; None: the end, and so at every later call.

        Raises:
            SourceError: no frame within `timeout_s`, or the source is gone.
        """

    def close(self) -> None:
        """Let go of the device, file or stream. May be called twice."""
