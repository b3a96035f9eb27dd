"""Machines of files, and programs on PATH: what tests of the doctor write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Write(Protocol):
    """Writes files of a machine."""

    def __call__(self, files: Mapping[str, str]) -> None:
        """By path below the machine: `sys/class/..`; a text that begins with `->` is a link's."""


class AddProgram(Protocol):
    """Adds an executable to PATH."""

    def __call__(self, name: str, script: str) -> None:
        """The script is of `/bin/sh`."""
