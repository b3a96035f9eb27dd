"""Bodies: who they are by their seed, and what is true of all of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edged.capture.athlete.body import BONES, COCO, JOINTS, Body, Joint

seeds = st.integers(0, 2**63 - 1)


@given(seeds)
def test_a_seed_is_one_person(seed: int) -> None:
    assert Body.of(seed) == Body.of(seed)


def test_people_differ() -> None:
    people = [Body.of(seed) for seed in range(50)]
    assert len({person.height for person in people}) > 40
    assert {round(person.build) for person in people} == {-1, 0, 1}


@given(seeds)
def test_heights_and_proportions_are_those_of_adults(seed: int) -> None:
    body = Body.of(seed)
    assert 1.5 <= body.height <= 2.0
    assert -1.0 <= body.build <= 1.0
    top = (
        *(body.ankle_height, body.leg, body.trunk, body.neck_base, body.neck_length),
        0.065 * body.height,
    )
    assert 0.9 < sum(top) / body.height < 1.1  # the parts make up the whole
    assert 0.8 < body.thigh / body.shank < 1.2
    assert 1.1 < body.upper_arm / body.forearm < 1.5
    assert body.shoulder_half > body.hip_half


@given(seeds)
def test_what_has_flesh_has_a_radius_and_both_sides_the_same(seed: int) -> None:
    body = Body.of(seed)
    face = {Joint.NOSE, Joint.LEFT_EYE, Joint.RIGHT_EYE, Joint.LEFT_EAR, Joint.RIGHT_EAR}
    for joint in Joint:
        assert (body.radius(joint) == 0.0) == (joint in face)
        if joint.name.startswith("LEFT_"):
            assert body.radius(joint) == body.radius(Joint(joint + 1))


def test_the_names_are_the_rows() -> None:
    assert len(JOINTS) == 28
    assert all(JOINTS[joint] == joint.name.lower() for joint in Joint)
    for joint in Joint:  # the right one follows the left one everywhere
        if joint.name.startswith("LEFT_"):
            assert Joint(joint + 1).name == joint.name.replace("LEFT", "RIGHT")


def test_coco_is_in_its_own_order() -> None:
    names = [JOINTS[row] for row in COCO]
    assert names[:5] == ["nose", "left_eye", "right_eye", "left_ear", "right_ear"]
    assert names[5:11:2] == ["left_shoulder", "left_elbow", "left_wrist"]
    assert names[11::2] == ["left_hip", "left_knee", "left_ankle"]
    assert len(set(names)) == 17


def test_every_joint_hangs_on_a_bone() -> None:
    assert {joint for bone in BONES for joint in bone} == set(Joint)
    assert len(BONES) == len(Joint) - 1
