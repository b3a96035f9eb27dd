"""The exercises on the floor, as bearings by depth, and the places between them and standing.

Push-ups and planks face forward (+x) with the hands ahead; for sit-ups the feet are ahead and the
head is behind.
"""

from __future__ import annotations

from dataclasses import replace
from math import asin, cos, pi, radians, sin, sqrt

from edged.capture.athlete.body import Body, Joint
from edged.capture.athlete.kinematics import Arm, Bearing, Foot, Plant, ankle_of, raised
from edged.capture.athlete.standing import arm_to, crouched, flat_foot, standing
from edged.capture.athlete.style import Side, Style
from edged.capture.athlete.vectors import FORWARD, Vector, unit

_HELD = 0.3
"""How freely a body sways that hands or the back hold."""
_ON_TOES = radians(74.0)
_SOFT = 0.998
_BOTTOM_ELBOW = radians(56.0)


def _toes(body: Body, raised_by: float = _ON_TOES) -> tuple[Foot, Foot]:
    """Feet on tucked toes, hip-wide, behind."""
    x, y, z = -0.44 * body.height, body.hip_half, body.radii[Joint.LEFT_TOE]
    left, right = unit((1.0, 0.12, -0.6)), unit((1.0, -0.12, -0.6))
    return Foot((x, y, z), 0.0, raised_by, left), Foot((x, -y, z), 0.0, raised_by, right)


def _slope(body: Body, chest_z: float) -> float:
    """The angle of the straight body over its feet for a height of the chest."""
    ankle = ankle_of(body, _toes(body)[0])
    return asin((chest_z - ankle[2]) / (body.leg * _SOFT + body.trunk))


def _line(body: Body, slope: float) -> Bearing:
    """A body straight from the ankles to the neck, arms free."""
    left, right = _toes(body)
    ankle = ankle_of(body, left)
    leg = body.leg * _SOFT
    return Bearing(
        pelvis=(ankle[0] + leg * cos(slope), 0.0, ankle[2] + leg * sin(slope)),
        left_foot=left,
        right_foot=right,
        left_arm=Arm(),
        right_arm=Arm(),
        pitch=pi / 2 - slope,
        loose=_HELD,
    )


def _chest_x(body: Body, slope: float) -> float:
    ankle = ankle_of(body, _toes(body)[0])
    return ankle[0] + (body.leg * _SOFT + body.trunk) * cos(slope)


def _held(base: Bearing, wrist: Vector, elbow: Vector, hand: Vector) -> Bearing:
    """`base` with both hands planted, given for the left one."""
    (wx, wy, wz), (ex, ey, ez), (hx, hy, hz) = wrist, unit(elbow), unit(hand)
    out = raised(1.4, 0.2)
    left = Arm(out, out, out, Plant((wx, wy, wz), (ex, ey, ez), (hx, hy, hz)), 1.0)
    right = Arm(out, out, out, Plant((wx, -wy, wz), (ex, -ey, ez), (hx, -hy, hz)), 1.0)
    return replace(base, left_arm=left, right_arm=right)


def _hands_down(body: Body, style: Style) -> tuple[Vector, float]:
    """Where the left wrist of a push-up is, and the slope of the body over straight arms."""
    wrist_z = body.radii[Joint.LEFT_WRIST] + 0.015
    wider = (0.055 + 0.020 * style.grip) * body.height
    ahead = (-0.015 + 0.010 * style.width) * body.height
    top = wrist_z + sqrt((0.989 * body.arm) ** 2 - wider**2 - ahead**2)
    slope = _slope(body, top)
    return (_chest_x(body, slope) + ahead, body.shoulder_half + wider, wrist_z), slope


def _lowest(body: Body, wrist: Vector) -> float:
    """The slope at the bottom of a push-up: elbows sharply bent, the chest clear of the floor."""
    reach = body.upper_arm**2 + body.forearm**2
    reach -= 2.0 * body.upper_arm * body.forearm * cos(_BOTTOM_ELBOW)
    ahead = _chest_x(body, 0.0) - wrist[0]
    aside = wrist[1] - body.shoulder_half
    down = sqrt(max(0.0, reach - ahead**2 - aside**2))
    clear = body.radii[Joint.CHEST]
    return _slope(body, max(clear + 0.04, min(clear + 0.19, wrist[2] + down)))


