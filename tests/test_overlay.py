"""What is drawn: seen keypoints by side, on any picture, of any size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edged.overlay import LEFT, MIDDLE, RIGHT, draw_labels, draw_poses
from edged.types import KEYPOINT_NAMES, Classification, Keypoints, Label, Pixels, Pose

UNIT = st.floats(0.0, 1.0, width=32)
SIZES = st.integers(1, 300)
LEFT_KNEE, RIGHT_KNEE = KEYPOINT_NAMES.index("left_knee"), KEYPOINT_NAMES.index("right_knee")


def plain(width: int, height: int, level: int = 0) -> Pixels:
    return np.full((height, width, 3), level, np.uint8)


def person() -> Keypoints:
    """Somebody who stands upright and faces us: their left is on our right."""
    x = [0.50, 0.52, 0.48, 0.54, 0.46, 0.6, 0.4, 0.65, 0.35, 0.7, 0.3, 0.56, 0.44, 0.57, 0.43]
    y = [0.15, 0.13, 0.13, 0.14, 0.14, 0.3, 0.3, 0.42, 0.42, 0.5, 0.5, 0.55, 0.55, 0.72, 0.72]
    rows = [[*x, 0.58, 0.42], [*y, 0.9, 0.9], [0.9] * 17]
    return np.asarray(rows, np.float32).T.copy()


def colour_at(picture: Pixels, keypoints: Keypoints, joint: int) -> tuple[int, ...]:
    height, width, _ = picture.shape
    x, y = keypoints[joint, :2] * (width, height)
    return tuple(picture[int(y), int(x)].tolist())


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_joint_has_the_colour_of_its_side(level: int) -> None:
    picture = plain(640, 480, level)
    draw_poses(picture, [Pose(person(), 0.8)])
    assert colour_at(picture, person(), LEFT_KNEE) == LEFT
    assert colour_at(picture, person(), RIGHT_KNEE) == RIGHT
    assert colour_at(picture, person(), KEYPOINT_NAMES.index("nose")) == MIDDLE


def test_a_joint_that_is_not_seen_is_left_out_with_its_bones() -> None:
    keypoints = person()
    keypoints[LEFT_KNEE, 2] = 0.19
    picture = plain(640, 480)
    draw_poses(picture, [Pose(keypoints, 0.8)])
    assert colour_at(picture, keypoints, LEFT_KNEE) == (0, 0, 0)
    assert colour_at(picture, keypoints, RIGHT_KNEE) == RIGHT


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_skeleton_shows_on_any_ground(level: int) -> None:
    picture = plain(640, 480, level)
    draw_poses(picture, [Pose(person(), 0.8)])
    row = picture[round(0.63 * 480)].astype(int)  # through both thighs
    assert np.abs(row - level).max() > 100


def test_nobody_is_no_drawing() -> None:
    picture = plain(64, 48, 99)
    draw_poses(picture, [])
    assert (picture == 99).all()


def test_lines_grow_with_the_picture_and_shrink_with_the_person() -> None:
    def drawn(scale: float, width: int, height: int) -> int:
        keypoints = person()
        keypoints[:, :2] = 0.5 + scale * (keypoints[:, :2] - 0.5)
        picture = plain(width, height)
        draw_poses(picture, [Pose(keypoints, 0.8)])
        row = picture[round((0.5 + scale * 0.13) * height)]  # through both thighs
        return int((row[:, 0] > row[:, 2] + 100.0).sum())  # amber, smooth edges and all

    assert drawn(1.0, 1920, 1440) > drawn(1.0, 640, 480) > drawn(0.3, 640, 480) > 0


@given(
    keypoints=arrays(np.float32, (17, 3), elements=st.floats(-0.5, 1.5, width=32)),
    score=UNIT,
    width=SIZES,
    height=SIZES,
)
def test_any_pose_can_be_drawn_on_any_picture(
    keypoints: Keypoints, score: float, width: int, height: int
) -> None:
    draw_poses(plain(width, height), [Pose(keypoints, score)])


@given(
    names=st.lists(st.text(max_size=60), min_size=1, max_size=12),
    confident=st.booleans(),
    width=SIZES,
    height=SIZES,
)
def test_any_labels_can_be_written_on_any_picture(
    names: list[str], *, confident: bool, width: int, height: int
) -> None:
    labels = [Label(name, index, 0.5) for index, name in enumerate(names)]
    draw_labels(plain(width, height), Classification(labels, confident))


@pytest.mark.parametrize("level", [0, 128, 255])
def test_labels_can_be_read_on_any_ground(level: int) -> None:
    picture = plain(640, 480, level)
    draw_labels(picture, Classification([Label("macaw", 1, 0.98)], confident=True))
    changed = np.argwhere((picture != level).any(axis=2))
    (top, left), (bottom, right) = changed.min(axis=0), changed.max(axis=0)
    panel = picture[top : bottom + 1, left : right + 1].astype(int).sum(axis=2)
    assert panel.max() - np.median(panel) > 300
    assert right < 320  # the rest of the picture stays to be seen


def test_doubt_is_written_in_another_colour() -> None:
    sure, unsure = plain(640, 480), plain(640, 480)
    draw_labels(sure, Classification([Label("macaw", 1, 0.98)], confident=True))
    draw_labels(unsure, Classification([Label("macaw", 1, 0.28)], confident=False))
    amber = [int((picture == LEFT).all(axis=2).sum()) for picture in (sure, unsure)]
    assert amber[0] == 0
    assert amber[1] > 0


def test_the_rest_of_a_label_too_wide_for_the_picture_is_not_cut_off() -> None:
    picture = plain(320, 240)
    draw_labels(picture, Classification([Label("x" * 80 + "W", 1, 0.98)], confident=True))
    assert (picture[:, -3:] < 30).all()
