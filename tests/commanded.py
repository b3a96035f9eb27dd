"""`edged WORDS` as a person gives it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def command(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run it to its end in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "edged", *words],
        cwd=cwd,
        env={**os.environ, "EDGED_DEBUG": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
