"""MoveNet's output becomes keypoints."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edged.decoders import movenet
from edged.errors import EngineError, ModelError
from edged.types import Keypoints

OUTPUTS = hnp.arrays(
    np.float32,
    (1, 1, 17, 3),
    elements=st.floats(allow_nan=False, allow_infinity=False, width=32),
)


def test_the_output_s_y_x_score_become_x_y_score() -> None:
    output = np.zeros((1, 1, 17, 3), np.float32)
    output[0, 0, 9] = (0.25, 0.75, 0.5)
    assert movenet.decode(output)[9].tolist() == [0.75, 0.25, 0.5]


def test_a_quantized_output_is_scaled() -> None:
    output = np.full((1, 1, 17, 3), 192, np.uint8)
    assert movenet.decode(output, 1 / 256, 64)[0].tolist() == [0.5, 0.5, 0.5]


@given(OUTPUTS)
def test_whatever_finite_answer_gives_usable_keypoints(output: Keypoints) -> None:
    keypoints = movenet.decode(output)
    assert keypoints.dtype == np.float32
    assert ((keypoints[:, 2] >= 0) & (keypoints[:, 2] <= 1)).all()
    assert ((keypoints[:, :2] >= -0.5) & (keypoints[:, :2] <= 1.5)).all()


def test_not_finite_is_no_answer() -> None:
    output = np.zeros((1, 1, 17, 3), np.float32)
    output[0, 0, 3, 1] = np.nan
    with pytest.raises(EngineError, match="not finite"):
        movenet.decode(output)


def test_another_shape_is_refused() -> None:
    with pytest.raises(ModelError, match=r"\[1, 1, 17, 3\], not \[1, 6, 56\]"):
        movenet.decode(np.zeros((1, 6, 56), np.float32))
