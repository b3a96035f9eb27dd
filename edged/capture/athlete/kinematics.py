"""From a few decisions (a bearing) to where every joint is (a posture).

The trunk is forward kinematics from the pelvis; legs stand on their toes' places and planted hands
on theirs, each by two-bone inverse kinematics with a direction for the knee or elbow. Bones keep
their lengths to rounding, whatever is asked; what is out of reach is approached.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import cos, pi, sin, sqrt

import numpy as np

from edged.capture.athlete.body import Body, Joint, Posture
from edged.capture.athlete.vectors import (
    DOWN,
    FORWARD,
    UP,
    WORLD,
    Axes,
    Vector,
    across,
    cross,
    dot,
    length,
    lerp,
    minus,
    pitched,
    placed,
    plus,
    rolled,
    scaled,
    slerp,
    unit,
    yawed,
)

STRETCH = 0.9995
"""How much of its length a leg may use: the knee is never quite straight."""
_STEP_LIFT = 0.12
"""How high a foot or hand is lifted that is put elsewhere, as a share of the way, at most 6 cm."""
_ROUNDS = 4
_SOFT_M = 0.012
"""How far flesh gives way where a knee, an elbow or a wrist rests on the floor."""


@dataclass(frozen=True, slots=True)
class Foot:
    """Where a foot stands."""

    toe: Vector
    """The toe's place in the world."""
    yaw: float = 0.0
    """Where it points, 0 forward, positive to the left."""
    raised: float = 0.0
    """How far the heel is raised about the toe, radians."""
    knee: Vector = FORWARD
    """The direction the knee points in, in the world."""


@dataclass(frozen=True, slots=True)
class Plant:
    """Where a hand is planted."""

    wrist: Vector
    elbow: Vector
    """The direction the elbow points in."""
    hand: Vector
    """The direction from wrist to knuckles."""


@dataclass(frozen=True, slots=True)
class Arm:
    """What an arm does: directions in the frame of the chest, as (forward, outward, up)."""

    upper: Vector = DOWN
    fore: Vector = DOWN
    hand: Vector = DOWN
    plant: Plant | None = None
    """A place in the world that holds the hand."""
    hold: float = 0.0
    """How much the plant has of it: 0 free, 1 held."""


@dataclass(frozen=True, slots=True)
class Bearing:
    """What a person decides: where to be, how to lean, where hands and feet go. Radians."""

    pelvis: Vector
    left_foot: Foot
    right_foot: Foot
    left_arm: Arm
    right_arm: Arm
    pitch: float = 0.0
    """The pelvis leans forward; -pi/2: lying on the back."""
    roll: float = 0.0
    """It leans to the right."""
    yaw: float = 0.0
    """It turns to the left."""
    bend: float = 0.0
    """The chest leans forward against the pelvis."""
    lean: float = 0.0
    """The chest leans to the right against the pelvis."""
    twist: float = 0.0
    """The chest turns to the left against the pelvis."""
    nod: float = 0.0
    """The head leans forward against the chest."""
    turn: float = 0.0
    """The head turns to the left against the chest."""
    loose: float = 1.0
    """How freely it sways: 1 standing, less where hands and feet hold the body."""


def ankle_of(body: Body, foot: Foot) -> Vector:
    """Where the ankle is above a planted toe."""
    axes = _foot_axes(foot)
    sole = body.ankle_height - body.radii[Joint.LEFT_TOE]
    return minus(foot.toe, placed(axes, (body.toe_ahead, 0.0, -sole)))


def foot_at(body: Body, ankle: Vector, yaw: float, raised_by: float, knee: Vector) -> Foot:
    """The foot below an ankle that is anywhere, in the air too: the way back of `ankle_of`."""
    sole = body.ankle_height - body.radii[Joint.LEFT_TOE]
    axes = _foot_axes(Foot(ankle, yaw, raised_by))
    return Foot(plus(ankle, placed(axes, (body.toe_ahead, 0.0, -sole))), yaw, raised_by, knee)


def _foot_axes(foot: Foot) -> Axes:
    return pitched(yawed(WORLD, foot.yaw), foot.raised)


def two_bones(
    root: Vector, target: Vector, upper: float, lower: float, pole: Vector, floor: float
) -> tuple[Vector, Vector]:
    """The middle and the end of two bones from `root` to `target`, bent towards `pole`.

    The law of cosines. Where the middle would be lower than `floor`, it turns about the line from
    root to end until it is not, as far as that goes; the end is the target if it can be reached.
    """
    way = minus(target, root)
    far = length(way)
    axis = unit(way)
    reach = max(abs(upper - lower) * 1.001 + 1e-9, min(far, (upper + lower) * (1.0 - 1e-9)))
    along = (upper * upper - lower * lower + reach * reach) / (2.0 * reach)
    aside = sqrt(max(0.0, upper * upper - along * along))
    front = across(pole, axis)
    foot = plus(root, axis, along)
    middle = plus(foot, front, aside)
    if middle[2] < floor and aside > 0.0:
        middle = plus(foot, _turned_up(front, axis, (floor - foot[2]) / aside), aside)
    return middle, plus(root, axis, reach)


