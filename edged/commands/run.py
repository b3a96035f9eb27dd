"""`edged run`: the service."""

from __future__ import annotations

import logging
from pathlib import Path

from edged.config import load
from edged.daemon import Daemon


def run(config_file: Path | None) -> int:
    """Run until a signal or the end of the file. Returns the exit code.

    Raises:
        EdgedError: the configuration or what it names cannot be used.
    """
    config = load(config_file)
    logging.basicConfig(
        level=config.log.level.upper(), format="%(asctime)s %(levelname)s %(message)s"
    )
    return Daemon(config, lambda: load(config_file)).run()
