"""Everybody before the camera: who is who, who exercises, and what is counted of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edged.fitness.coach import Coach, News
from edged.fitness.exercises import AUTO, Exercises
from edged.fitness.tracking import ActiveChoice, Tracker
from edged.types import Classification, Pose

UNFOLLOWED = 0
"""The id of who is not sure enough to be somebody, or not yet."""


class Crew:
    """Follows people and counts what the one does who exercises. O(1) memory."""

    def __init__(self, exercises: Exercises, wanted: str = AUTO, pinned: int | None = None) -> None:
        """Raises `KeyError` when the exercise that is wanted is not among them."""
        self._exercises, self._wanted = exercises, wanted
        self._tracker = Tracker()
        self._choice = ActiveChoice(pinned=pinned)
        self.coach = Coach(exercises, wanted)
        """Of the one who exercises."""
        self._coached: int | None = None
        self.people: list[Pose] = []
        """All of the last frame, with their lasting ids, or `UNFOLLOWED`."""

    @property
    def active(self) -> int | None:
        """The id of the one who exercises."""
        return self._coached

    @property
    def watched(self) -> Pose | None:
        """The one who exercises, as in the last frame; None: nobody, or not seen in it."""
        return next((pose for pose in self.people if pose.id == self._coached), None)

    @property
    def wants_hints(self) -> bool:
        """Whether a second model has a say in what is done."""
        return self._wanted == AUTO

    def hint(self, t_s: float, answer: Classification) -> None:
        """What a second model says of `watched`; `t_s` by the clock of `update`."""
        self.coach.hint(t_s, answer)

    def pin(self, person: int | None) -> None:
        """Watch the person of this id in any case; None: whoever exercises."""
        self._choice.pinned = person

    def want(self, wanted: str) -> None:
        """Count this exercise from now on. Raises `KeyError` when there is none of the name."""
        self.coach, self._wanted = Coach(self._exercises, wanted), wanted

    def update(self, t_s: float, poses: Sequence[Pose], aspect: float) -> list[News]:
        """The next frame.

        Args:
            t_s: seconds by any clock, growing.
            poses: who is seen; their `id` is not used.
            aspect: width / height of the frame.
        """
        tracks = self._tracker.update(t_s, poses)
        followed = {id(track.pose.keypoints): track.pose for track in tracks}
        self.people = [
            followed.get(id(pose.keypoints)) or replace(pose, id=UNFOLLOWED) for pose in poses
        ]
        active = self._choice.update(t_s, tracks, busy=self.coach.is_busy(t_s))
        if active != self._coached:
            self.coach, self._coached = Coach(self._exercises, self._wanted), active
        mine = next((track.pose.keypoints for track in tracks if track.id == active), None)
        return self.coach.update(t_s, mine, aspect)
