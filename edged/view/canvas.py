"""A picture of dots for a terminal: braille characters, 2 x 4 dots each. Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from itertools import groupby

from edged.messages.streams import KeypointRow, PosePayload
from edged.types import KEYPOINT_NAMES, KEYPOINT_SEEN

ACROSS, DOWN = 2, 4
"""Dots of a character. One is about as wide as it is high, where characters are twice as high."""
BLANK = 0x2800
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Of Unicode's braille patterns, by row and column."""
MOST_PEOPLE = 32
MOST_BONES = 64


class Side(enum.IntEnum):
    """Of the person's body."""

    MIDDLE = 0
    LEFT = 1
    RIGHT = 2


def side_of(keypoint: int) -> Side:
    """By the keypoint's name."""
    name = KEYPOINT_NAMES[keypoint]
    if name.startswith("left_"):
        return Side.LEFT
    return Side.RIGHT if name.startswith("right_") else Side.MIDDLE


def side_of_bone(start: int, end: int) -> Side:
    """The side that both ends lie on; a middle one, as the nose, lies on either."""
    one, other = side_of(start), side_of(end)
    if one == other or other is Side.MIDDLE:
        return one
    return other if one is Side.MIDDLE else Side.MIDDLE


class Canvas:
    """`width` x `height` characters. x and y are 0..1 of it; what lies outside is not drawn."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._bits = [[0] * width for _ in range(height)]
        self._sides = [[Side.MIDDLE] * width for _ in range(height)]

    def _dot(self, x: int, y: int, side: Side) -> None:
        column, row = x // ACROSS, y // DOWN
        if 0 <= column < self.width and 0 <= row < self.height:
            self._bits[row][column] |= _BITS[y % DOWN][x % ACROSS]
            self._sides[row][column] = side

    def _place(self, x: float, y: float) -> tuple[int, int]:
        """In dots. Far outside is not far: a line's length is bounded."""
        x, y = min(max(x, -1.0), 2.0), min(max(y, -1.0), 2.0)
        across, down = self.width * ACROSS, self.height * DOWN
        # The edges at 0 and 1 are inside: people do stand at the edge.
        return round(x * (across - 1)), round(y * (down - 1))

    def line(self, start: tuple[float, float], end: tuple[float, float], side: Side) -> None:
        """From dot to dot."""
        (left, top), (right, bottom) = self._place(*start), self._place(*end)
        steps = max(abs(right - left), abs(bottom - top), 1)
        for step in range(steps + 1):
            self._dot(
                left + round((right - left) * step / steps),
                top + round((bottom - top) * step / steps),
                side,
            )

    def point(self, x: float, y: float, side: Side) -> None:
        """A joint: 2 x 2 dots."""
        across, down = self._place(x, y)
        for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
            self._dot(across + dx, down + dy, side)

    def pose(self, keypoints: Sequence[KeypointRow], bones: Sequence[tuple[int, int]]) -> None:
        """What is seen of a person."""
        seen = {
            number: (x, y)
            for number, (x, y, score) in enumerate(keypoints)
            if score >= KEYPOINT_SEEN
        }
        for start, end in bones[:MOST_BONES]:
            if start in seen and end in seen:
                self.line(seen[start], seen[end], side_of_bone(start, end))
        for number, (x, y) in seen.items():
            self.point(x, y, side_of(number))

    def people(self, poses: Sequence[PosePayload], bones: Sequence[tuple[int, int]]) -> None:
        """Everybody."""
        for pose in poses[:MOST_PEOPLE]:
            self.pose(pose.keypoints, bones)

    def rows(self) -> Iterator[list[tuple[str, Side]]]:
        """The characters of each row, those of one side together."""
        for bits, sides in zip(self._bits, self._sides, strict=True):
            if not any(bits):  # most of them
                yield [(" " * self.width, Side.MIDDLE)]
                continue
            characters = zip(bits, sides, strict=True)
            yield [
                ("".join(chr(BLANK + bit) if bit else " " for bit, _ in run), side)
                for side, run in groupby(characters, key=lambda one: one[1])
            ]


def fit(width: int, height: int, aspect: float) -> tuple[int, int]:
    """The largest canvas of an aspect (width / height of the picture) in so many characters."""
    by_height = round(height * DOWN * aspect / ACROSS)
    if by_height <= width:
        return max(by_height, 1), height
    return width, min(max(round(width * ACROSS / aspect / DOWN), 1), height)
