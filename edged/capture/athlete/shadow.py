"""The shadow on the floor: the limbs laid flat along the light, soft, darkest where they touch."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from edged.capture.athlete.body import Body, Joint, Posture
from edged.capture.athlete.lens import Floats, Lens
from edged.capture.athlete.scene import Scene
from edged.cv import cv2
from edged.types import Pixels

_COARSE = 4
"""One pixel of the mask for so many of the frame."""
_NEAREST_M = 0.3
_FLAT = np.array([1.0, 1.0, 0.0])
_TOUCHING_M = 0.25
"""What is lower darkens the floor below it."""
_LOW = (
    *(Joint.LEFT_HEEL, Joint.RIGHT_HEEL, Joint.LEFT_TOE, Joint.RIGHT_TOE),
    *(Joint.LEFT_HAND, Joint.RIGHT_HAND, Joint.LEFT_KNEE, Joint.RIGHT_KNEE),
    *(Joint.PELVIS, Joint.CHEST, Joint.LEFT_ELBOW, Joint.RIGHT_ELBOW),
)
_LIMBS = (
    *((Joint.LEFT_SHOULDER, Joint.LEFT_ELBOW), (Joint.RIGHT_SHOULDER, Joint.RIGHT_ELBOW)),
    *((Joint.LEFT_ELBOW, Joint.LEFT_HAND), (Joint.RIGHT_ELBOW, Joint.RIGHT_HAND)),
    *((Joint.LEFT_HIP, Joint.LEFT_KNEE), (Joint.RIGHT_HIP, Joint.RIGHT_KNEE)),
    *((Joint.LEFT_KNEE, Joint.LEFT_ANKLE), (Joint.RIGHT_KNEE, Joint.RIGHT_ANKLE)),
    *((Joint.LEFT_HEEL, Joint.LEFT_TOE), (Joint.RIGHT_HEEL, Joint.RIGHT_TOE)),
    *((Joint.LEFT_HIP, Joint.LEFT_SHOULDER), (Joint.RIGHT_HIP, Joint.RIGHT_SHOULDER)),
    *((Joint.PELVIS, Joint.CHEST), (Joint.HEAD, Joint.HEAD)),
)
_CORNERS = 8


class Shadow:
    """Darkens the floor of a frame."""

    def __init__(self, scene: Scene, body: Body, lens: Lens) -> None:
        self._lens = lens
        self._ends = np.array(_LIMBS)
        self._radii = np.array(body.radii)[self._ends]
        self._slant = -np.array(scene.light.direction) / scene.light.direction[2]
        around = np.arange(_CORNERS) / _CORNERS * 2 * math.pi
        self._circle = np.stack([np.cos(around), np.sin(around), np.zeros(_CORNERS)], axis=1)
        self._wall_x = _lit_wall(scene, lens)
        self._light = np.array(scene.light.direction)
        share = scene.light.strength / (scene.light.strength + scene.light.ambient)
        self._cast = min(0.8, scene.light.shadow * (0.5 + share))
        self._touch = min(0.8, 1.3 * scene.light.shadow)
        size = (math.ceil(lens.height / _COARSE), math.ceil(lens.width / _COARSE))
        self._mask = np.empty(size, np.uint8)
        self._blobs = np.empty(size, np.uint8)

    def cast(self, posture: Posture, out: Pixels) -> None:
        """Darken the floor, in place."""
        ends = posture[self._ends]
        floor = (ends + ends[..., 2:] * self._slant) * _FLAT
        outlines = floor[:, :, None] + self._radii[..., None, None] * self._circle
        if self._wall_x is not None:
            outlines = self._on_wall(ends, outlines, self._wall_x)
        self._fill(self._mask, outlines, self._cast * 255)
        low = posture[list(_LOW)]
        height = low[:, 2]
        near = height < _TOUCHING_M
        self._blobs[:] = 0
        box = _box(self._mask)
        if near.any():
            spots = np.repeat((low[near] * _FLAT)[:, None], 2, axis=1)
            outlines = spots[:, :, None] + 0.09 * self._circle
            dark = (1.0 - height[near] / _TOUCHING_M) * self._touch * 255
            self._fill(self._blobs, outlines, dark)
            box = _union(box, _box(self._blobs))
        if box is None:
            return
        left, top, right, bottom = box
        part = np.s_[max(top - 3, 0) : bottom + 3, max(left - 3, 0) : right + 3]
        mask, blobs = self._mask[part], self._blobs[part]
        soft = cv2.GaussianBlur(mask, (5, 5), 1.2)
        soft = 255 - cv2.max(soft, cv2.GaussianBlur(blobs, (7, 7), 2.0))
        y, x = part[0].start * _COARSE, part[1].start * _COARSE
        target = out[y : y + soft.shape[0] * _COARSE, x : x + soft.shape[1] * _COARSE]
        full = cv2.resize(soft, (soft.shape[1] * _COARSE, soft.shape[0] * _COARSE))
        full = full[: target.shape[0], : target.shape[1]]
        cv2.multiply(target, cv2.cvtColor(full, cv2.COLOR_GRAY2RGB), dst=target, scale=1 / 255)

    def _on_wall(self, ends: Floats, outlines: Floats, wall_x: float) -> Floats:
        """The outlines, but on the wall those that would lie on the floor behind it."""
        behind = outlines[..., 0].mean(axis=-1) < wall_x
        way = (ends[..., 0] - wall_x) / self._light[0]
        places = ends - way[..., None] * self._light
        upright = self._circle[:, [2, 0, 1]]
        moved = places[:, :, None] + self._radii[..., None, None] * upright
        return np.where(behind[..., None, None], moved, outlines)

    def _fill(
        self,
        mask: npt.NDArray[np.uint8],
        outlines: Floats,
        dark: float | Floats,
    ) -> None:
        """Fill the hulls of outlines (n, 2, corners, 3)."""
        mask[:] = 0
        pixels, depth = self._lens.project(outlines)
        count = len(outlines)
        hulls = np.round((pixels / _COARSE - 0.5) * 16).astype(np.int32).reshape(count, -1, 2)
        levels = np.broadcast_to(dark, count)
        for i in np.argsort(levels):
            if depth[i].min() > _NEAREST_M:
                cv2.fillConvexPoly(mask, cv2.convexHull(hulls[i]), float(levels[i]), cv2.LINE_8, 4)


def _lit_wall(scene: Scene, lens: Lens) -> float | None:
    """The x of a wall that is seen and has the light before it."""
    wall = scene.wall
    if wall is None or lens.position[0] <= wall.x or scene.light.direction[0] <= 0.0:
        return None
    return wall.x


def _box(mask: npt.NDArray[np.uint8]) -> tuple[int, int, int, int] | None:
    left, top, width, height = cv2.boundingRect(mask)
    return (left, top, left + width, top + height) if width and height else None


def _union(
    a: tuple[int, int, int, int] | None, b: tuple[int, int, int, int] | None
) -> tuple[int, int, int, int] | None:
    if a is None or b is None:
        return a or b
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])
