"""MoveNet MultiPose's output to people."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edged.decoders import multipose
from edged.decoders.people import People
from edged.errors import EngineError, ModelError
from edged.types import TensorInfo

FLOAT = TensorInfo("people", "float32", multipose.SHAPE)


def decode(output: npt.NDArray[np.float32], tensor: TensorInfo = FLOAT) -> People:
    return multipose.decode([output], [tensor], (256, 256))


def test_rows_are_keypoints_box_and_score() -> None:
    output = np.zeros(multipose.SHAPE, np.float32)
    output[0, 2, 27:30] = (0.25, 0.75, 0.5)  # y, x, score of the left wrist
    output[0, 2, 51:] = (0.125, 0.25, 0.5, 0.75, 0.875)  # top, left, bottom, right, score
    found = decode(output)
    assert found.keypoints.shape == (6, 17, 3), "the others have no score"
    (pose,) = found.poses(0.25)
    assert pose.keypoints[9].tolist() == [0.75, 0.25, 0.5]
    assert pose.bounds == (0.25, 0.125, 0.5, 0.375)
    assert pose.score == 0.875


def test_nobody_is_in_an_output_without_scores() -> None:
    assert decode(np.zeros(multipose.SHAPE, np.float32)).poses(0.25) == []


def test_integers_mean_what_their_quantization_says() -> None:
    stored = np.full(multipose.SHAPE, 192, np.uint8)
    found = multipose.decode([stored], [TensorInfo("people", "uint8", (), 1 / 256, 64)], (256, 256))
    assert (found.keypoints == 0.5).all()
    with pytest.raises(ModelError, match="without a quantization scale"):
        multipose.decode([stored], [TensorInfo("people", "uint8", (), 0.0, 0)], (256, 256))


@given(
    hnp.arrays(np.float32, multipose.SHAPE, elements=st.floats(0, 1, width=32)),
    st.permutations(range(6)),
)
def test_people_come_best_first_in_whatever_order_the_model_has_them(
    output: npt.NDArray[np.float32], order: list[int]
) -> None:
    output[0, :, 55] = np.arange(6) / 8  # no two alike
    found, again = decode(output), decode(output[:, order])
    assert found.scores.tolist() == sorted(output[0, :, 55].tolist(), reverse=True)
    assert np.array_equal(found.keypoints, again.keypoints)


def test_another_shape_is_refused() -> None:
    with pytest.raises(ModelError, match=r"MultiPose answers with \[1, 6, 56\], not \[1, 5, 56\]"):
        decode(np.zeros((1, 5, 56), np.float32))


def test_what_is_not_finite_is_no_answer() -> None:
    output = np.zeros(multipose.SHAPE, np.float32)
    output[0, 5, 3] = np.nan
    with pytest.raises(EngineError, match="not finite"):
        decode(output)
