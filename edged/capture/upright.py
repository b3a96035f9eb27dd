"""From what OpenCV decodes to what a frame holds: upright RGB, not much larger than asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from edged.cv import cv2
from edged.sections import Camera
from edged.types import Pixels


def scale_to_fit(width: int, height: int, settings: Camera) -> float:
    """The factor, at most 1, by which a picture fits the size asked for with its own aspect."""
    return min(settings.width / width, settings.height / height, 1.0)


_Step: TypeAlias = tuple[Callable[..., Any], tuple[int, int, int]]
"""Writes one picture into another, `dst`, and the shape of that one."""


def turning(
    width: int, height: int, settings: Camera, *, mirrored: tuple[bool, bool] = (False, False)
) -> list[_Step]:
    """The steps that make a picture upright, none for one that is.

    `mirrored`: what to take back first, of a picture that is already mirrored from left to right,
    and from top to bottom.
    """
    steps: list[_Step] = []
    if any(mirrored):
        back = {(True, False): 1, (False, True): 0, (True, True): -1}[mirrored]
        steps.append((partial(cv2.flip, flipCode=back), (height, width, 3)))
    if settings.rotate:
        turn = {
            90: cv2.ROTATE_90_CLOCKWISE,
            180: cv2.ROTATE_180,
            270: cv2.ROTATE_90_COUNTERCLOCKWISE,
        }[settings.rotate]
        if settings.rotate in {90, 270}:
            width, height = height, width
        steps.append((partial(cv2.rotate, rotateCode=turn), (height, width, 3)))
    if settings.flip != "none":
        code = {"horizontal": 1, "vertical": 0}[settings.flip]
        steps.append((partial(cv2.flip, flipCode=code), (height, width, 3)))
    return steps


class Steps:
    """Steps one after the other, at least one, with the pictures between them."""

    def __init__(self, steps: Sequence[_Step]) -> None:
        self.shape = steps[-1][1]
        """Of the pictures that come out."""
        self._steps = [step for step, _ in steps]
        self._between = [np.empty(shape, np.uint8) for _, shape in steps[:-1]]

    def __call__(self, picture: Pixels, out: Pixels) -> None:
        """Write what becomes of a `picture` into `out` of shape `shape`."""
        for step, target in zip(self._steps, (*self._between, out), strict=True):
            step(picture, dst=target)
            picture = target


class Upright(Steps):
    """Turns BGR pictures of one size into upright RGB ones.

    The size asked for is the camera's, before the rotation. `slack`: a picture up to so many times
    larger than asked for is left as it is.
    """

    def __init__(
        self, width: int, height: int, settings: Camera, *, interpolation: int, slack: float = 1.0
    ) -> None:
        self.accepts = (height, width, 3)
        steps: list[_Step] = []
        scale = scale_to_fit(width, height, settings)
        if scale < 1 / slack:
            width, height = max(1, round(width * scale)), max(1, round(height * scale))
            resize = partial(cv2.resize, dsize=(width, height), interpolation=interpolation)
            steps.append((resize, (height, width, 3)))
        to_rgb = partial(cv2.cvtColor, code=cv2.COLOR_BGR2RGB)
        steps.append((to_rgb, (height, width, 3)))
        super().__init__([*steps, *turning(width, height, settings)])


class Pool:
    """Pictures of one shape that go round: 921 kB a frame need not be allocated again.

    A picture may be given back by any thread. When all are lent out, there is a new one.
    """

    SIZE = 3
    """One that is being filled, one in the slot, one that the pipeline works on."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.shape = shape
        self._free: deque[Pixels] = deque(maxlen=self.SIZE)  # when full, it drops the oldest

    def borrow(self) -> tuple[Pixels, Callable[[], None]]:
        """A picture with anything in it, and how to give it back."""
        try:
            pixels = self._free.pop()
        except IndexError:
            pixels = np.empty(self.shape, np.uint8)
        return pixels, partial(self._free.append, pixels)
