"""Asks a child process what might crash or hang us: drivers and foreign libraries."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass

from edged.processes import tie

FAREWELL_S = 0.5
"""For a killed child to go; one in an uninterruptible driver call stays until that ends."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it."""

    text: bytes
    """The last line that the child printed; empty: none."""
    failure: str = ""
    """How the child failed (`was killed by SIGSEGV`); empty: it did not."""


def ask(module: str, request: bytes, timeout_s: float) -> Answer:
    """Run a module of edged with `request` as its input. It ends when we do, however we end.

    Raises:
        OSError: the system lets no process start.
    """
    its_lifeline, our_lifeline = os.pipe()
    try:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(its_lifeline,),
            start_new_session=True,
        )
        try:
            tie(its_lifeline, child.pid)
            said, complaints = child.communicate(request, timeout_s)
        except subprocess.TimeoutExpired:
            return Answer(b"", f"did not answer within {timeout_s:g} s")
        finally:
            child.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(FAREWELL_S)
            for stream in (child.stdin, child.stdout, child.stderr):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
    finally:
        os.close(its_lifeline)
        os.close(our_lifeline)
    code = child.returncode
    if code < 0:
        return Answer(b"", f"was killed by {signal.Signals(-code).name}")
    if code > 0:
        last = complaints.decode(errors="replace").strip().rsplit("\n", 1)[-1]
        return Answer(b"", f"ended with code {code}" + (f": {last}" if last else ""))
    return Answer(said.strip().rsplit(b"\n", 1)[-1])
