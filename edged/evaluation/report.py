"""What an evaluation says: marks of many frames -> one report. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias, get_args

import msgspec
import numpy as np
from msgspec import Meta

from edged.evaluation.metrics import Mark, mean
from edged.types import KEYPOINT_NAMES

Fraction: TypeAlias = Annotated[float, Meta(ge=0.0, le=1.0)]
View: TypeAlias = Literal["front", "left", "back", "right"]
"""The side of the person that is turned to the camera; left is the person's left."""

VIEWS: tuple[View, ...] = get_args(View)


class Scores(msgspec.Struct, frozen=True, kw_only=True):
    """Of some frames with a person in them."""

    frames: int
    found: Fraction
    """In how many of them a person was found."""
    oks: Fraction
    """The mean of the frames' OKS; 0 where nobody was found."""
    pck: Fraction
    """Of their labelled keypoints, how many are right."""


class KeypointScores(msgspec.Struct, frozen=True, kw_only=True):
    """Of one keypoint, over the frames in which it is labelled."""

    frames: int
    oks: Fraction | None
    """None: it is labelled in no frame."""
    pck: Fraction | None


class Report(Scores, frozen=True, kw_only=True):
    """Of a model on a source."""

    model: str
    source: str
    looks: int
    """At a frame: 1, the whole; 2, the person alone after that; 0, followed from frame to frame."""
    keypoints: dict[str, KeypointScores]
    exercises: dict[str, Scores]
    views: dict[str, Scores]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One frame."""

    exercise: str
    """Empty: unknown, or none."""
    view: View | None
    mark: Mark


def view_of(azimuth_deg: float) -> View:
    """What a camera sees of a person, from where it stands about them.

    Args:
        azimuth_deg: 0 before them, 90 to their left; any number.
    """
    return VIEWS[round(azimuth_deg / 90) % 4]


def scores(marks: Iterable[Mark]) -> Scores:
    """Of the frames that have a labelled keypoint.

    Raises:
        ValueError: none has one.
    """
    labelled = [one for one in marks if not np.isnan(one.mean_oks)]
    if not labelled:
        raise ValueError("no frame with a keypoint in it")
    return Scores(
        frames=len(labelled),
        found=float(np.mean([one.found for one in labelled])),
        oks=float(np.mean([one.mean_oks for one in labelled])),
        pck=mean(np.concatenate([one.pck for one in labelled])),
    )


def report(samples: Sequence[Sample], *, model: str, source: str, looks: int) -> Report:
    """Of all frames, and of those that belong together.

    Raises:
        ValueError: no frame has a labelled keypoint.
    """
    samples = [one for one in samples if not np.isnan(one.mark.mean_oks)]
    of_all = scores(one.mark for one in samples)
    oks = np.stack([one.mark.oks for one in samples])
    pck = np.stack([one.mark.pck for one in samples])
    exercises = dict.fromkeys(one.exercise for one in samples if one.exercise)
    return Report(
        **msgspec.structs.asdict(of_all),
        model=model,
        source=source,
        looks=looks,
        keypoints={
            name: KeypointScores(
                frames=int((~np.isnan(near)).sum()), oks=_known(mean(near)), pck=_known(mean(right))
            )
            for name, near, right in zip(KEYPOINT_NAMES, oks.T, pck.T, strict=True)
        },
        exercises={
            name: scores(one.mark for one in samples if one.exercise == name) for name in exercises
        },
        views={
            view: scores(one.mark for one in samples if one.view == view)
            for view in VIEWS
            if any(one.view == view for one in samples)
        },
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def table(told: Report) -> str:
    """For a person: OKS and PCK of everything, each keypoint, exercise and view."""
    rows: list[tuple[str, Scores | KeypointScores] | None] = [("all", told)]
    rows += [None, *told.keypoints.items()]
    for group in (told.exercises, told.views):
        rows += [None, *group.items()] if group else []
    lines = [f"{'':<16}{'OKS':>6}{'PCK@0.2':>9}{'frames':>8}"]
    lines += [
        ""
        if row is None
        else f"{row[0]:<16}{_shown(row[1].oks):>6}{_shown(row[1].pck):>9}{row[1].frames:>8}"
        for row in rows
    ]
    return "\n".join(lines)


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
