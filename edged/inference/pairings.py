"""Which TensorFlow Lite runtime gets on with which delegate's library.

A library is built for one TensorFlow Lite, and crashes with others. Where both runtimes are
installed, each is tried with it; the pair that works is remembered while the process lives.
"""

from __future__ import annotations

import importlib.util
from typing import Literal, TypeAlias

from edged.inference.worker import RUNTIMES

Wanted: TypeAlias = Literal["auto", "ai_edge_litert", "tflite_runtime"]


class Pairings:
    """Of the engines of one roster."""

    def __init__(self) -> None:
        self._candidates: dict[str, list[str]] = {}
        """By library: the runtimes that have not failed with it, best first."""
        self._proven: set[str] = set()
        """Libraries that have worked with the first of those."""

    def runtime(self, library: str, wanted: Wanted) -> str:
        """What to load the library into."""
        if wanted != "auto":
            return wanted
        return next(iter(self._of(library)), "auto")

    def worked(self, library: str) -> None:
        """The pair that was tried last works."""
        self._proven.add(library)

    def failed(self, library: str, wanted: Wanted) -> bool:
        """The pair does not work. Returns whether there is another one, which is next.

        One that has worked is not to blame at once: if the device is gone or mute, another runtime
        does not help, and what goes wrong with that would hide the reason. When all have failed,
        the next probe begins with the first again.
        """
        if library in self._proven:
            self._proven.discard(library)
            return False
        candidates = self._of(library)
        if wanted == "auto" and len(candidates) > 1:
            del candidates[0]
            return True
        self._candidates.pop(library, None)
        return False

    def _of(self, library: str) -> list[str]:
        found = self._candidates.get(library)
        if found is None:
            found = [name for name in RUNTIMES if importlib.util.find_spec(name) is not None]
            self._candidates[library] = found
        return found