def push_up(body: Body, depth: float, style: Style, side: Side) -> Bearing:  # noqa: ARG001
    """A straight body over its toes; the chest goes down between the hands to near the floor."""
    wrist, top = _hands_down(body, style)
    bottom = _lowest(body, wrist)
    base = _line(body, top + (bottom - top) * depth)
    base = replace(
        base,
        bend=radians(0.8 * (1.0 + style.knees)),
        lean=radians(0.4 * style.skew),
        nod=radians(-22.0 + 10.0 * style.gaze),
    )
    flare = 0.75 + 0.35 * style.grip
    return _held(base, wrist, (-1.0, flare, 0.15), (1.0, -0.1 * style.toes_out, -0.2))


def plank(body: Body, depth: float, style: Style, side: Side) -> Bearing:
    """A straight body held over the forearms, or the hands; `depth` is a breath's rise of 1 cm."""
    if style.on_hands:
        return push_up(body, 0.03 * (1.0 - depth), style, side)
    elbow_z, wrist_z = body.radii[Joint.LEFT_ELBOW] + 0.002, body.radii[Joint.LEFT_WRIST] + 0.004
    slope = _slope(body, elbow_z + body.upper_arm * 0.998)
    base = _line(body, slope)
    pelvis = base.pelvis[0], base.pelvis[1], base.pelvis[2] - 0.010 * (1.0 - depth)
    base = replace(base, pelvis=pelvis, nod=radians(-14.0 + 10.0 * style.gaze))
    inward = 0.03 * body.height * (1.0 + style.grip)
    along = sqrt(body.forearm**2 - (elbow_z - wrist_z) ** 2 - inward**2)
    wrist = _chest_x(body, slope) + along, body.shoulder_half - inward, wrist_z
    return _held(base, wrist, (-1.0, 0.2, -1.0), (1.0, -0.2, 0.0))


def hands_to_floor(body: Body, style: Style) -> Bearing:
    """Crouching over the balls of the feet with the hands where a push-up has them."""
    tall = body.height
    wrist, _ = _hands_down(body, style)
    heel_up = 0.65
    z = body.radii[Joint.LEFT_TOE]
    toe = body.toe_ahead + 0.01 * tall
    base = Bearing(
        pelvis=(-0.035 * tall, 0.0, 0.275 * tall),
        left_foot=Foot((toe, body.hip_half * 1.5, z), 0.2, heel_up, unit((1.0, 0.5, 0.0))),
        right_foot=Foot((toe, -body.hip_half * 1.5, z), -0.2, heel_up, unit((1.0, -0.5, 0.0))),
        left_arm=Arm(),
        right_arm=Arm(),
        pitch=radians(68.0),
        bend=radians(14.0),
        nod=radians(-25.0),
        loose=_HELD,
    )
    return _held(base, wrist, (-0.3, 1.0, 0.2), FORWARD)


def kneeling(body: Body) -> Bearing:
    """Sitting back over the heels on tucked toes, hands on the thighs: the rest after push-ups."""
    tall = body.height
    left, right = _toes(body, _ON_TOES + 0.1)
    ankle = ankle_of(body, left)
    down = asin((ankle[2] - body.radii[Joint.LEFT_KNEE] - 0.005) / body.shank)
    knee_x, knee_z = ankle[0] + body.shank * cos(down), ankle[2] - body.shank * sin(down)
    up = pi - down - radians(46.0)
    arm = arm_to(body, (0.16 * tall, 0.0, -0.235 * tall), (-0.5, 0.8, -0.2), (1.0, -0.2, -0.5))
    return Bearing(
        pelvis=(knee_x + body.thigh * cos(up), 0.0, knee_z + body.thigh * sin(up)),
        left_foot=left,
        right_foot=right,
        left_arm=arm,
        right_arm=arm,
        pitch=radians(8.0),
        bend=radians(6.0),
        nod=radians(8.0),
        loose=0.6,
    )


