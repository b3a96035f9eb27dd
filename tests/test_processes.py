"""What Linux tells of processes agrees with what psutil tells."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from edged import processes

NESTED = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "print('up', flush=True); input()"])
child.wait()
"""


@pytest.fixture
def parent() -> Iterator[psutil.Process]:
    """A process with a child, both waiting."""
    with subprocess.Popen(
        [sys.executable, "-c", NESTED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield psutil.Process(process.pid)
        process.communicate("\n")


def test_a_family_is_a_process_and_all_its_descendants(parent: psutil.Process) -> None:
    expected = {parent.pid, *(child.pid for child in parent.children(recursive=True))}
    assert len(expected) == 2
    assert set(processes.family(parent.pid)) == expected


def test_cpu_time_and_memory_add_up(parent: psutil.Process) -> None:
    family = processes.family(parent.pid)
    infos = [psutil.Process(pid) for pid in family]
    cpu_s = sum(info.cpu_times().user + info.cpu_times().system for info in infos)
    assert processes.cpu_s(family) == pytest.approx(cpu_s, abs=0.05)
    resident = sum(info.memory_info().rss for info in infos) / 1e6
    assert processes.resident_mb(family) == pytest.approx(resident, rel=0.05)
    shared = sum(info.memory_full_info().pss for info in infos) / 1e6
    assert processes.pss_mb(family) == pytest.approx(shared, rel=0.05)
    assert processes.pss_mb(family) < processes.resident_mb(family)


def test_cpu_time_grows_with_work() -> None:
    before, end = processes.cpu_s([os.getpid()]), time.monotonic() + 5
    while processes.cpu_s([os.getpid()]) < before + 0.05:
        assert time.monotonic() < end


def test_a_process_that_is_gone_counts_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    gone = [process.pid]
    assert processes.family(process.pid) == gone
    assert (processes.cpu_s(gone), processes.pss_mb(gone), processes.resident_mb(gone)) == (0, 0, 0)
