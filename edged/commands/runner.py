"""What a command runs its model on."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from edged.errors import ConfigError, UsageError
from edged.inference.accelerators import parse
from edged.inference.assignment import lacks_twin
from edged.inference.catalog import ModelFile
from edged.inference.engine import Engine
from edged.sections import Inference


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


def started(engine: Engine, file: ModelFile, accelerators: Sequence[str]) -> None:
    """Wait for the best accelerator that works, and say on stderr what is not as one may think.

    What is wrong with an accelerator is logged, which goes there too; that one is not there is said
    to those who asked for it.

    Raises:
        ModelError, EngineError: as `Engine.start`.
    """
    engine.start()
    notes = [
        f"{one.name}: {one.reason}"
        for one in engine.order.standings(time.monotonic())
        if one.name in accelerators and one.reason and not one.is_fault
    ]
    if file.cpu is None:
        notes.append(lacks_twin(file))
    for note in dict.fromkeys(notes):
        print(f"edged: {note}", file=sys.stderr)
