"""Angles are measured in space, in degrees, 180 is straight."""

from __future__ import annotations

import numpy as np
import pytest

from edged.capture.athlete.angles import angles
from edged.capture.athlete.body import Joint


def test_a_right_angle_and_a_straight_limb() -> None:
    posture = np.random.default_rng(0).normal(size=(28, 3))
    posture[Joint.LEFT_SHOULDER] = 0.0, 0.0, 1.0
    posture[Joint.LEFT_ELBOW] = 0.0, 0.0, 0.0
    posture[Joint.LEFT_WRIST] = 0.3, 0.4, 0.0
    posture[Joint.RIGHT_HIP] = 0.0, 0.0, 0.9
    posture[Joint.RIGHT_KNEE] = 0.1, 0.0, 0.5
    posture[Joint.RIGHT_ANKLE] = 0.2, 0.0, 0.1
    told = angles(posture)
    assert told.left_elbow == pytest.approx(90.0)
    assert told.right_knee == pytest.approx(180.0)


def test_an_arm_along_the_trunk_is_0_and_overhead_180() -> None:
    posture = np.random.default_rng(0).normal(size=(28, 3))
    for side, elbow in ((0, 1.0), (1, 1.8)):
        posture[Joint.LEFT_SHOULDER + side] = 0.0, 0.2, 1.4
        posture[Joint.LEFT_HIP + side] = 0.0, 0.2, 0.9
        posture[Joint.LEFT_ELBOW + side] = 0.0, 0.2, elbow
    told = angles(posture)
    assert told.left_shoulder == pytest.approx(0.0)
    assert told.right_shoulder == pytest.approx(180.0)


def test_where_the_body_is_and_faces_does_not_matter() -> None:
    posture = np.random.default_rng(0).normal(size=(28, 3))
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))
    before, after = angles(posture), angles(posture @ turn + 3.0)
    assert after.left_hip == pytest.approx(before.left_hip)
    assert after.right_elbow == pytest.approx(before.right_elbow)
