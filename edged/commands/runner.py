"""What a command runs its model on."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from edged.config import Inference
from edged.errors import ConfigError, UsageError
from edged.inference.accelerators import parse
from edged.inference.assignment import lacks_twin
from edged.inference.catalog import ModelFile
from edged.inference.engine import Engine


def inference(threads: int, accelerators: Sequence[str]) -> Inference:
    """The settings for the words of a command line; without accelerators the usual ones.

    Raises:
        UsageError: there is no such accelerator.
    """
    for name in accelerators:
        try:
            parse(name)
        except ConfigError as error:
            raise UsageError(f"--accelerator: {error}") from error
    if not accelerators:
        return Inference(threads=threads)
    return Inference(threads=threads, accelerators=tuple(dict.fromkeys(accelerators)))


def started(engine: Engine, file: ModelFile) -> Engine:
    """The same, once the best accelerator that works is found; what is wrong goes to stderr.

    Raises:
        ModelError, EngineError: as `Engine.start`.
    """
    engine.start()
    notes = engine.order.shortcomings(time.monotonic())
    if file.cpu is None:
        notes.append(lacks_twin(file))
    for note in notes:
        print(f"edged: {note}", file=sys.stderr)
    return engine
