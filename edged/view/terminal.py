"""Where the view goes: a terminal that is given back as it was, or lines where there is none."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import termios
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Protocol, Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.segment import Segment

from edged.view.screen import Row, clean

TICK_S = 1 / 15
"""Between two pictures at least: enough to see people move."""
LINE_S = 1.0
AFRESH_S = 2.0
"""A picture that does not change is drawn again: other programs write to terminals too."""
QUIT_KEYS = b"qQ\x04"
"""The last one is Ctrl-D."""
EXIT_CODES = {signal.SIGTERM: 0, signal.SIGHUP: 0, signal.SIGINT: 130, signal.SIGQUIT: 130}
"""As `edged run`: to be asked to end is fine, to be interrupted is told."""


class Ending:
    """Notes that the user or the system wants an end.

    Nothing is raised, so that a second Ctrl-C does not cut the cleaning up short.
    """

    def __init__(self) -> None:
        self.code: int | None = None
        """The exit code; None: go on."""
        self.suspend = False
        """Ctrl-Z was pressed."""

    def is_noted(self) -> bool:
        """Whether it is time to end."""
        return self.code is not None

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGTSTP:
            self.suspend = True
        elif self.code is None:
            self.code = EXIT_CODES[signal.Signals(number)]

    @contextlib.contextmanager
    def noted(self) -> Iterator[None]:
        """Have signals noted, instead of ending the process."""
        wanted = (*EXIT_CODES, signal.SIGTSTP)
        before = {number: signal.signal(number, self._note) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Display(Protocol):
    """Shows something now and then, within a `with` block."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...

    def show(self) -> None:
        """Show what there is now, unless that was done a moment ago."""

    def is_quit(self, timeout_s: float) -> bool:
        """Wait so long at most; True: the user pressed a key to end it."""

    def suspend(self) -> None:
        """Stop until the shell lets us go on."""


class Lines:
    """A line a second, for a pipe or a file."""

    def __init__(self, words: Callable[[], str]) -> None:
        self._words = words
        self._next = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self) -> None:
        """Print."""
        now = time.monotonic()
        if now >= self._next:
            self._next = max(self._next + LINE_S, now + LINE_S / 2)
            print(f"{time.strftime('%H:%M:%S')}  {clean(self._words())}", flush=True)

    def is_quit(self, timeout_s: float) -> bool:
        """Wait: there are no keys."""
        select.select([], [], [], timeout_s)
        return False

    def suspend(self) -> None:
        """Stop."""
        os.kill(os.getpid(), signal.SIGSTOP)


class _Rows:
    """Rows as rich wants them."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def __rich_console__(self, _console: Console, _options: ConsoleOptions) -> RenderResult:
        for number, row in enumerate(self.rows):
            if number:
                yield Segment.line()
            yield from row


class Screen:
    """The whole terminal with its cursor and its echo; the end of the block gives them back."""

    def __init__(self, console: Console, compose: Callable[[int, int], list[Row]]) -> None:
        """`compose` makes rows for a width and height in characters."""
        self._console = console
        self._compose = compose
        self._rows = _Rows()
        self._drawn = 0.0
        self._is_gone = False
        # Without a keyboard, signals end it.
        self._keys = sys.stdin.fileno() if sys.stdin.isatty() else None
        self._modes: list[Any] | None = None
        self._live: Live | None = None

    def __enter__(self) -> Self:
        try:
            if self._keys is not None:
                self._modes = termios.tcgetattr(self._keys)
                quiet = termios.tcgetattr(self._keys)
                quiet[3] &= ~(termios.ECHO | termios.ICANON)
                # Never wait in a read: Ctrl-C takes back the keys that made it ready.
                quiet[6][termios.VMIN] = quiet[6][termios.VTIME] = 0
                termios.tcsetattr(self._keys, termios.TCSADRAIN, quiet)
            self._live = Live(
                self._rows,
                console=self._console,
                screen=True,
                auto_refresh=False,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        # The terminal may be gone: then there is nothing to give back.
        live, self._live = self._live, None
        if live is not None:
            with contextlib.suppress(OSError):
                live.stop()
        modes, self._modes = self._modes, None
        if self._keys is not None and modes is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._keys, termios.TCSAFLUSH, modes)

    def show(self) -> None:
        """Draw what has changed since the last picture."""
        now = time.monotonic()
        rows = self._compose(*self._console.size)
        if self._live is None or (rows == self._rows.rows and now - self._drawn < AFRESH_S):
            return
        self._rows.rows, self._drawn = rows, now
        try:
            self._live.refresh()
        except OSError:
            self._is_gone = True

    def is_quit(self, timeout_s: float) -> bool:
        """Wait for a key."""
        if self._keys is None:
            select.select([], [], [], timeout_s)
            return self._is_gone
        keys = select.poll()
        keys.register(self._keys, select.POLLIN)
        ((_, event),) = keys.poll(timeout_s * 1000) or ((self._keys, 0),)
        if event & ~select.POLLIN:
            return True  # the terminal is gone
        pressed = os.read(self._keys, 64) if event else b""
        # Several at once: who types fast wants to go, too.
        return self._is_gone or any(key in QUIT_KEYS for key in pressed)

    def suspend(self) -> None:
        """Give the terminal back, stop, and take it again."""
        self.__exit__()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._rows.rows = []
        self.__enter__()


def open_display(
    compose: Callable[[int, int], list[Row]], words: Callable[[], str]
) -> Screen | Lines:
    """The terminal where the output goes to one that can show the picture, else lines."""
    console = Console()
    can_draw = console.encoding.startswith("utf") and not console.is_dumb_terminal
    if sys.stdout.isatty() and can_draw:
        return Screen(console, compose)
    return Lines(words)
