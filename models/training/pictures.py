"""Representative pictures: what a network will see, to measure its activations by."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from edged.capture.images import read_picture
from edged.capture.source import PICTURES
from edged.errors import SourceError, UsageError
from edged.inference import geometry
from edged.sections import Camera
from edged.types import Pixels

LEAST = 10
"""With fewer, the ranges that the quantization is made for are those of a few pictures."""

HELD_BACK = 5
"""One picture of so many is held back to measure the errors on: on the pictures that the ranges
were made for they look smaller than they are."""

Fit: TypeAlias = Literal["letterbox", "stretch", "crop"]

_SMALLEST = 16
"""Pixels that `edged.config.Camera` may be asked for at least."""


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """All of one size."""

    pixels: Pixels
    """uint8 (pictures, height, width, 3), RGB."""
    left_out: tuple[str, ...]
    """What is wrong with each file that could not be read, a line each."""


def check_directory(directory: Path) -> None:
    """Raises `UsageError` when there is no such directory."""
    if not directory.is_dir():
        raise UsageError(f"--images: {directory} is no directory: give one with pictures in it")


def gather(
    directory: Path, size: tuple[int, int], limit: int, fit: Fit = "letterbox", least: int = LEAST
) -> Pictures:
    """The pictures below a directory, of any size and format, made to fit.

    Args:
        directory: looked into with all below it.
        size: width and height wanted.
        limit: take no more than so many: always the same ones, from everywhere.
        fit: all of the picture with black borders, stretched, or as much of its middle as fits.
        least: that there have to be.

    Raises:
        UsageError: there is no such directory, or there are too few pictures in it.
    """
    check_directory(directory)
    paths = sorted(
        path
        for path in directory.rglob("*")
        if path.suffix.lower() in PICTURES and not path.name.startswith(".")
    )
    random.Random(1).shuffle(paths)  # noqa: S311 - no secret
    settings = Camera(width=max(size[0], _SMALLEST), height=max(size[1], _SMALLEST))
    good: list[Pixels] = []
    left_out: list[str] = []
    for path in paths:
        if len(good) == limit:
            break
        try:
            good.append(_fitted(read_picture(path, settings), size, fit))
        except SourceError as error:
            left_out.append(str(error))
    if len(good) < least:
        told = f"{len(good)} pictures" if good else "no pictures"
        but = f" ({len(left_out)} cannot be read, as {left_out[0]})" if left_out else ""
        raise UsageError(
            f"--images: {directory} has {told}{but}: at least {least} of the kind that the network "
            "will see are needed, better 100"
        )
    return Pictures(np.stack(good), tuple(left_out))


def hold_back(pixels: Pixels) -> tuple[Pixels, Pixels]:
    """Keep a fifth of the pictures, the last of them, from what the ranges are measured on.

    Args:
        pixels: in any order that has nothing to do with what is in them, as `gather` gives them.

    Returns:
        Those to measure the ranges on, and those to measure the errors on; both times all of them
        where fewer than `LEAST` would remain for the ranges.
    """
    remain = len(pixels) - len(pixels) // HELD_BACK
    if remain < LEAST:
        return pixels, pixels
    return pixels[:remain], pixels[remain:]


def _fitted(picture: Pixels, size: tuple[int, int], fit: Fit) -> Pixels:
    height, width, _ = picture.shape
    frame = (width, height)
    if fit == "stretch":
        plan = geometry.stretch(frame, size, smooth=True)
    elif fit == "crop":
        plan = geometry.centre_crop(frame, size)
    else:
        plan = geometry.letterbox(frame, size, smooth=True)
    fitted = geometry.blank(size)
    geometry.fill(plan, picture, fitted)
    return fitted
