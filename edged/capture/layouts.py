"""How pictures lie in a camera's memory, and how they become RGB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from edged.cv import cv2
from edged.errors import SourceError
from edged.types import Pixels

Memory: TypeAlias = npt.NDArray[np.uint8]
"""The bytes of a buffer: uint8 (n,), or a view of them in rows."""

_PACKED: dict[str, tuple[int, int | None]] = {
    "BGR888": (3, None),
    "RGB888": (3, cv2.COLOR_BGR2RGB),
    "XBGR8888": (4, cv2.COLOR_RGBA2RGB),
    "XRGB8888": (4, cv2.COLOR_BGRA2RGB),
    "YUYV": (2, cv2.COLOR_YUV2RGB_YUY2),
    "YVYU": (2, cv2.COLOR_YUV2RGB_YVYU),
    "UYVY": (2, cv2.COLOR_YUV2RGB_UYVY),
}
"""Bytes of a pixel, and OpenCV's way to RGB. The names are libcamera's, which follow Linux' DRM:
they name a pixel's bytes from the last to the first, so that BGR888 is R, G, B in memory."""

_PLANAR: dict[str, int] = {
    "NV12": cv2.COLOR_YUV2RGB_NV12,
    "NV21": cv2.COLOR_YUV2RGB_NV21,
    "YUV420": cv2.COLOR_YUV2RGB_I420,
    "YVU420": cv2.COLOR_YUV2RGB_YV12,
}
"""Brightness first, then colour at half the resolution: 1.5 bytes a pixel."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Of the pictures of one stream."""

    format: str
    width: int
    height: int
    stride: int
    """Bytes from one row to the next. Colour planes of YUV420 have half of it."""

    def __post_init__(self) -> None:
        """Raises `SourceError`: nobody here can read such pictures."""
        if self.format not in _PACKED and self.format not in _PLANAR:
            raise SourceError(
                f"the camera gives {self.format} only, which edged cannot read; "
                "a USB camera works as /dev/video0"
            )
        if self.stride < self.width * self._bytes_a_pixel or (
            self.format in _PLANAR and (self.stride % 2 or self.height % 2)
        ):
            raise SourceError(f"the camera gives a picture that cannot be: {self}")

    @property
    def _bytes_a_pixel(self) -> int:
        return 1 if self.format in _PLANAR else _PACKED[self.format][0]

    @property
    def is_rgb(self) -> bool:
        """Whether it is RGB as it lies there."""
        return self.format in _PACKED and _PACKED[self.format][1] is None

    @property
    def size(self) -> int:
        """Bytes of a picture."""
        rows = self.height * 3 // 2 if self.format in _PLANAR else self.height
        return self.stride * rows

    @property
    def decoded(self) -> tuple[int, int, int]:
        """Shape of what `decode` writes: wider than the picture where planes have a padding."""
        return (self.height, self.stride if self.format in _PLANAR else self.width, 3)

    def rows(self, memory: Memory) -> npt.NDArray[np.uint8]:
        """The picture as it lies in a buffer of at least `size` bytes; nothing is copied.

        Packed: (height, width, bytes a pixel), with gaps between the rows; RGB is `Pixels`. Planes:
        (height * 3 / 2, stride).
        """
        if self.format in _PLANAR:
            return memory[: self.size].reshape(self.height * 3 // 2, self.stride)
        channels = self._bytes_a_pixel
        # The last row of a buffer may lack its padding.
        return np.ndarray(
            (self.height, self.width, channels),
            np.uint8,
            buffer=memory,
            strides=(self.stride, channels, 1),
        )

    def decode(self, rows: npt.NDArray[np.uint8], out: Pixels) -> Pixels:
        """Write RGB into `out` of shape `decoded`, in one pass; the picture is what is returned.

        OpenCV takes brightness for 16-235 (BT.601, as libcamera's Smpte170m): the stream is asked
        for it.
        """
        code: Any = _PLANAR.get(self.format) or _PACKED[self.format][1]
        cv2.cvtColor(rows, code, dst=out)
        return out[:, : self.width]
