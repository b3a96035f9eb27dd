"""Heatmaps and offsets become keypoints: the inverse of what a network is taught."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edged.decoders import heatmaps
from edged.errors import EngineError, ModelError
from edged.types import Keypoints

GRIDS = st.tuples(st.integers(2, 24), st.integers(2, 24))


def nothing(rows: int = 20, columns: int = 20) -> npt.NDArray[np.float32]:
    return np.zeros((1, rows, columns, heatmaps.CHANNELS), np.float32)


def test_a_keypoint_lies_in_the_middle_of_its_cell_and_its_offset_on() -> None:
    output = nothing(rows=10, columns=20)
    output[0, 4, 7, 9] = 1.0
    output[0, 4, 7, 17 + 9] = 0.1  # of two cells, to the right
    output[0, 4, 7, 34 + 9] = -0.2  # up
    assert heatmaps.decode(output)[9] == pytest.approx([7.7 / 20, 4.1 / 10, 1.0], abs=1e-5)


def test_the_cells_about_the_hottest_vote_by_their_heat_squared() -> None:
    output = nothing()
    output[0, 4, 7, 0], output[0, 4, 8, 0] = 1.0, 0.5
    x = (7.5 + 0.25 * 8.5) / 1.25
    assert heatmaps.decode(output)[0] == pytest.approx([x / 20, 4.5 / 20, 1.0], abs=1e-4)


def test_a_quantized_output_means_the_same() -> None:
    real = np.random.default_rng(1).uniform(-1, 1, nothing().shape)
    stored = np.clip(np.rint(real * 100 - 10), -128, 127).astype(np.int8)
    found = heatmaps.decode(stored, 0.01, -10)
    assert found == pytest.approx(
        heatmaps.decode((stored.astype(np.float32) + 10) * 0.01), abs=1e-5
    )


@given(
    GRIDS.flatmap(
        lambda grid: hnp.arrays(
            np.float32,
            (1, *grid, heatmaps.CHANNELS),
            elements=st.floats(allow_nan=False, allow_infinity=False, width=32),
            fill=st.just(0.0),
        )
    )
)
def test_whatever_finite_answer_gives_usable_keypoints(output: npt.NDArray[np.float32]) -> None:
    usable(heatmaps.decode(output))


@given(GRIDS.flatmap(lambda grid: hnp.arrays(np.int8, (1, *grid, heatmaps.CHANNELS))))
def test_whatever_quantized_answer_gives_usable_keypoints(output: npt.NDArray[np.int8]) -> None:
    usable(heatmaps.decode(output, 1e6, -128))


def usable(keypoints: Keypoints) -> None:
    assert keypoints.dtype == np.float32
    assert ((keypoints[:, 2] >= 0) & (keypoints[:, 2] <= 1)).all()
    assert ((keypoints[:, :2] >= -0.5) & (keypoints[:, :2] <= 1.5)).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_not_finite_is_no_answer(value: float) -> None:
    output = nothing()
    output[0, 3, 3, 0] = value
    with pytest.raises(EngineError, match="not finite"):
        heatmaps.decode(output)


@pytest.mark.parametrize("shape", [(1, 20, 20, 17), (20, 20, 51), (2, 20, 20, 51)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    output: npt.NDArray[Any] = np.zeros(shape, np.float32)
    with pytest.raises(ModelError, match=r"\[1, rows, columns, 51\], not \["):
        heatmaps.decode(output)
