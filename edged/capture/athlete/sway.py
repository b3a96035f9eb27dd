"""The small movements of a body that stands still: balance, breath, a wandering gaze."""

from __future__ import annotations

from dataclasses import replace
from math import pi

import numpy as np

from edged.capture.athlete.kinematics import Arm, Bearing
from edged.capture.athlete.vectors import Vector, plus, unit

# Metres and radians at full looseness. Balance moves the trunk by some millimetres to a centimetre
# (Winter, "Human balance and posture control during standing and walking", 1995); the gaze is free.
_AMPLITUDES = np.array(
    [
        *(0.006, 0.006),  # pelvis forward, left
        *(0.010, 0.008, 0.012),  # pitch, roll, yaw
        *(0.010, 0.008, 0.014),  # bend, lean, twist
        *(0.035, 0.060),  # nod, turn
        *(0.022, 0.022, 0.022, 0.022),  # arms forward and outward, left and right
    ]
)
_WAVES = 3
_SLOWEST_HZ, _FASTEST_HZ = 0.07, 0.6


class Sway:
    """Smooth noise by the clock: a sum of slow sines for each thing that moves."""

    def __init__(self, seed: int) -> None:
        draw = np.random.default_rng([seed, 0x5A7])
        shape = len(_AMPLITUDES), _WAVES
        self._turns = draw.uniform(0.0, 2.0 * pi, shape)
        hertz = np.exp(draw.uniform(np.log(_SLOWEST_HZ), np.log(_FASTEST_HZ), shape))
        self._speeds = 2.0 * pi * hertz
        share = draw.uniform(0.5, 1.0, shape) / hertz**0.5  # slow waves are larger
        self._shares = share / share.sum(1, keepdims=True) * _AMPLITUDES[:, None]

    def applied(self, bearing: Bearing, t_s: float) -> Bearing:
        """Return the bearing as it is at a moment; feet and planted hands stay."""
        waves = (np.sin(self._speeds * t_s + self._turns) * self._shares).sum(1) * bearing.loose
        ahead, aside, pitch, roll, yaw, bend, lean, twist, nod, turn, *arms = waves.tolist()
        x, y, z = bearing.pelvis
        return replace(
            bearing,
            pelvis=(x + ahead, y + aside, z),
            pitch=bearing.pitch + pitch,
            roll=bearing.roll + roll,
            yaw=bearing.yaw + yaw,
            bend=bearing.bend + bend,
            lean=bearing.lean + lean,
            twist=bearing.twist + twist,
            nod=bearing.nod + nod,
            turn=bearing.turn + turn,
            left_arm=_moved(bearing.left_arm, (arms[0], arms[1], 0.0)),
            right_arm=_moved(bearing.right_arm, (arms[2], arms[3], 0.0)),
        )


def _moved(arm: Arm, by: Vector) -> Arm:
    return replace(
        arm,
        upper=unit(plus(arm.upper, by)),
        fore=unit(plus(arm.fore, by, 1.5)),
        hand=unit(plus(arm.hand, by, 1.5)),
    )
