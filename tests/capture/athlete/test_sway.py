"""Nobody stands quite still, and nobody who stands slides."""

from __future__ import annotations

import numpy as np

from edged.capture.athlete.body import Body, Joint
from edged.capture.athlete.exercises import bearing
from edged.capture.athlete.kinematics import posture_of
from edged.capture.athlete.sway import Sway

BODY = Body.of(3)


def test_no_two_moments_are_alike_but_the_feet_stay() -> None:
    sway, still = Sway(1), bearing(BODY, "squat", 0.0)
    postures = np.array([posture_of(BODY, sway.applied(still, t / 10)) for t in range(300)])
    moved = np.ptp(postures, axis=0).max(1)
    assert (np.abs(np.diff(postures, axis=0)).max((1, 2)) > 0).all()
    assert moved[[Joint.LEFT_ANKLE, Joint.RIGHT_TOE]].max() < 1e-3
    assert 0.002 < moved[Joint.PELVIS] < 0.05
    assert moved.max() < 0.15


def test_it_is_smooth_and_stays_small_for_ever() -> None:
    sway, still = Sway(1), bearing(BODY, "squat", 0.0)
    calm = posture_of(BODY, still)
    for begin in (0.0, 3600.0, 1e6):
        postures = np.array(
            [posture_of(BODY, sway.applied(still, begin + t / 120)) for t in range(240)]
        )
        assert np.linalg.norm(np.diff(postures, axis=0), axis=2).max() * 120 < 0.3
        assert np.linalg.norm(postures - calm, axis=2).max() < 0.15


def test_a_seed_sways_its_own_way() -> None:
    still = bearing(BODY, "squat", 0.0)
    assert Sway(1).applied(still, 2.0) == Sway(1).applied(still, 2.0)
    assert Sway(1).applied(still, 2.0) != Sway(2).applied(still, 2.0)
