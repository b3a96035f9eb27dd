"""The exercises: what each one looks like at every depth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias, get_args

from edged.capture.athlete import floor, raises, standing, supported
from edged.capture.athlete.body import Body, Posture
from edged.capture.athlete.kinematics import Bearing, posture_of
from edged.capture.athlete.style import Side, Style

Exercise: TypeAlias = Literal[
    "squat",
    "push-up",
    "biceps-curl",
    "shoulder-press",
    "jumping-jack",
    "lunge",
    "sit-up",
    "deadlift",
    "plank",
    "pull-up",
    "triceps-extension",
    "front-raise",
    "lateral-raise",
    "high-knees",
    "wall-sit",
]
EXERCISES: tuple[Exercise, ...] = get_args(Exercise)

IN_TURN: tuple[Exercise, ...] = (
    "squat",
    "push-up",
    "biceps-curl",
    "shoulder-press",
    "jumping-jack",
    "lunge",
    "sit-up",
    "deadlift",
    "plank",
)
"""Those that are done where nobody says which, and that edged's own model has learnt from and is
measured on: the others are done where they are asked for."""

HOLDS: tuple[Exercise, ...] = ("plank", "wall-sit")
"""They last some time, and have no reps."""

_BEARINGS: dict[Exercise, Callable[[Body, float, Style, Side], Bearing]] = {
    "squat": standing.squat,
    "push-up": floor.push_up,
    "biceps-curl": standing.biceps_curl,
    "shoulder-press": standing.shoulder_press,
    "jumping-jack": standing.jumping_jack,
    "lunge": standing.lunge,
    "sit-up": floor.sit_up,
    "deadlift": standing.deadlift,
    "plank": floor.plank,
    "pull-up": supported.pull_up,
    "triceps-extension": raises.triceps_extension,
    "front-raise": raises.front_raise,
    "lateral-raise": raises.lateral_raise,
    "high-knees": raises.high_knees,
    "wall-sit": supported.wall_sit,
}

TEXTBOOK = Style()


def bearing(
    body: Body, exercise: Exercise, depth: float, style: Style = TEXTBOOK, side: Side = "left"
) -> Bearing:
    """What a body does at a depth of 0 (the start) to 1 (the full range).

    `side` is the leg in front of a lunge, the one that comes up of high knees, and the arm that
    works where `style` works one at a time. Of a hold, the depth is a breath.
    """
    return _BEARINGS[exercise](body, max(0.0, min(1.0, depth)), style, side)


def posture(
    body: Body, exercise: Exercise, depth: float, style: Style = TEXTBOOK, side: Side = "left"
) -> Posture:
    """Where every joint is then, (28, 3) metres; see `bearing`."""
    return posture_of(body, bearing(body, exercise, depth, style, side))


def stand(body: Body, style: Style = TEXTBOOK) -> Posture:
    """Standing relaxed, arms at the sides."""
    return posture_of(body, standing.standing(body, style))
