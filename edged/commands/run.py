"""`edged run`: the service."""

from __future__ import annotations

from pathlib import Path

from edged.config import load
from edged.daemon import serve


def run(config_file: Path | None) -> int:
    """Run until a signal or the end of the file. Returns the exit code.

    Raises:
        EdgedError: the configuration or what it names cannot be used.
    """
    return serve(lambda: load(config_file))
