"""PoseNet, several people: heatmaps with short and middle offsets to keypoints.

Papandreou et al., "PersonLab", arXiv 1803.08225, section 3.1; the details (thresholds, clamping,
scores) are those of the operator at the end of Coral's models, `PosenetDecoderOp` in
https://github.com/google-coral/libcoral, which `edged.inference.graphs` cuts off.

The maps are grids of cells over the picture. A keypoint's heat is a logit; its short offset leads
from a cell nearby to the keypoint, and a middle offset leads from a keypoint of a person to the
next one along a tree. A body is read from its surest keypoint, the root, outward. The way from a
root to another keypoint is the same whatever comes first, so all bodies are read at once, from
every root that may be one, and then the roots are gone through in the order of their heat.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from edged.decoders import people
from edged.decoders.people import People
from edged.decoders.quantization import dequantize
from edged.errors import ModelError
from edged.types import KEYPOINT_NAMES, TensorInfo

COUNT = len(KEYPOINT_NAMES)

EDGES = (
    *((0, 1), (1, 3), (0, 2), (2, 4)),
    *((0, 5), (5, 7), (7, 9), (5, 11), (11, 13), (13, 15)),
    *((0, 6), (6, 8), (8, 10), (6, 12), (12, 14), (14, 16)),
)
"""Of the tree, from the nose outward, in the order of the middle offsets."""

CHANNELS = (COUNT, 2 * COUNT, 4 * len(EDGES))
"""Of a cell: heats; short offsets, y of all keypoints, then x; middle offsets in pixels, y of all
edges outward, then x, then y of all edges inward, then x."""

MIN_SCORE = 0.2
"""Of a root, and of a person. This and the next are told by the operator in Coral's models."""
NMS_RADIUS = 10.0
"""Pixels of the input: two of the same keypoint so near each other are one."""
REFINEMENTS = 5
"""So often a short offset is followed at the end of a middle one."""
MOST_ROOTS = 256
"""Hotter first. A person has one for each keypoint: this is enough for a crowd, and it bounds the
work on maps that mean nothing."""

_SHORT_YX = np.array((0, COUNT))
_MIDDLE_YX = np.array((0, len(EDGES)))
"""From the first channel of a keypoint or edge: y, x."""

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class _Level:
    """Edges that can be followed at once: none of them begins where another ends."""

    source: Integers
    target: Integers
    channel: Integers


def _levels() -> list[_Level]:
    """Inward, from the ends of the limbs, and then outward: each keypoint is reached from each."""
    depth = {0: 0}
    for parent, child in EDGES:
        depth[child] = depth[parent] + 1
    steps = sorted(set(depth.values()) - {0})
    inward = [
        [(child, parent, 2 * len(EDGES) + edge) for edge, parent, child in _edges(depth, step)]
        for step in reversed(steps)
    ]
    outward = [
        [(parent, child, edge) for edge, parent, child in _edges(depth, step)] for step in steps
    ]
    return [_Level(*np.array(level, np.intp).T) for level in (*inward, *outward)]


def _edges(depth: dict[int, int], step: int) -> list[tuple[int, int, int]]:
    return [
        (edge, parent, child) for edge, (parent, child) in enumerate(EDGES) if depth[child] == step
    ]


_LEVELS = _levels()


class _Map:
    """A tensor whose values lie at the cells and are interpolated between them."""

    def __init__(self, stored: npt.NDArray[Any], tensor: TensorInfo, unit: float = 1.0) -> None:
        """`unit` is what the real values are divided by."""
        integers = stored.dtype.kind in "iu"
        dequantize(stored[:0] if integers else stored, tensor.scale, 0)  # or the error that is due
        self._scale = (tensor.scale if integers else 1.0) / unit
        self._zero_point = tensor.zero_point if integers else 0
        rows, columns, self._channels = stored.shape
        self._row = columns * self._channels
        self._flat = stored.reshape(-1)
        self._corners = np.array((0, self._row, self._channels, self._row + self._channels))[
            :, None, None
        ]
        self._last = np.array((rows - 2, columns - 2))
        self.limits = np.array((rows - 1.0, columns - 1.0))

    def at(self, points: Floats, channels: Integers) -> Floats:
        """The real values, (m, k).

        Args:
            points: (m, 2), rows and columns from 0 to `limits`.
            channels: (m, k).
        """
        cell = np.minimum(points.astype(np.intp), self._last)
        down, right = (points - cell).T[..., None]
        place = cell[:, :1] * self._row + cell[:, 1:] * self._channels + channels
        corners = self._flat.take(self._corners + place).astype(np.float64)
        left, beside = corners[:2], corners[2:]
        upper, lower = left + right * (beside - left)
        real: Floats = self._scale * (upper + down * (lower - upper) - self._zero_point)
        return real


@dataclass(frozen=True, slots=True, eq=False)
class _Roots:
    """Keypoints to begin with, hottest first. `points` are (n, 2), rows and columns."""

    keypoint: Integers
    points: Floats


