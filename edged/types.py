"""The data that flows through edged: frames in, poses and labels out.

Clocks: `*_ns` times are `time.monotonic_ns()`; `ts` times are seconds of wall time since 1970,
which jump on a Pi (it has no real-time clock) and are only ever told, never subtracted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Pixels: TypeAlias = npt.NDArray[np.uint8]
"""A picture: uint8 (height, width, 3), RGB."""

Keypoints: TypeAlias = npt.NDArray[np.float32]
"""float32 (17, 3): columns x, y, score; x and y in 0..1 of the upright frame, score in 0..1."""

Box: TypeAlias = tuple[float, float, float, float]
"""x and y of the upper left corner, width, height; in 0..1 of the upright frame."""

READ_TIMEOUT_S = 2.0
"""A camera or stream that gives no frame for so long has failed."""

KEYPOINT_NAMES = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)
"""The 17 keypoints of COCO, in its order. Left is the person's left."""

SKELETON = (
    (0, 1),
    (0, 2),
    (1, 3),
    (2, 4),
    (5, 6),
    (5, 7),
    (7, 9),
    (6, 8),
    (8, 10),
    (5, 11),
    (6, 12),
    (11, 12),
    (11, 13),
    (13, 15),
    (12, 14),
    (14, 16),
)
"""Pairs of keypoint indices to draw a line between."""


def _nothing_to_give_back() -> None:
    """The pixels belong to the frame alone."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One upright RGB picture and when it was taken.

    The pixels are borrowed from the source: they are valid until `release`, which every frame gets
    exactly once, from whoever held it last.
    """

    pixels: Pixels
    seq: int
    """Counts the frames of a source from 0; gaps are frames that were dropped."""
    sensor_ns: int
    """Monotonic time of the exposure, or of the arrival where the source does not tell."""
    ts: float
    """Wall time of the same moment."""
    release: Callable[[], None] = field(default=_nothing_to_give_back, repr=False)
    name: str = ""
    """The file or address that the frame comes from."""


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """One person."""

    keypoints: Keypoints
    score: float
    """0..1, how sure the model is that this is a person."""
    id: int = 1
    bounds: Box | None = None
    """The box that the model tells, a little outside of the frame at times; None: it tells none."""

    def box(self) -> Box:
        """The model's box, or else the smallest one around the keypoints that count; in 0..1."""
        if self.bounds is not None:
            left, top, width, height = self.bounds
            (left, right), (top, bottom) = (
                (min(max(start, 0.0), 1.0), min(max(start + length, 0.0), 1.0))
                for start, length in ((left, width), (top, height))
            )
            return left, top, max(right - left, 0.0), max(bottom - top, 0.0)
        seen = self.keypoints[self.keypoints[:, 2] >= KEYPOINT_SEEN]
        points = np.clip((seen if len(seen) else self.keypoints)[:, :2], 0.0, 1.0)
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
        return float(left), float(top), float(right - left), float(bottom - top)


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Where a person in a frame really is. Coordinates as in `Keypoints`; y down."""

    keypoints: npt.NDArray[np.float32]
    """float32 (17, 2): columns x, y in 0..1 of the upright frame, beyond where it is outside."""
    visibility: npt.NDArray[np.uint8]
    """uint8 (17,), as COCO's `v`: 0 outside the frame and not to be found, 1 hidden, 2 seen."""
    area: float
    """Of what is seen of the person, as a fraction of the frame: COCO's `area` of the segment."""


KEYPOINT_SEEN = 0.2
"""Score from which a keypoint counts as seen: the threshold of Google's MoveNet example."""


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the frame to look at, in its pixels. It may reach outside the frame."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """An input or output of a model: real value = scale * (stored value - zero_point)."""

    name: str
    dtype: str
    """NumPy's name: `uint8`, `int8`, `float32`, ..."""
    shape: tuple[int, ...]
    scale: float = 0.0
    """0: not quantized."""
    zero_point: int = 0


@dataclass(frozen=True, slots=True)
class Label:
    """One class of a classification."""

    label: str
    index: int
    """The model's output for the class, from 0: the row of a labels file with a row for each."""
    score: float
    """0..1."""


@dataclass(frozen=True, slots=True)
class Classification:
    """What a frame shows. The best class is first; `confident` tells whether to believe it."""

    labels: Sequence[Label]
    confident: bool
