"""Keeps models in service: one frame in flight, with a deadline, and another worker after a fault.

Of the accelerators of the configuration the best that works serves. When it fails, the CPU answers
at once, and the better ones are probed beside it until one passes, see `edged.inference.order`.

An `Engine` belongs to one thread at a time; any may read its attributes and call `abort` and
`reprieve`.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from edged.errors import EngineError, ModelError
from edged.inference import announcements
from edged.inference.accelerators import CPU, in_order
from edged.inference.applicants import Applicants, Refusal
from edged.inference.assignment import Assignment, assign
from edged.inference.catalog import ModelFile, alone
from edged.inference.faults import Fault
from edged.inference.hotplug import Hotplug
from edged.inference.order import Order, Patience
from edged.inference.process import LoadedModel, Signature, Worker
from edged.inference.roster import HeldError, Roster, held
from edged.sections import Inference

_log = logging.getLogger(__name__)

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

    def __init__(
        self,
        models: Sequence[ModelFile | Path],
        settings: Inference,
        *,
        roster: Roster | None = None,
        on_change: Callable[[], None] = lambda: None,
        patience: Patience | None = None,
        hotplug: Hotplug | None = None,
    ) -> None:
        """Start the first workers; they load the models while the caller does other things.

        Args:
            models: a path alone is a model for the CPU.
            settings: of the configuration.
            roster: of an engine beside this one, which may have the same device; it outlives both.
            on_change: called when another accelerator serves, or the reason why not is another;
                by the thread that the engine belongs to. Must not block.
            patience: with accelerators that fail.
            hotplug: tells of Edge TPUs that are plugged in; closed with the engine.

        Raises:
            ModelError: no accelerator of the configuration can run these models.
        """
        self.restarts = 0
        """Workers that replaced one that was in service."""
        self.problem: str | None = None
        """Why there is no answer now, for a person."""
        self.signatures: tuple[Signature, ...] = ()
        """Of the models, in the order of the paths; empty before the start."""
        self.runtime = ""
        """Names and versions of the libraries that run the models; empty before the start."""
        self._settings = settings
        self._roster = roster or Roster()
        self._owns_roster = roster is None
        self._on_change = on_change
        self._patience = patience or Patience()
        accelerators = in_order(settings)
        self.order = Order([one.name for one in accelerators], self._patience)
        """How it is with the accelerators; for others to read."""
        self._assignments: dict[int, Assignment] = {}
        files = [model if isinstance(model, ModelFile) else alone(model) for model in models]
        for place, accelerator in enumerate(accelerators):
            try:
                self._assignments[place] = assign(files, accelerator)
            except ModelError as error:
                self.order.bar(place, str(error))
                if accelerator.kind == "cpu" and len(accelerators) > 1:
                    announcements.cannot_take_over(accelerator.name, str(error))
        if self.order.surest is None:
            reasons = dict.fromkeys(one.reason for one in self.order.standings(0.0))
            raise ModelError("; ".join(reasons))
        self._surest = self.order.surest
        self._deadlines: dict[int, float] = {}
        self._pause_s, self._faults = FIRST_PAUSE_S, 0
        """`_faults`: in a row."""
        self._next_start = self._since = 0.0
        self._asked = math.inf
        """When `poll_start` was called first."""
        self._told: str | None = None
        """What was logged in this row of faults."""
        self._invokes = 0
        self._closed = self._is_held = self._is_reprieved = False
        self._tpus = [
            place for place, one in self._assignments.items() if one.accelerator.kind == "edgetpu"
        ]
        if hotplug is None and self._tpus:
            hotplug = Hotplug()
        self._hotplug = hotplug
        self._place = self._surest
        """Of the worker that serves, or served last."""
        self._worker: Worker | None = None
        self._coming = Applicants(self._assignments, settings, self._roster, self._patience.probe_s)
        self._start_due(is_start=False)

    @property
    def accelerator(self) -> str:
        """Which one serves; before the start and between two the one that is about to."""
        return self._name(self._place)

    def runner(self, model: int) -> str:
        """Which accelerator runs a model: the CPU where it has no version for the one in use."""
        return self._assignments[self._place].runner(model)

    @property
    def deadline_s(self) -> float:
        """How long an invoke may take at most; 0: not measured yet."""
        return self._settings.deadline_ms / 1e3 or max(self._deadlines.values(), default=0.0)

    @property
    def worker_pid(self) -> int | None:
        """Of the worker that serves, or is about to; None: there is none now."""
        worker = self._worker or self._coming.worker(self._surest)
        return worker.pid if worker else None

    @property
    def models(self) -> tuple[LoadedModel, ...]:
        """In the order of the paths. Their arrays change with the worker: ask for every frame.

        Raises:
            EngineError: no worker is ready; `wait_ready` tells when one is.
        """
        if self._worker is None:
            raise EngineError(self.problem or "the models are being loaded")
        return self._worker.models

    def start(self) -> tuple[LoadedModel, ...]:
        """Wait for the best accelerator that works. Raises as `poll_start` does."""
        while not (self.poll_start(1.0) and self.is_settled):
            pass
        return self.models

    @property
    def is_settled(self) -> bool:
        """Whether one serves, and no better one is being probed."""
        is_due = self.order.due(time.monotonic()) is not None
        return self._worker is not None and not (self._coming or is_due)

    def poll_start(self, timeout_s: float) -> bool:
        """Wait until an accelerator serves, and for news of better ones; False: not yet.

        A fault of the surest accelerator ends the engine, whichever other one works: later it would
        be missing.

        Raises:
            ModelError: a model cannot be loaded.
            EngineError: the worker died or did not load the models in time; the system lets none
                start; or its device is not given back.
        """
        if self._closed:
            raise EngineError(self.problem or "the engine is closed")
        self._asked = min(self._asked, time.monotonic())
        try:
            self._move(timeout_s, is_start=True)
        except (ModelError, EngineError):
            self.close()
            raise
        return self._worker is not None

    def wait_ready(self, timeout_s: float) -> bool:
        """Wait for the models; False: not yet. Faults are dealt with and told in `problem`.

        To be called between two frames: this is when a better accelerator takes over.
        """
        self._move(0.0 if self._worker is not None else timeout_s)
        return self._worker is not None

    def invoke(self, model: int) -> int:
        """Run a model on its inputs. Returns nanoseconds of the bare invoke.

        Raises:
            EngineError: no answer for this frame. The worker is already being replaced.
        """
        worker = self._worker
        if worker is None:
            raise EngineError(self.problem or "the models are being loaded")
        try:
            elapsed = worker.invoke(model, self._deadlines[self._place])
        except EngineError as error:
            self._lose(error)
            raise
        self._invokes += 1
        if self._invokes % FRAMES_BETWEEN_CHATTER == 0 and (words := worker.chatter()):
            _log.debug("worker: %s", words.strip())
        return elapsed

    def reprieve(self) -> None:
        """Somebody has seen to it: try all accelerators again. From any thread."""
        self._is_reprieved = True

    @property
    def awaits_release(self) -> bool:
        """Whether nothing can be started before an engine beside this one gives its device back."""
        return (
            self._worker is None
            and not self._coming
            and self._coming.holder(self._surest) is not None
        )

    def release(self) -> None:
        """Give the device back, for an engine beside this one. `resume` takes it again."""
        self._is_held = True
        self._dismiss_all()

    def resume(self) -> None:
        """Start again after `release`."""
        self._is_held = False

    def close(self) -> None:
        """End the workers. May be called twice. Waits for them unless the roster is another's."""
        self._closed = True
        self._dismiss_all()
        if self._hotplug is not None:
            self._hotplug.close()
        if self._owns_roster:
            self._roster.close()

    def abort(self) -> None:
        """Have the `invoke` that another thread waits for fail at once, and start no worker again.

        `close` is still due, when that thread is done.
        """
        self._closed = True
        worker = self._worker
        if worker is not None:
            worker.strike()

    def _dismiss_all(self) -> None:
        worker, self._worker, self.order.serving = self._worker, None, None
        for place in self._coming.dismiss_all():
            self.order.forget(place)
        if worker is not None:
            self._roster.dismiss(worker, at_once=False)

    def _move(self, timeout_s: float, *, is_start: bool = False) -> None:
        """Reap, start what is due, and see who has become ready; wait for that if nobody serves."""
        self._roster.tend()
        if self._closed:
            time.sleep(timeout_s)
            return
        self._start_due(is_start=is_start)
        if timeout_s and not self.is_settled:
            self._wait(timeout_s)
        if not self._coming:
            return
        for place, found in self._coming.look():
            if isinstance(found, Refusal):
                self._refuse(place, found, is_start=is_start)
            else:
                self._apply(place, found, is_start=is_start)

    def _wait(self, timeout_s: float) -> None:
        if self._worker is None and self._surest not in self._coming:
            pause_s = self._next_start - time.monotonic()
            # What is in the way, or that we are held, is looked at again soon.
            timeout_s = min(timeout_s, pause_s if pause_s > 0 else FIRST_PAUSE_S / 10)
        self._coming.wait(timeout_s)

    def _start_due(self, *, is_start: bool) -> None:
        """Start the surest worker if nobody serves, and that of a better one which is due."""
        now = time.monotonic()
        if self._is_reprieved:
            self._is_reprieved = False
            self.order.reprieve(now)
        has_better = self._worker is None or self._place
        if self._hotplug is not None and has_better and self._hotplug.came():
            self.order.shown(self._tpus, now)
            if self._surest in self._tpus:
                self._next_start = min(self._next_start, now)
        if self._is_held:
            return
        if self._worker is None and self._surest not in self._coming and now >= self._next_start:
            self._start(self._surest, is_start=is_start)
        # The CPU is ready soon, and sooner with the machine to itself; of another nobody knows.
        is_cpu_coming = self._surest in self._coming and not self._is_delegated(self._surest)
        place = None if is_cpu_coming else self.order.due(now)
        if place is not None and place not in self._coming:
            self._start(place, is_start=is_start)

    def _start(self, place: int, *, is_start: bool) -> None:
        holder = self._coming.holder(place)
        if holder is not None:
            if place == self._surest:
                self.problem = held(self._name(place), holder)
                if is_start and time.monotonic() > self._asked + self._patience.probe_s:
                    raise EngineError(self.problem)
            return
        if place != self._surest:
            self.order.tries(place, time.monotonic())
        try:
            self._coming.begin(place)
        except HeldError:  # since we looked
            self.order.forget(place)
        except EngineError as error:
            self._refuse(place, Refusal(Fault(str(error)), error), is_start=is_start)

    def _apply(self, place: int, worker: Worker, *, is_start: bool) -> None:
        """A worker is ready: it serves now, if its answers can be read."""
        self.signatures = self.signatures or tuple(model.signature for model in worker.models)
        if not worker.arrange(self.signatures):
            self._roster.dismiss(worker, at_once=False)
            error = self._misfit(place)
            self._refuse(place, Refusal(Fault(str(error)), error), is_start=is_start)
        elif self._worker is not None and place > self._place:
            # A better one was faster.
            self.order.works(place)
            self._roster.dismiss(worker, at_once=False)
        else:
            self._enter_service(place, worker)

    def _misfit(self, place: int) -> EngineError | ModelError:
        if place == self._place:
            return EngineError("a model file was replaced by another kind of model: reload edged")
        names = " and ".join(str(path) for path in self._assignments[place].paths)
        return ModelError(f"{names}: other tensors than those of the twin: compile the model again")

    def _enter_service(self, place: int, worker: Worker) -> None:
        before, previous, is_first = self._worker, self._place, not self.runtime
        self._worker, self._place, self.runtime = worker, place, worker.runtime
        self.order.passed(place)
        if before is not None:
            self._roster.dismiss(before, at_once=False)
        self._measure_deadline(place, worker)
        if place < previous and not is_first:
            announcements.promoted(self._name(place), self._name(previous))
        elif self.problem is not None and self._faults <= 1:
            _log.info("the worker is back (process %d)", worker.pid, extra={"event": "worker-back"})
        self.problem = None
        self._since = time.monotonic()
        self._on_change()

    def _measure_deadline(self, place: int, worker: Worker) -> None:
        if self._settings.deadline_ms:
            self._deadlines[place] = self._settings.deadline_ms / 1e3
        elif place not in self._deadlines:
            slowest_s = max((model.warmup_ns for model in worker.models), default=0) / 1e9
            wanted_s = max(LEAST_DEADLINE_S, DEADLINE_FACTOR * slowest_s)
            self._deadlines[place] = min(wanted_s, MOST_DEADLINE_S)

    def _refuse(self, place: int, refusal: Refusal, *, is_start: bool) -> None:
        """A worker did not become ready."""
        fault = refusal.fault
        if place == self._surest and is_start:
            raise self._no_start(refusal) if self._is_delegated(place) else refusal.error
        if place == self._surest and self._worker is None:
            self._retire(fault.reason, self._backed_off())
        elif self.order.refused(place, fault.reason, time.monotonic(), is_fault=fault.is_fault):
            announcements.refused(self._name(place), fault.reason, is_fault=fault.is_fault)
            self._on_change()

    def _no_start(self, refusal: Refusal) -> EngineError:
        """What to say of the surest where that is no CPU, and does not work."""
        reason = refusal.fault.reason
        if all(one.accelerator.kind != "cpu" for one in self._assignments.values()):
            reason += f'; nothing takes over: add "{CPU.name}" to [inference] accelerators'
        return EngineError(reason)

    def _lose(self, error: EngineError) -> None:
        """The worker that serves gave no answer: kill it, and have another one start at once."""
        worker, self._worker = self._worker, None
        if worker is not None:
            self._roster.dismiss(worker, at_once=True)
        self.restarts += 1
        place, now = self._place, time.monotonic()
        rests = self.order.lost(place, str(error), now)
        if place == self._surest:
            self._retire(str(error), self._pause_after_fault())
        else:
            self.problem, self._next_start = str(error), now
            if not self._closed:
                rest_s = self._patience.rest_s if rests else None
                announcements.lost(self._name(place), str(error), self._name(self._surest), rest_s)
        if self._hotplug is not None:
            self._hotplug.came()  # what is known of a time when all was well is no news
        if not self._closed:
            self._start_due(is_start=False)
        self._on_change()

    def _retire(self, problem: str, pause_s: float) -> None:
        """Let the next of the surest workers start after a pause."""
        self._next_start = time.monotonic() + pause_s
        self.problem = problem
        # Before the first answer, whoever waits for it is told by the exception.
        if self.signatures and problem != self._told and not self._closed:
            self._told = problem
            _log.warning("no answer from the models: %s", problem, extra={"event": "worker-lost"})

    def _name(self, place: int) -> str:
        return self._assignments[place].accelerator.name

    def _is_delegated(self, place: int) -> bool:
        return self._assignments[place].delegate is not None

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
