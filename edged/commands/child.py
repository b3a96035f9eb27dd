"""A child process that ends with us, however we end."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Self

from edged.processes import tie
from edged.view.screen import clean

STOP_S = 3.0
"""`edged run` takes at most 2 s."""
LAST_BYTES = 4096
_STAMP = re.compile(r"[0-9-]{10} [0-9:,]{12} [A-Z]+ ")
"""Before what is logged: the time and the level, which are not for a person who asked something."""


class Child:
    """A Python program, not reached by the terminal's Ctrl-C; what it says is kept."""

    def __init__(
        self,
        arguments: Sequence[str],
        fds: Sequence[int] = (),
        *,
        when_we_die: signal.Signals = signal.SIGKILL,
    ) -> None:
        """Start `python ARGUMENTS`, which inherits `fds`; killed, we send it `when_we_die`.

        Raises:
            OSError: the system lets no process start.
        """
        with contextlib.ExitStack() as undo:
            self._words = undo.enter_context(tempfile.TemporaryFile())
            its_lifeline, our_lifeline = os.pipe()
            undo.callback(os.close, our_lifeline)
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=self._words,
                    stderr=subprocess.STDOUT,
                    pass_fds=(its_lifeline, *fds),
                    start_new_session=True,
                )
                undo.callback(self._end)
                tie(its_lifeline, self._process.pid, when_we_die)
            finally:
                os.close(its_lifeline)
            self._undo = undo.pop_all()

    @property
    def exit_code(self) -> int | None:
        """None: it runs."""
        return self._process.poll()

    @property
    def last_words(self) -> str:
        """The last line that it said, harmless to a terminal."""
        size = os.fstat(self._words.fileno()).st_size
        # At a place of our own: the child writes where the file's own position is.
        words = os.pread(self._words.fileno(), LAST_BYTES, max(0, size - LAST_BYTES))
        lines = words.decode(errors="replace").strip().splitlines()
        if not lines:
            return f"it ended with code {self.exit_code} and said nothing"
        return clean(_STAMP.sub("", lines[-1].removeprefix("edged: "), count=1))

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """Ask it to end, and make it end when it does not. May be called twice."""
        self._undo.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
