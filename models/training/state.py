"""Where training stands, in one file that is replaced as a whole."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from edged.errors import EdgedError


class StateError(EdgedError):
    """The saved state is not one of this network, or damaged."""


def save(path: Path, groups: dict[str, list[Any]]) -> None:
    """Write variables by group, whole or not at all.

    Args:
        path: of the file.
        groups: Keras variables; their order is their name.
    """
    arrays: dict[str, Any] = {
        f"{name}-{place}": np.asarray(variable)
        for name, variables in groups.items()
        for place, variable in enumerate(variables)
    }
    unfinished = path.with_name(f".{path.name}")
    with unfinished.open("wb") as file:
        np.savez(file, **arrays)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def load(path: Path, groups: dict[str, list[Any]]) -> None:
    """Set variables to what was saved.

    Raises:
        StateError: the file is not a state, or one of another network.
    """
    try:
        # Opened here: numpy leaves a file open that is no archive.
        with path.open("rb") as file, np.load(file) as saved:
            arrays = dict(saved)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise StateError(f"{path}: {error}: remove it to start anew") from error
    wanted = {
        f"{name}-{place}": variable
        for name, variables in groups.items()
        for place, variable in enumerate(variables)
    }
    if {name: array.shape for name, array in arrays.items()} != {
        name: tuple(variable.shape) for name, variable in wanted.items()
    }:
        raise StateError(f"{path}: the state of another network: remove it to start anew")
    for name, variable in wanted.items():
        variable.assign(arrays[name])
