"""Models that look at a pose, not at a picture: 17 keypoints in, a probability for each label out.

The field's example is TensorFlow's pose classification (`lite/examples/pose_estimation` and the
tutorial that trains its model of yoga): float32 [1, 51], a row of numbers for each keypoint of
COCO, in pixels of the frame; the graph itself moves the hips to the middle and divides by the size
of the body. Its programs for the Raspberry Pi and Android write y, x, score into it, but the
tutorial trains with x, y, score: no file tells which one it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edged.errors import ModelError
from edged.inference.catalog import Kind, ModelFile
from edged.inference.specs import Labels, check_values, find_labels, told
from edged.sections import KeypointLayout, KeypointUnits
from edged.types import KEYPOINT_NAMES, Keypoints, TensorInfo

_POINTS = len(KEYPOINT_NAMES)
_SHAPES = {(1, 3 * _POINTS), (1, _POINTS, 3), (1, 1, _POINTS, 3)}
_DTYPES = {"float32", "uint8", "int8"}
_COLUMNS: dict[KeypointLayout, list[int]] = {"yxs": [1, 0, 2], "xys": [0, 1, 2]}
"""Of `Keypoints`, in the order of the input."""
_MOST_OF_FRAME = 4.0
"""An input that holds no more than that is no input for pixels."""


@dataclass(frozen=True, slots=True)
class KeypointSpec:
    """What a model of poses needs and gives."""

    name: str
    input: TensorInfo
    output: TensorInfo
    layout: KeypointLayout
    in_pixels: bool
    """False: x and y in 0..1 of the frame."""
    labels: Labels
    licence: str
    """Empty: unknown."""

    @property
    def kind(self) -> Kind:
        """What it finds."""
        return "exercise"

    @property
    def width(self) -> int:
        """0: it takes no picture."""
        return 0

    @property
    def height(self) -> int:
        """The same."""
        return 0

    @property
    def classes(self) -> int:
        """How many labels it knows."""
        return int(np.prod(self.output.shape))


def describe(
    file: ModelFile,
    inputs: Sequence[TensorInfo],
    outputs: Sequence[TensorInfo],
    *,
    layout: KeypointLayout = "yxs",
    units: KeypointUnits = "auto",
    labels: Path | None = None,
) -> KeypointSpec:
    """What a model needs, from its tensors.

    Args:
        file: as `resolve` found it.
        inputs: of the model, as the interpreter tells them.
        outputs: likewise.
        layout: in which order it takes the numbers of a keypoint.
        units: of x and y; auto: pixels, but for a quantized input that holds small numbers only.
        labels: a file that the user gave; otherwise one inside the model, or one beside it
            (`NAME.txt`, `labels.txt`) is taken.

    Raises:
        ModelError: the tensors are of another kind of model, or there are no labels.
    """
    found = f"{file.path}: it has inputs {told(inputs)} and outputs {told(outputs)}"
    one = inputs[0] if len(inputs) == 1 else None
    if one is None or one.shape not in _SHAPES or one.dtype not in _DTYPES:
        raise ModelError(
            f"{found}; a classifier of poses has one input [1, {3 * _POINTS}] or "
            f"[1, {_POINTS}, 3] of float32, uint8 or int8: name one under [fitness] classifier"
        )
    shape = outputs[0].shape if len(outputs) == 1 else ()
    if len(shape) < len(("batch", "classes")) or shape[-1] < 2 or set(shape[:-1]) != {1}:  # noqa: PLR2004
        raise ModelError(
            f"{found}; a classifier of poses has one output [1, classes], two classes at least: "
            "convert the model with such an output"
        )
    if one.dtype != "float32" and one.scale == 0:
        raise ModelError(
            f"{file.path}: its input is {one.dtype} without a quantization scale: convert it again "
            "with a float or quantized input"
        )
    check_values(file.path, outputs[0])
    own = find_labels(file, labels)
    if own is None:
        raise ModelError(
            f"{file.path} has no labels, and numbers name no exercise: give a file with one label "
            "a line, as [fitness] classifier_labels"
        )
    return KeypointSpec(
        name=file.name,
        input=one,
        output=outputs[0],
        layout=layout,
        in_pixels=_holds_pixels(one) if units == "auto" else units == "pixels",
        labels=own,
        licence=file.entry.licence if file.entry is not None else "",
    )


def _holds_pixels(tensor: TensorInfo) -> bool:
    if tensor.dtype == "float32":
        return True
    return tensor.scale * (np.iinfo(tensor.dtype).max - tensor.zero_point) > _MOST_OF_FRAME


def write(
    spec: KeypointSpec,
    keypoints: Keypoints,
    size: tuple[float, float],
    target: npt.NDArray[Any],
) -> None:
    """Fill a model's input with a pose.

    Args:
        spec: of the model.
        keypoints: (17, 3), x and y in 0..1 of the frame.
        size: pixels of the frame, width and height.
        target: the input, of `spec.input`'s shape and type.
    """
    factors = (*size, 1.0) if spec.in_pixels else (1.0, 1.0, 1.0)
    real = (keypoints * np.asarray(factors, np.float32))[:, _COLUMNS[spec.layout]]
    tensor = spec.input
    if tensor.dtype != "float32":
        limits = np.iinfo(tensor.dtype)
        real = np.clip(np.rint(real / tensor.scale) + tensor.zero_point, limits.min, limits.max)
    target[...] = real.reshape(target.shape)
