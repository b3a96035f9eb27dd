"""The state of training: all of it comes back, or it is told why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.training import state


class Variable:
    """As much of one of Keras as is needed."""

    def __init__(self, value: Any) -> None:
        self._value = np.asarray(value)

    @property
    def shape(self) -> tuple[int, ...]:
        return self._value.shape

    def assign(self, value: Any) -> None:
        self._value = value

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self._value


def groups(*values: Any) -> dict[str, list[Any]]:
    return {"weights": [Variable(value) for value in values], "other": [Variable(7)]}


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    state.save(tmp_path / "state.npz", groups([1.0, 2.0], [[3]]))
    fresh = groups([0.0, 0.0], [[0]])
    state.load(tmp_path / "state.npz", fresh)
    assert [np.asarray(one).tolist() for one in fresh["weights"]] == [[1.0, 2.0], [[3]]]
    assert [path.name for path in tmp_path.iterdir()] == ["state.npz"]


def test_the_state_of_another_network_is_refused(tmp_path: Path) -> None:
    state.save(tmp_path / "state.npz", groups([1.0, 2.0]))
    for other in (groups([1.0]), groups([1.0, 2.0], 3)):
        with pytest.raises(state.StateError, match=r"state.npz: .* remove it to start anew"):
            state.load(tmp_path / "state.npz", other)


def test_a_damaged_state_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    state.save(path, groups(np.arange(1000.0)))
    whole = path.read_bytes()
    for damaged in (b"", whole[:500], b"not an archive"):
        path.write_bytes(damaged)
        with pytest.raises(state.StateError, match=r"state.npz: .* remove it to start anew"):
            state.load(path, groups(np.arange(1000.0)))
