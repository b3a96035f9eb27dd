"""The exercises on something: hanging from a bar, sitting against a wall."""

from __future__ import annotations

from dataclasses import replace
from math import cos, radians, sin, sqrt

from edged.capture.athlete.body import Body, Joint
from edged.capture.athlete.equipment import (
    GRIPPED,
    LEAST_BENT,
    POINTED,
    STRETCHED,
    bar_for,
    wall_for,
)
from edged.capture.athlete.kinematics import Arm, Bearing, Plant, foot_at, raised
from edged.capture.athlete.standing import arm_to, clasped, flat_foot, hanging, standing
from edged.capture.athlete.style import Side, Style
from edged.capture.athlete.vectors import Vector, unit

_HELD = 0.3
"""How freely a body sways that hands or a wall hold."""
_BREATH_M = 0.006
_TOP_AHEAD, _TOP_UNDER = 0.105, -0.004
"""Of the height: how far before and above the shoulders the wrists are, the chin over the bar."""


def _grip(body: Body, style: Style) -> Vector:
    """Where the left wrist holds the bar: wider than the shoulders."""
    bar = bar_for(body)
    half = body.shoulder_half * (1.45 + 0.20 * style.grip)
    return bar.x, half, bar.z - GRIPPED * body.palm


def _holding(base: Bearing, wrist: Vector) -> Bearing:
    """`base` with both hands on the bar, palms ahead."""
    (x, y, z), up, (ex, ey, ez) = wrist, unit((0.12, 0.0, 1.0)), unit((0.15, 0.6, -1.0))
    free = raised(2.9, 0.9)
    return replace(
        base,
        left_arm=Arm(free, free, free, Plant((x, y, z), (ex, ey, ez), up), 1.0),
        right_arm=Arm(free, free, free, Plant((x, -y, z), (ex, -ey, ez), up), 1.0),
    )


def pull_up(body: Body, depth: float, style: Style, side: Side) -> Bearing:  # noqa: ARG001
    """From hanging with straight arms to the chin over the bar, leaning back a little."""
    tall, wrist = body.height, _grip(body, style)
    aside = wrist[1] - body.shoulder_half
    eased = depth * depth * (3.0 - 2.0 * depth)
    hung = sqrt((STRETCHED * body.arm) ** 2 - aside**2)
    under = hung + (_TOP_UNDER * tall - hung) * depth
    chest = wrist[0] - _TOP_AHEAD * tall * eased, wrist[2] - under
    pitch = radians(-1.0 - (11.0 + 3.0 * style.width) * eased)
    pelvis = chest[0] - body.trunk * sin(pitch), 0.0, chest[1] - body.trunk * cos(pitch)
    # The feet are behind, the knees before the hips: who hangs keeps below the bar.
    shank = LEAST_BENT[0] + radians(15.0) * (1.0 + style.knees)
    thigh = LEAST_BENT[1] + radians(4.0) * (1.0 + style.knees) + radians(5.0) * eased
    ankle = (
        pelvis[0] + body.thigh * sin(thigh) - body.shank * sin(shank),
        body.hip_half * (0.75 + 0.2 * style.toes_out),
        pelvis[2] - body.thigh * cos(thigh) - body.shank * cos(shank),
    )
    knee = unit((1.0, 0.1, -0.2))
    left = foot_at(body, ankle, 0.05, shank + POINTED, knee)
    right = foot_at(
        body,
        (ankle[0], -ankle[1], ankle[2]),
        -0.05,
        shank + POINTED,
        (knee[0], -knee[1], knee[2]),
    )
    base = Bearing(
        pelvis=pelvis,
        left_foot=left,
        right_foot=right,
        left_arm=Arm(),
        right_arm=Arm(),
        pitch=pitch,
        lean=radians(1.0 * style.skew) * eased,
        nod=radians(-6.0 + 6.0 * style.gaze) - 0.6 * (pitch + radians(1.0)) - radians(8.0) * eased,
        loose=_HELD,
    )
    return _holding(base, wrist)


def way_to_bar(body: Body, style: Style) -> tuple[Bearing, ...]:
    """The places between standing and hanging: under the bar, the hands on it."""
    base = standing(body, style, ahead=bar_for(body).x)
    return (_holding(replace(base, nod=radians(-18.0), loose=0.5), _grip(body, style)),)


def _seat(body: Body, style: Style) -> tuple[float, float, float]:
    """The x and z of a seated pelvis, its back at the wall, and the x of the ankles below knees.

    Thighs are level, or up to 12 degrees short of it.
    """
    back = 1.18 * max(body.radii[Joint.PELVIS], body.radii[Joint.CHEST]) + 0.006
    x = wall_for(body).x + back
    short = radians(6.0 - 6.0 * style.knees)
    up = body.ankle_height + body.shank + body.thigh * sin(short)
    return x, up, x + body.thigh * cos(short)


def _against_wall(body: Body, style: Style, pelvis: Vector, ahead: float, arm: Arm) -> Bearing:
    half = body.hip_half * (1.3 + 0.35 * style.width)
    yaw = radians(7.0 + 6.0 * style.toes_out)
    return Bearing(
        pelvis=pelvis,
        left_foot=flat_foot(body, ahead, half, yaw),
        right_foot=flat_foot(body, ahead, -half, -yaw),
        left_arm=arm,
        right_arm=arm,
        lean=radians(0.5 * style.skew),
        nod=radians(4.0 + 6.0 * style.gaze),
        loose=_HELD,
    )


def wall_sit(body: Body, depth: float, style: Style, side: Side) -> Bearing:  # noqa: ARG001
    """Sitting on nothing: the back at a wall, thighs level, shanks upright; `depth` is a breath."""
    tall = body.height
    x, up, ahead = _seat(body, style)
    on_thighs = arm_to(
        body,
        (0.150 * tall, -0.02 * tall, 0.075 * tall - body.trunk),
        (-0.6, 0.8, -0.2),
        (1.0, -0.1, -0.05),
    )
    arm = (on_thighs, clasped(body), hanging())[style.arms]
    return _against_wall(body, style, (x, 0.0, up + _BREATH_M * depth), ahead, arm)


def way_to_wall(body: Body, style: Style) -> tuple[Bearing, ...]:
    """The places between standing and sitting: leaning back against the wall, legs nearly straight.

    The feet stand already where they will.
    """
    x, _, ahead = _seat(body, style)
    up = body.ankle_height + sqrt((0.975 * body.leg) ** 2 - (ahead - x) ** 2)
    return (_against_wall(body, style, (x, 0.0, up), ahead, hanging()),)