def _turned_up(front: Vector, axis: Vector, rise: float) -> Vector:
    """`front` turned about `axis` the short way until its z is `rise`, or as near as it gets."""
    highest = across(UP, axis)
    top = highest[2]
    if rise >= top or top <= 0.0:
        return highest
    side = cross(axis, highest)
    across_front = dot(front, side)
    height = max(-1.0, rise / top)
    width = sqrt(max(0.0, 1.0 - height * height))
    return plus(scaled(highest, height), side, width if across_front >= 0.0 else -width)


def posture_of(body: Body, bearing: Bearing) -> Posture:
    """Where every joint is, (28, 3) metres.

    A pelvis that its legs cannot carry so far from the feet comes nearer to them.
    """
    hips = rolled(pitched(yawed(WORLD, bearing.yaw), bearing.pitch), bearing.roll)
    chest = yawed(rolled(pitched(hips, bearing.bend), bearing.lean), bearing.twist)
    head = yawed(pitched(chest, bearing.nod), bearing.turn)
    ankles = ankle_of(body, bearing.left_foot), ankle_of(body, bearing.right_foot)
    pelvis = _carried(body, bearing.pelvis, hips, ankles)

    rows: list[Vector] = [pelvis] * len(Joint)
    rows[Joint.WAIST] = waist = plus(pelvis, hips[2], body.lower_trunk)
    rows[Joint.CHEST] = breast = plus(waist, chest[2], body.upper_trunk)
    rows[Joint.NECK] = neck = plus(breast, chest[2], body.neck_base)
    rows[Joint.HEAD] = skull = plus(neck, unit(plus(head[2], head[0], 0.2)), body.neck_length)
    rows[Joint.NOSE] = plus(skull, placed(head, body.nose))
    for side, sign in ((0, 1.0), (1, -1.0)):
        for joint, (x, y, z) in (
            (Joint.LEFT_EYE, body.left_eye),
            (Joint.LEFT_EAR, body.left_ear),
        ):
            rows[joint + side] = plus(skull, placed(head, (x, sign * y, z)))
        _leg(body, bearing, rows, hips, ankles[side], side)
        shoulder = plus(breast, chest[1], sign * body.shoulder_half)
        _arm(body, bearing, rows, chest, shoulder, side)
    return np.array(rows, np.float64)


def _carried(body: Body, pelvis: Vector, hips: Axes, ankles: tuple[Vector, Vector]) -> Vector:
    reach = body.leg * STRETCH
    for _ in range(_ROUNDS):
        moved = False
        for ankle, sign in zip(ankles, (1.0, -1.0), strict=True):
            way = minus(ankle, plus(pelvis, hips[1], sign * body.hip_half))
            if (far := length(way)) > reach:
                pelvis = plus(pelvis, way, (far - reach) / far)
                moved = True
        if not moved:
            break
    return pelvis


def _leg(
    body: Body, bearing: Bearing, rows: list[Vector], hips: Axes, ankle: Vector, side: int
) -> None:
    foot = bearing.right_foot if side else bearing.left_foot
    hip = plus(rows[Joint.PELVIS], hips[1], -body.hip_half if side else body.hip_half)
    knee, end = two_bones(
        hip, ankle, body.thigh, body.shank, foot.knee, body.radii[Joint.LEFT_KNEE] - _SOFT_M
    )
    axes = _foot_axes(foot)
    rows[Joint.LEFT_HIP + side] = hip
    rows[Joint.LEFT_KNEE + side] = knee
    rows[Joint.LEFT_ANKLE + side] = end
    for joint, ahead in (
        (Joint.LEFT_HEEL, -body.heel_back),
        (Joint.LEFT_TOE, body.toe_ahead),
    ):
        sole = body.ankle_height - body.radii[joint]
        rows[joint + side] = plus(end, placed(axes, (ahead, 0.0, -sole)))


