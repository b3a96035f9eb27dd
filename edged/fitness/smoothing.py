"""Steady keypoints: less tremble, hardly any delay, short gaps bridged. Any frame rate."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import numpy as np
import numpy.typing as npt

from edged.fitness.stature import TORSO, Points, Scores
from edged.types import KEYPOINT_NAMES

COUNT = len(KEYPOINT_NAMES)


@dataclass(frozen=True, slots=True)
class Smoothing:
    """How much is smoothed, in seconds and lengths of the torso."""

    cutoff_hz: float = 3.0
    """Of a keypoint at rest. A movement of 1 Hz comes atan(1 / 3) / (2 pi) = 51 ms late at most."""
    per_speed: float = 1.5
    """Hz more for each torso length a second: what moves fast is hardly smoothed."""
    speed_cutoff_hz: float = 1.0
    """Of the speed itself, as in the paper."""
    appears: float = 0.2
    """A keypoint counts from this score..."""
    vanishes: float = 0.12
    """... until it falls below this one."""
    bridged_s: float = 0.25
    """So long a keypoint that vanished is taken to be where it was."""
    leaps: float = 0.12
    """Body heights: a keypoint that is so much farther from where it was than anybody moves..."""
    fastest: float = 7.0
    """... in body heights a second: a punch..."""
    believed_s: float = 0.15
    """... is believed after so long. Until then it is as if it was not seen."""
    forgets_s: float = 1.0
    """After a gap of this length nothing that was before it matters."""


@dataclass(frozen=True, slots=True, eq=False)
class Steady:
    """The keypoints of one moment."""

    points: Points
    """(17, 2) in the unit that was given; where not `seen` they mean nothing."""
    seen: npt.NDArray[np.bool_]
    """(17,): there, or bridged."""


class Smoother:
    """A One-Euro filter for each coordinate of one person.

    Casiez, Roussel and Vogel, "1 Euro Filter" (2012). Speeds are in torso lengths a second, so that
    a child far away is smoothed as an adult nearby; times are the frames' own.
    """

    def __init__(self, settings: Smoothing | None = None) -> None:
        self._settings = settings or Smoothing()
        self._points = np.zeros((COUNT, 2))
        self._speed = np.zeros((COUNT, 2))
        self._seen_s = np.full(COUNT, -np.inf)
        self._is_seen = np.zeros(COUNT, np.bool_)
        self._last_s = -np.inf

    def update(self, t_s: float, points: Points, scores: Scores, height: float) -> Steady:
        """The next frame.

        Args:
            t_s: seconds; a time that is not after the last one changes nothing.
            points: (17, 2), x and y in the same unit.
            scores: (17,), 0..1.
            height: of the person in that unit, above 0; see `Stature`.
        """
        settings = self._settings
        passed_s = t_s - self._last_s
        if passed_s <= 0.0:
            return self._steady()
        self._last_s = t_s
        threshold = np.where(self._is_seen, settings.vanishes, settings.appears)
        known = t_s - self._seen_s <= settings.bridged_s
        there = (scores >= threshold) & ~self._leaps(t_s, points, known, height)
        if passed_s > settings.forgets_s:
            known[:] = False
        fresh = there & ~known
        goes_on = there & known

        # What was bridged moved from where it was last seen.
        dt_s = np.minimum(t_s - np.maximum(self._seen_s, t_s - 1e3), 1e3)[:, None]
        speed = (points - self._points) / dt_s
        self._speed += (speed - self._speed) * _share(settings.speed_cutoff_hz, dt_s)
        torsos = np.abs(self._speed) / (TORSO * height)
        step = (points - self._points) * _share(
            settings.cutoff_hz + settings.per_speed * torsos, dt_s
        )
        self._points += np.where(goes_on[:, None], step, 0.0)
        self._points[fresh] = points[fresh]
        self._speed[~goes_on] = 0.0
        self._seen_s[there] = t_s
        self._is_seen = there | (known & ~there)
        return self._steady()

    def _leaps(
        self, t_s: float, points: Points, known: npt.NDArray[np.bool_], height: float
    ) -> npt.NDArray[np.bool_]:
        """Which keypoints are where they cannot have got to."""
        settings = self._settings
        passed_s = t_s - self._seen_s
        nothing: npt.NDArray[np.bool_] = np.zeros(COUNT, np.bool_)
        if not (np.abs(points - self._points)[known] > settings.leaps * height / 2.0).any():
            return nothing
        far = np.hypot(*(points - self._points).T) / height
        leaps: npt.NDArray[np.bool_] = (
            known
            & (passed_s < settings.believed_s)
            & (far > settings.leaps + settings.fastest * np.where(known, passed_s, 0.0))
        )
        return leaps

    def _steady(self) -> Steady:
        return Steady(self._points.copy(), self._is_seen.copy())


def _share(cutoff_hz: float | Points, dt_s: Points) -> Points:
    """Of a step that passes a low-pass filter of the first order within a time."""
    turned = 2.0 * pi * cutoff_hz * dt_s
    share: Points = turned / (turned + 1.0)
    return share
