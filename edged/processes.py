"""Running processes: what Linux tells of them, and how one is made to end with us."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterable
from pathlib import Path

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
MEGABYTE = 1e6
CPU_FIELDS = slice(11, 13)
"""User and system ticks, counted from behind the command's name in `/proc/PID/stat`."""


F_SETSIG = 10
"""Of Linux' fcntl.h; Python does not name it."""


def tie(lifeline: int, pid: int, how: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send a child `how` when the writing end of a pipe closes: when we end.

    Works while native code in the child hangs with Python's lock held, and however we end. Unlike
    PR_SET_PDEATHSIG it follows this process, not the thread of it that started the child.

    Args:
        lifeline: the pipe's reading end, which the child has inherited. The setting belongs to the
            open file, so ours can be closed.
        pid: of the child.
        how: the signal.
    """
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, pid)
    fcntl.fcntl(lifeline, F_SETSIG, how)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC)


def family(pid: int) -> list[int]:
    """A process, its children, theirs, and so on."""
    found = [pid]
    for parent in found:
        try:
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        except OSError:
            continue  # it has ended
    return found


def cpu_s(pids: Iterable[int]) -> float:
    """CPU time that processes have used so far, in seconds; those that are gone count nothing."""
    ticks = 0
    for pid in pids:
        try:
            after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
            ticks += sum(map(int, after_name.split()[CPU_FIELDS]))
        except (OSError, ValueError):
            continue
    return ticks / TICKS_PER_S


def pss_mb(pids: Iterable[int]) -> float:
    """Memory in millions of bytes, pages shared between processes counted once (PSS)."""
    kibibytes = 0
    for pid in pids:
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        kibibytes += sum(
            int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")
        )
    return kibibytes * 1024 / MEGABYTE


def resident_mb(pids: Iterable[int]) -> float:
    """Resident memory in millions of bytes. Costs microseconds, where `pss_mb` walks every page."""
    pages = 0
    for pid in pids:
        try:
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except (OSError, IndexError, ValueError):
            continue
    return pages * PAGE_BYTES / MEGABYTE
