"""A pseudo-terminal for programs that draw: what they write, are sent, and leave."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Sequence
from typing import Self

from brokers import DEADLINE_S, until

_ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|.)")
ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"
RECENT_BYTES = 65_536
"""More than two pictures."""
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


class Terminal:
    """Runs `python ARGUMENTS` in a terminal of its own; `close` leaves nothing behind."""

    def __init__(self, arguments: Sequence[str], *, columns: int = 80, rows: int = 24) -> None:
        self._master, self._slave = pty.openpty()
        self.modes = termios.tcgetattr(self._slave)
        self.resize(columns, rows)
        self._written = bytearray()
        self.process = subprocess.Popen(
            # Its Ctrl-C has to reach the program as a real one's does.
            ["/usr/bin/setsid", "--ctty", sys.executable, *arguments],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env={**os.environ, "TERM": "xterm-256color", "EDGED_DEBUG": ""},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(self._master, 65536):
                self._written += data

    @property
    def written(self) -> str:
        """Everything so far, as it came."""
        return bytes(self._written).decode(errors="replace")

    @property
    def text(self) -> str:
        """Everything so far, without escape sequences."""
        return _ESCAPE.sub("", self.written)

    @property
    def picture(self) -> list[str]:
        """The rows of the last whole picture of the present size."""
        recent = bytes(self._written[-RECENT_BYTES:]).decode(errors="replace")
        for text in reversed(recent.split("\x1b[H")[1:]):
            rows = _ESCAPE.sub("", text).replace("\r", "").split("\n")
            if len(rows) == self._rows and len(rows[-1]) >= self._columns:
                return rows
        return []

    def until(self, words: str, deadline_s: float = DEADLINE_S) -> None:
        """Wait until a picture shows the words."""
        try:
            until(lambda: any(words in row for row in self.picture), words, deadline_s)
        except AssertionError:
            shown = "\n".join(self.picture) or self.text
            raise AssertionError(f"not shown: {words!r} but\n{shown}") from None

    def send(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._master, keys)

    def resize(self, columns: int, rows: int) -> None:
        """Give the window another size."""
        self._columns, self._rows = columns, rows
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait(self, deadline_s: float = DEADLINE_S) -> int:
        """The exit code."""
        code = self.process.wait(deadline_s)
        # The last words are on their way.
        until(lambda: LEAVE in self.written or ENTER not in self.written, "the end", deadline_s)
        return code

    @property
    def is_restored(self) -> bool:
        """Whether the terminal is as it was: screen, cursor, echo."""
        pairs = ((ENTER, LEAVE), (HIDE, SHOW))
        is_shown = all(self.written.rfind(on) <= self.written.rfind(off) for on, off in pairs)
        return is_shown and termios.tcgetattr(self._slave) == self.modes

    def close(self) -> None:
        """End it however it is."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait(DEADLINE_S)
        os.close(self._slave)
        self._reader.join(DEADLINE_S)
        os.close(self._master)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
