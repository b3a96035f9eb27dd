"""The place to look at next, by where the person was."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edged.decoders import person
from edged.types import KEYPOINT_NAMES, KEYPOINT_SEEN, Keypoints, Pose, Region

KEYPOINTS = hnp.arrays(np.float32, (17, 3), elements=st.floats(0, 1, width=32))
SIZES = st.tuples(st.integers(1, 5000), st.integers(1, 5000))


def someone(**places: tuple[float, float]) -> list[Pose]:
    """With these keypoints seen, x and y in 0..1, and the others not."""
    keypoints = np.zeros((17, 3), np.float32)
    for name, place in places.items():
        keypoints[KEYPOINT_NAMES.index(name)] = (*place, 0.9)
    return [Pose(keypoints=keypoints, score=0.9)]


WHOLE = Region(0.0, -80.0, 640.0, 640.0)


def test_the_whole_frame_as_a_square_is_looked_at_when_nobody_was_found() -> None:
    assert person.next_region([], (640, 480)) == WHOLE
    assert person.next_region([], (480, 640)) == Region(-80.0, 0.0, 640.0, 640.0)


def test_the_whole_frame_is_looked_at_when_the_torso_is_not_seen() -> None:
    assert person.next_region(someone(left_hip=(0.5, 0.5)), (640, 480)) == WHOLE
    assert person.next_region(someone(left_shoulder=(0.5, 0.5)), (640, 480)) == WHOLE


def test_the_crop_reaches_1_9_torsos_from_the_middle_of_the_hips() -> None:
    found = someone(left_hip=(0.55, 0.5), right_hip=(0.45, 0.5), left_shoulder=(0.5, 0.4))
    region = person.next_region(found, (1000, 1000))
    assert region.left == pytest.approx(500 - 190, abs=0.1)
    assert region.top == pytest.approx(500 - 190, abs=0.1)
    assert region.width == region.height == pytest.approx(380, abs=0.1)


def test_the_crop_reaches_1_2_times_as_far_as_the_body() -> None:
    found = someone(left_hip=(0.5, 0.5), left_shoulder=(0.5, 0.4), right_ankle=(0.5, 0.8))
    assert person.next_region(found, (1000, 1000)).height == pytest.approx(720, abs=0.1)


def test_the_body_counts_no_joint_that_is_not_seen() -> None:
    found = someone(left_hip=(0.5, 0.5), left_shoulder=(0.5, 0.4))
    found[0].keypoints[16] = (0.9, 0.9, 0.1)
    assert person.next_region(found, (1000, 1000)).height == pytest.approx(380, abs=0.1)


def test_one_hip_is_enough() -> None:
    found = someone(right_hip=(0.25, 0.5), left_shoulder=(0.25, 0.4))
    region = person.next_region(found, (1000, 1000))
    assert region.left + region.width / 2 == pytest.approx(250, abs=0.1)


def test_a_crop_larger_than_the_frame_is_the_whole_frame() -> None:
    found = someone(left_hip=(0.5, 0.5), left_shoulder=(0.5, 0.2))
    assert person.next_region(found, (640, 480)) != WHOLE
    assert person.next_region(found, (480, 640)) == Region(-80.0, 0.0, 640.0, 640.0)


def test_keypoints_in_one_place_still_make_a_crop() -> None:
    found = someone(left_hip=(0.5, 0.5), left_shoulder=(0.5, 0.5))
    assert person.next_region(found, (640, 480)) == Region(288.0, 208.0, 64.0, 64.0)


@given(KEYPOINTS, SIZES)
def test_every_crop_is_a_finite_square_with_the_torso_in_it(
    keypoints: Keypoints, size: tuple[int, int]
) -> None:
    region = person.next_region([Pose(keypoints=keypoints, score=1.0)], size)
    numbers = (region.left, region.top, region.width, region.height)
    assert np.isfinite(numbers).all()
    assert all(type(number) is float for number in numbers)
    assert region.width == region.height
    assert max(size) / 10 <= region.width <= max(size) + 1e-6
    for joint in person.TORSO:
        x, y, score = keypoints[joint].tolist()
        if score > KEYPOINT_SEEN:
            assert region.left - 1e-6 <= x * size[0] <= region.left + region.width + 1e-6
            assert region.top - 1e-6 <= y * size[1] <= region.top + region.height + 1e-6
