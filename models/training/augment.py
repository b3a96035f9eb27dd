"""Rendered frames become training pictures: crops, turned, mirrored, other colours, noise.

Some pictures show the whole frame with borders, as the pipeline shows the first frame; the others
are squares about the person, as it shows those that follow (`edged.decoders.person.next_region`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from edged.cv import cv2
from edged.types import Pixels
from models.training.targets import Floats

Places: TypeAlias = npt.NDArray[np.floating[Any]]
"""Points, x and y in pixels."""

MIRRORED = np.array([0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15])
"""Where each keypoint goes when left and right change places."""

BLANK = 0.02
"""Of the pictures are of one colour and noise: nobody is there either."""

TURN_DEGREES = 12.0
"""Standard deviation 1/2 of it, and no more than it: cameras hang a little askew."""

LOOSEST_CROP = 2.0
"""Sides of the tightest square about the person."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A picture and where the person is in it."""

    pixels: Pixels
    keypoints: Floats
    """(17, 2): x and y in 0..1 of the picture."""
    visibility: npt.NDArray[np.uint8]
    """(17,): 0 = outside the picture or nobody, 1 = hidden, 2 = seen."""


def fit(sample: Sample, size: int) -> Sample:
    """The whole frame as a square with borders, unchanged otherwise."""
    height, width, _ = sample.pixels.shape
    side = float(max(width, height))
    return _warp(sample, np.array([width / 2, height / 2]), side, 0.0, size)[0]


def augment(sample: Sample, size: int, whole: float, rng: np.random.Generator) -> Sample:
    """A picture of `size` by `size` made of a frame, different each time.

    It shows the whole frame with a probability of `whole`, and else the person.
    """
    if rng.random() < BLANK:
        return _blank(size, rng)
    height, width, _ = sample.pixels.shape
    turn = float(np.clip(rng.normal(0, TURN_DEGREES / 2), -TURN_DEGREES, TURN_DEGREES))
    longer = float(max(width, height))
    present = sample.visibility > 0
    if rng.random() < whole or not present.any():
        centre: Places = np.array([width, height]) / 2 + rng.normal(0, 0.03 * longer, 2)
        side = longer * rng.uniform(0.85, 1.1)
        turn *= float(rng.random() < 0.5)  # noqa: PLR2004 - half of them hang straight
    else:
        centre, side = _crop_about(sample.keypoints[present] * (width, height), rng)
        side = min(side, longer * 1.1)
    picture, frame = _warp(sample, centre, side, turn, size)
    pixels = cv2.bitwise_and(_develop(picture.pixels, rng), frame)
    picture = Sample(pixels, picture.keypoints, picture.visibility)
    return mirror(picture) if rng.random() < 0.5 else picture  # noqa: PLR2004 - a coin


def mirror(sample: Sample) -> Sample:
    """Left and right change places, of the picture and of the person."""
    keypoints = sample.keypoints[MIRRORED].copy()
    keypoints[:, 0] = 1 - keypoints[:, 0]
    pixels: Pixels = np.ascontiguousarray(sample.pixels[:, ::-1])
    return Sample(pixels, keypoints, sample.visibility[MIRRORED])


def _crop_about(points: Places, rng: np.random.Generator) -> tuple[Places, float]:
    """The middle and side of a square with the person in it, mostly all of it."""
    low, high = points.min(axis=0), points.max(axis=0)
    extent = float((high - low).max())
    side = extent * rng.uniform(1.05, LOOSEST_CROP)
    slack = max(side - extent, 0.15 * extent) / 2
    return (low + high) / 2 + rng.uniform(-slack, slack, 2), max(side, 16.0)


def _warp(
    sample: Sample, centre: Places, side: float, turn: float, size: int
) -> tuple[Sample, Pixels]:
    """The square of `side` about `centre` (pixels of the frame), turned by `turn` degrees.

    And a mask, 255 where the frame is and 0 on the borders about it, which stay black.
    """
    scale, angle = size / side, np.deg2rad(turn)
    matrix = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = size / 2 - matrix @ centre
    # OpenCV's pixel i lies at i, in our coordinates its middle lies at i + 1/2.
    half = matrix @ (0.5, 0.5) + shift - 0.5
    affine = np.column_stack([matrix, half])
    height, width, _ = sample.pixels.shape
    pixels, mask = (
        cv2.warpAffine(source, affine, (size, size), flags=how)
        for source, how in (
            (sample.pixels, cv2.INTER_LINEAR),
            (np.full((height, width), 255, np.uint8), cv2.INTER_NEAREST),
        )
    )
    keypoints = (sample.keypoints * (width, height)) @ matrix.T + shift
    inside = ((keypoints >= 0) & (keypoints < size)).all(axis=1)
    visibility = (sample.visibility * inside).astype(np.uint8)
    return (
        Sample(pixels, (keypoints / size).astype(np.float32), visibility),
        cv2.merge([mask, mask, mask]),
    )


def _develop(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Other light and colours, sometimes grey, soft, or with noise."""
    levels = np.arange(256) / 255.0
    tint = rng.normal(1.0, 0.06, (3, 1)) * rng.normal(1.0, 0.15)
    curves = np.clip(levels, 1e-6, 1) ** np.exp(rng.normal(0, 0.2)) * tint + rng.normal(0, 0.04)
    table = np.clip(curves * 255, 0, 255).astype(np.uint8).T.reshape(1, 256, 3)
    pixels = cv2.LUT(pixels, np.ascontiguousarray(table))
    kind = rng.random()
    if kind < 0.05:  # noqa: PLR2004
        pixels = np.repeat(pixels.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    elif kind < 0.1:  # noqa: PLR2004
        pixels = np.ascontiguousarray(pixels[:, :, rng.permutation(3)])
    if rng.random() < 0.15:  # noqa: PLR2004
        pixels = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.4, 1.2))
    if rng.random() < 0.5:  # noqa: PLR2004
        pixels = add_noise(pixels, rng.uniform(1, 9), rng)
    return pixels


_GRAIN = np.random.default_rng(7).normal(0, 1, 1 << 19).astype(np.float32)
"""Noise to take pieces of: drawing it afresh takes longer than all the rest."""


def add_noise(pixels: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    """Grain of this standard deviation."""
    begin = int(rng.integers(0, len(_GRAIN) - pixels.size))
    grain = _GRAIN[begin : begin + pixels.size].reshape(pixels.shape)
    noisy: Pixels = cv2.scaleAdd(grain, strength, pixels.astype(np.float32))
    return cv2.convertScaleAbs(np.maximum(noisy, 0))  # type: ignore[no-any-return, unused-ignore]


def _blank(size: int, rng: np.random.Generator) -> Sample:
    """One colour with noise, and nobody."""
    pixels = np.broadcast_to(rng.integers(0, 256, 3), (size, size, 3)).astype(np.uint8)
    return Sample(
        add_noise(pixels, rng.uniform(0, 60), rng),
        np.zeros((17, 2), np.float32),
        np.zeros(17, np.uint8),
    )
