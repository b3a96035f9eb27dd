"""A frame as a model's input: in its size, layout and type."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from edged.cv import cv2
from edged.inference.geometry import Plan, Size, blank, fill
from edged.types import Pixels

Layout: TypeAlias = Literal["nhwc", "nchw"]
"""How an input lies in memory: the channels of a pixel side by side (TensorFlow), or a plane for
each channel (PyTorch)."""


class Preprocessor:
    """Writes frames into one input, in place: what it needs in between is made once."""

    def __init__(self, size: Size, table: npt.NDArray[Any] | None, layout: Layout) -> None:
        """What the input is like.

        Args:
            size: of the input.
            table: (256,) of the input's type: what each byte becomes; (256, 3): in each channel;
                None: itself.
            layout: of the input.
        """
        self._table = table
        self._layout = layout
        is_plain = table is None and layout == "nhwc"
        self._picture = None if is_plain else blank(size)
        if layout == "nchw":
            width, height = size
            self._plane: Pixels = np.zeros((height, width), np.uint8)
            if table is not None:
                columns = np.broadcast_to(table.reshape(256, -1), (256, 3))
                self._tables = [np.ascontiguousarray(column) for column in columns.T]
        elif table is not None:
            self._table = table.reshape(256, 1, -1)  # OpenCV: as many channels as the table has

    def write(self, plan: Plan, pixels: Pixels, out: npt.NDArray[Any]) -> None:
        """Write one frame.

        Args:
            plan: made for the size of `pixels`, into the size of the input.
            pixels: the frame, uint8 (height, width, 3); rows may be apart (a stride).
            out: the input, such as a view of shared memory: (height, width, 3) with the layout
                `nhwc`, (3, height, width) with `nchw`; of the table's type, or uint8.

        Raises:
            ValueError: `pixels` or `out` has another size than the plan.
        """
        if self._picture is None:
            fill(plan, pixels, out)
            return
        fill(plan, pixels, self._picture)
        if self._layout == "nhwc":
            cv2.LUT(self._picture, self._table, dst=out)
            return
        for channel, plane in enumerate(out):
            if self._table is None:
                cv2.extractChannel(self._picture, channel, dst=plane)
            else:
                cv2.extractChannel(self._picture, channel, dst=self._plane)
                cv2.LUT(self._plane, self._tables[channel], dst=plane)
