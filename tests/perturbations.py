"""Clips made worse in ways that leave the number of reps as it is: as other cameras would see."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edged.commands.clips import Seen
from edged.decoders import people
from edged.sections import PoseModel

_SIDES = [0, *(i + 1 if i % 2 else i - 1 for i in range(1, 17))]
_LEFT = [5, 7, 9, 11, 13, 15]
_FEET = [13, 14, 15, 16]
STANDING_ARMS = {
    "biceps-curl",
    "shoulder-press",
    "front-raise",
    "lateral-raise",
    "triceps-extension",
}
"""Exercises that are counted without legs."""


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """A clip as keypoints."""

    times_s: npt.NDArray[np.float64]
    """(n,)."""
    keypoints: npt.NDArray[np.float64]
    """(n, 17, 3): x, y in 0..1 of the frame, score."""
    aspect: float
    exercise: str
    peaks_s: tuple[float, ...]
    """When each rep is farthest."""
    accepted: tuple[int, int]
    """Reps, from and to."""

    def frames(self) -> list[Seen]:
        """As `clips.from_keypoints` tells them."""
        least = PoseModel().min_score
        return [
            Seen(t_s, people.one(points.astype(np.float32)).poses(least), self.aspect)
            for t_s, points in zip(self.times_s.tolist(), self.keypoints, strict=True)
        ]


Change: TypeAlias = "Callable[[Film, np.random.Generator], Film | None]"
"""None: it has no sense with this clip."""


def _moved(film: Film, keypoints: npt.NDArray[np.float64]) -> Film:
    return replace(film, keypoints=keypoints)


def _body(film: Film) -> npt.NDArray[np.float64]:
    """(n, 1, 1): about the person's height in each frame, in frame heights."""
    square = film.keypoints[:, :, :2] * (film.aspect, 1.0)
    seen = film.keypoints[:, :, 2:] >= 0.2
    high = np.where(seen, square, -np.inf).max(axis=1) - np.where(seen, square, np.inf).min(axis=1)
    sizes = np.hypot(*np.where(np.isfinite(high), high, 0.3).T)
    return np.full(len(sizes), np.median(sizes))[:, None, None]


def _mirrored(film: Film, _: np.random.Generator) -> Film:
    turned = film.keypoints[:, _SIDES].copy()
    turned[:, :, 0] = 1.0 - turned[:, :, 0]
    return _moved(film, turned)


def noisy(size: float) -> Change:
    """Each keypoint trembles by so many body heights, half of it lasting a tenth of a second."""

    def change(film: Film, draw: np.random.Generator) -> Film:
        wobble = np.zeros((17, 2))
        before_s, off = -1.0, []
        for t_s in film.times_s.tolist():
            keeps = 0.5 ** (10.0 * (t_s - before_s))
            before_s = t_s
            wobble = keeps * wobble + math.sqrt(1 - keeps**2) * draw.normal(0.0, 1.0, (17, 2))
            off.append(wobble)
        points = film.keypoints.copy()
        points[:, :, :2] += np.array(off) * size * _body(film) / (film.aspect, 1.0)
        return _moved(film, points)

    return change


def dropped(share: float, most_s: float) -> Change:
    """So large a share of the time nothing comes, up to so many seconds at a time."""

    def change(film: Film, draw: np.random.Generator) -> Film:
        keep = np.ones(len(film.times_s), np.bool_)
        t_s = float(film.times_s[0])
        while t_s < film.times_s[-1]:
            gap_s = draw.uniform(0.0, most_s)
            t_s += draw.exponential(most_s / 2.0 * (1.0 - share) / share)
            keep[(film.times_s >= t_s) & (film.times_s < t_s + gap_s)] = False
            t_s += gap_s
        return replace(film, times_s=film.times_s[keep], keypoints=film.keypoints[keep])

    return change


def thinned(fps: float) -> Change:
    """At most so many frames a second."""

    def change(film: Film, draw: np.random.Generator) -> Film:
        due_s = float(film.times_s[0] + draw.uniform(0.0, 1.0 / fps))
        keep = []
        for number, t_s in enumerate(film.times_s.tolist()):
            if t_s >= due_s - 1e-4:
                due_s += 1.0 / fps
                keep.append(number)
        return replace(film, times_s=film.times_s[keep], keypoints=film.keypoints[keep])

    return change


def _without_legs(film: Film, draw: np.random.Generator) -> Film | None:
    if film.exercise not in STANDING_ARMS:
        return None
    points = film.keypoints.copy()
    points[:, _FEET, 2] = draw.uniform(0.0, 0.15, (len(points), 4))
    points[:, _FEET, 1] = np.maximum(points[:, _FEET, 1], 0.95)
    return _moved(film, points)


def _side_hidden(film: Film, draw: np.random.Generator, first: int) -> Film | None:
    """The worse seen side, or the scores tell nothing of it."""
    side = [i + first for i in _LEFT]
    other = [i + 1 - first for i in _LEFT]
    points = film.keypoints.copy()
    if points[:, side, 2].mean() > points[:, other, 2].mean():
        return None
    points[:, side, 2] = np.minimum(points[:, side, 2], draw.uniform(0.05, 0.25, (len(points), 6)))
    off = draw.normal(0.0, 0.05, (len(points), 6, 2)) * _body(film) / (film.aspect, 1.0)
    points[:, side, :2] += off
    return _moved(film, points)


def _swapped(film: Film, draw: np.random.Generator) -> Film:
    """Left and right take each other's places, 0.1 to 0.4 s long, every 2 s or so."""
    points = film.keypoints.copy()
    t_s = float(film.times_s[0])
    while t_s < film.times_s[-1]:
        t_s += draw.exponential(2.0)
        until_s = t_s + draw.uniform(0.1, 0.4)
        now = (film.times_s >= t_s) & (film.times_s < until_s)
        points[now] = points[now][:, _SIDES]
        t_s = until_s
    return _moved(film, points)