def _seat(body: Body, style: Style) -> tuple[Vector, float]:
    """Where the pelvis of a sit-up lies, and the x of its ankles."""
    knee = radians(82.0 + 10.0 * style.knees)
    far = sqrt(
        body.thigh**2 + body.shank**2 - 2.0 * body.thigh * body.shank * cos(knee)
    )  # hip to ankle
    pelvis = -0.14 * body.height, 0.0, body.radii[Joint.PELVIS]
    return pelvis, pelvis[0] + sqrt(far**2 - (pelvis[2] - body.ankle_height) ** 2)


def _seated(body: Body, style: Style) -> Bearing:
    """On the floor with bent knees and flat feet, the trunk upright, arms hanging."""
    pelvis, ahead = _seat(body, style)
    half = body.hip_half * (1.25 + 0.4 * style.width)
    yaw = radians(6.0 * style.toes_out)
    knee = unit((0.2, 0.0, 1.0))
    return Bearing(
        pelvis=pelvis,
        left_foot=replace(flat_foot(body, ahead, half, yaw), knee=knee),
        right_foot=replace(flat_foot(body, ahead, -half, -yaw), knee=knee),
        left_arm=Arm(),
        right_arm=Arm(),
        loose=_HELD,
    )


def sit_up(body: Body, depth: float, style: Style, side: Side) -> Bearing:  # noqa: ARG001
    """From the back to sitting over bent knees: the trunk curls first, then the hips bend."""
    tall = body.height
    rise = body.radii[Joint.CHEST] + 0.004 - body.radii[Joint.PELVIS]
    flat = -pi / 2 + asin(rise / body.trunk)
    curl = min(1.0, 2.2 * depth)
    curl = curl * curl * (3.0 - 2.0 * curl)
    hinge = depth * depth * (2.0 - depth)
    arm = (
        # hands at the ears
        arm_to(
            body,
            (0.025 * tall, 0.075 * tall - body.shoulder_half, 0.118 * tall),
            (0.55 + 0.25 * style.grip, 1.0, 0.25),
            (-0.5, -0.5, 0.7),
        ),
        # crossed on the chest
        arm_to(
            body,
            (0.090 * tall, 0.02 * tall - 1.35 * body.shoulder_half, -0.030 * tall),
            (0.4, 0.6, -1.0),
            (0.0, -0.8, 0.5),
        ),
        # reaching for the knees
        Arm(raised(0.75, 0.1), raised(0.95, -0.1), raised(0.95)),
    )[style.arms]
    return replace(
        _seated(body, style),
        left_arm=arm,
        right_arm=arm,
        pitch=flat + (radians(-34.0) - flat) * hinge,
        bend=radians(26.0) * curl,
        nod=radians(6.0 + 10.0 * curl + 4.0 * style.gaze),
        lean=radians(1.5 * style.skew) * curl,
    )


def lying(body: Body, style: Style) -> Bearing:
    """On the back with bent knees, arms beside the body: the rest after sit-ups."""
    arm = Arm(unit((0.06, 0.35, -1.0)), unit((-0.1, 0.3, -1.0)), unit((0.0, 0.0, -1.0)))
    return replace(sit_up(body, 0.0, style, "left"), left_arm=arm, right_arm=arm)


def sitting(body: Body, style: Style) -> Bearing:
    """Upright with the feet flat, reaching for the knees: half-way to lying down."""
    arm = Arm(raised(1.0, 0.15), raised(1.15, 0.0), raised(1.1))
    return replace(
        _seated(body, style),
        left_arm=arm,
        right_arm=arm,
        pitch=radians(-22.0),
        bend=radians(20.0),
        nod=radians(6.0),
    )


def way_to_prone(body: Body, style: Style) -> tuple[Bearing, ...]:
    """The places between standing and a push-up's start."""
    return (hands_to_floor(body, style),)


def way_to_back(body: Body, style: Style) -> tuple[Bearing, ...]:
    """The places between standing and a sit-up's start."""
    _, ahead = _seat(body, style)
    return (
        standing(body, style, ahead=ahead),
        crouched(body, style, ahead),
        sitting(body, style),
    )
