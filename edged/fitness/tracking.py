"""Who is who from frame to frame, and whom to watch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import exp, hypot
from statistics import median

import numpy as np

from edged.types import KEYPOINT_SEEN, Box, Pose

_FACE = (0.026, 0.025, 0.025, 0.035, 0.035)
_ARMS = (0.079, 0.079, 0.072, 0.072, 0.062, 0.062)
_LEGS = (0.107, 0.107, 0.087, 0.087, 0.089, 0.089)
_TOLERANCE = np.array([*_FACE, *_ARMS, *_LEGS])
"""COCO's standard deviation of each keypoint, in square roots of the person's area."""

_TORSO = (5, 6, 11, 12)
_LIMBS = (7, 8, 9, 10, 13, 14, 15, 16)


@dataclass(frozen=True, slots=True)
class Tracking:
    """What makes two poses the same person."""

    alike: float = 0.2
    """The similarity from which a pose may be a person of the last frame."""
    sure: float = 0.4
    """Only a pose of this score may be somebody new; a weaker one may go on being who it was."""
    forgets_s: float = 2.0
    """Somebody who was gone for longer is somebody new."""
    confirmed_s: float = 0.3
    """Somebody is there after having been seen for so long."""
    motion_s: float = 0.3
    """Over which a person's speed is averaged."""
    people: int = 16
    """At most; the weakest are left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """A person, followed."""

    id: int
    pose: Pose
    """As last seen, with this `id`."""
    first_s: float
    last_s: float
    velocity: tuple[float, float] = (0.0, 0.0)
    """Of the middle of the box, in frame widths and heights a second."""


@dataclass(slots=True)
class Tracker:
    """Gives poses lasting ids.

    In two stages, as Zhang et al., "ByteTrack" (2022): sure poses are matched first, then weak ones
    with who is left, since a person half hidden has a low score and still is who it was.
    """

    settings: Tracking = field(default_factory=Tracking)
    _tracks: list[Track] = field(default_factory=list)
    _next_id: int = 1

    def update(self, t_s: float, poses: Sequence[Pose]) -> list[Track]:
        """Who is in a frame: a track for each pose that is somebody, `last_s` is `t_s`.

        Args:
            t_s: seconds, never less than the last time.
            poses: whose `id` is not used.
        """
        settings = self.settings
        self._tracks = [one for one in self._tracks if t_s - one.last_s <= settings.forgets_s]
        ranked = sorted(poses, key=lambda pose: -pose.score)[: settings.people]
        sure = [pose for pose in ranked if pose.score >= settings.sure]
        weak = [pose for pose in ranked if pose.score < settings.sure]
        free = list(self._tracks)
        followed: list[Track] = []
        unknown: list[Pose] = []
        for stage in (sure, weak):
            pairs, rest = _matched(t_s, free, stage, settings.alike)
            followed += [_moved(track, pose, t_s, settings.motion_s) for track, pose in pairs]
            taken = {track.id for track, _ in pairs}
            free = [track for track in free if track.id not in taken]
            unknown += rest if stage is sure else []
        for pose in unknown:
            followed.append(Track(self._next_id, replace(pose, id=self._next_id), t_s, t_s))
            self._next_id += 1
        self._tracks = followed + free
        return [
            one
            for one in followed
            if t_s - one.first_s >= settings.confirmed_s or one.first_s == self._began_s(t_s)
        ]

    def _began_s(self, t_s: float) -> float:
        """Whoever is there when nobody else is needs no confirmation."""
        return min((one.first_s for one in self._tracks), default=t_s)


def _matched(
    t_s: float, tracks: Sequence[Track], poses: Sequence[Pose], alike: float
) -> tuple[list[tuple[Track, Pose]], list[Pose]]:
    """Pairs, the most alike first, and the poses of nobody."""
    expected = [_expected(track, t_s) for track in tracks]
    boxes, others = [pose.box() for pose in expected], [pose.box() for pose in poses]
    ranked = sorted(
        (
            (_alike(one, box, pose, other), i, j)
            for i, (one, box) in enumerate(zip(expected, boxes, strict=True))
            for j, (pose, other) in enumerate(zip(poses, others, strict=True))
        ),
        key=lambda one: -one[0],
    )
    pairs: list[tuple[Track, Pose]] = []
    left, right = set(range(len(tracks))), set(range(len(poses)))
    for alikeness, i, j in ranked:
        if alikeness < alike:
            break
        if i in left and j in right:
            left.remove(i)
            right.remove(j)
            pairs.append((tracks[i], poses[j]))
    return pairs, [poses[j] for j in sorted(right)]


def similarity(one: Pose, other: Pose) -> float:
    """How alike two poses are, 0..1: the mean of their boxes' and their keypoints' likeness."""
    return _alike(one, one.box(), other, other.box())


def _alike(one: Pose, box: Box, other: Pose, other_box: Box) -> float:
    if _gap(box, other_box) > max(box[2:]):  # no keypoint's tolerance reaches so far
        return 0.0
    return (_overlap(box, other_box) + _oks(one, box, other)) / 2.0


def _gap(one: Box, other: Box) -> float:
    """Between two boxes, the greater of across and down; below 0 where they overlap."""
    x, y, width, height = one
    u, v, wide, high = other
    return max(max(x, u) - min(x + width, u + wide), max(y, v) - min(y + height, v + high))


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union of the boxes."""
    x, y, width, height = one
    u, v, wide, high = other
    across = min(x + width, u + wide) - max(x, u)
    down = min(y + height, v + high) - max(y, v)
    if across <= 0.0 or down <= 0.0:
        return 0.0
    return across * down / (width * height + wide * high - across * down)