def decode(
    outputs: Sequence[npt.NDArray[Any]], tensors: Sequence[TensorInfo], input_size: tuple[int, int]
) -> People:
    """The people, in 0..1 of the model's input.

    Args:
        outputs: heats (1, rows, columns, 17), short offsets (1, rows, columns, 34) and middle
            offsets (1, rows, columns, 64); at least two rows and columns.
        tensors: their quantization.
        input_size: width and height in pixels.

    Raises:
        ModelError: the outputs have other shapes, or integers without a scale.
        EngineError: a value is not finite.
    """
    grid = outputs[0].shape[1:3]
    if [output.shape for output in outputs] != [(1, *grid, count) for count in CHANNELS] or (
        min(grid) < 2  # noqa: PLR2004 - between two cells
    ):
        raise ModelError(
            f"PoseNet answers with [1, rows, columns, {' | '.join(map(str, CHANNELS))}], not "
            f"{', '.join(str(list(output.shape)) for output in outputs)}"
        )
    stride = _stride(input_size, grid)
    heat = _Map(outputs[0][0], tensors[0])
    short = _Map(outputs[1][0], tensors[1], stride)
    middle = _Map(outputs[2][0], tensors[2], stride)
    roots = _find_roots(outputs[0][0], tensors[0], short)
    points = _bodies(roots, short, middle)
    logits = heat.at(points.reshape(-1, 2), np.tile(np.arange(COUNT), len(points))[:, None])
    heats = 1.0 / (1.0 + np.exp(-logits.reshape(-1, COUNT)))
    near = (NMS_RADIUS / stride) ** 2
    chosen = _choose(roots, points, heats.mean(axis=1), near)
    points, heats = points[chosen], heats[chosen]
    scores = _rescored(points, heats, near)
    counts = scores >= MIN_SCORE
    # The middle of the first cell is the middle of the first pixel.
    places = (points[counts, :, ::-1] * stride + 0.5) / input_size
    return people.best(np.dstack([places, heats[counts]]), scores[counts])


def _stride(input_size: tuple[int, int], grid: tuple[int, ...]) -> int:
    """Pixels between two cells; the outermost lie at the edges, as in 353 x 481 with 23 x 31.

    ResNets (416 x 288 with 26 x 18) have less than a stride beyond the last cell.
    """
    return max(min((input_size[0] - 1) // (grid[1] - 1), (input_size[1] - 1) // (grid[0] - 1)), 1)


def _find_roots(stored: npt.NDArray[Any], tensor: TensorInfo, short: _Map) -> _Roots:
    """Where a keypoint's heat is enough and nowhere about greater."""
    row, column, keypoint = np.nonzero(stored == _greatest_around(stored))
    heats = dequantize(stored[row, column, keypoint], tensor.scale, tensor.zero_point)
    hot = np.flatnonzero(heats >= -math.log(1.0 / MIN_SCORE - 1.0))
    hot = hot[np.argsort(-heats[hot], kind="stable")[:MOST_ROOTS]]
    cells = np.stack([row[hot], column[hot]], axis=1).astype(np.float64)
    return _Roots(keypoint[hot], _follow(short, cells, keypoint[hot, None] + _SHORT_YX))


def _greatest_around(stored: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Of each cell and its eight neighbours."""
    greatest = stored
    for axis in (0, 1):
        moved = np.moveaxis(greatest, axis, 0)
        greatest = greatest.copy()
        around = np.moveaxis(greatest, axis, 0)
        np.maximum(around[1:], moved[:-1], out=around[1:])
        np.maximum(around[:-1], moved[1:], out=around[:-1])
    return greatest


def _follow(offsets: _Map, points: Floats, channels: Integers) -> Floats:
    """Where the offsets at these points lead, within the grid; `channels` are of y and x."""
    moved: Floats = points + offsets.at(points, channels)
    np.maximum(moved, 0.0, out=moved)
    np.minimum(moved, offsets.limits, out=moved)
    return moved


def _bodies(roots: _Roots, short: _Map, middle: _Map) -> Floats:
    """(n, 17, 2): every keypoint, as each root sees it."""
    count = len(roots.keypoint)
    points = np.zeros((count, COUNT, 2))
    read = np.zeros((count, COUNT), np.bool_)
    points[range(count), roots.keypoint] = roots.points
    read[range(count), roots.keypoint] = True
    for level in _LEVELS:
        body, edge = np.nonzero(read[:, level.source] & ~read[:, level.target])
        if not len(body):
            continue
        target = level.target[edge]
        channels = level.channel[edge, None] + _MIDDLE_YX
        place = _follow(middle, points[body, level.source[edge]], channels)
        channels = target[:, None] + _SHORT_YX
        for _ in range(REFINEMENTS):
            place = _follow(short, place, channels)
        points[body, target] = place
        read[body, target] = True
    return points


def _choose(roots: _Roots, points: Floats, scores: Floats, near: float) -> list[int]:
    """Whose root is no keypoint of a body chosen before; best first."""
    free = scores >= MIN_SCORE
    chosen: list[int] = []
    while len(chosen) < people.MOST and free.any():
        body = int(free.argmax())
        chosen.append(body)
        apart = points[body, roots.keypoint] - roots.points
        free[body] = False
        free &= np.square(apart).sum(axis=1) > near
    return sorted(chosen, key=lambda body: -scores[body])


def _rescored(points: Floats, heats: Floats, near: float) -> Floats:
    """The mean heat of each body, less keypoints that a better one has."""
    apart = np.square(points[:, None] - points[None]).sum(axis=3)
    better = np.tri(len(points), k=-1, dtype=np.bool_)
    taken = ((apart <= near) & better[..., None]).any(axis=1)
    scores: Floats = np.where(taken, 0.0, heats).mean(axis=1)
    return scores
