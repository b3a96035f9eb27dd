"""Bones keep their lengths, whatever is asked of them."""

from __future__ import annotations

from dataclasses import replace
from math import dist, pi

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.capture.athlete.body import BONES, Body, Joint, Posture
from edged.capture.athlete.exercises import stand
from edged.capture.athlete.kinematics import blend, posture_of, two_bones
from edged.capture.athlete.standing import standing
from edged.capture.athlete.style import Style
from edged.capture.athlete.vectors import Vector, dot, length, minus, slerp, unit

BODY = Body.of(1)
numbers = st.floats(-3.0, 3.0)
places = st.tuples(numbers, numbers, numbers)
lengths = st.floats(0.1, 0.6)


def bones(posture: Posture) -> list[float]:
    return [float(np.linalg.norm(posture[a] - posture[b])) for a, b in BONES]


@given(places, places, lengths, lengths, places)
def test_two_bones_keep_their_lengths(
    root: Vector, target: Vector, upper: float, lower: float, pole: Vector
) -> None:
    middle, end = two_bones(root, target, upper, lower, pole, -1e9)
    assert dist(root, middle) == pytest.approx(upper, abs=1e-6)
    assert dist(middle, end) == pytest.approx(lower, abs=1e-6)
    if abs(upper - lower) * 1.01 + 1e-6 < dist(root, target) < (upper + lower) * 0.9999:
        assert end == pytest.approx(target, abs=1e-6)
    elif dist(root, target) > 1e-3:  # as near as it gets: on the line
        assert length(minus(end, root)) > 0
        assert dot(unit(minus(end, root)), unit(minus(target, root))) == pytest.approx(1, abs=1e-6)


def test_the_middle_points_where_it_is_told() -> None:
    middle, _ = two_bones((0, 0, 1), (0, 0, 0.4), 0.4, 0.4, (1, 0, 0), -1e9)
    assert middle[0] > 0.2
    assert middle[1] == pytest.approx(0)


@given(places)
def test_the_middle_stays_off_the_floor_where_that_is_possible(pole: Vector) -> None:
    root, target = (0.0, 0.0, 0.15), (0.5, 0.0, 0.15)
    middle, end = two_bones(root, target, 0.4, 0.3, pole, 0.05)
    assert middle[2] >= 0.05 - 1e-9
    assert dist(root, middle) == pytest.approx(0.4)
    assert end == pytest.approx(target)


@given(
    places,
    st.lists(st.floats(-pi, pi), min_size=8, max_size=8),
    st.integers(0, 100),
)
def test_no_bone_ever_stretches(pelvis: Vector, turns: list[float], seed: int) -> None:
    body = Body.of(seed)
    pitch, roll, yaw, bend, lean, twist, nod, turn = turns
    asked = replace(standing(body, Style()), pelvis=pelvis, pitch=pitch, roll=roll, yaw=yaw)
    asked = replace(asked, bend=bend, lean=lean, twist=twist, nod=nod, turn=turn)
    assert bones(posture_of(body, asked)) == pytest.approx(bones(stand(body)), abs=1e-6)


def test_the_bones_are_those_of_the_body() -> None:
    posture = stand(BODY)

    def between(a: Joint, b: Joint) -> float:
        return float(np.linalg.norm(posture[a] - posture[b]))

    assert between(Joint.LEFT_HIP, Joint.LEFT_KNEE) == pytest.approx(BODY.thigh)
    assert between(Joint.RIGHT_KNEE, Joint.RIGHT_ANKLE) == pytest.approx(BODY.shank)
    assert between(Joint.LEFT_SHOULDER, Joint.LEFT_ELBOW) == pytest.approx(BODY.upper_arm)
    assert between(Joint.LEFT_ELBOW, Joint.LEFT_WRIST) == pytest.approx(BODY.forearm)
    assert between(Joint.LEFT_WRIST, Joint.LEFT_HAND) == pytest.approx(BODY.palm)
    assert between(Joint.PELVIS, Joint.WAIST) == pytest.approx(BODY.lower_trunk)
    assert between(Joint.WAIST, Joint.CHEST) == pytest.approx(BODY.upper_trunk)
    assert between(Joint.CHEST, Joint.NECK) == pytest.approx(BODY.neck_base)
    assert between(Joint.NECK, Joint.HEAD) == pytest.approx(BODY.neck_length)
    assert between(Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER) == pytest.approx(
        2 * BODY.shoulder_half
    )
    assert between(Joint.LEFT_HIP, Joint.RIGHT_HIP) == pytest.approx(2 * BODY.hip_half)


def test_who_stands_faces_forward_with_the_left_on_the_left() -> None:
    posture = stand(BODY)
    x, y, z = 0, 1, 2
    assert posture[Joint.NOSE, x] > posture[Joint.HEAD, x]
    assert posture[Joint.LEFT_TOE, x] > posture[Joint.LEFT_ANKLE, x] > posture[Joint.LEFT_HEEL, x]
    for joint in Joint:
        if joint.name.startswith("LEFT_"):
            assert posture[joint, y] > 0 > posture[joint + 1, y]
    assert posture[Joint.HEAD, z] > posture[Joint.CHEST, z] > posture[Joint.WAIST, z]
    for joint in (Joint.LEFT_HEEL, Joint.RIGHT_TOE):  # soles on the floor
        assert posture[joint, z] == pytest.approx(BODY.radius(joint))


def test_a_pelvis_out_of_reach_comes_nearer_and_the_feet_stay() -> None:
    low = standing(BODY, Style())
    high = replace(low, pelvis=(0.1, 0.05, 3.0))
    feet = [Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE, Joint.LEFT_TOE, Joint.RIGHT_HEEL]
    assert posture_of(BODY, high)[feet] == pytest.approx(posture_of(BODY, low)[feet], abs=1e-3)


@given(st.floats(0, 1))
def test_blending_ends_where_it_should(share: float) -> None:
    one = standing(BODY, Style())
    other = replace(standing(BODY, Style(), ahead=0.3), pitch=0.4, nod=-0.2)
    for at, like in ((0.0, one), (1.0, other)):
        assert posture_of(BODY, blend(one, other, at)) == pytest.approx(
            posture_of(BODY, like), abs=1e-9
        )
    assert bones(posture_of(BODY, blend(one, other, share))) == pytest.approx(
        bones(stand(BODY)), abs=1e-6
    )


@given(places, places, st.floats(0, 1))
def test_directions_between_directions_are_directions(a: Vector, b: Vector, share: float) -> None:
    assert length(slerp(unit(a), unit(b), share)) == pytest.approx(1)