def _oks(one: Pose, box: Box, other: Pose) -> float:
    """Object keypoint similarity, as COCO's, with twice its tolerance since people move."""
    both = (one.keypoints[:, 2] >= KEYPOINT_SEEN) & (other.keypoints[:, 2] >= KEYPOINT_SEEN)
    _, _, width, height = box
    area = width * height
    if area <= 0.0 or not both.any():
        return 0.0
    apart = one.keypoints[both, :2] - other.keypoints[both, :2]
    squared = (apart.astype(np.float64) ** 2).sum(axis=1)
    return float(np.exp(-squared / (2.0 * area * (4.0 * _TOLERANCE[both]) ** 2)).mean())


def _expected(track: Track, t_s: float) -> Pose:
    """Where somebody is who goes on as before."""
    if track.velocity == (0.0, 0.0):
        return track.pose
    keypoints = track.pose.keypoints.copy()
    keypoints[:, :2] += np.array(track.velocity, np.float32) * np.float32(t_s - track.last_s)
    return replace(track.pose, keypoints=keypoints)


def _moved(track: Track, pose: Pose, t_s: float, motion_s: float) -> Track:
    passed_s = t_s - track.last_s
    velocity = track.velocity
    if passed_s > 0.0:
        (x, y), (u, v) = _middle(track.pose), _middle(pose)
        share = 1.0 - exp(-passed_s / motion_s)
        now = (u - x) / passed_s, (v - y) / passed_s
        velocity = (
            velocity[0] + share * (now[0] - velocity[0]),
            velocity[1] + share * (now[1] - velocity[1]),
        )
    named = replace(pose, id=track.id)
    return replace(track, pose=named, last_s=t_s, velocity=velocity)


def _middle(pose: Pose) -> tuple[float, float]:
    return _center(pose.keypoints.tolist())


@dataclass(frozen=True, slots=True)
class Choosing:
    """Who of several is the one who exercises."""

    averaged_s: float = 2.0
    """Over which a person's interest is averaged."""
    better: float = 1.5
    """So many times as interesting another has to be..."""
    for_s: float = 2.0
    """... for so long, to be watched instead."""
    missed_s: float = 0.5
    """Somebody who is not seen is waited for so long, where somebody else is there..."""
    gone_s: float = 5.0
    """... and for so long in the middle of a set, or where nobody else is."""
    stillness: float = 0.3
    """The interest in one who does not move, against one whose limbs move a torso length a second;
    both times the person's size."""


