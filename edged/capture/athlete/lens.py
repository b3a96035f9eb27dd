"""Where a point of the world lies in the frame: a pinhole camera that looks at the athlete.

World: metres, x = where the athlete faces, y = to the athlete's left, z = up, floor at 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]

REACH_M = 0.92
"""So far from the origin, over the floor, comes an athlete who lies on it."""
STANDING_M = 1.75
"""The size of the athlete for whom a camera is placed."""
TALLEST_M = 2.0
"""Nobody is taller."""
FEET_M = 0.3
"""So far from the origin are the feet of one who stands."""
OVERHEAD_M = 2.2
"""So high reach the arms of most."""
_CLOSE = 0.8
_NEAREST_M = 1.2
_IN_FRONT_M = 0.1
_MARGIN = 0.97
"""Of the frame is used."""
_FARTHEST_M = 20.0


@dataclass(frozen=True, slots=True)
class Camera:
    """Where the camera is and how it looks."""

    azimuth: float
    """Radians about the athlete: 0 = in front, pi/2 = at the athlete's left, pi = behind."""
    distance: float
    """Metres from the origin, over the floor."""
    height: float
    """Metres above the floor."""
    pitch: float
    """Radians that it looks up (negative: down)."""
    pan: float
    """Radians that it looks past the origin, to its right."""
    roll: float
    """Radians that it is turned clockwise."""
    fov: float
    """Radians that it sees of the shorter side of the frame."""

    @property
    def position(self) -> Floats:
        """In the world."""
        return np.array(
            [
                self.distance * math.cos(self.azimuth),
                self.distance * math.sin(self.azimuth),
                self.height,
            ]
        )

    @property
    def rotation(self) -> Floats:
        """(3, 3): the camera's right, down and forward, in the world."""
        heading = self.azimuth + math.pi - self.pan
        level = math.cos(self.pitch)
        forward = np.array(
            [level * math.cos(heading), level * math.sin(heading), math.sin(self.pitch)]
        )
        right = np.array([math.sin(heading), -math.cos(heading), 0.0])
        down = np.cross(forward, right)
        cos, sin = math.cos(self.roll), math.sin(self.roll)
        return np.stack([cos * right + sin * down, cos * down - sin * right, forward])


class Lens:
    """A camera and a frame of some size."""

    def __init__(self, camera: Camera, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.focal = min(width, height) / 2 / math.tan(camera.fov / 2)
        """Pixels."""
        self.position, self.rotation = camera.position, camera.rotation
        # One product gives (f x + cx z, f y + cy z, z).
        intrinsic = np.array(
            [[self.focal, 0.0, width / 2], [0.0, self.focal, height / 2], [0.0, 0.0, 1.0]]
        )
        self._matrix = np.ascontiguousarray((intrinsic @ self.rotation).T)
        self._offset = -self.position @ self._matrix

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """Pixels (..., 2) and depths (...) of points (..., 3) of the world.

        Pixels are continuous: the left edge of the frame is 0, its right edge its width. Behind the
        camera (depth below 1 cm) the pixels mean nothing.
        """
        homogeneous = points @ self._matrix
        homogeneous += self._offset
        depth = homogeneous[..., 2]
        return homogeneous[..., :2] / np.maximum(depth, 0.01)[..., None], depth


def placed(
    rng: np.random.Generator, fraction: float, *, azimuth: float, height: float, fov: float
) -> Camera:
    """A camera from which a standing athlete takes a fraction (0..1) of the frame's height.

    Unless the fraction is above 0.8 it goes back as far as lying limbs and raised hands need.
    """
    standing = np.concatenate([[[0.0, 0.0, 0.0], [0.0, 0.0, STANDING_M]], _circle(FEET_M)])
    standing = np.concatenate([standing, [[0.0, 0.0, TALLEST_M]]])
    lying = _circle(REACH_M)
    raised = np.array([[0.0, y, OVERHEAD_M] for y in (-0.3, 0.3)])
    needed = standing if fraction > _CLOSE else np.concatenate([standing, lying, raised])
    edge = math.tan(fov / 2)
    distance = _NEAREST_M
    while True:
        away = np.hypot(distance - needed[:, 0], needed[:, 1])
        angles = np.arctan2(needed[:, 2] - height, away)
        pitch = float(angles.max() + angles.min()) / 2
        along, across, depth = _seen_from(needed, distance, height, pitch)
        fits = depth.min() > _IN_FRONT_M and max(along.max(), across.max()) < edge * _MARGIN
        # The first two are feet and crown.
        if math.tan((angles[1] - angles[0]) / 2) <= edge * fraction and fits:
            break
        distance *= 1.02
    slack = max(0.0, edge * _MARGIN - float(along.max()))
    return Camera(
        azimuth=azimuth,
        distance=distance,
        height=height,
        pitch=pitch + float(rng.uniform(-0.8, 0.8)) * slack,
        pan=float(rng.uniform(-0.5, 0.5)) * max(0.0, edge - float(across.max())),
        roll=float(np.clip(rng.normal(0.0, 0.025), -0.07, 0.07)),
        fov=fov,
    )


def fitted(camera: Camera, points: Floats) -> Camera:
    """The camera, gone back and turned up or down until it sees these points of the world (n, 3).

    Where it is if it sees them already. They are seen in a frame of any shape.
    """
    if _sees(camera, points):
        return camera
    cos, sin = math.cos(camera.azimuth), math.sin(camera.azimuth)
    local = np.stack(
        [points @ (cos, sin, 0.0), points @ (-sin, cos, 0.0), points[:, 2]], axis=1
    )  # towards the camera, aside, up
    distance = camera.distance
    while distance < _FARTHEST_M:
        angles = np.arctan2(local[:, 2] - camera.height, distance - local[:, 0])
        pitch = float(angles.max() + angles.min()) / 2
        moved = replace(camera, distance=distance, pitch=pitch, pan=0.0)
        if _sees(moved, points):
            return moved
        distance *= 1.02
    return camera


def _sees(camera: Camera, points: Floats) -> bool:
    pixels, depth = Lens(camera, 2, 2).project(points)
    return bool(depth.min() > _IN_FRONT_M and np.abs(pixels - 1.0).max() < _MARGIN)


def _circle(radius: float) -> Floats:
    """Points on the floor around the origin."""
    around = np.arange(12) / 12 * 2 * math.pi
    return radius * np.stack([np.cos(around), np.sin(around), np.zeros(12)], axis=1)


def _seen_from(
    points: Floats, distance: float, height: float, pitch: float
) -> tuple[Floats, Floats, Floats]:
    """Tangents of the angles up or down and to a side, and depths, from straight in front."""
    back, side, up = distance - points[:, 0], points[:, 1], points[:, 2] - height
    depth = math.cos(pitch) * back + math.sin(pitch) * up
    along = np.abs(math.cos(pitch) * up - math.sin(pitch) * back)
    return along / depth, np.abs(side) / depth, depth