def _arm(
    body: Body, bearing: Bearing, rows: list[Vector], chest: Axes, shoulder: Vector, side: int
) -> None:
    arm = bearing.right_arm if side else bearing.left_arm
    outward = (chest[0], scaled(chest[1], -1.0), chest[2]) if side else chest
    upper, fore, palm = (placed(outward, way) for way in (arm.upper, arm.fore, arm.hand))
    low_elbow = body.radii[Joint.LEFT_ELBOW] - _SOFT_M
    low_wrist = body.radii[Joint.LEFT_WRIST] - _SOFT_M
    if arm.plant is not None and arm.hold > 0.0:
        elbow, wrist = two_bones(
            shoulder, arm.plant.wrist, body.upper_arm, body.forearm, arm.plant.elbow, low_elbow
        )
        upper = slerp(upper, unit(minus(elbow, shoulder)), arm.hold)
        fore = slerp(fore, unit(minus(wrist, elbow)), arm.hold)
        palm = slerp(palm, arm.plant.hand, arm.hold)
    elbow = plus(shoulder, upper, body.upper_arm)
    wrist = plus(elbow, fore, body.forearm)
    if elbow[2] < low_elbow - 1e-9 or wrist[2] < low_wrist - 1e-9:
        target = wrist[0], wrist[1], max(wrist[2], low_wrist)
        pole = minus(elbow, lerp(shoulder, wrist, 0.5))
        elbow, wrist = two_bones(shoulder, target, body.upper_arm, body.forearm, pole, low_elbow)
    rows[Joint.LEFT_SHOULDER + side] = shoulder
    rows[Joint.LEFT_ELBOW + side] = elbow
    rows[Joint.LEFT_WRIST + side] = wrist
    rows[Joint.LEFT_HAND + side] = plus(wrist, _above(body, wrist, palm), body.palm)


def _above(body: Body, wrist: Vector, palm: Vector) -> Vector:
    """The direction of a hand, tilted so that it does not sink into the floor."""
    least = (body.radii[Joint.LEFT_HAND] - wrist[2]) / body.palm
    if palm[2] >= least:
        return palm
    least = max(-1.0, min(1.0, least))
    level = across((palm[0], palm[1], 0.0), UP)
    return plus(scaled(level, sqrt(1.0 - least * least)), UP, least)


def raised(angle: float, outward: float = 0.0) -> Vector:
    """The direction of an arm lifted by `angle` (0 down, pi overhead), in the chest's frame.

    `outward` is the plane it is lifted in: 0 forward, pi/2 sideways.
    """
    return sin(angle) * cos(outward), sin(angle) * sin(outward), -cos(angle)


def blend(a: Bearing, b: Bearing, share: float) -> Bearing:
    """Return the bearing `share` (0..1) of the way from a to b.

    Feet and hands that have a new place go there one after the other, lifted: left, then right.
    """
    first, second = min(1.0, 2.0 * share), max(0.0, 2.0 * share - 1.0)
    return Bearing(
        pelvis=lerp(a.pelvis, b.pelvis, share),
        left_foot=_stepped(a.left_foot, b.left_foot, _eased(first)),
        right_foot=_stepped(a.right_foot, b.right_foot, _eased(second)),
        left_arm=_reached(a.left_arm, b.left_arm, share, _eased(first)),
        right_arm=_reached(a.right_arm, b.right_arm, share, _eased(second)),
        pitch=_between(a.pitch, b.pitch, share),
        roll=_between(a.roll, b.roll, share),
        yaw=_between(a.yaw, b.yaw, share),
        bend=_between(a.bend, b.bend, share),
        lean=_between(a.lean, b.lean, share),
        twist=_between(a.twist, b.twist, share),
        nod=_between(a.nod, b.nod, share),
        turn=_between(a.turn, b.turn, share),
        loose=_between(a.loose, b.loose, share),
    )


def _between(a: float, b: float, share: float) -> float:
    return a + (b - a) * share


def _eased(share: float) -> float:
    return share * share * (3.0 - 2.0 * share)


def _lifted(a: Vector, b: Vector, share: float) -> Vector:
    lift = min(0.06, _STEP_LIFT * length(minus(b, a)))
    return plus(lerp(a, b, share), UP, lift * sin(pi * share))


def _stepped(a: Foot, b: Foot, share: float) -> Foot:
    return Foot(
        toe=_lifted(a.toe, b.toe, share),
        yaw=_between(a.yaw, b.yaw, share),
        raised=_between(a.raised, b.raised, share),
        knee=slerp(unit(a.knee), unit(b.knee), share),
    )


def _reached(a: Arm, b: Arm, share: float, step: float) -> Arm:
    if a.plant is not None and b.plant is not None:
        plant = Plant(
            wrist=_lifted(a.plant.wrist, b.plant.wrist, step),
            elbow=slerp(unit(a.plant.elbow), unit(b.plant.elbow), step),
            hand=slerp(a.plant.hand, b.plant.hand, step),
        )
        return replace(a, plant=plant, hold=_between(a.hold, b.hold, share))
    if a.plant is not None:
        return replace(b, plant=a.plant, hold=(1.0 - share) * a.hold)
    if b.plant is not None:
        return replace(a, plant=b.plant, hold=share * b.hold)
    return Arm(
        upper=slerp(a.upper, b.upper, share),
        fore=slerp(a.fore, b.fore, share),
        hand=slerp(a.hand, b.hand, share),
    )
