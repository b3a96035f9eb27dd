"""The exercises on two feet, as bearings by depth.

What is told in degrees is how the movements are taught; the ranges of elbow, knee and hip were
compared with recordings of people.
"""

from __future__ import annotations

from dataclasses import replace
from math import asin, cos, pi, radians, sin, sqrt

from edged.capture.athlete.body import Body, Joint
from edged.capture.athlete.kinematics import Arm, Bearing, Foot, ankle_of, raised, two_bones
from edged.capture.athlete.style import Side, Style
from edged.capture.athlete.vectors import UP, Vector, minus, unit

STRAIGHT = 0.996
"""A standing leg's length against a stretched one's: knees are soft."""
_NOWHERE = -1e9


def flat_foot(body: Body, ahead: float, aside: float, yaw: float) -> Foot:
    """A foot flat on the floor by the place of its ankle; its knee points where its toes do."""
    toe = body.toe_ahead
    return Foot(
        (ahead + toe * cos(yaw), aside + toe * sin(yaw), body.radii[Joint.LEFT_TOE]),
        yaw,
        knee=(cos(yaw), sin(yaw), 0.0),
    )


def arm_to(body: Body, target: Vector, elbow: Vector, hand: Vector | None = None) -> Arm:
    """An arm whose wrist is at `target` from its shoulder, both (forward, outward, up)."""
    middle, wrist = two_bones(
        (0.0, 0.0, 0.0), target, body.upper_arm, body.forearm, elbow, _NOWHERE
    )
    fore = unit(minus(wrist, middle))
    return Arm(unit(middle), fore, unit(hand) if hand else fore)


def hanging(lean: float = 0.0) -> Arm:
    """An arm that hangs down from a chest that leans forward."""
    return Arm(raised(0.10 + lean, 1.2 * cos(lean)), raised(0.16 + lean), raised(0.10 + lean))


def on_hips(body: Body) -> Arm:
    """A hand on the hip bone, the elbow out and a little back."""
    tall = body.height
    down = body.trunk - 0.055 * tall
    target = 0.035 * tall, body.hip_half + 0.03 * tall - body.shoulder_half, -down
    return arm_to(body, target, (-0.5, 1.0, 0.0), (0.8, -0.5, -0.4))


def clasped(body: Body) -> Arm:
    """Hands together before the breast bone."""
    tall = body.height
    target = 0.135 * tall, 0.022 * tall - body.shoulder_half, -0.035 * tall
    return arm_to(body, target, (0.1, 0.7, -1.0), (0.35, -0.3, 0.9))


def standing(body: Body, style: Style, *, ahead: float = 0.0, half: float | None = None) -> Bearing:
    """Upright with the arms at the sides; ankles at x `ahead`, y plus and minus `half`."""
    half = body.hip_half * (1.1 + 0.25 * style.width) if half is None else half
    yaw = radians(8.0 + 6.0 * style.toes_out)
    drop = half - body.hip_half
    arm = hanging()
    return Bearing(
        pelvis=(ahead, 0.0, body.ankle_height + sqrt((body.leg * STRAIGHT) ** 2 - drop**2)),
        left_foot=flat_foot(body, ahead, half, yaw),
        right_foot=flat_foot(body, ahead, -half, -yaw),
        left_arm=arm,
        right_arm=arm,
        lean=radians(2.0 * style.skew),
        nod=radians(5.0 + 8.0 * style.gaze),
    )


def _hips_over(body: Body, thigh: float, shank: float, spread: float) -> tuple[float, float]:
    """Where hips are, (x, z) from the ankles' x and the floor.

    `thigh` and `shank` are their angles from upright in radians, back and forward; the feet are
    wider than the hips by `spread` on each side.
    """
    ahead = body.shank * sin(shank) - body.thigh * sin(thigh)
    up = body.shank * cos(shank) + body.thigh * cos(thigh)
    return ahead, body.ankle_height + sqrt(max(0.0, up * up - spread * spread))


