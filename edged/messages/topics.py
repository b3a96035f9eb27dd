"""The topics of the contract, version 1. The only topic strings of edged."""

from __future__ import annotations

from dataclasses import dataclass

STREAM_EXPIRY_S = 2
"""A stream message older than this is of no use to anybody."""

ONLINE = b"online"
OFFLINE = b"offline"


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one device."""

    prefix: str
    device: str

    def _of(self, what: str) -> str:
        return f"{self.prefix}/{self.device}/{what}"

    @property
    def status(self) -> str:
        """`online` or `offline`, plain text."""
        return self._of("status")

    @property
    def info(self) -> str:
        """`Info`: what this device is."""
        return self._of("info")

    @property
    def pose(self) -> str:
        """`PoseMessage`: the people of a frame."""
        return self._of("pose")

    @property
    def labels(self) -> str:
        """`LabelsMessage`: what a frame shows."""
        return self._of("labels")

    @property
    def health(self) -> str:
        """`HealthMessage`: how the device is."""
        return self._of("health")

    @property
    def exercise(self) -> str:
        """`ExerciseState`: what is being done now."""
        return self._of("exercise")

    @property
    def event_rep(self) -> str:
        """`RepEvent`: a rep is done."""
        return self._of("event/rep")

    @property
    def event_set(self) -> str:
        """`SetEvent`: a set is over."""
        return self._of("event/set")

    @property
    def event_workout(self) -> str:
        """`WorkoutEvent`: a workout is over."""
        return self._of("event/workout")

    @property
    def paused(self) -> str:
        """`ON`: the camera is closed because somebody wants it so; `OFF`. Plain text."""
        return self._of("paused")

    @property
    def reply(self) -> str:
        """`Reply`: the answer to a command whose sender names no other topic."""
        return self._of("reply")

    def set(self, what: str) -> str:
        """Where a command is taken; `+`: any of them."""
        return self._of(f"set/{what}")

    @property
    def check(self) -> str:
        """What `edged check` sends to itself; nobody else needs it, and nothing is retained."""
        return self._of("check")

    @property
    def everything(self) -> str:
        """The filter that takes all of it."""
        return self._of("#")
