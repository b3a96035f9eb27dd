"""MoveNet MultiPose: its output to keypoints and boxes of up to six people.

https://www.tensorflow.org/hub/tutorials/movenet links to the model, whose page describes the
output.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from edged.decoders import people
from edged.decoders.people import People
from edged.decoders.quantization import dequantize
from edged.errors import ModelError
from edged.types import TensorInfo

SHAPE = (1, 6, 56)
"""Of a row: y, x, score of each keypoint; top, left, bottom and right of the box; its score. All
in 0..1 of the input. Rows without a person have scores near 0."""


def decode(
    outputs: Sequence[npt.NDArray[Any]], tensors: Sequence[TensorInfo], _input_size: tuple[int, int]
) -> People:
    """The people, in 0..1 of the model's input; a little outside is possible.

    Args:
        outputs: one, see `SHAPE`.
        tensors: its quantization.

    Raises:
        ModelError: the output has another shape, or integers without a scale.
        EngineError: a value is not finite.
    """
    (output,), (tensor,) = outputs, tensors
    if output.shape != SHAPE:
        raise ModelError(f"MoveNet MultiPose answers with {list(SHAPE)}, not {list(output.shape)}")
    rows = dequantize(output, tensor.scale, tensor.zero_point)[0]
    keypoints = rows[:, :51].reshape(-1, 17, 3)[..., [1, 0, 2]]
    corners = rows[:, 51:55].reshape(-1, 2, 2)[..., ::-1]
    return people.best(keypoints, rows[:, 55], corners)