@dataclass(slots=True)
class _Interest:
    last: Track
    value: float


@dataclass(slots=True)
class ActiveChoice:
    """Picks the person to watch: large and moving on the spot; it does not waver."""

    settings: Choosing = field(default_factory=Choosing)
    pinned: int | None = None
    """The id of who is watched in any case."""
    active: int | None = None
    """The id of who is watched."""
    _seen_s: float = 0.0
    _better_since_s: float | None = None
    _interest: dict[int, _Interest] = field(default_factory=dict)

    def update(self, t_s: float, tracks: Sequence[Track], *, busy: bool = False) -> int | None:
        """The id of the person to watch, who need not be in this frame; None: there is nobody.

        `busy`: the one who is watched is in the middle of a set, and stays until gone.
        """
        self._interest = {one.id: self._interested(one) for one in tracks}
        present = {one.id for one in tracks}
        if self._keeps_pinned(t_s, present):
            return self.active
        if self.active in present:
            self._seen_s = t_s
        elif self.active is not None:
            waits_s = self.settings.missed_s if tracks and not busy else self.settings.gone_s
            if t_s - self._seen_s > waits_s:
                self.active = None
        if not tracks:
            return self.active
        best = max(tracks, key=lambda one: self._interest[one.id].value).id
        if self.active is None:
            self._watch(best, t_s)
        elif self.active in present and self._is_better(best) and not busy:
            if self._better_since_s is None:
                self._better_since_s = t_s
            if t_s - self._better_since_s >= self.settings.for_s:
                self._watch(best, t_s)
        else:
            self._better_since_s = None
        return self.active

    def _keeps_pinned(self, t_s: float, present: set[int]) -> bool:
        """Whether somebody is watched in any case; not who has gone: an id does not come back."""
        if self.pinned is None:
            return False
        if self.pinned in present:
            self._watch(self.pinned, t_s)
        elif self.active != self.pinned or t_s - self._seen_s > self.settings.gone_s:
            self.pinned = self.active = None
        return self.pinned is not None

    def _watch(self, person: int, t_s: float) -> None:
        self.active, self._seen_s, self._better_since_s = person, t_s, None

    def _is_better(self, best: int) -> bool:
        if best == self.active or self.active is None:
            return False
        mine = self._interest[self.active].value
        return self._interest[best].value > self.settings.better * mine

    def _interested(self, track: Track) -> _Interest:
        before = self._interest.get(track.id)
        _, _, width, height = track.pose.box()
        size = (width * height) ** 0.5
        if before is None:
            return _Interest(track, size * self.settings.stillness)
        passed_s = track.last_s - before.last.last_s
        if passed_s <= 0.0:
            return before
        lively = min(1.0, _limb_speed(before.last.pose, track.pose, passed_s))
        now = size * (self.settings.stillness + lively)
        share = 1.0 - exp(-passed_s / self.settings.averaged_s)
        return _Interest(track, before.value + share * (now - before.value))


def _limb_speed(before: Pose, now: Pose, passed_s: float) -> float:
    """Of arms and legs against the trunk, in torso lengths a second: who walks by moves little."""
    was, places = before.keypoints.tolist(), now.keypoints.tolist()
    (x, y), (u, v) = _center(was), _center(places)
    steps = [
        hypot(places[i][0] - was[i][0] - (u - x), places[i][1] - was[i][1] - (v - y))
        for i in _LIMBS
        if was[i][2] >= KEYPOINT_SEEN and places[i][2] >= KEYPOINT_SEEN
    ]
    if not steps:
        return 0.0
    (left, right), (hip, other) = places[5:7], places[11:13]
    torso = hypot(
        (left[0] + right[0] - hip[0] - other[0]), (left[1] + right[1] - hip[1] - other[1])
    )
    return median(steps) / max(1e-3, torso / 2.0) / passed_s


def _center(points: list[list[float]]) -> tuple[float, float]:
    """Of the trunk."""
    return sum(points[i][0] for i in _TORSO) / 4.0, sum(points[i][1] for i in _TORSO) / 4.0
