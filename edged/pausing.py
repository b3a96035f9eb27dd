"""Remembers over a restart that a command has paused the camera: a power cut is no consent."""

from __future__ import annotations

import logging
import os

from edged.config import Config, pause_file

log = logging.getLogger(__name__)


def is_remembered(config: Config) -> bool:
    """Whether the camera was paused by a command when this device ended."""
    path = pause_file(config)
    return path is not None and os.path.lexists(path)  # which never raises


def remember(config: Config, *, is_paused: bool) -> None:
    """Keep what a command has said; where that is not possible, the log says so.

    An empty file says that it is paused. It is on the disk when this returns.
    """
    path = pause_file(config)
    if path is None or os.path.lexists(path) == is_paused:
        return  # nothing to write: cards wear
    try:
        if is_paused:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
        else:
            path.unlink(missing_ok=True)
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except FileNotFoundError:
        return  # there is no directory, and so nothing that says that it is paused
    except OSError as error:
        log.warning(
            "%s: %s: a restart will not know whether the camera is paused",
            path,
            error.strerror or error,
        )
