"""The athlete: one person who works out in one place, and the truth about every moment of it."""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import numpy as np

from edged.capture.athlete.body import Body
from edged.capture.athlete.equipment import bar_for, wall_for
from edged.capture.athlete.lens import fitted
from edged.capture.athlete.painter import Painter
from edged.capture.athlete.scene import Scene
from edged.capture.athlete.script import Script
from edged.capture.athlete.workout import Moment, Workout
from edged.types import Pixels, Truth

HELD_OUT = 2_000_000
"""The first seed that no model learns from: `models.training` takes those below. A script's seed
counts from here for the scene, the body and their habits, so that an athlete of any seed is someone
whom the model has never seen."""


class Athlete:
    """Who works out by a script. The script's seed says who, where and in which light."""

    def __init__(
        self, script: Script, width: int, height: int, view_deg: float | None = None
    ) -> None:
        """Paint the place; some 30 ms.

        Args:
            script: what is done.
            width: pixels of a frame.
            height: likewise.
            view_deg: from where the camera looks: 0 = in front, 90 = at the athlete's left, 180 =
                behind; None: as the seed says.

        Raises:
            ValueError: the script has no sets, or a frame has no pixels.
        """
        scene, body = staged(script, view_deg)
        course = msgspec.structs.replace(script.workout, seed=HELD_OUT + script.workout.seed)
        self._workout = Workout(msgspec.structs.replace(script, workout=course), body)
        self._painter = Painter(scene, body, width, height)
        self.view_deg = math.degrees(scene.camera.azimuth) % 360.0
        """From where the camera looks, 0..360."""

    @property
    def duration_s(self) -> float:
        """Of the workout; infinite if it repeats."""
        return self._workout.duration_s

    def at(self, t_s: float) -> Moment:
        """What the athlete does `t_s` >= 0 seconds after the begin."""
        return self._workout.at(t_s)

    def paint(self, moment: Moment, out: Pixels, number: int) -> None:
        """Fill `out` (height, width, 3) with a picture; its `number` says which noise it has."""
        self._painter.paint(moment.posture, out, number)

    def truth(self, moment: Moment) -> Truth:
        """Where the keypoints are in that picture."""
        return self._painter.see(moment.posture)


def staged(script: Script, view_deg: float | None = None) -> tuple[Scene, Body]:
    """Who does a script, and where: with a bar or a wall if it asks for one.

    The camera goes back as far as a bar needs; who hangs from it has nothing else in the hands.
    Where no view is asked for, it looks from before a wall.
    """
    seed = HELD_OUT + script.workout.seed
    scene, body = Scene.of(seed), Body.of(seed)
    if view_deg is not None:
        scene = replace(scene, camera=replace(scene.camera, azimuth=math.radians(view_deg)))
    exercises = {one.exercise for one in script.set}
    if "wall-sit" in exercises:
        wall = wall_for(body)
        scene = replace(scene, wall=wall)
        if view_deg is None and scene.camera.position[0] <= wall.x:
            # Nobody puts a camera behind a wall, unless they ask for it.
            camera = replace(scene.camera, azimuth=math.pi - scene.camera.azimuth)
            scene = replace(scene, camera=camera)
    if "pull-up" in exercises:
        bar = bar_for(body)
        reach = [[0.0, 0.0, 0.0], *([bar.x, y, bar.crown] for y in (-0.25, 0.25))]
        hands = [[bar.x, y, bar.z + 0.05] for y in (-0.35, 0.35)]
        camera = fitted(scene.camera, np.array([*reach, *hands]))
        scene = replace(scene, bar=bar, camera=camera, dumbbells=None)
    return scene, body


def frames_within(seconds: float, fps: float) -> int:
    """How many frames begin within so many seconds (not infinite), the first of them at 0."""
    return math.ceil(round(seconds * fps, 6))  # 1.1 s at 30/s are 33, not 34
