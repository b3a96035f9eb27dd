"""Scenes: the same one for a seed, another one for another, and the athlete is in the picture."""

from __future__ import annotations

import math
from dataclasses import astuple, replace
from typing import get_args

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edged.capture.athlete.body import Body
from edged.capture.athlete.exercises import EXERCISES, posture, stand
from edged.capture.athlete.lens import Lens
from edged.capture.athlete.scene import Floor, HairStyle, Place, Scene

SEEDS = st.integers(0, 2**63)
MANY = [Scene.of(seed) for seed in range(300)]


@given(SEEDS)
def test_a_seed_is_a_scene(seed: int) -> None:
    assert Scene.of(seed) == Scene.of(seed)
    assert Scene.of(seed) != Scene.of(seed + 1)


@given(SEEDS)
def test_colours_can_be_reflected(seed: int) -> None:
    scene = Scene.of(seed)
    looks, outfit, room = scene.looks, scene.outfit, scene.room
    colours = [looks.skin, looks.hair, looks.eyes, outfit.shirt, outfit.trousers, outfit.shoe]
    colours += [outfit.sock, outfit.sole, outfit.cap, room.floor_colour, room.wall_colour]
    assert all(0.0 <= value <= 1.0 for colour in colours for value in colour)


@given(SEEDS)
def test_the_light_comes_from_above(seed: int) -> None:
    light = Scene.of(seed).light
    assert math.isclose(math.hypot(*light.direction), 1.0)
    assert light.direction[2] > 0.4
    assert light.strength > 0.0


@given(SEEDS)
def test_the_camera_is_held_as_people_hold_cameras(seed: int) -> None:
    camera = Scene.of(seed).camera
    assert 0.3 <= camera.height <= 2.0
    assert 40.0 <= math.degrees(camera.fov) <= 70.0
    assert abs(camera.roll) < 0.1
    assert camera.distance >= 1.2
    assert np.allclose(camera.rotation @ camera.rotation.T, np.eye(3))
    assert np.linalg.det(camera.rotation) > 0.0


@given(SEEDS, st.sampled_from([(640, 480), (320, 240), (1280, 720), (256, 256), (480, 640)]))
def test_who_stands_is_in_the_frame_as_a_whole(seed: int, size: tuple[int, int]) -> None:
    pixels, depth = Lens(Scene.of(seed).camera, *size).project(stand(Body.of(seed)))
    assert depth.min() > 0.5
    assert pixels.min() >= 0.0
    assert (pixels <= size).all()


@given(SEEDS)
def test_who_stands_takes_a_good_part_of_the_height(seed: int) -> None:
    crown_and_sole = np.array([[0.0, 0.0, 1.75], [0.0, 0.0, 0.0]])
    pixels, _ = Lens(Scene.of(seed).camera, 640, 480).project(crown_and_sole)
    assert 0.35 < float(np.linalg.norm(pixels[1] - pixels[0])) / 480 < 0.95


def test_exercises_leave_the_frame_rarely() -> None:
    inside = []
    for seed, scene in enumerate(MANY):
        joints = posture(Body.of(seed), EXERCISES[seed % len(EXERCISES)], 1.0)
        pixels, _ = Lens(scene.camera, 640, 480).project(joints)
        inside.append(((pixels >= 0) & (pixels <= (640, 480))).all())
    assert np.mean(inside) > 0.9


def test_there_is_some_of_everything() -> None:
    assert {scene.looks.style for scene in MANY} == set(get_args(HairStyle))
    assert {scene.room.floor for scene in MANY} == set(get_args(Floor))
    assert {scene.room.place for scene in MANY} == set(get_args(Place))
    assert {scene.dumbbells is None for scene in MANY} == {True, False}
    assert {scene.outfit.sleeve > 1.0 for scene in MANY} == {True, False}
    assert {scene.outfit.leg > 1.0 for scene in MANY} == {True, False}
    octants = {int(scene.camera.azimuth / (math.pi / 4)) for scene in MANY}
    assert octants == set(range(8))
    assert len({astuple(scene.looks) for scene in MANY}) == len(MANY)


def test_a_point_in_front_is_in_the_middle_and_left_is_to_the_right_of_who_faces_it() -> None:
    camera = replace(MANY[0].camera, azimuth=0.0, pan=0.0, roll=0.0, pitch=0.0, height=1.0)
    lens = Lens(camera, 640, 480)
    points = np.array([[0.0, 0.0, 1.0], [0.0, 0.5, 1.0], [0.0, 0.0, 1.5]])
    (middle, left, above), depth = lens.project(points)
    assert np.allclose(middle, (320, 240))
    assert left[0] > 320
    assert math.isclose(left[1], 240)
    assert above[1] < 240
    assert np.allclose(depth, camera.distance)
