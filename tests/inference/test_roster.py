"""Which processes of models there are, and what they keep others from."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import psutil
import pytest
from brokers import until

from edged.errors import EngineError
from edged.inference.accelerators import CPU, parse
from edged.inference.process import Worker
from edged.inference.roster import MOST_LEAVING, HeldError, Roster, may_be_one

DEADLINE_S = 10.0


@pytest.mark.parametrize(
    ("one", "other", "is_one"),
    [
        ("cpu", "cpu", False),
        ("cpu", "edgetpu", False),
        ("edgetpu", "edgetpu", True),
        ("edgetpu", "edgetpu:usb:1", True),
        ("edgetpu:usb", "edgetpu:usb:1", True),
        ("edgetpu:usb", "edgetpu:pci", False),
        ("edgetpu:usb:0", "edgetpu:usb:1", False),
        ("edgetpu:0", "edgetpu:1", False),
        ("edgetpu:0", "edgetpu:usb:1", True),
        ("edgetpu", "delegate:/x.so", False),
        ("delegate:/x.so", "delegate:/x.so?a=b", True),
        ("delegate:/x.so", "delegate:/y.so", False),
    ],
)
def test_names_that_can_mean_the_same_device(one: str, other: str, *, is_one: bool) -> None:
    assert may_be_one(parse(one), parse(other)) == is_one
    assert may_be_one(parse(other), parse(one)) == is_one


@pytest.fixture
def roster() -> Iterator[Roster]:
    roster = Roster()
    yield roster
    roster.close()


def start(roster: Roster, model: Path, accelerator: str = "cpu") -> Worker:
    worker = roster.start(
        parse(accelerator), [model], threads=1, runtime="auto", delegate=None, deadline_s=30
    )
    until(lambda: worker.poll(0.05), "it is ready")
    return worker


def tended(roster: Roster) -> bool:
    roster.tend()
    return not roster.pids


def test_a_device_is_free_when_the_process_is_gone_and_not_before(
    roster: Roster, pose_file: Path
) -> None:
    worker = start(roster, pose_file, "edgetpu")
    os.kill(worker.pid, signal.SIGSTOP)
    assert roster.in_the_way(parse("edgetpu:usb")) == worker.pid
    assert roster.in_the_way(CPU) is None
    roster.dismiss(worker, at_once=False)
    roster.tend()
    assert roster.in_the_way(parse("edgetpu")) == worker.pid
    until(lambda: tended(roster), "it is killed, since it does not leave")
    assert roster.in_the_way(parse("edgetpu")) is None
    assert not psutil.pid_exists(worker.pid)


def test_of_two_that_find_it_free_one_has_it(roster: Roster, pose_file: Path) -> None:
    both = Barrier(2)

    def begin(name: str) -> Worker | None:
        both.wait(DEADLINE_S)
        try:
            return start(roster, pose_file, name)
        except HeldError:
            return None

    with ThreadPoolExecutor(2) as threads:
        begun = list(threads.map(begin, ("edgetpu", "edgetpu:usb")))
    assert begun.count(None) == 1
    assert len(roster.pids) == 1


def test_a_dismissed_worker_is_reaped_whole(roster: Roster, pose_file: Path) -> None:
    before = psutil.Process().num_fds()
    for at_once in (False, True):
        roster.dismiss(start(roster, pose_file), at_once=at_once)
    until(lambda: tended(roster), "both are gone")
    assert psutil.Process().num_fds() == before


def test_where_too_many_do_not_end_no_other_is_started(roster: Roster, pose_file: Path) -> None:
    worker = start(roster, pose_file)
    roster._leaving = [worker] * MOST_LEAVING
    with pytest.raises(EngineError, match="8 worker processes do not end"):
        start(roster, pose_file)


def test_close_ends_all_of_them_even_those_that_hang(roster: Roster, pose_file: Path) -> None:
    workers = [start(roster, pose_file), start(roster, pose_file)]
    os.kill(workers[0].pid, signal.SIGSTOP)
    roster.close()
    roster.close()
    assert not any(psutil.pid_exists(worker.pid) for worker in workers)
