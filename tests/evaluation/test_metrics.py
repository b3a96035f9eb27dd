"""OKS and PCK: what COCO's own definition says of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edged.evaluation.metrics import SIGMAS, mark, mean
from edged.types import Keypoints, Truth

SIZE = (640, 480)
AREA = 0.08

points = arrays.arrays(np.float32, (17, 2), elements=st.floats(0.0, 1.0, width=32))
shifts = arrays.arrays(np.float32, (17, 2), elements=st.floats(-0.25, 0.25, width=32))


def truth(keypoints: np.ndarray, visibility: int | list[int] = 2, area: float = AREA) -> Truth:
    seen = np.broadcast_to(np.array(visibility, np.uint8), (17,))
    return Truth(keypoints=keypoints.astype(np.float32), visibility=seen, area=area)


def answer(keypoints: np.ndarray) -> Keypoints:
    return np.column_stack([keypoints, np.ones(17)]).astype(np.float32)


def standing() -> np.ndarray:
    """A torso of 0.25 x 0.3 of the frame, everything else at its middle."""
    keypoints = np.full((17, 2), 0.5)
    keypoints[[5, 6, 11, 12]] = [(0.6, 0.3), (0.35, 0.3), (0.6, 0.6), (0.35, 0.6)]
    return keypoints


@given(points)
def test_a_pose_on_the_truth_is_perfect(keypoints: np.ndarray) -> None:
    exact = mark(answer(keypoints), truth(keypoints), SIZE)
    assert exact.mean_oks == 1.0
    assert mean(exact.pck) == 1.0


@given(points, shifts)
def test_marks_lie_between_nothing_and_perfect(keypoints: np.ndarray, shift: np.ndarray) -> None:
    found = mark(answer(keypoints + shift), truth(keypoints), SIZE)
    assert np.all((found.oks >= 0.0) & (found.oks <= 1.0))
    assert set(found.pck) <= {0.0, 1.0}


@given(points, shifts, st.floats(1.0, 5.0))
def test_farther_is_never_better(keypoints: np.ndarray, shift: np.ndarray, times: float) -> None:
    near = mark(answer(keypoints + shift), truth(keypoints), SIZE)
    far = mark(answer(keypoints + shift * times), truth(keypoints), SIZE)
    assert np.all(far.oks <= near.oks + 1e-5)
    assert np.all(far.pck <= near.pck)


@pytest.mark.parametrize("index", range(17))
def test_one_sigma_away_is_what_coco_says(index: int) -> None:
    """At a distance of 2 sigma sqrt(area) the similarity of a keypoint is exp(-1/2)."""
    keypoints = standing()
    moved = keypoints.copy()
    moved[index, 0] += 2 * SIGMAS[index] * math.sqrt(AREA * SIZE[0] * SIZE[1]) / SIZE[0]
    found = mark(answer(moved), truth(keypoints), SIZE)
    assert found.oks[index] == pytest.approx(math.exp(-0.5), rel=1e-4)
    assert np.delete(found.oks, index) == pytest.approx(1.0)


def test_distances_are_of_pixels_and_not_of_fractions() -> None:
    keypoints = standing()
    right, down = keypoints.copy(), keypoints.copy()
    right[9, 0] += 0.03
    down[9, 1] += 0.04  # the same 19.2 pixels
    marks = [mark(answer(moved), truth(keypoints), SIZE).oks[9] for moved in (right, down)]
    assert marks[0] == pytest.approx(marks[1], rel=1e-4)


@pytest.mark.parametrize(("part", "right"), [(0.19, 1.0), (0.21, 0.0)])
def test_pck_is_a_fifth_of_the_torso_away(part: float, right: float) -> None:
    keypoints = standing()
    moved = keypoints.copy()
    moved[0, 1] += part * math.hypot(0.25 * 640, 0.3 * 480) / 480
    assert mark(answer(moved), truth(keypoints), SIZE).pck[0] == right


def test_what_is_outside_the_frame_does_not_count_and_what_is_hidden_does() -> None:
    keypoints = standing()
    wrong = keypoints + 0.5
    found = mark(answer(wrong), truth(keypoints, [0, 1, *[2] * 15]), SIZE)
    assert math.isnan(found.oks[0])
    assert math.isnan(found.pck[0])
    assert found.oks[1] < 0.01
    assert not math.isnan(found.mean_oks)


def test_nobody_found_is_worth_nothing() -> None:
    missed = mark(None, truth(standing()), SIZE)
    assert not missed.found
    assert missed.mean_oks == 0.0
    assert mean(missed.pck) == 0.0


def test_a_person_without_area_is_told_apart_from_a_perfect_one() -> None:
    keypoints = standing()
    assert mark(answer(keypoints + 0.01), truth(keypoints, area=0.0), SIZE).mean_oks == 0.0
