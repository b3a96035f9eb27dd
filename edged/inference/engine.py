"""Keeps a worker in service: one frame in flight, with a deadline, and a new worker after a fault.

An `Engine` belongs to one thread at a time; any may read its attributes and call `abort`.
"""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Sequence
from pathlib import Path

from edged.config import Inference
from edged.errors import EngineError, ModelError
from edged.inference.process import LoadedModel, Signature, Worker

_log = logging.getLogger(__name__)

ACCELERATOR = "cpu"

MOST_THREADS = 4
"""Pose models of this size gain nothing from more."""
LEAST_DEADLINE_S, MOST_DEADLINE_S = 0.5, 60.0
DEADLINE_FACTOR = 10
"""A deadline that was not configured is this many times the first invoke, which is a slow one."""
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 10.0
"""Between two workers that do not start, growing twofold, with jitter."""
STEADY_S = 10.0
"""A worker that served so long ends a row of faults."""
QUICK_FAULTS = 3
"""So many faults in a row are answered with a new worker at once."""
MOST_FAULT_PAUSE_S = 0.5
"""Then there is a pause before it, but a short one: each fault may have a cause of its own."""
FRAMES_BETWEEN_CHATTER = 256


class Engine:
    """Models in a worker process, which is replaced when it dies, hangs or fails."""

    def __init__(self, models: Sequence[Path], settings: Inference) -> None:
        """Start the first worker; it loads the models while the caller does other things."""
        self.restarts = 0
        """Workers that replaced one that was in service."""
        self.problem: str | None = None
        """Why there is no answer now, for a person."""
        self.signatures: tuple[Signature, ...] = ()
        """Of the models, in the order of the paths; empty before the start."""
        self.runtime = ""
        """Names and versions of the libraries that run the models; empty before the start."""
        self._paths = tuple(models)
        self._runtime = settings.runtime
        self._threads = settings.threads or min(len(os.sched_getaffinity(0)), MOST_THREADS)
        self._deadline_s = settings.deadline_ms / 1e3
        self._pause_s = FIRST_PAUSE_S
        self._next_start = 0.0
        self._since = 0.0
        self._faults = 0
        """In a row."""
        self._told: str | None = None
        """What was logged in this row of faults."""
        self._invokes = 0
        self._ready = False
        self._closed = False
        self._worker: Worker | None = None
        self._start_worker()

    @property
    def accelerator(self) -> str:
        """Where the models run."""
        return ACCELERATOR

    @property
    def deadline_s(self) -> float:
        """How long an invoke may take; 0: not measured yet."""
        return self._deadline_s

    @property
    def worker_pid(self) -> int | None:
        """Of the worker; None: there is none now."""
        worker = self._worker
        return worker.pid if worker else None

    @property
    def models(self) -> tuple[LoadedModel, ...]:
        """In the order of the paths. Their arrays change with the worker: ask for every frame.

        Raises:
            EngineError: the worker is not ready; `wait_ready` tells when it is.
        """
        if not self._ready or self._worker is None:
            raise EngineError(self.problem or "the models are being loaded")
        return self._worker.models

    def start(self) -> tuple[LoadedModel, ...]:
        """Wait for the first worker. Raises as `poll_start` does."""
        while not self.poll_start(1.0):
            pass
        return self.models

    def poll_start(self, timeout_s: float) -> bool:
        """Wait for the first worker; False: not yet. A fault ends the engine.

        Raises:
            ModelError: a model cannot be loaded.
            EngineError: the worker died or did not load the models in time.
        """
        if self._worker is None:
            raise EngineError(self.problem or "the engine is closed")
        try:
            if self._worker.poll(timeout_s):
                self._enter_service(self._worker)
        except (ModelError, EngineError):
            self.close()
            raise
        return self._ready

    def wait_ready(self, timeout_s: float) -> bool:
        """Wait for the models; False: not yet. Faults are dealt with and told in `problem`."""
        if self._ready:
            return True
        if self._worker is None:
            pause_s = self._next_start - time.monotonic()
            if self._closed or pause_s > 0:
                time.sleep(timeout_s if self._closed else min(pause_s, timeout_s))
            else:
                self._start_worker()
            return False
        try:
            if self._worker.poll(timeout_s):
                self._enter_service(self._worker)
        except (ModelError, EngineError) as error:
            self._retire(error, self._backed_off())
        return self._ready

    def invoke(self, model: int) -> int:
        """Run a model on its inputs. Returns nanoseconds of the bare invoke.

        Raises:
            EngineError: no answer for this frame. The worker is already being replaced.
        """
        if not self._ready or self._worker is None:
            raise EngineError(self.problem or "the models are being loaded")
        try:
            elapsed = self._worker.invoke(model, self._deadline_s)
        except EngineError as error:
            self.restarts += 1
            self._retire(error, self._pause_after_fault())
            if self._next_start <= time.monotonic():
                self._start_worker()
            raise
        self._invokes += 1
        if self._invokes % FRAMES_BETWEEN_CHATTER == 0 and (words := self._worker.chatter()):
            _log.debug("worker: %s", words.strip())
        return elapsed

    def close(self) -> None:
        """End the worker. May be called twice."""
        self._closed = True
        worker = self._leave_service()
        if worker is not None:
            worker.close()

    def abort(self) -> None:
        """Have the `invoke` that another thread waits for fail at once, and start no worker again.

        `close` is still due, when that thread is done.
        """
        self._closed = True
        worker = self._worker
        if worker is not None:
            worker.strike()

    def _leave_service(self) -> Worker | None:
        """The worker, which is asked for nothing any more."""
        self._ready = False
        worker, self._worker = self._worker, None
        return worker

    def _start_worker(self) -> None:
        if self._closed:
            return
        try:
            self._worker = Worker(self._paths, threads=self._threads, runtime=self._runtime)
        except EngineError as error:
            self._retire(error, self._backed_off())

    def _enter_service(self, worker: Worker) -> None:
        signatures = tuple(model.signature for model in worker.models)
        if self.signatures not in ((), signatures):
            raise EngineError("a model file was replaced by another kind of model: reload edged")
        self.signatures, self.runtime = signatures, worker.runtime
        if not self._deadline_s:
            slowest_s = max(model.warmup_ns for model in worker.models) / 1e9
            wanted_s = max(LEAST_DEADLINE_S, DEADLINE_FACTOR * slowest_s)
            self._deadline_s = min(wanted_s, MOST_DEADLINE_S)
        if self.problem is not None and self._faults <= 1:
            _log.info("the worker is back (process %d)", worker.pid, extra={"event": "worker-back"})
        self.problem = None
        self._since = time.monotonic()
        self._ready = True

    def _retire(self, error: Exception, pause_s: float) -> None:
        """Kill the worker, if there is one, and let the next start after a pause."""
        worker = self._leave_service()
        if worker is not None:
            worker.kill()
        self._next_start = time.monotonic() + pause_s
        self.problem = str(error)
        # Before the first answer, whoever waits for it is told by the exception.
        if self.signatures and self.problem != self._told and not self._closed:
            self._told = self.problem
            _log.warning(
                "no answer from the models: %s", self.problem, extra={"event": "worker-lost"}
            )

    def _pause_after_fault(self) -> float:
        """None for a fault now and then, a short one where a worker does not last."""
        if time.monotonic() - self._since > STEADY_S:
            self._faults, self._pause_s, self._told = 0, FIRST_PAUSE_S, None
        self._faults += 1
        if self._faults <= QUICK_FAULTS:
            return 0.0
        return min(self._backed_off(), MOST_FAULT_PAUSE_S)

    def _backed_off(self) -> float:
        pause_s = self._pause_s
        self._pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        return pause_s * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
