"""Training pictures: whatever is done to a picture is done to its keypoints."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edged.cv import cv2
from edged.types import Pixels
from models.training.augment import MIRRORED, Sample, augment, fit, mirror

UNHURRIED = settings(deadline=None)
SEEDS = st.integers(0, 2**32)
PLACE = (0.6, 0.4)


def dotted(visibility: int = 2) -> Sample:
    """A black frame with a white dot where every keypoint is."""
    pixels: Pixels = np.zeros((240, 320, 3), np.uint8)
    centre = round(PLACE[0] * 320 * 16 - 8), round(PLACE[1] * 240 * 16 - 8)
    cv2.circle(pixels, centre, 6 * 16, (255, 255, 255), -1, cv2.LINE_AA, 4)
    return Sample(pixels, np.full((17, 2), PLACE, np.float32), np.full(17, visibility, np.uint8))


def middle_of_light(pixels: Pixels) -> tuple[float, float]:
    """X and y in 0..1 of the picture."""
    light = np.clip(pixels.astype(float).mean(axis=2) - 60, 0, None)
    rows, columns = np.indices(light.shape) + 0.5
    size = pixels.shape[0]
    return (
        float((columns * light).sum() / light.sum()) / size,
        float((rows * light).sum() / light.sum()) / size,
    )


@UNHURRIED
@given(SEEDS)
def test_keypoints_stay_on_what_they_mark(seed: int) -> None:
    picture = augment(dotted(), 96, 1.0, np.random.default_rng(seed))
    assert picture.pixels.shape == (96, 96, 3)
    if picture.visibility.any():
        assert middle_of_light(picture.pixels) == pytest.approx(picture.keypoints[0], abs=0.012)


@UNHURRIED
@given(SEEDS, st.floats(0, 1))
def test_a_keypoint_outside_the_picture_is_absent(seed: int, whole: float) -> None:
    scattered = Sample(
        dotted().pixels,
        np.random.default_rng(seed).uniform(-0.2, 1.2, (17, 2)).astype(np.float32),
        np.full(17, 2, np.uint8),
    )
    picture = augment(scattered, 64, whole, np.random.default_rng(seed))
    present = picture.visibility > 0
    assert ((picture.keypoints[present] >= 0) & (picture.keypoints[present] < 1)).all()


def test_the_whole_frame_gets_borders_and_keeps_its_proportions() -> None:
    picture = fit(dotted(), 160)
    assert not picture.pixels[:20].any()
    assert not picture.pixels[140:].any()
    assert picture.keypoints[0] == pytest.approx((0.6, (20 + 0.4 * 120) / 160))
    assert middle_of_light(picture.pixels) == pytest.approx(picture.keypoints[0], abs=0.004)


def test_a_mirror_changes_left_and_right_of_the_person() -> None:
    sample = dotted()
    sample.keypoints[5] = 0.1, 0.2
    sample.visibility[5] = 1
    mirrored = mirror(sample)
    assert mirrored.keypoints[6] == pytest.approx((0.9, 0.2))
    assert mirrored.visibility[[5, 6]].tolist() == [2, 1]
    assert (mirrored.pixels[:, ::-1] == sample.pixels).all()
    assert (MIRRORED[MIRRORED] == np.arange(17)).all()


def test_an_empty_room_stays_empty() -> None:
    for seed in range(20):
        picture = augment(dotted(visibility=0), 64, 0.4, np.random.default_rng(seed))
        assert not picture.visibility.any()
