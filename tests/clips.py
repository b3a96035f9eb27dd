"""Clips of the athlete and the truth about them, as `edged athlete` makes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edged.commands import athlete


def render(folder: Path, **changes: Any) -> Path:
    """As the command does, in this process: `clip.mp4` and `truth.json`. Gives the folder."""
    words: dict[str, Any] = {
        "exercise": "squat",
        "file": None,
        "out": folder / "clip.mp4",
        "truth": folder / "truth.json",
        "reps": 1,
        "seed": None,
        "view_deg": None,
        "size": (64, 48),
        "fps": 10.0,
        "seconds": 0.5,
    } | changes
    athlete.run(words.pop("exercise"), words.pop("file"), **words)
    return folder
