"""Every worker process that is alive: those in service, and those on their way out.

A worker that ends may take its time, for ever if a driver holds it. The thread of the frames does
not wait for that: the process is dismissed into the roster, which looks after it until it is
reaped. An Edge TPU can be opened by one process only, so its next worker starts when the last one
is really gone.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from edged.errors import EngineError
from edged.inference.accelerators import Accelerator
from edged.inference.pairings import Pairings
from edged.inference.process import Delegate, Worker

MOST_LEAVING = 8
"""More processes that do not end are no bad luck: then no other is started."""
END_S = 1.3
"""At the end, for all of them together: their farewell and the kernel's work."""
POLL_S = 0.002


class HeldError(EngineError):
    """A device is held by a process of ours."""


class Roster:
    """Belongs to whoever starts workers; any thread may call it."""

    def __init__(self) -> None:
        self.pairings = Pairings()
        self._lock = Lock()
        self._here: list[tuple[Worker, Accelerator]] = []
        self._leaving: list[Worker] = []

    def start(
        self,
        accelerator: Accelerator,
        models: Sequence[Path],
        *,
        threads: int,
        runtime: str,
        delegate: Delegate | None,
        deadline_s: float,
    ) -> Worker:
        """Start a worker on an accelerator that is free. For the rest: `Worker`.

        Raises:
            HeldError: it is not free, see `in_the_way`.
            EngineError: the system lets no process start, or too many do not end.
        """
        if len(self._leaving) >= MOST_LEAVING:
            raise EngineError(
                f"{len(self._leaving)} worker processes do not end, because a driver holds them: "
                "restart the machine"
            )
        with self._lock:  # a reload's engine and the one in force may both find it free
            if (holder := self._holder(accelerator)) is not None:
                raise HeldError(held(accelerator.name, holder))
            worker = Worker(
                models, threads=threads, runtime=runtime, delegate=delegate, deadline_s=deadline_s
            )
            self._here.append((worker, accelerator))
        return worker

    def dismiss(self, worker: Worker, *, at_once: bool) -> None:
        """Have a worker end, see `Worker.leave`. Waits for nothing."""
        worker.leave(at_once=at_once)
        with self._lock:
            if worker not in self._leaving:
                self._leaving.append(worker)

    def tend(self) -> None:
        """Reap those that have ended, and kill those that take too long. Waits for nothing."""
        if not self._leaving:
            return
        with self._lock:
            gone = [worker for worker in self._leaving if worker.is_gone()]
            self._leaving = [worker for worker in self._leaving if worker not in gone]
            self._here = [entry for entry in self._here if entry[0] not in gone]

    def in_the_way(self, accelerator: Accelerator) -> int | None:
        """The process that has what may be the same device; None: nobody has."""
        with self._lock:
            return self._holder(accelerator)

    def _holder(self, accelerator: Accelerator) -> int | None:
        return next(
            (worker.pid for worker, other in self._here if may_be_one(accelerator, other)), None
        )

    @property
    def pids(self) -> list[int]:
        """Of all."""
        with self._lock:
            return [worker.pid for worker, _ in self._here]

    def close(self) -> None:
        """End all of them. Waits `END_S` for that, a little longer if the kernel is slow to do it.

        May be called twice.
        """
        for worker, _ in list(self._here):
            self.dismiss(worker, at_once=False)
        until = time.monotonic() + END_S
        while self._leaving and time.monotonic() < until:
            self.tend()
            time.sleep(POLL_S)
        for worker in self._leaving:
            worker.kill()  # what it had open is closed, whether or not the kernel lets it go
        self._leaving.clear()
        self._here.clear()


def held(accelerator: str, pid: int) -> str:
    """That a process of ours does not give a device back."""
    return f"{accelerator} is still held by process {pid}, which is ending"


def may_be_one(one: Accelerator, other: Accelerator) -> bool:
    """Whether two names can mean the same device, which one process can open at a time.

    `edgetpu` is any of them, `edgetpu:usb` any at USB; `edgetpu:usb:0` and `edgetpu:usb:1` are two.
    """
    if "cpu" in {one.kind, other.kind} or one.kind != other.kind:
        return False
    if one.kind == "delegate":
        return one.library == other.library
    (bus, index), (other_bus, other_index) = _place(one.name), _place(other.name)
    if bus != other_bus:
        return "" in {bus, other_bus}  # without a bus, devices are counted over all of them
    return index == other_index or "" in {index, other_index}


def _place(name: str) -> tuple[str, str]:
    """Bus and number of `edgetpu:usb:0`; empty: any."""
    words = name.split(":")[1:]
    bus = words.pop(0) if words and not words[0].isdecimal() else ""
    return bus, words[0] if words else ""
