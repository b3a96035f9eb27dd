"""The angles of elbows, shoulders, hips and knees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edged.capture.athlete.body import Joint, Posture

_ONE = Joint
_LEFT = (
    (_ONE.LEFT_SHOULDER, _ONE.LEFT_ELBOW, _ONE.LEFT_WRIST),
    (_ONE.LEFT_ELBOW, _ONE.LEFT_SHOULDER, _ONE.LEFT_HIP),
    (_ONE.LEFT_SHOULDER, _ONE.LEFT_HIP, _ONE.LEFT_KNEE),
    (_ONE.LEFT_HIP, _ONE.LEFT_KNEE, _ONE.LEFT_ANKLE),
)
_CORNERS = np.array(
    [row for left in _LEFT for row in (left, tuple(joint + 1 for joint in left))], np.intp
)


@dataclass(frozen=True, slots=True)
class Angles:
    """Inner angles in space, degrees 0..180, between the lines to two neighbouring joints."""

    left_elbow: float
    """Between shoulder and wrist: 180 is a straight arm."""
    right_elbow: float
    left_shoulder: float
    """Between elbow and hip of its side: 0 is an arm along the trunk, 180 overhead."""
    right_shoulder: float
    left_hip: float
    """Between shoulder and knee: 180 is straight."""
    right_hip: float
    left_knee: float
    """Between hip and ankle: 180 is a straight leg."""
    right_knee: float


def angles(posture: Posture) -> Angles:
    """The angles of a posture."""
    corners = posture[_CORNERS]
    one, other = corners[:, 0] - corners[:, 1], corners[:, 2] - corners[:, 1]
    cosines = (one * other).sum(1) / np.sqrt((one * one).sum(1) * (other * other).sum(1))
    return Angles(*np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0))).tolist())
