"""Pictures come out upright, RGB and not larger than asked for; their memory goes round."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.capture.upright import Pool, Upright, scale_to_fit
from edged.sections import Camera
from edged.types import Pixels


def upright(picture: Pixels, settings: Camera, slack: float = 1.0) -> Pixels:
    height, width, _ = picture.shape
    turn = Upright(width, height, settings, interpolation=cv2.INTER_AREA, slack=slack)
    out: Pixels = np.zeros(turn.shape, np.uint8)
    turn(picture, out)
    return out


@given(
    width=st.integers(1, 9),
    height=st.integers(1, 9),
    rotate=st.sampled_from([0, 90, 180, 270]),
    flip=st.sampled_from(["none", "horizontal", "vertical"]),
)
def test_turns_clockwise_then_mirrors(
    width: int,
    height: int,
    rotate: Literal[0, 90, 180, 270],
    flip: Literal["none", "horizontal", "vertical"],
) -> None:
    bgr = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    expected = np.rot90(bgr[:, :, ::-1], -rotate // 90)
    if flip != "none":
        expected = expected[:, ::-1] if flip == "horizontal" else expected[::-1]
    out = upright(bgr, Camera(rotate=rotate, flip=flip))
    assert np.array_equal(out, expected)


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_the_scale_fits_and_never_enlarges(width: int, height: int) -> None:
    settings = Camera(width=640, height=480)
    scale = scale_to_fit(width, height, settings)
    assert 0 < scale <= 1
    assert width * scale <= 640 + 1e-9
    assert height * scale <= 480 + 1e-9
    assert scale == 1 or width * scale > 639 or height * scale > 479


@pytest.mark.parametrize(
    ("size", "rotate", "shape"),
    [
        ((128, 72), 0, (36, 64, 3)),  # keeps its aspect
        ((128, 72), 90, (64, 36, 3)),  # the size asked for is the camera's
        ((80, 60), 0, (60, 80, 3)),  # within the slack
        ((32, 24), 0, (24, 32, 3)),  # never enlarged
        ((5000, 2), 0, (1, 64, 3)),  # never nothing
    ],
)
def test_what_is_much_larger_than_asked_for_is_scaled_down(
    size: tuple[int, int], rotate: Literal[0, 90], shape: tuple[int, int, int]
) -> None:
    settings = Camera(width=64, height=48, rotate=rotate)
    picture = np.full((size[1], size[0], 3), 7, np.uint8)
    out = upright(picture, settings, slack=1.25)
    assert out.shape == shape
    assert (out == 7).all()


def test_a_picture_given_back_is_lent_again() -> None:
    pool = Pool((2, 3, 3))
    first, give_back = pool.borrow()
    other, _ = pool.borrow()
    assert first is not other
    give_back()
    assert pool.borrow()[0] is first


def test_there_is_always_one_more_but_only_a_few_are_kept() -> None:
    pool = Pool((2, 3, 3))
    lent = [pool.borrow() for _ in range(10)]
    assert len({id(pixels) for pixels, _ in lent}) == 10
    for _, give_back in lent:
        give_back()
    assert len(pool._free) == Pool.SIZE
