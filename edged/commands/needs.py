"""What a demo needs that does not come with edged, and how to get it."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

from edged.config import model_directories
from edged.errors import ModelError
from edged.inference.catalog import Entry, File, ModelFile, known, resolve

USUAL_MODEL = "movenet-lightning"


def what_is_needed(model: str) -> str:
    """What to get for a demo without a source, and the command to run then."""
    entry = known(model_directories()).get(model)
    missing = _missing(entry) if entry is not None else []
    camera = "/dev/video0"
    shown = camera if Path(camera).exists() else "VIDEO.mp4"
    lines = ["a demo needs a source: --source with a webcam, a video, a picture or rtsp://..."]
    if missing:
        lines += ["and its model, which does not come with edged yet:", *_downloads(missing)]
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
        entry = known(model_directories()).get(model)
        missing = _missing(entry) if entry is not None else []
        if not missing:
            raise
        again = f"{own_command()} demo --model {model} --source {shlex.quote(source)}"
        lines = (f"{model} is not on this machine; to get it:", "", *_downloads(missing), again)
        raise ModelError("\n  ".join(lines).replace("\n  \n", "\n\n")) from error


def _missing(entry: Entry) -> list[File]:
    """Files that are in no directory of models."""
    wanted = [file for file in (entry.file, entry.labels) if file is not None]
    return [
        file
        for file in wanted
        if not any((directory / file.name).is_file() for directory in model_directories())
    ]


def _downloads(files: list[File]) -> list[str]:
    """Commands for a shell."""
    directory = model_directories()[0]
    make = [f"mkdir -p {shlex.quote(str(directory))}"] if files and not directory.is_dir() else []
    return make + [
        f"curl -fL -o {shlex.quote(str(directory / file.name))} {shlex.quote(file.address)}"
        for file in files
    ]


def own_command() -> str:
    """How a person starts this program again from where they are."""
    program = Path(sys.argv[0])
    if program.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m edged"
    found = shutil.which(program.name)
    if found is not None and Path(found).resolve() == program.resolve():
        return program.name
    return shlex.quote(str(program))
