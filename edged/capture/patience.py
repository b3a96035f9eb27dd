"""Calls into a driver that may never come back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from threading import Lock, Thread
from typing import Generic, TypeVar

T = TypeVar("T")


class PatientCall(Generic[T]):
    """A call in a thread of its own, for which somebody waits, though not for ever."""

    def __init__(self, call: Callable[[], T], unwanted: Callable[[T], None], name: str) -> None:
        """Begin.

        Args:
            call: what to do.
            unwanted: gets, in that thread, the result that comes when nobody waits any more.
            name: of the thread.
        """
        self._call = call
        self._unwanted = unwanted
        self._lock = Lock()
        self._is_left = False
        self._result: list[T] = []
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            result = self._call()
        except BaseException as error:  # noqa: BLE001 - is raised by `wait`
            self._error = error
            return
        with self._lock:
            if not self._is_left:
                self._result.append(result)
                return
        with contextlib.suppress(Exception):  # nobody is left to be told
            self._unwanted(result)

    @property
    def is_running(self) -> bool:
        """Whether the call has not come back yet."""
        return self._thread.is_alive()

    def wait(self, timeout_s: float) -> T:
        """The result of the call, or what it raised.

        Raises:
            TimeoutError: the call has not come back; its result is unwanted now.
        """
        self._thread.join(timeout_s)
        with self._lock:
            if self._error is not None:
                raise self._error
            if self._result:
                return self._result[0]
            self._is_left = True
        raise TimeoutError