def _drifting(film: Film, draw: np.random.Generator) -> Film:
    """A hand holds the camera: to and fro by a tenth of the frame, nearer and farther by 12 %."""
    turn = draw.uniform(0.0, 2.0 * math.pi, 3)
    t = film.times_s[:, None]
    zoom = 1.0 + 0.12 * np.sin(0.5 * t + turn[0])
    points = film.keypoints.copy()
    points[:, :, 0] = 0.5 + (points[:, :, 0] - 0.5) * zoom + 0.1 * np.sin(0.7 * t + turn[1])
    points[:, :, 1] = 0.5 + (points[:, :, 1] - 0.5) * zoom + 0.06 * np.sin(0.9 * t + turn[2])
    return _moved(film, points)


def turned(degrees: float) -> Change:
    """The camera is not upright."""

    def change(film: Film, _: np.random.Generator) -> Film:
        sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
        points = film.keypoints.copy()
        x, y = (points[:, :, 0] - 0.5) * film.aspect, points[:, :, 1] - 0.5
        points[:, :, 0] = 0.5 + (cosine * x - sine * y) / film.aspect
        points[:, :, 1] = 0.5 + sine * x + cosine * y
        return _moved(film, points)

    return change


def stretched(times: float) -> Change:
    """All takes so many times as long."""

    def change(film: Film, _: np.random.Generator) -> Film:
        return replace(
            film,
            times_s=film.times_s * times,
            peaks_s=tuple(peak_s * times for peak_s in film.peaks_s),
        )

    return change


def begun(seconds: float) -> Change:
    """What comes first is missing; a rep that it cuts may count or not."""

    def change(film: Film, _: np.random.Generator) -> Film:
        keep = film.times_s >= film.times_s[0] + seconds
        since_s = float(film.times_s[keep][0])
        return replace(
            film,
            times_s=film.times_s[keep],
            keypoints=film.keypoints[keep],
            accepted=_still(film, lambda peak_s, rep_s: (peak_s - since_s) / rep_s),
        )

    return change


def ended(seconds: float) -> Change:
    """What comes last is missing; a rep that it cuts may count or not."""

    def change(film: Film, _: np.random.Generator) -> Film:
        keep = film.times_s <= film.times_s[-1] - seconds
        until_s = float(film.times_s[keep][-1])
        return replace(
            film,
            times_s=film.times_s[keep],
            keypoints=film.keypoints[keep],
            accepted=_still(film, lambda peak_s, rep_s: (until_s - peak_s) / rep_s),
        )

    return change


def _still(film: Film, after: Callable[[float, float], float]) -> tuple[int, int]:
    """How many reps are left: those the most of which is there, and all of which anything is."""
    peaks = film.peaks_s
    gaps = [after_s - before_s for before_s, after_s in itertools.pairwise(peaks)]
    rep_s = float(np.median(gaps)) if gaps else 2.0
    shares = [after(peak_s, rep_s) for peak_s in peaks]
    fewer = sum(share <= 0.6 for share in shares)
    none = sum(share <= -0.6 for share in shares)
    return max(0, film.accepted[0] - fewer), film.accepted[1] - none


def scored(times: float) -> Change:
    """The model is less sure."""

    def change(film: Film, _: np.random.Generator) -> Film:
        points = film.keypoints.copy()
        points[:, :, 2] *= times
        return _moved(film, points)

    return change


def leaping(share: float, frames: int) -> Change:
    """Now and then one keypoint is elsewhere, for some frames."""

    def change(film: Film, draw: np.random.Generator) -> Film:
        points = film.keypoints.copy()
        starts = draw.uniform(size=points.shape[:2]) < share
        off = draw.uniform(-0.4, 0.4, (*points.shape[:2], 2)) * _body(film) / (film.aspect, 1.0)
        for number, joint in np.argwhere(starts).tolist():
            points[number : number + frames, joint, :2] += off[number, joint]
        return _moved(film, points)

    return change


CHANGES: Mapping[str, Change] = {
    "as they are": lambda film, _: film,
    "mirrored": _mirrored,
    "15 frames/s": thinned(15.0),
    "10 frames/s, any first frame": thinned(10.0),
    "a third of the frames lost": dropped(0.33, 0.12),
    "gaps up to 0.5 s, a tenth": dropped(0.1, 0.5),
    "noise 0.01": noisy(0.01),
    "noise 0.02": noisy(0.02),
    "one keypoint leaps, a frame": leaping(0.002, 1),
    "one keypoint leaps, 3 frames": leaping(0.001, 3),
    "left and right swapped at times": _swapped,
    "left side hidden": lambda film, draw: _side_hidden(film, draw, 0),
    "right side hidden": lambda film, draw: _side_hidden(film, draw, 1),
    "legs out of the picture": _without_legs,
    "hand-held camera": _drifting,
    "camera turned by 8 degrees": turned(8.0),
    "camera turned by -8 degrees": turned(-8.0),
    "0.7 times as long": stretched(0.7),
    "1.5 times as long": stretched(1.5),
    "2.5 times as long": stretched(2.5),
    "scores times 0.75": scored(0.75),
    "scores times 0.6": scored(0.6),
    "first 0.5 s missing": begun(0.5),
    "first second missing": begun(1.0),
    "first 1.5 s missing": begun(1.5),
    "last 0.5 s missing": ended(0.5),
    "last second missing": ended(1.0),
}
"""By what a table calls them."""
