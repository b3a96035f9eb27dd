"""What tests of pulled files have in common: a file, a server of it, and somebody who watches."""

from __future__ import annotations

import dataclasses
import hashlib
import random
from pathlib import Path

from file_servers import FileServer

from edged.inference.catalog import File
from edged.inference.download import Patience
from edged.inference.store import part_of, pull

CONTENT = random.Random(1).randbytes(300_000)
PATH = "some/model file.tflite"
FILE = File(path=PATH, bytes=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest())
BLOB = File(
    path=PATH,
    blob=hashlib.sha1(b"blob %d\0" % len(CONTENT) + CONTENT, usedforsecurity=False).hexdigest(),
)
SHORT = Patience(timeout_s=1.0, tries=3, backoff_s=0.01)


@dataclasses.dataclass
class Heard:
    """A watcher that keeps what it is told."""

    steps: list[tuple[int, int | None]] = dataclasses.field(default_factory=list)
    troubles: list[str] = dataclasses.field(default_factory=list)

    def progress(self, done: int, total: int | None) -> None:
        self.steps.append((done, total))

    def trouble(self, text: str) -> None:
        self.troubles.append(text)


def get(server: FileServer, folder: Path, file: File = FILE) -> Heard:
    """Pull the file from a server that is its mirror."""
    heard = Heard()
    pull(file, folder, [server.address], heard, SHORT)
    return heard


def is_right(folder: Path) -> bool:
    """The file is there, and nothing else."""
    (path,) = folder.iterdir()
    return (path.name, path.read_bytes()) == ("model file.tflite", CONTENT)


def begin(folder: Path, content: bytes) -> Path:
    """Put the beginning of an earlier pull there."""
    part = part_of(folder / FILE.name)
    part.write_bytes(content)
    return part
