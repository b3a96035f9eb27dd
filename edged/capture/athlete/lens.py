"""Where a point of the world lies in the frame: a pinhole camera that looks at the athlete.

World: metres, x = where the athlete faces, y = to the athlete's left, z = up, floor at 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]

REACH_M = 1.0
"""So far from the origin, over the floor, comes an athlete who lies on it."""
STANDING_M = 1.75
"""The size of the athlete for whom a camera is placed."""
OVERHEAD_M = 2.2
"""So high reach the arms of most."""


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
    around = np.linspace(0.0, 2 * math.pi, 13)
    lying = np.stack(
        [REACH_M * np.cos(around), REACH_M * np.sin(around), np.full(13, 0.05)], axis=1
    )
    standing = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, STANDING_M]])
    raised = np.array([[0.0, y, OVERHEAD_M] for y in (-0.3, 0.3)])
    needed = standing if fraction > 0.8 else np.concatenate([standing, lying, raised])  # noqa: PLR2004
    edge = math.tan(fov / 2)
    distance = 1.2
    while True:
        position = np.array([distance, 0.0, height])
        top, bottom = (
            np.arctan2(z - height, np.hypot(*(points[:, :2] - position[:2]).T))
            for points in (needed, standing)
            for z in (points[:, 2],)
        )
        pitch = float(top.max() + top.min()) / 2
        to_points = needed - position
        forward = np.array([-math.cos(pitch), 0.0, math.sin(pitch)])
        down = np.array([math.sin(pitch), 0.0, math.cos(pitch)]) * -1.0
        depth = to_points @ forward
        across, along = np.abs(to_points[:, 1]), np.abs(to_points @ down)
        size = math.tan((bottom.max() - bottom.min()) / 2) / edge
        fits = (
            depth.min() > 0.1 and max((across / depth).max(), (along / depth).max()) < edge * 0.97
        )  # noqa: PLR2004
        if size <= fraction and fits:
            break
        distance *= 1.02
    slack = max(0.0, edge * 0.97 - float((along / depth).max()))
    return Camera(
        azimuth=azimuth,
        distance=distance,
        height=height,
        pitch=pitch + float(rng.uniform(-0.8, 0.8)) * slack,
        pan=float(rng.uniform(-0.5, 0.5)) * max(0.0, edge - float((across / depth).max())),
        roll=float(np.clip(rng.normal(0.0, 0.025), -0.07, 0.07)),
        fov=fov,
    )
