"""How a frame becomes the input of a model, and how coordinates come back.

A `Plan` says which pixels of the frame fill which pixels of the input. Both rectangles are whole
pixels and the way back is computed from them, so rounding never moves a keypoint.

Coordinates are continuous: the left edge of a picture is 0, its right edge its width (or 1), and
pixel i spans i to i + 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from edged.cv import cv2
from edged.types import Keypoints, Pixels, Region

Size: TypeAlias = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True, slots=True)
class Rectangle:
    """Whole pixels: `left` and `top` are inside, `right` and `bottom` are not."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> Size:
        """Width and height; 0 where nothing is inside."""
        return self.right - self.left, self.bottom - self.top


@dataclass(frozen=True, slots=True)
class Plan:
    """How one frame becomes one input. Made once and used as long as sizes and region stay."""

    frame_size: Size
    input_size: Size
    source: Rectangle
    """The pixels of the frame that are looked at."""
    target: Rectangle
    """The pixels of the input that they fill; the others are black."""
    scale: tuple[float, float]
    offset: tuple[float, float]
    """0..1 of the frame = offset + scale * (0..1 of the input), for x and for y."""
    smooth: bool = False
    """Resample as classifiers are trained, see `fill`; otherwise a few pixels are read (faster)."""


def stretch(frame: Size, model_input: Size, *, smooth: bool = False) -> Plan:
    """The whole frame fills the input, whatever that does to its proportions."""
    whole = Region(0.0, 0.0, *frame)
    return crop(whole, frame, model_input, smooth=smooth)


def letterbox(frame: Size, model_input: Size, *, smooth: bool = False) -> Plan:
    """The whole frame in its proportions, in the middle, with black borders."""
    width, height = frame
    ratio = max(width / model_input[0], height / model_input[1])
    return crop(_middle(frame, model_input, ratio), frame, model_input, smooth=smooth)


def centre_crop(
    frame: Size, model_input: Size, fraction: float = 1.0, *, smooth: bool = True
) -> Plan:
    """The largest part in the middle with the input's proportions, times `fraction` (0..1].

    Classifiers are trained and measured so, most of them with a fraction of 0.875.
    """
    width, height = frame
    ratio = min(width / model_input[0], height / model_input[1]) * fraction
    return crop(_middle(frame, model_input, ratio), frame, model_input, smooth=smooth)


def _middle(frame: Size, model_input: Size, ratio: float) -> Region:
    """The middle of the frame, `ratio` times as large as the input."""
    width, height = model_input[0] * ratio, model_input[1] * ratio
    return Region((frame[0] - width) / 2, (frame[1] - height) / 2, width, height)


def crop(region: Region, frame: Size, model_input: Size, *, smooth: bool = False) -> Plan:
    """The region fills the input; what lies outside the frame is black.

    A region of no size is looked at as one pixel.

    Raises:
        ValueError: a size is not positive, or the region is not finite.
    """
    left, right, into_left, into_right, x_scale, x_offset = _fit_axis(
        region.left, region.width, frame[0], model_input[0]
    )
    top, bottom, into_top, into_bottom, y_scale, y_offset = _fit_axis(
        region.top, region.height, frame[1], model_input[1]
    )
    if left == right or top == bottom:  # beside the frame: all is black
        left = right = top = bottom = into_left = into_right = into_top = into_bottom = 0
    return Plan(
        frame_size=frame,
        input_size=model_input,
        source=Rectangle(left, top, right, bottom),
        target=Rectangle(into_left, into_top, into_right, into_bottom),
        scale=(x_scale, y_scale),
        offset=(x_offset, y_offset),
        smooth=smooth,
    )


def _fit_axis(
    start: float, length: float, frame: int, model_input: int
) -> tuple[int, int, int, int, float, float]:
    """One axis of a plan: source from and to, target from and to, scale and offset of the way back.

    The source is the whole pixels of the region inside the frame. The target is where they belong,
    rounded to whole pixels; the way back undoes exactly what the resampling does between the two.
    """
    if frame < 1 or model_input < 1:
        raise ValueError(f"a picture has pixels: {frame} of the frame, {model_input} of the input")
    if not math.isfinite(start + length):
        raise ValueError(f"a region is finite, not {start} + {length}")
    begin = round(start)
    end = max(round(start + length), begin + 1)
    source_from, source_to = max(begin, 0), min(end, frame)
    if source_from >= source_to:
        return 0, 0, 0, 0, (end - begin) / frame, begin / frame
    per_pixel = model_input / (end - begin)
    target_from = min(round((source_from - begin) * per_pixel), model_input - 1)
    target_to = max(round((source_to - begin) * per_pixel), target_from + 1)
    step = (source_to - source_from) / (target_to - target_from)  # frame pixels an input pixel
    return (
        source_from,
        source_to,
        target_from,
        target_to,
        step * model_input / frame,
        (source_from - step * target_from) / frame,
    )


def fill(plan: Plan, pixels: Pixels, out: Pixels) -> None:
    """Write the model's input: RGB uint8, in place, with no picture allocated.

    Args:
        plan: made for the size of `pixels`.
        pixels: the frame, uint8 (height, width, 3); rows may be apart (a stride).
        out: uint8 (input height, input width, 3), such as a view of shared memory.

    A smooth plan takes the average of the area where it shrinks the picture, and cubic curves where
    it grows. Classifiers are mostly trained with Pillow's bicubic filter, which widens with the
    factor. On four photographs shrunk 1.3 to 2 times, the average differs from it by 0.4 to 1.0 of
    255, OpenCV's INTER_CUBIC, which reads 4 x 4 pixels whatever the factor, by 1.1 to 2.4.

    Raises:
        ValueError: `pixels` or `out` has another size than the plan.
    """
    if pixels.shape[1::-1] != plan.frame_size or out.shape[1::-1] != plan.input_size:
        raise ValueError(
            f"planned {plan.frame_size} into {plan.input_size}, "
            f"got {pixels.shape[1::-1]} into {out.shape[1::-1]}"
        )
    target, source = plan.target, plan.source
    if target.size != plan.input_size:
        out[: target.top] = 0
        out[target.bottom :] = 0
        out[target.top : target.bottom, : target.left] = 0
        out[target.top : target.bottom, target.right :] = 0
    if 0 in target.size:
        return
    inside = out[target.top : target.bottom, target.left : target.right]
    cv2.resize(
        pixels[source.top : source.bottom, source.left : source.right],
        target.size,
        dst=inside,
        interpolation=_interpolation(plan),
    )


def _interpolation(plan: Plan) -> int:
    if not plan.smooth:
        return int(cv2.INTER_LINEAR)
    grows = any(to > of for to, of in zip(plan.target.size, plan.source.size, strict=True))
    return int(cv2.INTER_CUBIC if grows else cv2.INTER_AREA)


def to_frame(plan: Plan, keypoints: Keypoints) -> Keypoints:
    """Keypoints in 0..1 of the input, as new keypoints in 0..1 of the frame; scores stay."""
    moved = keypoints.copy()
    moved[:, 0] = plan.offset[0] + plan.scale[0] * keypoints[:, 0]
    moved[:, 1] = plan.offset[1] + plan.scale[1] * keypoints[:, 1]
    return moved


def blank(size: Size) -> Pixels:
    """A black picture for `fill`."""
    return np.zeros((size[1], size[0], 3), np.uint8)
