"""What of the athlete can be seen in a frame: the truth that a picture comes with."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from edged.capture.athlete.body import COCO, Body, Joint, Posture
from edged.capture.athlete.equipment import Bar
from edged.capture.athlete.figure import Figure
from edged.capture.athlete.lens import Floats, Lens
from edged.cv import cv2
from edged.types import Truth

OUTSIDE, HIDDEN, VISIBLE = 0, 1, 2
"""COCO's visibility: not in the frame; there, but covered; to be seen."""

_FACING = (-0.25, 0.05, 0.05, -0.35, -0.35)
"""Nose, eyes and ears are seen from directions up to these cosines off their own; what stands out
from the head is seen from a little behind as well."""
_NEAREST_M = 0.05
_MASK = 320
"""The longer side, in pixels, of the mask in which the silhouette is counted."""
_SIDES = 10
_SLACK_M = 0.02
"""Something covers a point if it is nearer by more than its radius and this."""
_FIT = 0.85
"""Of the thickness: a point just inside of an outline is still seen."""

# The body as solids between two joints: enough for what covers what.
_LEFT_SOLIDS = (
    (Joint.LEFT_SHOULDER, Joint.LEFT_ELBOW),
    (Joint.LEFT_ELBOW, Joint.LEFT_WRIST),
    (Joint.LEFT_WRIST, Joint.LEFT_HAND),
    (Joint.LEFT_HIP, Joint.LEFT_KNEE),
    (Joint.LEFT_KNEE, Joint.LEFT_ANKLE),
    (Joint.LEFT_ANKLE, Joint.LEFT_HEEL),
    (Joint.LEFT_ANKLE, Joint.LEFT_TOE),
)
_RIGHT_SOLIDS = tuple((Joint(a + 1), Joint(b + 1)) for a, b in _LEFT_SOLIDS)
_TRUNK = (
    (Joint.PELVIS, Joint.WAIST),
    (Joint.WAIST, Joint.CHEST),
    (Joint.LEFT_HIP, Joint.WAIST),
    (Joint.RIGHT_HIP, Joint.WAIST),
    (Joint.LEFT_SHOULDER, Joint.WAIST),
    (Joint.RIGHT_SHOULDER, Joint.WAIST),
    (Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER),
    (Joint.LEFT_HIP, Joint.RIGHT_HIP),
    (Joint.CHEST, Joint.NECK),
)
_SKULL = ((Joint.HEAD, Joint.HEAD),)
_SOLIDS = (*_LEFT_SOLIDS, *_RIGHT_SOLIDS, *_TRUNK, *_SKULL)


