"""What the network should answer to a picture: the inverse of `edged.decoders.heatmaps`.

A cell's heat is exp(-d^2 / 2) of its distance to the keypoint in cells; a hidden keypoint's is
weaker, one outside the picture has none. Offsets are taught where the heat is at least a little,
for only those cells may vote.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edged.decoders.heatmaps import COUNT, REACH

Floats: TypeAlias = npt.NDArray[np.float32]

SPREAD = 1.0
"""Cells: the standard deviation of the bell."""

HIDDEN_HEAT = 0.7
"""The greatest heat of a keypoint that the body hides: less than that of a seen one, and more than
`edged.types.KEYPOINT_SEEN`, for where it must be is known."""

TAUGHT_HEAT = 0.1
"""Offsets are taught in cells at least so hot, about two cells around."""


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """For a batch of pictures."""

    answer: Floats
    """(batch, rows, columns, 51), as the decoder takes it; offsets are 0 where none is taught."""
    weight: Floats
    """(batch, rows, columns, 17): how much an offset counts, 0..1."""


def encode(keypoints: Floats, visibility: npt.NDArray[np.uint8], grid: tuple[int, int]) -> Targets:
    """The targets of a batch.

    Args:
        keypoints: (batch, 17, 2): x and y in 0..1 of the picture.
        visibility: (batch, 17): 0 = outside the picture or nobody, 1 = hidden, 2 = seen.
        grid: rows and columns.
    """
    rows, columns = grid
    x = keypoints[:, None, None, :, 0] * columns - (np.arange(columns)[None, None, :, None] + 0.5)
    y = keypoints[:, None, None, :, 1] * rows - (np.arange(rows)[None, :, None, None] + 0.5)
    bell_x, bell_y = (np.exp(-np.square(axis) / (2 * SPREAD**2)) for axis in (x, y))
    strength = np.array([0.0, HIDDEN_HEAT, 1.0])[visibility][:, None, None, :]
    bell = bell_x * bell_y
    weight = np.where(bell >= TAUGHT_HEAT, bell, 0.0) * (strength > 0)
    answer = np.empty((len(keypoints), rows, columns, 3 * COUNT), np.float32)
    answer[..., :COUNT] = bell * strength
    answer[..., COUNT : 2 * COUNT] = x / REACH * (weight > 0)
    answer[..., 2 * COUNT :] = y / REACH * (weight > 0)
    return Targets(answer=answer, weight=weight.astype(np.float32))
