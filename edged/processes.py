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
PARENT_FIELD, CPU_FIELDS = 1, slice(11, 13)
"""Parent, and user and system ticks, counted from behind the name in `/proc/PID/stat`."""


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
    """A process, its children, theirs, and so on. Looks at every process of the machine."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        if fields := _fields(int(entry.name)):
            children.setdefault(int(fields[PARENT_FIELD]), []).append(int(entry.name))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def _fields(pid: int) -> list[str]:
    """What stands behind the command's name in `/proc/PID/stat`; nothing: it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def cpu_s(pids: Iterable[int]) -> float:
    """CPU time that processes have used so far, in seconds; those that are gone count nothing."""
    return sum(sum(map(int, _fields(pid)[CPU_FIELDS])) for pid in pids) / TICKS_PER_S


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
