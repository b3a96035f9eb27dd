"""Whether a demo's source is there, before anything starts for it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from edged.capture.source import REPLAY, files_at, is_athlete, is_live
from edged.doctor.camera_look import Outcome
from edged.errors import SourceError
from edged.isolated import ask
from edged.masking import without_password
from edged.sections import Camera

PROGRAM = "edged.doctor.camera_look"
LOOK_S = 30.0
"""A Pi's camera that hangs is given up after 20 s, and says so itself."""


def look_at(source: str) -> None:
    """Look whether a source is there: cameras and streams by their frames, files by their names.

    A camera is opened by a program of its own, which a driver may hang or crash, and closed again.

    Raises:
        SourceError: it is not, or gives no frame.
        OSError: no process can be started.
    """
    if is_live(source):
        _look_through(source)
    elif is_athlete(source):
        from edged.capture.athlete.address import read_address  # noqa: PLC0415 - not for all

        read_address(source)
    elif source.startswith(REPLAY):
        if not Path(source.removeprefix(REPLAY)).expanduser().is_file():
            raise SourceError(f"{source}: there is no such file")
    else:
        files_at(source)


def _look_through(source: str) -> None:
    answer = ask(PROGRAM, msgspec.json.encode(Camera(source=source)), LOOK_S)
    if answer.failure:
        shown = without_password(source)
        raise SourceError(f"{shown}: the program that opens it {answer.failure}")
    problem = msgspec.json.decode(answer.text, type=Outcome).problem
    if problem:
        raise SourceError(problem)
