"""How a body stands."""

from __future__ import annotations

from edged.capture.athlete.body import Body, Joint, Posture
from edged.capture.athlete.kinematics import Arm, Bearing, Foot, posture_of, raised


def stand(body: Body) -> Posture:
    """Standing relaxed, arms at the sides."""
    toe = body.toe_ahead, body.hip_half * 1.1, body.radii[Joint.LEFT_TOE]
    arm = Arm(upper=raised(0.16, 1.3), fore=raised(0.12, 0.4), hand=raised(0.1, 0.0))
    bearing = Bearing(
        pelvis=(0.0, 0.0, body.ankle_height + body.leg * 0.998),
        left_foot=Foot(toe, 0.12),
        right_foot=Foot((toe[0], -toe[1], toe[2]), -0.12),
        left_arm=arm,
        right_arm=arm,
    )
    return posture_of(body, bearing)
