"""Which model a demo needs, and how to get it."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

from edged.config import model_directories
from edged.errors import ModelError
from edged.inference.catalog import ModelFile, find, known, resolve

OWN_MODEL = "athlete-pose"
"""Comes with edged, and has learnt from the athlete only."""
MODEL_OF_PEOPLE = "movenet-lightning"


def find_model(model: str, source: str) -> ModelFile:
    """The model's files on this machine.

    Raises:
        ModelError: it is not there; how to get it, where the catalog knows.
    """
    try:
        return resolve(model, model_directories())
    except ModelError as error:
        if not _is_missing(model):
            raise
        again = f"{own_command()} demo --model {model} --source {shlex.quote(source)}"
        lines = (f"{model} is not on this machine; to get it:", "", _pull(model), again)
        raise ModelError("\n  ".join(lines).replace("\n  \n", "\n\n")) from error


def _is_missing(model: str) -> bool:
    """Whether the catalog knows it, and it or its labels are in no directory of models."""
    directories = model_directories()
    entry = known(directories).get(model)
    wanted = () if entry is None else (entry.file, entry.labels)
    return any(file is not None and find(file, directories) is None for file in wanted)


def _pull(model: str) -> str:
    """A command for a shell."""
    return f"{own_command()} models pull {shlex.quote(model)}"


def own_command() -> str:
    """How a person starts this program again from where they are."""
    program = Path(sys.argv[0])
    if program.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m edged"
    found = shutil.which(program.name)
    if found is not None and Path(found).resolve() == program.resolve():
        return program.name
    return shlex.quote(str(program))
