"""How a command ends that is asked to."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def ends_by_sigterm() -> Iterator[None]:
    """Have SIGTERM unwind what is open, as Ctrl-C does; the exit code is a shell's for it."""

    def leave(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, before)  # a second one ends it at once
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
