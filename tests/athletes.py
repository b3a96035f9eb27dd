"""Athletes whose keypoints are known, without a picture: as a model would see them on a bad day."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from edged.capture.athlete.athlete import HELD_OUT, staged
from edged.capture.athlete.body import COCO
from edged.capture.athlete.figure import Figure
from edged.capture.athlete.lens import Lens
from edged.capture.athlete.script import Script
from edged.capture.athlete.sight import Sight
from edged.capture.athlete.workout import Workout
from edged.types import Pose

SIZE = (640, 480)
ASPECT = SIZE[0] / SIZE[1]


@dataclass(frozen=True, slots=True)
class Trouble:
    """What makes keypoints worse than the truth."""

    noise: float = 0.012
    """Of a visible keypoint, in body heights; three times that where the body hides it. MoveNet on
    people: 0.01 to 0.02."""
    lasting: float = 0.5
    """How much of the noise of a frame is still there a tenth of a second later."""
    every: int = 1
    """Of so many frames one comes through."""
    hidden_arm: bool = False
    """The left elbow and wrist stand behind something."""
    passer_by: bool = False
    """Somebody walks through behind, every six seconds."""
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Truths:
    """A workout before a camera."""

    times_s: npt.NDArray[np.float64]
    """(n,)."""
    points: npt.NDArray[np.float64]
    """(n, 17, 2) in 0..1 of the frame."""
    hidden: npt.NDArray[np.bool_]
    """(n, 17): by the body."""
    reps: tuple[int, ...]
    """Good ones of each set."""
    bad_reps: tuple[int, ...]
    exercises: tuple[str, ...]
    """Of each set."""


def truths(script: Script, view_deg: float, fps: float = 30.0) -> Truths:
    """What a camera sees that looks from `view_deg`: 0 = in front, 90 = at the athlete's left."""
    scene, body = staged(script, view_deg)
    course = msgspec.structs.replace(script.workout, seed=HELD_OUT + script.workout.seed)
    workout = Workout(msgspec.structs.replace(script, workout=course), body)
    lens = Lens(scene.camera, *SIZE)
    sight = Sight(Figure(body, scene), body, lens, scene.bar)
    times = np.arange(0.0, workout.duration_s, 1.0 / fps)
    moments = [workout.at(t_s) for t_s in times.tolist()]
    seen, hidden = [], []
    for moment in moments:
        points = moment.posture[np.array(COCO)]
        seen.append(lens.project(points)[0] / SIZE)
        hidden.append(sight._covered(moment.posture, points) | sight._turned_away(moment.posture))
    sets = range(1, len(script.set) + 1)
    return Truths(
        times,
        np.array(seen),
        np.array(hidden),
        tuple(max((m.reps for m in moments if m.set == one), default=0) for one in sets),
        tuple(max((m.bad_reps for m in moments if m.set == one), default=0) for one in sets),
        tuple(one.exercise for one in script.set),
    )


def seen(truth: Truths, trouble: Trouble) -> Iterator[tuple[float, list[Pose]]]:
    """Seconds, and who is seen: the athlete first."""
    draw = np.random.default_rng([trouble.seed, 0xF17])
    wobble = np.zeros((17, 2))
    before_s = -1.0
    for number in range(0, len(truth.times_s), trouble.every):
        t_s, points = float(truth.times_s[number]), truth.points[number]
        hidden = truth.hidden[number]
        inside = ((points >= 0) & (points <= 1)).all(axis=1)
        height = _height(points)
        deviation = trouble.noise * height * np.where(hidden, 3.0, 1.0)[:, None]
        keeps = trouble.lasting ** (10.0 * (t_s - before_s))
        before_s = t_s
        wobble = keeps * wobble + math.sqrt(1 - keeps**2) * draw.normal(0.0, 1.0, (17, 2))
        off = deviation * wobble / (ASPECT, 1.0)
        scores = np.clip(draw.normal(np.where(hidden, 0.4, 0.8), 0.1), 0.0, 1.0)
        scores = np.where(inside, scores, np.minimum(scores, 0.15))
        if trouble.hidden_arm:
            scores[[7, 9]] = draw.uniform(0.02, 0.18, 2)
            off[[7, 9]] += draw.normal(0.0, 0.08 * height, (2, 2))
        poses = [pose(np.clip(points + off, 0.0, 1.0), scores)]
        if trouble.passer_by:
            poses += _walker(t_s % 6.0, draw)
        yield t_s, poses


def _height(points: npt.NDArray[np.float64]) -> float:
    """About that of the person, in frame heights."""
    square = points * (ASPECT, 1.0)
    return float(np.hypot(*(square.max(axis=0) - square.min(axis=0))))


def pose(points: npt.NDArray[np.float64], scores: npt.NDArray[np.float64]) -> Pose:
    """Of (17, 2) and (17,)."""
    keypoints = np.column_stack([points, scores]).astype(np.float32)
    return Pose(keypoints, float(scores.mean()))


def walking(t_s: float, x: float, size: float, pace_hz: float = 0.9) -> npt.NDArray[np.float64]:
    """(17, 2) of somebody who walks across the picture: arms and legs swing, side view."""
    swing = math.sin(2 * math.pi * pace_hz * t_s)
    bob = 0.01 * math.cos(4 * math.pi * pace_hz * t_s)
    points = np.zeros((17, 2))
    points[0] = 0.03, 0.07
    points[1:3], points[3:5] = (0.025, 0.055), (0.0, 0.06)
    for side, sign in ((0, 1.0), (1, -1.0)):
        arm, leg = -0.45 * sign * swing, 0.42 * sign * swing
        knee = leg - max(0.0, 0.7 * math.cos(2 * math.pi * pace_hz * t_s) * sign)
        shoulder, hip = np.array([0.0, 0.18]), np.array([0.0, 0.47])
        elbow = shoulder + 0.186 * np.array([math.sin(arm), math.cos(arm)])
        wrist = elbow + 0.146 * np.array([math.sin(arm + 0.3), math.cos(arm + 0.3)])
        joint = hip + 0.245 * np.array([math.sin(leg), math.cos(leg)])
        ankle = joint + 0.246 * np.array([math.sin(knee), math.cos(knee)])
        for index, point in ((5, shoulder), (7, elbow), (9, wrist), (11, hip), (13, joint)):
            points[index + side] = point
        points[15 + side] = ankle
    points[:, 1] += bob
    return np.column_stack([x + points[:, 0] * size / ASPECT, 0.1 + points[:, 1] * size])


def _walker(t_s: float, draw: np.random.Generator) -> list[Pose]:
    points = walking(t_s, -0.2 + 0.35 * t_s, 0.55)
    if not 0.05 < points[:, 0].mean() < 0.95:
        return []
    return [pose(points + draw.normal(0.0, 0.006, (17, 2)), draw.uniform(0.5, 0.9, 17))]
