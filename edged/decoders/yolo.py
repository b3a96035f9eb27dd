"""YOLO pose (Ultralytics, 8 and 11): its output to keypoints and boxes.

https://docs.ultralytics.com/tasks/pose/. The output has a candidate for each cell of three grids
over the picture, with 8, 16 and 32 pixels a cell; many candidates are of the same person.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from edged.decoders import people
from edged.decoders.people import NOBODY, People
from edged.decoders.quantization import dequantize
from edged.errors import ModelError
from edged.types import TensorInfo

VALUES = 56
"""Of a candidate: x and y of the box's middle, width and height; score; x, y, score of each
keypoint."""

MIN_SCORE = 0.1
"""Candidates below it are not looked at: `[pose] min_score` leaves out more."""
MOST_CANDIDATES = 300
"""Better first. A person has ten or so; it bounds the work on pictures that mean nothing."""
OVERLAP = 0.7
"""Two boxes whose intersection is more than this part of their union are of the same person: what
Ultralytics takes unless told (`iou`)."""

PIXELS_FROM = 2.0
"""In 0..1, the middle of the candidates lies at about 0.5; in pixels, at half the input's size."""

Values: TypeAlias = npt.NDArray[Any]


def decode(
    outputs: Sequence[Values], tensors: Sequence[TensorInfo], input_size: tuple[int, int]
) -> People:
    """The people, in 0..1 of the model's input; a little outside is possible.

    Boxes and keypoints come in 0..1 or in pixels of the input, by the version of the exporter, and
    some have boxes in the one and keypoints in the other. The candidates are spread over the whole
    picture whatever is seen, so the median of their x tells which it is.

    Args:
        outputs: one, (1, 56, candidates) or (1, candidates, 56).
        tensors: its quantization.
        input_size: width and height in pixels.

    Raises:
        ModelError: the output has another shape, or integers without a scale.
        EngineError: a value is not finite.
    """
    (output,), (tensor,) = outputs, tensors
    if output.ndim != 3 or output.shape[0] != 1 or VALUES not in output.shape[1:]:  # noqa: PLR2004
        raise ModelError(
            f"YOLO pose answers with [1, {VALUES}, candidates], not {list(output.shape)}"
        )
    stored = output[0] if output.shape[1] == VALUES else output[0].T

    def real(values: Values) -> Values:
        return dequantize(values, tensor.scale, tensor.zero_point)

    scores = real(stored[4])
    likely = np.flatnonzero(scores >= MIN_SCORE)
    likely = likely[np.argsort(-scores[likely], kind="stable")[:MOST_CANDIDATES]]
    if not len(likely):
        return NOBODY
    found = real(stored[:, likely]).T
    box_unit, keypoint_unit = (_unit(real(stored[row]), input_size) for row in (0, 5))
    half = found[:, 2:4] / 2
    corners = np.stack([found[:, :2] - half, found[:, :2] + half], axis=1) / box_unit
    keypoints = found[:, 5:].reshape(-1, 17, 3) / (*keypoint_unit, 1.0)
    kept = _apart(corners, people.MOST)
    return people.best(keypoints[kept], found[kept, 4], corners[kept])


def _unit(x: Values, input_size: tuple[int, int]) -> tuple[float, float]:
    """What x and y are divided by to lie in 0..1."""
    in_pixels = float(np.median(x)) > PIXELS_FROM
    return (float(input_size[0]), float(input_size[1])) if in_pixels else (1.0, 1.0)


def _apart(corners: npt.NDArray[np.floating], most: int) -> list[int]:
    """The first boxes that overlap with none before them.

    Args:
        corners: (n, 2, 2), best first.
        most: of them.
    """
    areas = np.prod(np.maximum(corners[:, 1] - corners[:, 0], 0.0), axis=1)
    free = np.ones(len(corners), np.bool_)
    kept: list[int] = []
    while len(kept) < most and free.any():
        box = int(free.argmax())
        kept.append(box)
        low = np.maximum(corners[:, 0], corners[box, 0])
        high = np.minimum(corners[:, 1], corners[box, 1])
        shared = np.prod(np.maximum(high - low, 0.0), axis=1)
        free &= shared <= OVERLAP * (areas + areas[box] - shared)
        free[box] = False
    return kept
