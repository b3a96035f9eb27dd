"""What a demo needs that does not come with edged, and how to get it."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

from edged.config import model_directories
from edged.errors import ModelError
from edged.inference.catalog import ModelFile, find, known, resolve

USUAL_MODEL = "movenet-lightning"


def what_is_needed(model: str) -> str:
    """What to get for a demo without a source, and the command to run then."""
    camera = "/dev/video0"
    shown = camera if Path(camera).exists() else "VIDEO.mp4"
    lines = ["a demo needs a source: --source with a webcam, a video, a picture or rtsp://..."]
    if _is_missing(model):
        lines += ["and its model, which does not come with edged yet:", _pull(model)]
    words = "" if model == USUAL_MODEL else f" --model {shlex.quote(model)}"
    lines.append(f"then: {own_command()} demo{words} --source {shlex.quote(shown)}")
    return "\n  ".join(lines)


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
