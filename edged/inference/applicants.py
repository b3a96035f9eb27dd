"""Workers that are loading their models: who becomes ready, and why others do not.

To load the models and answer once is the probe of an accelerator. It happens in the worker that is
to serve, so whatever a driver does there, it does to nobody else.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from edged.errors import EngineError, ModelError
from edged.inference.assignment import Assignment
from edged.inference.faults import Fault, of_probe
from edged.inference.process import START_DEADLINE_S, Worker
from edged.inference.roster import Roster, held
from edged.sections import Inference

END_POLL_S = 0.005
"""How often to look whether a process has ended, which no socket tells."""
MOST_THREADS = 4
"""Pose models of this size gain nothing from more."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A worker that did not become ready."""

    fault: Fault
    error: ModelError | EngineError
    """What was raised."""


class Applicants:
    """At most one worker for each place in the order of accelerators. Belongs to one thread."""

    def __init__(
        self,
        assignments: Mapping[int, Assignment],
        settings: Inference,
        roster: Roster,
        probe_s: float,
    ) -> None:
        """Start nothing yet.

        Args:
            assignments: what a worker loads, by its place.
            settings: of the configuration.
            roster: gets all workers.
            probe_s: how long an accelerator may take to become ready; the CPU has its own time.
        """
        self._assignments = assignments
        self._wanted = settings.runtime
        self._threads = settings.threads or min(len(os.sched_getaffinity(0)), MOST_THREADS)
        self._roster = roster
        self._probe_s = probe_s
        self._workers: dict[int, Worker] = {}
        self._next_pairs: dict[int, float] = {}
        """Places whose library is tried with another runtime, when the last worker is gone, and
        until when to wait for that."""

    def __contains__(self, place: int) -> bool:
        return place in self._workers or place in self._next_pairs

    def __bool__(self) -> bool:
        return bool(self._workers or self._next_pairs)

    def worker(self, place: int) -> Worker | None:
        """The one that is loading for a place."""
        return self._workers.get(place)

    def holder(self, place: int) -> int | None:
        """The process of ours that has the device of a place; None: it is free."""
        return self._roster.in_the_way(self._assignments[place].accelerator)

    def begin(self, place: int) -> None:
        """Start a worker on a device that is free.

        Raises:
            HeldError: it is not.
            EngineError: the system lets no process start.
        """
        assignment = self._assignments[place]
        runtime: str = self._wanted
        if assignment.delegate is not None:
            runtime = self._roster.pairings.runtime(assignment.delegate.library, self._wanted)
        self._workers[place] = self._roster.start(
            assignment.accelerator,
            assignment.paths,
            threads=self._threads,
            runtime=runtime,
            delegate=assignment.delegate,
            deadline_s=START_DEADLINE_S if assignment.delegate is None else self._probe_s,
        )

    def look(self) -> Iterator[tuple[int, Worker | Refusal]]:
        """Who is ready now, and who has failed; neither is an applicant any more."""
        for place, until in list(self._next_pairs.items()):
            yield from self._try_next_pair(place, until)
        for place, worker in list(self._workers.items()):
            try:
                if not worker.poll(0.0):
                    continue
            except (ModelError, EngineError) as error:
                yield from self._fail(place, worker, error)
            else:
                del self._workers[place]
                delegate = self._assignments[place].delegate
                if delegate is not None:
                    self._roster.pairings.worked(delegate.library)
                yield place, worker

    def wait(self, timeout_s: float) -> None:
        """Wait until there may be something to look at."""
        poller = select.poll()
        for worker in self._workers.values():
            if not worker.has_hung_up:
                poller.register(worker, select.POLLIN)
        if self._next_pairs or any(worker.has_hung_up for worker in self._workers.values()):
            timeout_s = min(timeout_s, END_POLL_S)
        poller.poll(1e3 * timeout_s)

    def dismiss_all(self) -> list[int]:
        """Give up. Returns their places."""
        places = [*self._workers, *self._next_pairs]
        for worker in self._workers.values():
            self._roster.dismiss(worker, at_once=False)
        self._workers.clear()
        self._next_pairs.clear()
        return places

    def _fail(
        self, place: int, worker: Worker, error: ModelError | EngineError
    ) -> Iterator[tuple[int, Refusal]]:
        del self._workers[place]
        self._roster.dismiss(worker, at_once=True)
        assignment = self._assignments[place]
        if assignment.delegate is None:
            yield place, Refusal(Fault(str(error)), error)
            return
        fault = of_probe(
            error, assignment.accelerator, worker.steps, worker.signal, is_late=worker.is_late
        )
        pairings = self._roster.pairings
        if fault.may_be_the_pair and pairings.failed(assignment.delegate.library, self._wanted):
            self._next_pairs[place] = time.monotonic() + self._probe_s
        else:
            yield place, Refusal(fault, error)

    def _try_next_pair(self, place: int, until: float) -> Iterator[tuple[int, Refusal]]:
        holder = self.holder(place)
        if holder is not None and time.monotonic() < until:
            return
        del self._next_pairs[place]
        if holder is not None:
            error = EngineError(held(self._assignments[place].accelerator.name, holder))
            yield place, Refusal(Fault(str(error)), error)
            return
        try:
            self.begin(place)
        except EngineError as error:
            yield place, Refusal(Fault(str(error)), error)