def squat(body: Body, depth: float, style: Style, side: Side) -> Bearing:  # noqa: ARG001
    """Hips back and down until the thighs are nearly level, the shoulders above the feet."""
    half = body.shoulder_half * (1.1 + 0.2 * style.width)
    base = standing(body, style, half=half)
    yaw = radians(18.0 + 12.0 * style.toes_out)
    ahead, up = _hips_over(
        body,
        radians(4.0 + (76.0 + 5.0 * style.knees) * depth),
        radians(2.5 + 27.5 * depth),
        half - body.hip_half,
    )
    lean = asin((0.068 * body.height * depth - ahead) / body.trunk)
    if style.arms == 0:
        swing = min(1.0, 1.25 * depth)
        lift = 0.1 + (pi / 2 + lean - 0.1) * swing * swing * (3.0 - 2.0 * swing)
        arm = Arm(raised(lift, 0.15), raised(lift + 0.1, -0.05), raised(lift))
    else:
        arm = clasped(body) if style.arms == 1 else on_hips(body)
    return replace(
        base,
        pelvis=(ahead, 0.0, up),
        left_foot=flat_foot(body, 0.0, half, yaw),
        right_foot=flat_foot(body, 0.0, -half, -yaw),
        left_arm=arm,
        right_arm=arm,
        pitch=0.95 * lean,
        bend=0.05 * lean,
        nod=base.nod - 0.7 * lean,
    )


def deadlift(body: Body, depth: float, style: Style, side: Side) -> Bearing:  # noqa: ARG001
    """Hinge at the hips with a flat back; straight arms follow the legs to mid-shin."""
    base = standing(body, style)
    half = base.left_foot.toe[1] - body.toe_ahead * sin(base.left_foot.yaw)
    ahead, up = _hips_over(
        body,
        radians(4.0 + (36.0 + 8.0 * style.knees) * depth),
        radians(2.5 + 9.0 * depth),
        half - body.hip_half,
    )
    lean = radians(72.0 + 4.0 * style.grip) * depth
    # The hands go down close to the legs, in front of the middle of the foot.
    shoulder = ahead + body.trunk * sin(lean)
    over = (0.062 + 0.012 * depth) * body.height
    back = asin(max(-1.0, min(1.0, (shoulder - over) / body.arm)))
    lift = lean - back
    out = 0.05 + 0.05 * (1.0 + style.grip)
    way = unit((sin(lift), out, -cos(lift)))
    arm = Arm(way, unit((way[0], way[1] * 0.6, way[2])), raised(lean))
    return replace(
        base,
        pelvis=(ahead, 0.0, up),
        left_arm=arm,
        right_arm=arm,
        pitch=lean,
        nod=base.nod - 0.45 * lean,
    )


def biceps_curl(body: Body, depth: float, style: Style, side: Side) -> Bearing:
    """Elbows stay at the sides; forearms come up from nearly hanging to the shoulders."""

    def curled(much: float) -> Arm:
        lift = 0.03 + 0.22 * much
        bent = lift + radians(12.0 + 123.0 * much)
        across = 0.12 * style.grip
        upper = unit((sin(lift), 0.10, -cos(lift)))
        fore = unit((sin(bent), across, -cos(bent)))
        return Arm(upper, fore, unit((sin(bent + 0.2), across, -cos(bent + 0.2))))

    base = standing(body, style)
    working, still = curled(depth), curled(0.0)
    return replace(
        base,
        left_arm=still if style.one_sided and side == "right" else working,
        right_arm=still if style.one_sided and side == "left" else working,
        pitch=radians(-1.5) * depth,
    )


def shoulder_press(body: Body, depth: float, style: Style, side: Side) -> Bearing:
    """From fists beside the chin, elbows under them, to overhead and nearly straight."""
    tall = body.height

    def pressed(much: float) -> Arm:
        low, high = 0.040 * tall, 0.985 * body.arm
        aside = (0.090 + 0.012 * style.grip) * tall * (1.0 - much)
        aside += 0.030 * tall * sin(pi * much)
        return arm_to(
            body,
            (0.080 * tall * (1.0 - much), aside, low + (high - low) * much),
            (0.35, 0.6 + 0.4 * much, -1.0 + 0.8 * much),
            UP,
        )

    base = standing(body, style, half=body.hip_half * (1.5 + 0.3 * style.width))
    working, ready = pressed(depth), pressed(0.0)
    return replace(
        base,
        left_arm=ready if style.one_sided and side == "right" else working,
        right_arm=ready if style.one_sided and side == "left" else working,
        pitch=radians(-2.0) * depth,
        nod=base.nod - radians(6.0) * depth,
    )


