"""A bar to hang from and a wall to lean on: where a script asks for them, and nowhere else."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edged.capture.athlete.address import script_of
from edged.capture.athlete.athlete import Athlete, staged
from edged.capture.athlete.body import COCO, Body, Posture
from edged.capture.athlete.equipment import bar_for, wall_for
from edged.capture.athlete.exercises import EXERCISES, Exercise, posture, stand
from edged.capture.athlete.lens import Lens, fitted
from edged.capture.athlete.painter import Painter
from edged.capture.athlete.scene import Scene, Sensor
from edged.capture.athlete.script import Course, Script, Set
from edged.types import Pixels

SIZE = (320, 240)
seeds = st.integers(0, 10_000)
NEEDS: dict[Exercise, str] = {"pull-up": "bar", "wall-sit": "wall"}


def clean(scene: Scene, light: tuple[float, float, float] | None = None) -> Scene:
    """Without noise and blur, and lit from there."""
    lamp = scene.light if light is None else replace(scene.light, direction=light)
    return replace(scene, sensor=Sensor(blur=0.0, noise=0.0, vignette=0.0), light=lamp)


def painted(scene: Scene, body: Body, joints: Posture, *, figure: bool = True) -> Pixels:
    pixels = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    Painter(scene, body, *SIZE).paint(joints, pixels, 1, figure=figure)
    return pixels


def differ(one: Pixels, other: Pixels) -> npt.NDArray[np.bool_]:
    changed: npt.NDArray[np.bool_] = np.abs(one.astype(int) - other).sum(axis=2) > 6
    return changed


@pytest.mark.parametrize("exercise", EXERCISES)
def test_a_script_gets_what_its_exercises_need_and_no_more(exercise: Exercise) -> None:
    scene, body = staged(script_of(exercise, seed=3, reps=1, repeat=False))
    assert (scene.bar is not None) == (NEEDS.get(exercise) == "bar")
    assert (scene.wall is not None) == (NEEDS.get(exercise) == "wall")
    plain, same = staged(script_of("squat", seed=3, reps=1, repeat=False))
    assert body == same
    if exercise not in NEEDS:
        assert scene == plain


def test_who_does_everything_in_turn_has_neither() -> None:
    scene, _ = staged(Script.all_exercises(3))
    assert scene.bar is None
    assert scene.wall is None


@given(seeds, st.floats(0.0, 360.0))
@settings(deadline=None, max_examples=40)
def test_who_pulls_up_is_in_the_frame_as_a_whole(seed: int, view: float) -> None:
    scene, body = staged(script_of("pull-up", seed=seed, reps=1, repeat=False), view)
    assert math.isclose(scene.camera.azimuth, math.radians(view))
    for size in ((640, 480), (480, 640), (256, 256)):
        for depth in (0.0, 1.0):
            points = posture(body, "pull-up", depth)[np.array(COCO)]
            pixels, far = Lens(scene.camera, *size).project(points)
            assert far.min() > 0.3
            assert ((pixels >= 0) & (pixels < size)).all()


@given(seeds)
def test_a_camera_that_sees_it_all_stays_where_it_is(seed: int) -> None:
    camera = Scene.of(seed).camera
    assert fitted(camera, np.array([[0.0, 0.0, 0.9], [0.0, 0.0, 1.4]])) == camera


@given(seeds)
def test_a_camera_goes_back_as_far_as_it_must(seed: int) -> None:
    camera = Scene.of(seed).camera
    points = np.array([[0.0, -0.4, 3.4], [0.0, 0.4, 3.4], [0.0, 0.0, 0.0]])
    moved = fitted(camera, points)
    pixels, depth = Lens(moved, 100, 100).project(points)
    assert depth.min() > 0.0
    assert ((pixels >= 0) & (pixels <= 100)).all()
    assert moved.distance >= camera.distance
    assert (moved.azimuth, moved.height, moved.fov) == (camera.azimuth, camera.height, camera.fov)


def test_a_bar_is_hung_above_everybody_and_reached_by_everybody() -> None:
    for seed in range(200):
        body = Body.of(seed)
        bar = bar_for(body)
        standing = stand(body)
        crown = standing[:, 2].max() + body.height * 0.05
        reach = standing[:, 2][10] + body.arm + body.palm
        assert crown < bar.z < reach + 0.10  # on tiptoe


@pytest.mark.parametrize("view", [0.0, 90.0, 200.0])
def test_the_bar_is_drawn_with_and_without_the_athlete(view: float) -> None:
    scene, body = staged(script_of("pull-up", seed=4, reps=1, repeat=False), view)
    scene = clean(scene)
    joints = posture(body, "pull-up", 0.0)
    lower = replace(scene, bar=None)
    empty = differ(
        painted(scene, body, joints, figure=False), painted(lower, body, joints, figure=False)
    )
    assert empty.mean() > 0.0005
    bar = bar_for(body)
    ends = np.array([[bar.x, y, bar.z] for y in np.linspace(-0.9, 0.9, 15) * bar.half])
    for x, y in Lens(scene.camera, *SIZE).project(ends)[0].astype(int):
        assert empty[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3].any()


def test_a_bar_before_the_face_hides_what_is_behind_it() -> None:
    scene, body = staged(script_of("pull-up", seed=4, reps=1, repeat=False), 0.0)
    bar, painter = bar_for(body), Painter(scene, body, *SIZE)
    free = Painter(replace(scene, bar=None), body, *SIZE)
    hidden = 0
    for depth in np.linspace(0.0, 1.0, 60):
        joints = posture(body, "pull-up", float(depth))
        with_bar, without = painter.see(joints), free.see(joints)
        assert (with_bar.visibility <= without.visibility).all()
        assert with_bar.area == without.area
        hidden += int((with_bar.visibility < without.visibility).sum())
        assert (joints[:5, 0] < bar.x + 1.0).all()
    assert hidden > 0


def test_nothing_else_is_in_hands_that_hang() -> None:
    holding = next(
        seed
        for seed in range(100)
        if staged(script_of("squat", seed=seed, reps=1, repeat=False))[0].dumbbells is not None
    )
    assert staged(script_of("pull-up", seed=holding, reps=1, repeat=False))[0].dumbbells is None


@pytest.mark.parametrize("view", [0.0, 60.0, 150.0])
def test_the_wall_is_behind_the_athlete_and_never_before(view: float) -> None:
    scene, body = staged(script_of("wall-sit", seed=4, reps=1, repeat=False), view)
    scene = clean(scene)
    joints = posture(body, "wall-sit", 0.0)
    changed = differ(
        painted(scene, body, joints, figure=False),
        painted(replace(scene, wall=None), body, joints, figure=False),
    )
    assert (changed.mean() > 0.08) == (view < 90.0)
    assert changed.any()
    # Whatever there is of it, nothing of the athlete is hidden by it.
    with_wall, without = (
        Painter(each, body, *SIZE).see(joints) for each in (scene, replace(scene, wall=None))
    )
    assert (with_wall.visibility == without.visibility).all()


@given(seeds)
def test_a_camera_is_behind_a_wall_only_where_it_is_asked_to_be(seed: int) -> None:
    script = script_of("wall-sit", seed=seed, reps=1, repeat=False)
    scene, body = staged(script)
    assert scene.camera.position[0] > wall_for(body).x
    assert staged(script, 180.0)[0].camera.position[0] < wall_for(body).x


def test_a_shadow_that_would_fall_behind_the_wall_falls_on_it() -> None:
    scene, body = staged(script_of("wall-sit", seed=4, reps=1, repeat=False), 20.0)
    front = clean(scene, (0.5, 0.6, math.sqrt(1 - 0.61)))
    joints = posture(body, "wall-sit", 0.0)
    dark = differ(
        painted(front, body, joints),
        painted(replace(front, light=replace(front.light, shadow=0.0)), body, joints),
    )
    wall = wall_for(body)
    # Beside the arm, where the light throws it, and high above the floor.
    places = [[wall.x, y, z * body.height] for y in (-0.32, -0.38, -0.44) for z in (0.4, 0.45, 0.5)]
    seen = Lens(front.camera, *SIZE).project(np.array(places))[0].astype(int)
    assert any(dark[y, x] for x, y in seen)
    assert not dark[: seen[:, 1].min() - 60].any()


@pytest.mark.parametrize("place", ["room", "studio", "outdoors"])
@pytest.mark.parametrize("view", range(0, 360, 60))
def test_they_can_be_drawn_anywhere_from_anywhere(place: str, view: float) -> None:
    sets = (Set(exercise="pull-up", reps=1), Set(exercise="wall-sit", seconds=2.0))
    script = Script(workout=Course(seed=6), set=sets)
    scene, body = staged(script, view)
    scene = replace(scene, room=replace(scene.room, place=place))  # type: ignore[arg-type]
    assert painted(scene, body, posture(body, "pull-up", 0.7)).std() > 3
    both = Athlete(script, 80, 60, view)
    pixels = np.zeros((60, 80, 3), np.uint8)
    both.paint(both.at(both.duration_s), pixels, 1)
    assert pixels.std() > 3
