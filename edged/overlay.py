"""Draws on a picture what was found in it: skeletons, boxes, labels.

Every stroke has a dark edge and every text a dark ground, so that both show on any picture.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from edged.cv import cv2
from edged.types import KEYPOINT_NAMES, KEYPOINT_SEEN, SKELETON, Classification, Pixels, Pose

Colour: TypeAlias = tuple[int, int, int]
"""Red, green, blue."""

LEFT: Colour = (255, 170, 0)
RIGHT: Colour = (56, 180, 255)
"""Amber and sky: apart for colour-blind eyes too."""
MIDDLE: Colour = (245, 245, 245)
DARK: Colour = (16, 18, 22)
FAINT: Colour = (190, 194, 200)

GROUND_OPACITY = 0.72
"""Of the ground behind text."""

_FONT = cv2.FONT_HERSHEY_DUPLEX
_FONT_HEIGHT = 22.0
"""Pixels of a capital letter at scale 1."""

_SHIFT = 4
"""Bits of a coordinate behind the point, as OpenCV takes them."""


def _colour_of(name: str) -> Colour:
    return LEFT if name.startswith("left") else RIGHT if name.startswith("right") else MIDDLE


_FACE = range(KEYPOINT_NAMES.index("left_shoulder"))
"""Joints so near each other that they are drawn smaller."""

_COLOURS = tuple(map(_colour_of, KEYPOINT_NAMES))


def _bone_colour(start: int, end: int) -> Colour:
    """The side's; from side to side the middle's. The nose is of no side."""
    sides = {_COLOURS[start], _COLOURS[end]} - {MIDDLE}
    return sides.pop() if len(sides) == 1 else MIDDLE


_BONES = tuple((start, end, _bone_colour(start, end)) for start, end in SKELETON)


def draw_poses(picture: Pixels, poses: Sequence[Pose]) -> None:
    """Draw people in place: skeleton, keypoints by side, box and score.

    Keypoints with a score below `KEYPOINT_SEEN` are left out.
    """
    for pose in poses:
        _draw_box(picture, pose)
        _draw_skeleton(picture, pose)


def draw_labels(picture: Pixels, result: Classification) -> None:
    """Write the labels into the upper left corner in place, best first, and whether to believe."""
    lines = [(f"{entry.label}  {entry.score:.2f}", FAINT) for entry in result.labels]
    lines[0] = (lines[0][0], MIDDLE)
    if not result.confident:
        lines.insert(0, ("not confident", LEFT))
    margin = round(_letter_height(picture) * 0.8)
    _Text(picture, lines).write(margin, margin)


def _shorter(picture: Pixels) -> int:
    return int(min(picture.shape[:2]))


def _letter_height(picture: Pixels) -> float:
    """Pixels of a capital letter: a fortieth of the picture, and never too small to read."""
    return max(9.0, _shorter(picture) / 40)


def _stroke(picture: Pixels, pose: Pose) -> float:
    """Width of a bone: by the picture, thinner where the person is small in it."""
    height, width = picture.shape[:2]
    _, _, box_width, box_height = pose.box()
    person = float(np.hypot(box_width * width, box_height * height))
    return max(1.0, min(_shorter(picture) / 130, person / 90))


def _point(x: float, y: float) -> tuple[int, int]:
    """Continuous coordinates as OpenCV's, where a pixel's centre is a whole number."""
    return round((x - 0.5) * 2**_SHIFT), round((y - 0.5) * 2**_SHIFT)


def _draw_skeleton(picture: Pixels, pose: Pose) -> None:
    height, width = picture.shape[:2]
    stroke = _stroke(picture, pose)
    bone, edge = max(1, round(stroke)), max(1, round(stroke / 3))
    places = [_point(x * width, y * height) for x, y in pose.keypoints[:, :2].tolist()]
    seen = (pose.keypoints[:, 2] >= KEYPOINT_SEEN).tolist()
    bones = [bone for bone in _BONES if seen[bone[0]] and seen[bone[1]]]
    joints = [joint for joint in range(len(places)) if seen[joint]]
    # All edges before all colours: where bones cross, no edge cuts a colour.
    for start, end, _ in bones:
        _line(picture, places[start], places[end], DARK, bone + 2 * edge)
    for start, end, colour in bones:
        _line(picture, places[start], places[end], colour, bone)
    for joint in joints:
        radius = stroke * (0.8 if joint in _FACE else 1.3)
        _disc(picture, places[joint], radius + edge, DARK)
        _disc(picture, places[joint], radius, _COLOURS[joint])


def _line(
    picture: Pixels, start: tuple[int, int], end: tuple[int, int], colour: Colour, width: int
) -> None:
    cv2.line(picture, start, end, colour, width, cv2.LINE_AA, _SHIFT)


def _disc(picture: Pixels, centre: tuple[int, int], radius: float, colour: Colour) -> None:
    cv2.circle(picture, centre, round(radius * 2**_SHIFT), colour, cv2.FILLED, cv2.LINE_AA, _SHIFT)


def _draw_box(picture: Pixels, pose: Pose) -> None:
    """The corners of the box, which hide less of the picture than all of it, and the score."""
    height, width = picture.shape[:2]
    stroke = _stroke(picture, pose)
    gap = 4 * stroke  # so that the box does not touch the joints
    x, y, box_width, box_height = pose.box()
    left, right = max(x * width - gap, 1), min((x + box_width) * width + gap, width - 1)
    top, bottom = max(y * height - gap, 1), min((y + box_height) * height + gap, height - 1)
    arm = 0.12 * min(right - left, bottom - top) + stroke
    line = max(1, round(stroke / 2))
    for colour, thickness in ((DARK, line + 2), (MIDDLE, line)):
        for corner_x, towards_x in ((left, arm), (right, -arm)):
            for corner_y, towards_y in ((top, arm), (bottom, -arm)):
                corner = _point(corner_x, corner_y)
                beside = _point(corner_x + towards_x, corner_y)
                below = _point(corner_x, corner_y + towards_y)
                _line(picture, corner, beside, colour, thickness)
                _line(picture, corner, below, colour, thickness)
    score = _Text(picture, [(f"{pose.score:.2f}", MIDDLE)])
    above, under = round(top - line) - score.height, round(bottom + line)
    inside = round(top)
    room = above >= 0, under + score.height <= height
    score.write(round(left), above if room[0] else under if room[1] else inside)


class _Text:
    """Lines on a dark ground, written smaller where they are too wide for the picture."""

    def __init__(self, picture: Pixels, lines: Sequence[tuple[str, Colour]]) -> None:
        picture_height, picture_width = picture.shape[:2]
        self._picture = picture
        self._lines = [(_plain(text), colour) for text, colour in lines]
        widest = max(cv2.getTextSize(text, _FONT, 1.0, 1)[0][0] for text, _ in self._lines)
        wanted = _letter_height(picture) / _FONT_HEIGHT
        self._scale = min(wanted, 0.9 * picture_width / (widest + 1))
        self._letter = self._scale * _FONT_HEIGHT
        self._padding, self._step = round(self._letter * 0.6), round(self._letter * 1.9)
        text_height = self._step * (len(lines) - 1) + round(self._letter)
        self.width = min(picture_width, round(widest * self._scale) + 2 * self._padding)
        self.height = min(picture_height, text_height + 2 * self._padding)
        """Pixels of the ground."""

    def write(self, left: int, top: int) -> None:
        """Write with the ground's corner there, or as near as it fits."""
        height, width = self._picture.shape[:2]
        left, top = max(0, min(left, width - self.width)), max(0, min(top, height - self.height))
        ground = self._picture[top : top + self.height, left : left + self.width]
        dark = np.full_like(ground, DARK)
        cv2.addWeighted(ground, 1 - GROUND_OPACITY, dark, GROUND_OPACITY, 0, dst=ground)
        thickness = max(1, round(self._letter / 14))
        x, y = left + self._padding, top + self._padding + round(self._letter)
        for row, (text, colour) in enumerate(self._lines):
            place = (x, y + row * self._step)
            cv2.putText(
                self._picture, text, place, _FONT, self._scale, colour, thickness, cv2.LINE_AA
            )


def _plain(text: str) -> str:
    """In the letters that OpenCV's font has: accents go, other scripts become question marks."""
    letters = unicodedata.normalize("NFKD", text)
    letters = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return letters.encode("ascii", "replace").decode()
