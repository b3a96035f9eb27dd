"""Those whom a model sees become poses: best first, with scores and boxes, or nobody."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edged.decoders import people

SCORES = hnp.arrays(np.float64, st.integers(0, 60), elements=st.floats(-1, 2))


def somewhere(count: int) -> npt.NDArray[np.float64]:
    """Keypoints that tell whose they are: x of the nose is the number of the person."""
    keypoints = np.full((count, 17, 3), 0.5)
    keypoints[:, 0, 0] = np.arange(count) / 100
    return keypoints


def test_of_one_the_mean_of_the_keypoint_scores_counts() -> None:
    keypoints = np.zeros((17, 3), np.float32)
    keypoints[:, 2] = 0.24
    assert people.one(keypoints).poses(0.25) == []
    keypoints[:, 2] = 0.26
    assert [round(pose.score, 2) for pose in people.one(keypoints).poses(0.25)] == [0.26]


def test_nobody_is_an_empty_list() -> None:
    assert people.NOBODY.poses(0.0) == []


@given(SCORES)
def test_the_best_come_first_equals_in_their_order_and_no_more_than_the_most(
    scores: npt.NDArray[np.float64],
) -> None:
    found = people.best(somewhere(len(scores)), scores)
    order = sorted(range(len(scores)), key=lambda place: -scores[place])[: people.MOST]
    assert np.rint(found.keypoints[:, 0, 0] * 100).astype(int).tolist() == order
    assert found.scores == pytest.approx(np.clip(scores[order], 0, 1))
    assert [pose.score for pose in found.poses(0.0)] == found.scores.tolist()


@given(SCORES, st.floats(0, 1))
def test_those_below_the_score_are_not_there(
    scores: npt.NDArray[np.float64], min_score: float
) -> None:
    poses = people.best(somewhere(len(scores)), scores).poses(min_score)
    assert all(pose.score >= min_score for pose in poses)


def test_answers_gone_wrong_come_to_the_limit() -> None:
    found = people.best(
        np.full((1, 17, 3), 1e9), np.array([7.0]), np.array([[[-1e9, -1e9], [1e9, 1e9]]])
    )
    assert found.keypoints[0, 0].tolist() == [1.5, 1.5, 1.0]
    assert found.corners is not None
    assert found.corners.tolist() == [[[-0.5, -0.5], [1.5, 1.5]]]


def test_keypoints_and_boxes_move_together() -> None:
    found = people.best(
        np.full((1, 17, 3), 0.5), np.array([0.9]), np.array([[[0.25, 0.25], [0.75, 0.5]]])
    )

    def doubled(points: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        moved = points.copy()
        moved[..., :2] *= 2
        return moved

    (pose,) = found.moved(doubled).poses(0.0)
    assert pose.keypoints[0].tolist() == [1.0, 1.0, 0.5]
    assert pose.bounds == (0.5, 0.5, 1.0, 0.5)
    assert pose.box() == (0.5, 0.5, 0.5, 0.5), "in the message a box ends with the frame"


@given(hnp.arrays(np.float64, (2, 2), elements=st.floats(-0.5, 1.5)))
def test_a_box_lies_in_the_frame_whatever_the_model_says(corners: npt.NDArray[np.float64]) -> None:
    (pose,) = people.best(somewhere(1), np.array([1.0]), corners[None]).poses(0.0)
    left, top, width, height = pose.box()
    assert min(left, top, width, height) >= 0
    assert max(left + width, top + height) <= 1 + 1e-6


def test_without_a_box_of_the_model_it_is_about_the_keypoints() -> None:
    keypoints = np.zeros((1, 17, 3))
    keypoints[0, :2] = [[0.2, 0.3, 0.9], [0.4, 0.7, 0.9]]
    (pose,) = people.best(keypoints, np.array([1.0])).poses(0.0)
    assert pose.bounds is None
    assert pose.box() == pytest.approx((0.2, 0.3, 0.2, 0.4))
