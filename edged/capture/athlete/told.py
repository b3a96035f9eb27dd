"""The truth about a clip as JSON: for the tests of anyone who counts, tracks or labels."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import msgspec
import numpy as np
from msgspec import Meta

from edged.capture.athlete.angles import Angles, angles
from edged.capture.athlete.exercises import Exercise
from edged.capture.athlete.workout import Moment, Phase
from edged.errors import SourceError
from edged.types import KEYPOINT_NAMES, Truth

Count: TypeAlias = Annotated[int, Meta(ge=0)]
Fraction: TypeAlias = Annotated[float, Meta(ge=0.0, le=1.0)]
Point: TypeAlias = tuple[float, float, Annotated[int, Meta(ge=0, le=2)]]
"""x and y in 0..1 of the frame, beyond where it is outside; COCO's v: 0 outside the frame, 1 hidden
by the body, 2 seen."""

DIGITS = 5
"""Of a coordinate: a hundredth of a pixel."""


class ToldMoment(msgspec.Struct, frozen=True, kw_only=True):
    """The truth about one frame."""

    frame: Count
    """Of the clip, from 0."""
    t_s: Annotated[float, Meta(ge=0.0)]
    """Seconds since the begin."""
    exercise: Exercise
    """That is being done, was just done or comes next."""
    phase: Phase
    """`down` is away from the start of a rep and `up` back to it, wherever the body moves."""
    depth: float
    """0 at the start of a rep, 1 at the full range."""
    set: Count
    """From 1."""
    reps: Count
    """Good ones of this set that are back at their start."""
    bad_reps: Count
    """Half ones of this set, not part of `reps`."""
    angles: Angles
    """Degrees."""
    area: Fraction
    """Of the silhouette, as a fraction of the frame's."""
    keypoints: Annotated[list[Point], Meta(min_length=17, max_length=17)]
    """In the order of `keypoint_names`."""


class ToldClip(msgspec.Struct, frozen=True, kw_only=True):
    """The truth about a clip."""

    v: Literal[1] = 1
    width: Annotated[int, Meta(ge=1)]
    height: Annotated[int, Meta(ge=1)]
    fps: Annotated[float, Meta(gt=0.0)]
    seed: Count
    view_deg: float
    """From where the camera looks, 0..360: 0 = in front, 90 = at the athlete's left."""
    keypoint_names: tuple[str, ...] = KEYPOINT_NAMES
    frames: Annotated[list[ToldMoment], Meta(min_length=1)]


def tell(frame: int, t_s: float, moment: Moment, truth: Truth) -> ToldMoment:
    """What a frame shows, rounded to what can be seen."""
    points = zip(truth.keypoints.tolist(), truth.visibility.tolist(), strict=True)
    return ToldMoment(
        frame=frame,
        t_s=round(t_s, 6),
        exercise=moment.exercise,
        phase=moment.phase,
        depth=round(moment.depth, 4),
        set=moment.set,
        reps=moment.reps,
        bad_reps=moment.bad_reps,
        angles=Angles(*(round(degrees, 1) for degrees in astuple(angles(moment.posture)))),
        area=round(truth.area, 6),
        keypoints=[(round(x, DIGITS), round(y, DIGITS), v) for (x, y), v in points],
    )


def truth_of(told: ToldMoment) -> Truth:
    """The way back, as exact as the rounding leaves it."""
    points = np.array(told.keypoints, np.float64).reshape(-1, 3)
    return Truth(
        keypoints=points[:, :2].astype(np.float32),
        visibility=points[:, 2].astype(np.uint8),
        area=told.area,
    )


def read_clip(path: Path) -> ToldClip:
    """The truth in a file, as `edged athlete --truth` writes it.

    Raises:
        SourceError: it cannot be read, or is something else.
    """
    try:
        told = msgspec.json.decode(path.read_bytes(), type=ToldClip)
    except OSError as error:
        raise SourceError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise SourceError(f"{path}: no truth as edged athlete writes it: {error}") from error
    if told.keypoint_names != KEYPOINT_NAMES:
        raise SourceError(f"{path}: no truth as edged athlete writes it: other keypoint_names")
    if [one.frame for one in told.frames] != list(range(len(told.frames))):
        raise SourceError(f"{path}: frames are missing, or not in their order")
    return told
