"""A measurement on a thread of its own, which may be late or fail without hurting the others."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread
from typing import Generic, TypeVar

T = TypeVar("T")

LATE = "no answer in time: the system or a driver hangs (dmesg may tell)"


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """There are no facts, and why."""

    why: str
    is_late: bool = False
    """The system, a driver or a name server does not answer."""


class Probe(Generic[T]):
    """Measures at once; a thread that hangs is left behind."""

    def __init__(self, measure: Callable[[], T], *, late: str = LATE) -> None:
        """`measure` may raise whatever it likes; `late` is said when it takes too long."""
        self._measure = measure
        self._late = late
        self._result: T | Unmeasured | None = None
        self._thread = Thread(target=self._run, name="probe", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result = self._measure()
        except Exception as error:  # noqa: BLE001 - one check that fails must not take the others
            what = " ".join(f"{type(error).__name__}: {error}".split())
            self._result = Unmeasured(f"this check itself failed: {what}")

    def result(self, until: float) -> T | Unmeasured:
        """The facts, if they are there by the moment `until` of `time.monotonic`."""
        self._thread.join(max(0.0, until - time.monotonic()))
        if self._result is None:
            return Unmeasured(self._late, is_late=True)
        return self._result
