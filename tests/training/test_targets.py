"""What the network is taught is what the decoder reads."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edged.decoders import heatmaps
from models.training.targets import HIDDEN_HEAT, encode

POINTS = hnp.arrays(np.float32, (1, 17, 2), elements=st.floats(0.0, 1023 / 1024, width=32))
UNHURRIED = settings(deadline=None)
SEEN = np.full((1, 17), 2, np.uint8)


@UNHURRIED
@given(POINTS, st.sampled_from([(12, 12), (20, 20), (16, 24)]))
def test_a_pose_comes_back(points: npt.NDArray[np.float32], grid: tuple[int, int]) -> None:
    found = heatmaps.decode(encode(points, SEEN, grid).answer)
    assert found[:, :2] == pytest.approx(points[0], abs=1e-4)


@UNHURRIED
@given(POINTS)
def test_quantized_it_comes_back_to_a_hundredth_of_a_cell(points: npt.NDArray[np.float32]) -> None:
    scale = 1.2 / 127
    stored = np.rint(encode(points, SEEN, (20, 20)).answer / scale).astype(np.int8)
    found = heatmaps.decode(stored, scale)
    assert np.abs(found[:, :2] - points[0]).max() * 20 <= heatmaps.REACH * scale / 2 + 1e-3


def test_hidden_is_weaker_and_absent_is_nothing() -> None:
    points = np.full((1, 17, 2), 0.525, np.float32)  # the middle of a cell
    visibility = SEEN.copy()
    visibility[0, 3], visibility[0, 4] = 1, 0
    targets = encode(points, visibility, (20, 20))
    hottest = targets.answer[0, ..., :17].max(axis=(0, 1))
    assert hottest[[2, 3, 4]] == pytest.approx([1.0, HIDDEN_HEAT, 0.0], abs=1e-5)
    assert targets.weight[0, ..., 3].max() == pytest.approx(1.0, abs=1e-5)
    assert not targets.weight[0, ..., 4].any()
    assert not targets.answer[0, ..., [17 + 4, 34 + 4]].any()
