"""How a command ends that is asked to."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import TypeAlias

_Handler: TypeAlias = Callable[[int, FrameType | None], object]

ASKING = (signal.SIGTERM, signal.SIGHUP)
"""Besides SIGINT, which Python makes a KeyboardInterrupt of. SIGHUP: the terminal is gone."""


@contextlib.contextmanager
def ends_by_sigterm() -> Iterator[None]:
    """Have SIGTERM and SIGHUP unwind what is open, as Ctrl-C does; the exit code is a shell's.

    What is ignored stays so: nohup wants that.
    """
    numbers = [number for number in ASKING if signal.getsignal(number) is not signal.SIG_IGN]

    def leave(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, before[signal.Signals(number)])  # a second one ends it at once
        sys.exit(128 + number)

    before = {number: signal.getsignal(number) for number in numbers}
    with _handled(leave, numbers):
        yield


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Have those signals, and SIGINT, wait until the block is done."""
    noted: list[int] = []
    with _handled(lambda number, _frame: noted.append(number), (*ASKING, signal.SIGINT)):
        yield
    for number in noted[:1]:
        signal.raise_signal(number)


@contextlib.contextmanager
def _handled(handler: _Handler, numbers: Iterable[signal.Signals]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