def jumping_jack(body: Body, depth: float, style: Style, side: Side) -> Bearing:  # noqa: ARG001
    """A hop from feet together and arms down to feet wide and arms overhead."""
    way = max(0.0, min(1.0, (depth - 0.08) / 0.84))
    flight = way * way * (3.0 - 2.0 * way)
    hop = 0.055 * sin(pi * way)
    near, wide = body.hip_half * 0.75, body.height * (0.20 + 0.025 * style.width)
    half = near + (wide - near) * flight
    base = standing(body, style, half=half)
    give = 0.004 * body.height * (1.0 - sin(pi * way))  # knees are soft on the floor
    tiptoe = 0.45 * sin(pi * way)
    lift = radians(8.0 + (152.0 + 8.0 * style.grip) * depth)
    bent = radians(12.0 + 14.0 * sin(pi * depth))
    upper = raised(lift, radians(82.0))
    fore = raised(lift + bent * (2.0 * depth - 0.4), radians(80.0))
    arm = Arm(upper, fore, fore)

    def hopped(foot: Foot) -> Foot:
        x, y, z = foot.toe
        return replace(foot, toe=(x, y, z + hop), raised=tiptoe)

    x, y, z = base.pelvis
    return replace(
        base,
        pelvis=(x, y, z - give + hop + 0.9 * body.toe_ahead * sin(tiptoe)),
        left_foot=hopped(base.left_foot),
        right_foot=hopped(base.right_foot),
        left_arm=arm,
        right_arm=arm,
        pitch=radians(3.0),
    )


def lunge(body: Body, depth: float, style: Style, side: Side) -> Bearing:
    """One long step, both knees to about a right angle, the rear one just above the floor.

    The first part of the depth is the step, and the hips sink all the while.
    """
    base = standing(body, style)
    half = base.left_foot.toe[1] - body.toe_ahead * sin(base.left_foot.yaw)
    toe_z = body.radii[Joint.LEFT_TOE]
    heel_up = radians(58.0)
    knee_z = body.radii[Joint.LEFT_KNEE] + 0.025
    # At the bottom the front shin and the rear thigh are upright, the front thigh level.
    rear = ankle_of(body, Foot((0.0, half, toe_z), 0.0, heel_up))
    back = sqrt(max(0.0, body.shank**2 - (rear[2] - knee_z) ** 2)) - rear[0]  # rear toe to hip
    low = knee_z + body.thigh
    fore = body.thigh * sin(radians(86.0)) + body.toe_ahead  # hip to front toe
    stride = back + fore
    step = max(0.0, min(1.0, depth / 0.7))
    eased = step * step * (3.0 - 2.0 * step)
    sink = depth * depth * (3.0 - 2.0 * depth)
    start = body.toe_ahead * cos(base.left_foot.yaw)
    away = -fore if style.backwards else back  # of the hip from the foot that stays
    lift = 0.07 * sin(pi * step)
    stays = (start, half, toe_z)
    steps = (start + (-stride if style.backwards else stride) * eased, half, toe_z + lift)
    rear_up, rear_toe, front_toe = heel_up * sink, stays, steps
    if style.backwards:
        rear_toe, front_toe, rear_up = steps, stays, heel_up * eased
    yaw = base.left_foot.yaw * (1.0 - 0.7 * sink)
    front = Foot(front_toe, yaw, -0.25 * sin(pi * step) * (not style.backwards))
    behind = Foot(rear_toe, yaw * (1.0 - sink), rear_up, knee=(1.0, 0.0, -0.9 * sink))
    left, right = (front, behind) if side == "left" else (behind, front)
    x, _, z = base.pelvis
    along = x + (start + away - x) * (0.35 * eased + 0.65 * sink)
    arm = (hanging(), on_hips(body), clasped(body))[style.arms]
    return replace(
        base,
        pelvis=(along, 0.0, z + (low - z) * sink),
        left_foot=left,
        right_foot=_mirrored(right),
        left_arm=arm,
        right_arm=arm,
        pitch=radians(6.0) * sink,
    )


def _mirrored(foot: Foot) -> Foot:
    (x, y, z), (kx, ky, kz) = foot.toe, foot.knee
    return Foot((x, -y, z), -foot.yaw, foot.raised, (kx, -ky, kz))


def crouched(body: Body, style: Style, ahead: float) -> Bearing:
    """A deep squat on flat feet at x `ahead`, arms forward: half-way to sitting down."""
    tall = body.height
    base = squat(body, 1.0, replace(style, arms=0, width=0.0), "left")
    feet = (
        replace(foot, toe=(foot.toe[0] + ahead, foot.toe[1], foot.toe[2]))
        for foot in (base.left_foot, base.right_foot)
    )
    left, right = feet
    x, y, z = base.pelvis
    return replace(base, pelvis=(x + ahead, y, z - 0.04 * tall), left_foot=left, right_foot=right)
