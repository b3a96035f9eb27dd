"""Heatmaps with offsets, one person: a model's output to keypoints.

The output is a grid of cells over the picture. In each cell, each keypoint has a heat (how likely
it is here: 1 at the keypoint, falling like a bell) and an offset (where it is, seen from the cell's
middle). The cells about the hottest one vote with their offsets, each with its heat squared.
Papandreou et al., "Towards Accurate Multi-person Pose Estimation in the Wild", CVPR 2017.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edged.decoders.people import COORDINATE_LIMITS
from edged.decoders.quantization import dequantize
from edged.errors import ModelError
from edged.types import KEYPOINT_NAMES, Keypoints

COUNT = len(KEYPOINT_NAMES)

CHANNELS = 3 * COUNT
"""Of a cell: the heats of all keypoints, their offsets in x, their offsets in y."""

REACH = 2.0
"""Cells that an offset of 1 means. Heats and offsets lie in about -1..1 then, and share the
quantization of one tensor: a step of 1/127 is a 64th of a cell."""

_GREATEST_OFFSET = 4.0
"""In reaches. Beyond, an answer has gone wrong."""

_LEAST_HEAT = 1e-6
"""Where nothing is hot, the votes of the nine cells count alike."""

_NEIGHBOURS = np.array([(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1)])
_KEYPOINTS = np.arange(COUNT)


def decode(output: npt.NDArray[Any], scale: float = 0.0, zero_point: int = 0) -> Keypoints:
    """The keypoints, in 0..1 of the model's input; a little outside is possible.

    Args:
        output: (1, rows, columns, 51), see `CHANNELS`; at least two rows and columns.
        scale: of the output's quantization; 0 where it is float.
        zero_point: likewise.

    Raises:
        ModelError: the output has another shape, or integers without a scale.
        EngineError: a value is not finite.
    """
    if output.ndim != 4 or output.shape[0] != 1 or output.shape[3] != CHANNELS:  # noqa: PLR2004
        raise ModelError(
            f"heatmaps come as [1, rows, columns, {CHANNELS}], not {list(output.shape)}"
        )
    _, rows, columns, _ = output.shape
    cells = output.reshape(rows * columns, CHANNELS)
    hottest = cells[:, :COUNT].argmax(axis=0)
    row = np.clip(hottest // columns + _NEIGHBOURS[:, :1], 0, rows - 1)  # (9, 17)
    column = np.clip(hottest % columns + _NEIGHBOURS[:, 1:], 0, columns - 1)
    place = row * columns + column
    votes = dequantize(
        np.stack([cells[place, _KEYPOINTS + part * COUNT] for part in range(3)]), scale, zero_point
    )
    heat = np.clip(votes[0], _LEAST_HEAT, 1.0)
    weight = np.square(heat)
    weight /= weight.sum(axis=0)
    offset = REACH * np.clip(votes[1:], -_GREATEST_OFFSET, _GREATEST_OFFSET)
    x = ((column + 0.5 + offset[0]) * weight).sum(axis=0) / columns
    y = ((row + 0.5 + offset[1]) * weight).sum(axis=0) / rows
    keypoints = np.empty((COUNT, 3), np.float32)
    np.clip(x, *COORDINATE_LIMITS, out=keypoints[:, 0], casting="same_kind")
    np.clip(y, *COORDINATE_LIMITS, out=keypoints[:, 1], casting="same_kind")
    keypoints[:, 2] = heat.max(axis=0)
    return keypoints
