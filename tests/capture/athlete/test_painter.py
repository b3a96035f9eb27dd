"""The painter: what is in its pictures is where its truth says."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edged.capture.athlete.body import Body, Posture
from edged.capture.athlete.exercises import EXERCISES, posture, stand
from edged.capture.athlete.lens import placed
from edged.capture.athlete.painter import Painter
from edged.capture.athlete.scene import Scene, Sensor
from edged.types import KEYPOINT_NAMES, Pixels

SIZES = [(640, 480), (320, 240), (1280, 720), (256, 256), (97, 61), (48, 120)]
ANY_SEED = st.integers(0, 10**6)


def frame(width: int, height: int) -> Pixels:
    return np.full((height, width, 3), 77, np.uint8)


def clean(scene: Scene) -> Scene:
    """Without what would change pixels beside the athlete: noise, blur and shadow."""
    light = replace(scene.light, shadow=0.0)
    return replace(scene, sensor=Sensor(blur=0.0, noise=0.0, vignette=0.0), light=light)


def seen_from(scene: Scene, degrees: float) -> Scene:
    camera = placed(
        np.random.default_rng(1), 0.6, azimuth=math.radians(degrees), height=1.2, fov=1.0
    )
    return replace(scene, camera=camera)


def some_posture(seed: int) -> Posture:
    return posture(Body.of(seed), EXERCISES[seed % len(EXERCISES)], seed % 7 / 6)


def figure_mask(
    painter: Painter, joints: Posture, width: int, height: int
) -> npt.NDArray[np.bool_]:
    """Pixels that the athlete changes."""
    with_figure, without = frame(width, height), frame(width, height)
    painter.paint(joints, with_figure, 5)
    painter.paint(joints, without, 5, figure=False)
    difference = np.abs(with_figure.astype(int) - without).sum(axis=2)
    changed: npt.NDArray[np.bool_] = difference > 0
    return changed


@pytest.mark.parametrize("size", SIZES)
def test_a_frame_of_any_size_is_filled_and_nothing_beside_it(size: tuple[int, int]) -> None:
    width, height = size
    scene = Scene.of(3)
    painter = Painter(scene, Body.of(3), width, height)
    large = np.full((height + 20, width + 30, 3), 200, np.uint8)
    inner = large[10:-10, 15:-15]
    around = np.ones(large.shape[:2], np.bool_)
    around[10:-10, 15:-15] = False
    painter.paint(some_posture(3), inner, 1)
    once = inner.copy()
    assert (large[around] == 200).all()
    large[...] = 10
    painter.paint(some_posture(3), inner, 1)
    assert (inner == once).all()  # nothing of what was there before is left
    assert (large[around] == 10).all()


def test_a_frame_of_another_size_is_refused() -> None:
    painter = Painter(Scene.of(0), Body.of(0), 64, 48)
    with pytest.raises(ValueError, match=r"48, 64, 3"):
        painter.paint(stand(Body.of(0)), frame(48, 64))
    with pytest.raises(ValueError, match="has pixels"):
        Painter(Scene.of(0), Body.of(0), 0, 48)


@settings(deadline=None, max_examples=15)
@given(ANY_SEED)
def test_a_seed_is_a_picture(seed: int) -> None:
    pictures = []
    for _ in range(2):
        painter = Painter(Scene.of(seed), Body.of(seed), 160, 120)
        painter.paint(some_posture(seed + 1), frame(160, 120), 3)  # what was before does not matter
        pictures.append(frame(160, 120))
        painter.paint(some_posture(seed), pictures[-1], 9)
    assert (pictures[0] == pictures[1]).all()


def test_other_seeds_are_other_pictures_and_other_noise() -> None:
    painters = [Painter(Scene.of(seed), Body.of(seed), 160, 120) for seed in (1, 2)]
    one, other, noisy = (frame(160, 120) for _ in range(3))
    painters[0].paint(some_posture(1), one, 0)
    painters[1].paint(some_posture(1), other, 0)
    painters[0].paint(some_posture(1), noisy, 1)
    assert np.abs(one.astype(int) - other).mean() > 5.0
    difference = one.astype(int) - noisy
    assert 0.1 < np.abs(difference).mean() < 30.0
    assert abs(difference.mean()) < 0.5


@settings(deadline=None, max_examples=40)
@given(ANY_SEED)
def test_what_is_visible_lies_on_the_figure(seed: int) -> None:
    scene, joints = clean(Scene.of(seed)), some_posture(seed)
    painter = Painter(scene, Body.of(seed), 320, 240)
    mask = figure_mask(painter, joints, 320, 240)
    truth = painter.see(joints)
    for name, point, visibility in zip(
        KEYPOINT_NAMES, truth.keypoints, truth.visibility, strict=True
    ):
        if visibility == 2:
            x, y = (point * (320, 240)).astype(int)
            near = mask[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3]
            assert near.any(), name


@settings(deadline=None, max_examples=20)
@given(ANY_SEED)
def test_the_area_is_that_of_the_pixels_painted(seed: int) -> None:
    scene, joints = clean(Scene.of(seed)), some_posture(seed)
    painter = Painter(scene, Body.of(seed), 320, 240)
    # The figure is painted over two places, lest it has the colour of one.
    mask = figure_mask(painter, joints, 320, 240)
    bright = replace(scene, room=replace(scene.room, place="studio", wall_colour=(1.0, 0.0, 1.0)))
    mask |= figure_mask(Painter(bright, Body.of(seed), 320, 240), joints, 320, 240)
    area = painter.see(joints).area
    assert 0.004 < area < 0.6
    assert area < mask.mean() * 1.15 + 0.002
    assert area > mask.mean() * 0.8 - 0.002


def visible(degrees: float, seed: int = 4) -> dict[str, int]:
    scene = seen_from(Scene.of(seed), degrees)
    truth = Painter(scene, Body.of(seed), 320, 240).see(stand(Body.of(seed)))
    return dict(zip(KEYPOINT_NAMES, truth.visibility.tolist(), strict=True))


@pytest.mark.parametrize("seed", range(8))
def test_from_the_front_all_is_visible(seed: int) -> None:
    seen = visible(0.0, seed)
    assert set(seen.values()) == {2}


@pytest.mark.parametrize("seed", range(8))
def test_from_behind_there_is_no_face(seed: int) -> None:
    seen = visible(180.0, seed)
    assert [seen[name] for name in ("nose", "left_eye", "right_eye")] == [1, 1, 1]
    assert seen["left_shoulder"] == seen["right_knee"] == seen["left_ankle"] == 2


@pytest.mark.parametrize("seed", range(8))
def test_from_a_side_the_other_one_is_hidden(seed: int) -> None:
    left, right = visible(90.0, seed), visible(-90.0, seed)
    for near, far, seen in (("left", "right", left), ("right", "left", right)):
        assert seen[f"{near}_ear"] == seen["nose"] == seen[f"{near}_shoulder"] == 2
        assert seen[f"{near}_elbow"] == seen[f"{near}_wrist"] == 2
        assert seen[f"{far}_ear"] == seen[f"{far}_eye"] == seen[f"{far}_shoulder"] == 1


def test_left_is_to_the_right_of_a_picture_from_the_front_and_to_the_left_from_behind() -> None:
    scene, joints = Scene.of(6), stand(Body.of(6))
    for degrees, sign in ((0.0, 1.0), (180.0, -1.0)):
        painter = Painter(seen_from(scene, degrees), Body.of(6), 320, 240)
        points = dict(zip(KEYPOINT_NAMES, painter.see(joints).keypoints, strict=True))
        for name in ("eye", "shoulder", "elbow", "hip", "ankle"):
            assert sign * (points[f"left_{name}"][0] - points[f"right_{name}"][0]) > 0.0


def test_what_is_beside_the_frame_is_not_labelled() -> None:
    joints = stand(Body.of(2)) + np.array((0.0, 30.0, 0.0))
    scene = seen_from(Scene.of(2), 0.0)
    painter, out = Painter(scene, Body.of(2), 320, 240), frame(320, 240)
    truth = painter.see(joints)
    assert set(truth.visibility.tolist()) == {0}
    assert truth.area == 0.0
    painter.paint(joints, out)
    behind = stand(Body.of(2)) + np.array((30.0, 0.0, 0.0))  # and behind the camera
    assert set(painter.see(behind).visibility.tolist()) == {0}
    painter.paint(behind, out)


def test_the_face_is_painted_on_the_side_of_the_nose() -> None:
    """Eyes have whites: pixels much brighter than a dark skin, seen from the front only."""
    scene = clean(Scene.of(0))
    looks = replace(scene.looks, skin=(0.3, 0.2, 0.15), hair=(0.05, 0.04, 0.04), style="short")
    scene = replace(scene, looks=replace(looks, beard=False))
    brightest = []
    for degrees in (0.0, 180.0):
        painter, out = Painter(seen_from(scene, degrees), Body.of(0), 1280, 960), frame(1280, 960)
        painter.paint(stand(Body.of(0)), out)
        x, y = painter.see(stand(Body.of(0))).keypoints[1] * (1280, 960)
        around = out[int(y) - 8 : int(y) + 8, int(x) - 12 : int(x) + 12]
        brightest.append(int(around.min(axis=2).max()))
    assert brightest[0] > brightest[1] + 40
