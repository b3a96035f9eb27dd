"""An answer for every frame, also when the worker dies under one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from edged.errors import EdgedError, EngineError
from edged.inference.engine import Engine

T = TypeVar("T")

RESTART_S = 60.0
"""A worker that is not back by then does not come back."""


def asked_twice(engine: Engine, ask: Callable[[], T]) -> T:
    """What `ask` gets from the engine. The first time, the worker may have died of another frame.

    Raises:
        EngineError: no answer for this frame.
        EdgedError: no worker comes back.
    """
    engine.wait_ready(0.0)  # a better accelerator may be ready
    try:
        return ask()
    except EngineError:
        _wait_for_worker(engine)
        return ask()


def _wait_for_worker(engine: Engine) -> None:
    deadline = time.monotonic() + RESTART_S
    while not engine.wait_ready(0.25):
        if time.monotonic() > deadline:
            raise EdgedError(f"the models do not come back: {engine.problem}")