class Sight:
    """Sees a body through a lens."""

    def __init__(self, figure: Figure, body: Body, lens: Lens, bar: Bar | None = None) -> None:
        """`bar` is what may cover points besides the body."""
        self._figure, self._lens = figure, lens
        self._scale = min(1.0, _MASK / max(lens.width, lens.height))
        self._mask = np.empty(
            (math.ceil(lens.height * self._scale), math.ceil(lens.width * self._scale)), np.uint8
        )
        self._ends = np.array(_SOLIDS)
        radii = np.array(body.radii)
        self._radii = radii[self._ends]
        trunk = slice(len(_SOLIDS) - len(_SKULL) - len(_TRUNK), len(_SOLIDS) - len(_SKULL))
        self._radii[trunk] = np.minimum(self._radii[trunk], body.radius(Joint.WAIST))
        self._points, self._own = np.array(COCO), _own_solids()
        self._beside: Floats = np.empty((2, 0, 3))
        if bar is not None:
            ends = [[(bar.x, -bar.half, bar.z)], [(bar.x, bar.half, bar.z)]]
            self._beside = np.array(ends)
            self._radii = np.concatenate([self._radii, np.full((1, 2), bar.radius)])
            self._own = np.pad(self._own, ((0, 0), (0, 1)))

    def of(self, posture: Posture) -> Truth:
        """The truth of a posture in the frame."""
        lens = self._lens
        size = lens.width, lens.height
        points = posture[self._points]
        pixels, depth = lens.project(points)
        inside = ((pixels >= 0) & (pixels < size)).all(axis=1) & (depth > _NEAREST_M)
        covered = self._covered(posture, points) | self._turned_away(posture)
        visibility = np.where(inside, np.where(covered, HIDDEN, VISIBLE), OUTSIDE)
        return Truth(
            keypoints=(pixels / size).astype(np.float32),
            visibility=visibility.astype(np.uint8),
            area=self._silhouette(posture),
        )

    def _covered(self, posture: Posture, points: Floats) -> npt.NDArray[np.bool_]:
        """Which points something nearer stands before."""
        eye = self._lens.position
        start, end = (np.concatenate([posture[self._ends[:, i]], self._beside[i]]) for i in (0, 1))
        ray = points - eye
        bone = end - start
        # The nearest places of two lines: Ericson, Real-Time Collision Detection (2005), 5.1.9.
        across = ray @ bone.T
        ray_2 = np.einsum("ij,ij->i", ray, ray)[:, None]
        bone_2 = np.maximum(np.einsum("ij,ij->i", bone, bone), 1e-9)[None]
        back = eye - start
        ray_back = ray @ back.T
        bone_back = np.einsum("ij,ij->i", bone, back)[None]
        below = np.maximum(ray_2 * bone_2 - across**2, 1e-9)
        along_ray = np.clip((across * bone_back - ray_back * bone_2) / below, 0.0, 1.0)
        along_bone = np.clip((across * along_ray + bone_back) / bone_2, 0.0, 1.0)
        along_ray = np.clip((across * along_bone - ray_back) / ray_2, 0.0, 1.0)
        apart = (
            back[None] + along_ray[..., None] * ray[:, None] - along_bone[..., None] * bone[None]
        )
        distance = np.sqrt(np.einsum("ijk,ijk->ij", apart, apart))
        radius = self._radii[:, 0] + along_bone * (self._radii[:, 1] - self._radii[:, 0])
        nearer = (1.0 - along_ray) * np.sqrt(ray_2)
        hits = (distance < radius * _FIT) & (nearer > radius + _SLACK_M) & ~self._own
        covered: npt.NDArray[np.bool_] = hits.any(axis=1)
        return covered

    def _turned_away(self, posture: Posture) -> npt.NDArray[np.bool_]:
        """Which points of the face are on the other side of the head."""
        face = posture[self._points[:5]]
        ears = (posture[Joint.LEFT_EAR] + posture[Joint.RIGHT_EAR]) / 2
        ahead = posture[Joint.NOSE] - ears
        outward = face - posture[Joint.HEAD]
        # An eye looks ahead more than to its side.
        outward[1:3] += ahead * 0.6
        towards = self._lens.position - face
        cosine = np.einsum("ij,ij->i", outward, towards) / (
            np.linalg.norm(outward, axis=1) * np.linalg.norm(towards, axis=1) + 1e-9
        )
        away = np.zeros(len(COCO), np.bool_)
        away[:5] = cosine < _FACING
        return away

    def _silhouette(self, posture: Posture) -> float:
        """Its share of the frame."""
        pixels, depth = self._lens.project(self._figure.lay(posture))
        corners = self._figure.patches.corners
        facing = facing_the_camera(pixels, depth, corners)
        quads = np.round((pixels[corners[facing]] * self._scale - 0.5) * 16).astype(np.int32)
        mask, fill = self._mask, cv2.fillConvexPoly
        mask[:] = 0
        # Without the outline that OpenCV adds to a polygon, half a pixel wide, patches would part.
        for quad in quads:
            fill(mask, quad, 255, cv2.LINE_8, 4)
        return cv2.countNonZero(mask) / mask.size


def facing_the_camera(
    pixels: Floats, depth: Floats, corners: npt.NDArray[np.int32]
) -> npt.NDArray[np.intp]:
    """Which patches (n, 4) of vertices show their outer side, and are before the camera."""
    # Counterclockwise in the picture, whose y goes down.
    a, b, c, d = (pixels[corners[:, i]] for i in range(4))
    one, two = c - a, d - b
    facing = one[:, 0] * two[:, 1] < one[:, 1] * two[:, 0]
    facing &= depth[corners].min(axis=1) > _NEAREST_M
    return np.flatnonzero(facing)


def _own_solids() -> npt.NDArray[np.bool_]:
    """(17, solids): which solids a point belongs to, that cannot cover it."""
    own = np.zeros((len(COCO), len(_SOLIDS)), np.bool_)
    for i, point in enumerate(COCO):
        for j, ends in enumerate(_SOLIDS):
            own[i, j] = point in ends
            if point <= Joint.RIGHT_EAR and ends[0] == Joint.HEAD:
                own[i, j] = True
    return own
