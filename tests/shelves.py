"""Two models that are known, and the folders where they lie, for tests of `edged models`."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from brokers import DEADLINE_S

from edged.commands import models

Told: TypeAlias = Callable[[], tuple[list[str], list[str]]]
"""Gives the lines on standard output and standard error since the last time."""

EDGED = [sys.executable, "-m", "edged", "models"]
HEAD = b"\x1c\x00\x00\x00TFL3"
FILES = {
    "a/one.tflite": HEAD + random.Random(1).randbytes(400_000),
    "a/one_edgetpu.tflite": HEAD + random.Random(2).randbytes(90_000),
    "two.tflite": HEAD + random.Random(3).randbytes(50_000),
    "labels.txt": b"cat\ndog\n",
}
MODEL = """
[models.{name}]
title = "Number {name}"
decoder = "classify"
width = 224
height = 192
fit = "crop"
licence = "CC0-1.0"
"""


def listed(path: str, role: str = "file") -> str:
    """A catalog's line about a file."""
    content = FILES[path]
    digest = hashlib.sha256(content).hexdigest()
    return f'{role} = {{ path = "{path}", bytes = {len(content)}, sha256 = "{digest}" }}\n'


CATALOG = (
    MODEL.format(name="one")
    + listed("a/one.tflite")
    + listed("a/one_edgetpu.tflite", "edgetpu")
    + listed("labels.txt", "labels")
    + MODEL.format(name="two")
    + listed("two.tflite")
    + listed("labels.txt", "labels")
)
ONE = {"one.tflite", "one_edgetpu.tflite", "labels.txt"}


def pull(*names: str, everything: bool = False, edgetpu: bool = True) -> int:
    """`edged models pull`, in this process."""
    return models.pull(names, everything=everything, edgetpu=edgetpu)


def put(folder: Path, *paths: str) -> None:
    """Copy the right files there."""
    for path in paths:
        (folder / Path(path).name).write_bytes(FILES[path])


def here(folder: Path) -> set[str]:
    """The names in a folder, but for its catalog's."""
    return {path.name for path in folder.iterdir()} - {"catalog.toml"}


def run(
    *words: str, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """`edged models WORDS`, in a process of its own."""
    return subprocess.run(
        [*EDGED, *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=DEADLINE_S,
        check=False,
    )
