"""An end in good order when this process is told to end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def clears_away_on_sigterm() -> Iterator[None]:
    """Makes SIGTERM an exception, so that what is open is closed."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: FrameType | None) -> None:
    del frame
    signal.signal(
        number, signal.SIG_IGN
    )  # `timeout` sends two: the second must not end the clearing
    raise KeyboardInterrupt
