"""More exercises on two feet, as bearings by depth: arms or knees that are raised."""

from __future__ import annotations

from dataclasses import replace
from math import acos, cos, pi, radians, sin

from edged.capture.athlete.body import Body
from edged.capture.athlete.kinematics import Arm, Bearing, Foot, ankle_of, foot_at, raised
from edged.capture.athlete.standing import STRAIGHT, on_hips, standing
from edged.capture.athlete.style import Side, Style
from edged.capture.athlete.vectors import Vector, lerp, minus, plus, unit


def front_raise(body: Body, depth: float, style: Style, side: Side) -> Bearing:
    """Nearly straight arms come up ahead, from before the thighs to the height of the shoulders."""

    def lifted(much: float) -> Arm:
        lift = radians(11.0 + 75.0 * much)
        out = 0.10 + 0.06 * style.grip
        fore = raised(lift + radians(9.0), out - 0.08)
        return Arm(raised(lift, out), fore, raised(lift + radians(5.0), out - 0.10))

    base = standing(body, style)
    working, still = lifted(depth), lifted(0.0)
    return replace(
        base,
        left_arm=still if style.one_sided and side == "right" else working,
        right_arm=still if style.one_sided and side == "left" else working,
        pitch=radians(-2.0) * depth,
    )


def lateral_raise(body: Body, depth: float, style: Style, side: Side) -> Bearing:  # noqa: ARG001
    """Soft arms come up aside, a little ahead of the shoulders' line, to their height."""
    lift = radians(9.0 + 77.0 * depth)
    plane = radians(76.0 + 6.0 * style.grip)
    upper = raised(lift, plane)
    # Elbows lead: the forearms hang a little ahead.
    ahead = 0.26 + 0.06 * style.knees
    fore = unit(plus(upper, (ahead, -0.02, -0.04 * depth)))
    arm = Arm(upper, fore, fore)
    base = standing(body, style)
    return replace(base, left_arm=arm, right_arm=arm, pitch=radians(2.0))


def triceps_extension(
    body: Body,
    depth: float,
    style: Style,
    side: Side,  # noqa: ARG001
) -> Bearing:
    """Elbows stay up beside the head; the forearms go down behind it, from overhead.

    Both hands hold one weight, or each its own.
    """
    together = style.arms == 0
    inward = 0.16 if together else -0.04 - 0.03 * style.grip
    upper = unit((0.20 - 0.08 * depth, -inward, 1.0))
    turned = radians(-4.0 - 111.0 * depth)
    across = -(0.26 if together else 0.05) * (1.0 - 0.2 * depth)
    fore = unit((sin(turned), across, cos(turned)))
    hand = radians(-8.0 - 100.0 * depth)
    palm = unit((sin(hand), 0.0 if together else across, cos(hand)))
    arm = Arm(upper, fore, palm)
    base = standing(body, style, half=body.hip_half * (1.4 + 0.3 * style.width))
    return replace(
        base,
        left_arm=arm,
        right_arm=arm,
        pitch=radians(-1.0) * depth,
        nod=base.nod + radians(4.0) * depth,
    )


def high_knees(body: Body, depth: float, style: Style, side: Side) -> Bearing:
    """Running on the spot: a knee comes up to the hip, over a leg on the ball of its foot."""
    base = standing(body, style)
    is_left = side == "left"
    sign = 1.0 if is_left else -1.0
    lifts, stands = base.left_foot, base.right_foot
    if not is_left:
        lifts, stands = stands, lifts
    heel_up = radians(10.0 + 4.0 * style.toes_out) * depth
    # The weight goes over the leg that stands.
    over = (0.0, -0.25 * sign * body.hip_half * depth, 0.9 * body.toe_ahead * sin(heel_up))
    pelvis = plus(base.pelvis, over)
    up = _knee_up(body, base.pelvis, over, lifts, depth, style, sign)
    down = replace(stands, raised=heel_up)
    beside, opposite = _running_arms(body, style, depth)
    return replace(
        base,
        pelvis=pelvis,
        left_foot=up if is_left else down,
        right_foot=down if is_left else up,
        left_arm=beside if is_left else opposite,
        right_arm=opposite if is_left else beside,
        pitch=radians(2.0 - 3.0 * depth),
        twist=sign * radians(4.0) * depth,
    )


def _knee_up(
    body: Body,
    pelvis: Vector,
    moved: Vector,
    foot: Foot,
    depth: float,
    style: Style,
    sign: float,
) -> Foot:
    """The foot below a thigh that comes up until it is level, the shank behind on the way.

    `pelvis` is where it is at the start and `moved` how far it is from there; `sign` is 1 for the
    left leg.
    """
    soft = acos(STRAIGHT)

    def hung(much: float) -> Vector:
        """The ankle below the hip."""
        thigh = soft + (radians(88.0 + 4.0 * style.knees) - soft) * much
        shank = soft + (radians(8.0) - soft) * much + radians(32.0) * sin(pi * much)
        return (
            body.thigh * sin(thigh) - body.shank * sin(shank),
            0.0,
            -body.thigh * cos(thigh) - body.shank * cos(shank),
        )

    hip = plus(pelvis, (0.0, sign * body.hip_half, 0.0))
    off = minus(ankle_of(body, foot), plus(hip, hung(0.0)))  # of a foot on the floor
    ankle = plus(plus(plus(hip, moved), hung(depth)), off, 1.0 - depth)
    pointed = radians(16.0) * depth + radians(24.0) * sin(pi * depth)
    knee = unit(lerp(foot.knee, (1.0, 0.06 * sign, 0.35), depth))
    up = foot_at(body, ankle, foot.yaw * (1.0 - 0.5 * depth), pointed, knee)
    x, y, z = up.toe
    return replace(up, toe=(x, y, max(z, foot.toe[2])))  # the toes leave the floor last


def _running_arms(body: Body, style: Style, depth: float) -> tuple[Arm, Arm]:
    """The arm beside the knee that comes up, and the other one, which swings with it."""
    if style.arms == 1:  # a hand's breadth above where the knees shall come
        held = Arm(raised(0.12, 0.5), raised(radians(84.0)), raised(radians(90.0)))
        return held, held
    if style.arms == 2:  # noqa: PLR2004 - the third way
        return on_hips(body), on_hips(body)

    def swung(lift: float, bent: float) -> Arm:
        upper = unit((sin(lift), 0.14, -cos(lift)))
        fore = unit((sin(lift + bent), -0.12, -cos(lift + bent)))
        return Arm(upper, fore, fore)

    back, ahead = radians(-38.0 * depth), radians(48.0 * depth)
    return swung(back, radians(88.0)), swung(ahead, radians(88.0 + 12.0 * depth))
