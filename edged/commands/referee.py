"""Compares what a device tells of the athlete with the truth."""

from __future__ import annotations

import math
import threading
from collections import deque

import msgspec
import numpy as np

from edged.capture.athlete.source import open_athlete
from edged.capture.athlete.workout import Moment
from edged.evaluation.metrics import mark
from edged.messages.encoding import Reader
from edged.messages.streams import PoseMessage
from edged.messages.topics import Topics
from edged.sections import Camera
from edged.view.state import Note

RECENT = 30
"""Frames that the OKS that is shown now is the mean of."""


class Referee:
    """Knows the athlete of a source as well as the source does. For any thread."""

    def __init__(self, settings: Camera, topics: Topics) -> None:
        """Raises `SourceError`, see `open_athlete`."""
        self._athlete = open_athlete(settings)
        self._settings = settings
        self._topic = topics.pose
        self._decoder = Reader(PoseMessage)
        self._lock = threading.Lock()
        self._moment: Moment | None = None
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._sum, self._count = 0.0, 0

    def take(self, topic: str, payload: bytes) -> None:
        """Note a message, whatever it holds."""
        if topic != self._topic:
            return
        try:
            told = self._decoder.decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return
        settings = self._settings
        with self._lock:
            moment = self._athlete.at(told.seq / settings.fps)
            best = max(told.poses, key=lambda pose: pose.score, default=None)
            found = None if best is None else np.array(best.keypoints, np.float32)
            size = settings.width, settings.height
            oks = mark(found, self._athlete.truth(moment), size).mean_oks
            self._moment = moment
            if not math.isnan(oks):
                self._recent.append(oks)
                self._sum += oks
                self._count += 1

    @property
    def mean_oks(self) -> float | None:
        """Of all frames that were told of; None: none was."""
        with self._lock:
            return self._sum / self._count if self._count else None

    def notes(self) -> tuple[Note, ...]:
        """What the athlete really did in the newest frame, and how near the model is."""
        with self._lock:
            moment, recent = self._moment, tuple(self._recent)
        if moment is None:
            return ()
        half = f" + {moment.bad_reps} half" if moment.bad_reps else ""
        return (
            Note("athlete", f"{moment.exercise} {moment.reps}{half}"),
            Note("phase", moment.phase),
            Note("OKS", f"{sum(recent) / len(recent):.2f}" if recent else "-"),
        )
