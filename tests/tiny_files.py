"""Small stand-ins for model files: enough for the checks before any interpreter."""

from __future__ import annotations

import hashlib
from pathlib import Path

from edged.inference.catalog import ModelFile

TINY = b"\x1c\x00\x00\x00TFL3" + bytes(100)
"""As much of a model as the checks before an interpreter look at."""

CATALOG = """
address = "https://example.org/models/"
[models.tiny]
title = "Tiny"
decoder = "classify"
width = 224
height = 224
fit = "crop"
crop = 0.875
licence = "CC0-1.0"
file = { path = "some/tiny.tflite", bytes = 108, sha256 = "%s" }
labels = { path = "tiny_labels.txt" }
"""


def tiny(folder: Path, name: str = "tiny.tflite", content: bytes = TINY) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def tiny_catalog(folder: Path) -> None:
    text = CATALOG % hashlib.sha256(TINY).hexdigest()
    (folder / "catalog.toml").write_text(text)


def unknown(path: Path) -> ModelFile:
    return ModelFile(name=path.stem, path=path, edgetpu=None, entry=None, labels=None)
