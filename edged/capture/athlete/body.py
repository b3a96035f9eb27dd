"""A human body in numbers: its joints, the lengths between them and how thick it is there.

World axes of every posture: x is where the person faces, y is to the person's left, z is up, the
floor is z = 0. Units are metres.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Posture: TypeAlias = npt.NDArray[np.float64]
"""(28, 3): where each joint is, in the order of `Joint`, world metres."""


class Joint(IntEnum):
    """The joints of a posture, by their row.

    `pelvis` is half-way between the hips, `chest` half-way between the shoulders, `waist` where the
    trunk bends between them, `neck` its base, `head` the centre of the skull. Nose, eyes and ears
    lie on the skull and turn with it. `hand` is the middle knuckle, `heel` and `toe` are the
    centres of the shoe's ends, a sole's thickness above the floor in a standing body.
    """

    PELVIS = 0
    WAIST = 1
    CHEST = 2
    NECK = 3
    HEAD = 4
    NOSE = 5
    LEFT_EYE = 6
    RIGHT_EYE = 7
    LEFT_EAR = 8
    RIGHT_EAR = 9
    LEFT_SHOULDER = 10
    RIGHT_SHOULDER = 11
    LEFT_ELBOW = 12
    RIGHT_ELBOW = 13
    LEFT_WRIST = 14
    RIGHT_WRIST = 15
    LEFT_HAND = 16
    RIGHT_HAND = 17
    LEFT_HIP = 18
    RIGHT_HIP = 19
    LEFT_KNEE = 20
    RIGHT_KNEE = 21
    LEFT_ANKLE = 22
    RIGHT_ANKLE = 23
    LEFT_HEEL = 24
    RIGHT_HEEL = 25
    LEFT_TOE = 26
    RIGHT_TOE = 27


JOINTS = tuple(joint.name.lower() for joint in Joint)
"""The names of the joints, in the order of `Joint`."""

COCO = (
    *(Joint.NOSE, Joint.LEFT_EYE, Joint.RIGHT_EYE, Joint.LEFT_EAR, Joint.RIGHT_EAR),
    *(Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER, Joint.LEFT_ELBOW, Joint.RIGHT_ELBOW),
    *(Joint.LEFT_WRIST, Joint.RIGHT_WRIST, Joint.LEFT_HIP, Joint.RIGHT_HIP),
    *(Joint.LEFT_KNEE, Joint.RIGHT_KNEE, Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE),
)
"""The 17 keypoints of COCO in their order, as rows of a posture."""

_TALLEST_M, _SHORTEST_M = 2.0, 1.5

# Half of the thickness as a fraction of the height, an average build; of the trunk, front to back.
# Chosen by eye to look like a person in the usual proportions: no source.
_RADII = {
    Joint.PELVIS: 0.060,
    Joint.WAIST: 0.055,
    Joint.CHEST: 0.064,
    Joint.NECK: 0.033,
    Joint.HEAD: 0.053,
    Joint.LEFT_SHOULDER: 0.034,
    Joint.LEFT_ELBOW: 0.024,
    Joint.LEFT_WRIST: 0.017,
    Joint.LEFT_HAND: 0.021,
    Joint.LEFT_HIP: 0.050,
    Joint.LEFT_KNEE: 0.033,
    Joint.LEFT_ANKLE: 0.022,
    Joint.LEFT_HEEL: 0.017,
    Joint.LEFT_TOE: 0.014,
}
_STIFF = {Joint.HEAD, Joint.LEFT_WRIST, Joint.LEFT_HAND, Joint.LEFT_HEEL, Joint.LEFT_TOE}
"""What a heavy build thickens little: bones and shoes."""


@dataclass(frozen=True)
class Body:
    """The lengths of one person, in metres; what has two sides is told once.

    Fractions of the height after Drillis and Contini, "Body Segment Parameters" (1966), as in
    Winter, "Biomechanics and Motor Control of Human Movement", figure 4.1. Shoulders and hips are
    the centres of the joints, which lie inside of the widths measured there.
    """

    height: float
    """1.5 to 2.0, standing."""
    build: float
    """-1 thin, 0 average, 1 heavy: thickens, does not lengthen."""
    shank: float
    """Knee to ankle."""
    thigh: float
    """Hip to knee."""
    hip_half: float
    """Pelvis to hip."""
    lower_trunk: float
    """Pelvis to waist."""
    upper_trunk: float
    """Waist to chest."""
    shoulder_half: float
    """Chest to shoulder."""
    neck_base: float
    """Chest to neck."""
    neck_length: float
    """Neck to head."""
    upper_arm: float
    """Shoulder to elbow."""
    forearm: float
    """Elbow to wrist."""
    palm: float
    """Wrist to hand."""
    ankle_height: float
    """Floor to ankle, standing."""
    heel_back: float
    """How far the heel is behind the ankle, standing."""
    toe_ahead: float
    """How far the toe is before the ankle, standing."""
    radii: tuple[float, ...]
    """Half of the thickness at each joint, by row; 0 for the points of the face."""

    @classmethod
    def of(cls, seed: int) -> Body:
        """The body of a seed: the same person each time."""
        draw = np.random.default_rng([seed, 0xB0D7])
        tall = float(np.clip(draw.normal(1.73, 0.09), _SHORTEST_M + 0.02, _TALLEST_M - 0.02))
        build = float(np.clip(draw.normal(0.0, 0.5), -1.0, 1.0))

        def part(fraction: float, spread: float = 0.025) -> float:
            return float(tall * fraction * np.clip(draw.normal(1.0, spread), 0.93, 1.07))

        legs = float(np.clip(draw.normal(1.0, 0.02), 0.95, 1.05))  # long legs, short trunk
        trunk = (1.0 - 0.53 * legs - 0.182) / 0.288
        girth = 1.0 + 0.22 * build
        radii = [0.0] * len(Joint)
        for joint, fraction in _RADII.items():
            thickness = part(fraction) * (1.0 + 0.06 * build if joint in _STIFF else girth)
            radii[joint] = thickness
            if joint.name.startswith("LEFT_"):
                radii[joint + 1] = thickness
        return cls(
            height=tall,
            build=build,
            shank=part(0.246 * legs),
            thigh=part(0.245 * legs),
            hip_half=part(0.057),
            lower_trunk=part(0.108 * trunk),
            upper_trunk=part(0.180 * trunk),
            shoulder_half=part(0.108, 0.04),
            neck_base=part(0.032),
            neck_length=part(0.085),
            upper_arm=part(0.186),
            forearm=part(0.146),
            palm=part(0.055),
            ankle_height=part(0.039),
            heel_back=part(0.030),
            toe_ahead=part(0.100),
            radii=tuple(radii),
        )

    @property
    def leg(self) -> float:
        """Hip to ankle, stretched."""
        return self.thigh + self.shank

    @property
    def arm(self) -> float:
        """Shoulder to wrist, stretched."""
        return self.upper_arm + self.forearm

    @property
    def trunk(self) -> float:
        """Pelvis to chest, straight."""
        return self.lower_trunk + self.upper_trunk

    def radius(self, joint: Joint) -> float:
        """Half of the thickness at a joint; 0 for the points of the face."""
        return self.radii[joint]

    @property
    def nose(self) -> tuple[float, float, float]:
        """From the centre of the skull, as (forward, left, up) of the head."""
        return 0.060 * self.height, 0.0, -0.012 * self.height

    @property
    def left_eye(self) -> tuple[float, float, float]:
        """As `nose`; the right one is its mirror image."""
        return 0.049 * self.height, 0.018 * self.height, 0.007 * self.height

    @property
    def left_ear(self) -> tuple[float, float, float]:
        """As `nose`; the right one is its mirror image."""
        return -0.004 * self.height, 0.043 * self.height, -0.004 * self.height


def _bones() -> tuple[tuple[Joint, Joint], ...]:
    one = Joint
    trunk = (
        *((one.PELVIS, one.WAIST), (one.WAIST, one.CHEST), (one.CHEST, one.NECK)),
        *((one.NECK, one.HEAD), (one.HEAD, one.NOSE)),
    )
    left = (
        *((one.HEAD, one.LEFT_EYE), (one.HEAD, one.LEFT_EAR), (one.CHEST, one.LEFT_SHOULDER)),
        *((one.LEFT_SHOULDER, one.LEFT_ELBOW), (one.LEFT_ELBOW, one.LEFT_WRIST)),
        *((one.LEFT_WRIST, one.LEFT_HAND), (one.PELVIS, one.LEFT_HIP)),
        *((one.LEFT_HIP, one.LEFT_KNEE), (one.LEFT_KNEE, one.LEFT_ANKLE)),
        *((one.LEFT_ANKLE, one.LEFT_HEEL), (one.LEFT_ANKLE, one.LEFT_TOE)),
    )
    right = tuple(
        (Joint(a + 1) if a.name.startswith("LEFT_") else a, Joint(b + 1)) for a, b in left
    )
    return trunk + left + right


BONES = _bones()
"""Pairs of joints whose distance never changes."""
