"""The trunk as patches: wider than deep, bent with the spine, in shirt and trousers."""

from __future__ import annotations

import math

import numpy as np

from edged.capture.athlete.body import Body, Joint, Posture
from edged.capture.athlete.lens import Floats
from edged.capture.athlete.scene import Scene
from edged.capture.athlete.tubes import Patches, band_corners

_SIDES = 20
_RINGS = 15
_SPINE = [Joint.PELVIS, Joint.WAIST, Joint.CHEST, Joint.NECK, Joint.HEAD]
_NAVEL = 0.45
"""Where trousers end on a bare waist: along the spine, in joints."""


class Torso:
    """From the crotch to the neck: rings that are wider than deep and bend with the spine."""

    def __init__(self, body: Body, scene: Scene, first_vertex: int, patches: Patches) -> None:
        girth = 1.0 + 0.22 * body.build
        tall, curves = body.height, scene.looks.curves
        pelvis, waist, chest = (
            body.radius(joint) for joint in (Joint.PELVIS, Joint.WAIST, Joint.CHEST)
        )
        shoulder, neck = body.radius(Joint.LEFT_SHOULDER), body.radius(Joint.NECK)
        hips = max(body.hip_half + 0.75 * body.radius(Joint.LEFT_HIP), 0.088 * tall * girth)
        middle = tall * girth * (0.082 - 0.008 * curves)
        ribs = tall * girth * (0.093 - 0.004 * curves)
        arms = body.shoulder_half + 0.15 * shoulder
        # Place on the spine: pelvis 0, waist 1, chest 2, neck 3, head 4; half width; half depth.
        given = np.array(
            [
                (-0.72, hips * 0.3, pelvis * 0.4),
                (-0.5, hips * 0.66, pelvis * 0.8),
                (-0.1, hips * 1.0, pelvis * (1.0 + 0.08 * curves)),
                (0.4, (hips + middle) / 2 * 1.0, pelvis * 0.97),
                (1.0, middle, waist),
                (1.5, ribs, chest * 0.97),
                (1.83, ribs * 1.06, chest),
                (2.0, arms, chest * 0.84),
                (2.4, arms * 0.92, chest * 0.7),
                (2.9, arms * 0.6, neck * 1.3),
                (3.12, neck * 1.35, neck * 1.15),
                (3.35, neck * 1.05, neck * 1.02),
            ]
        )
        loose = scene.outfit.loose
        at = np.concatenate([np.linspace(-0.72, 1.83, _RINGS - 5), given[-5:, 0]])
        wide, deep = (np.interp(at, given[:, 0], given[:, i]) for i in (1, 2))
        neckline = 3.05
        dressed = (at < neckline) * loose
        self._wide, self._deep = (wide + dressed)[:, None], (deep + dressed)[:, None]
        # The lengths between the joints, and how the joints' places make the rings' centres.
        self._weights = np.stack([np.interp(at, range(5), np.eye(5)[i]) for i in range(5)], axis=1)
        below = np.minimum(at, 0.0)
        self._weights[:, 0] -= below
        self._weights[:, 1] += below
        self._of_hips = np.interp(at, [0.0, 2.0], [1.0, 0.0])[:, None]
        angles = np.arange(_SIDES) / _SIDES * 2 * math.pi
        # A superellipse: trunks are a little boxy.
        cos, sin = np.cos(angles), np.sin(angles)
        power = 0.85
        self._cos = (np.sign(cos) * np.abs(cos) ** power)[None, :, None]
        self._sin = (np.sign(sin) * np.abs(sin) ** power)[None, :, None] * _bumps(
            at[:, None], angles[None], curves
        )
        corners = band_corners(first_vertex, _SIDES, _RINGS)
        outfit = scene.outfit
        hem = 1.15 if outfit.bare_waist else -0.15
        for i, band in enumerate(corners):
            level = (at[i] + at[i + 1]) / 2
            colour = outfit.shirt
            if outfit.stripes is not None and i % 3 == 0:
                colour = outfit.stripes
            if level > neckline or (outfit.bare_waist and _NAVEL < level < hem):
                colour = scene.looks.skin
            elif level < hem:
                colour = outfit.trousers
            # A hem lies over the thighs, though they may stand out further.
            nearer = 0.05 if hem < level < 1.0 else 0.0
            patches.add(band, np.tile(np.array(colour), (_SIDES, 1)), nearer)
        self.vertices = _RINGS * _SIDES
        self._shape = (_RINGS, _SIDES, 3)

    def lay(self, posture: Posture, out: Floats) -> None:
        """Write the vertices."""
        spine = posture[_SPINE]
        hips = _unit(posture[Joint.LEFT_HIP] - posture[Joint.RIGHT_HIP])
        shoulders = _unit(posture[Joint.LEFT_SHOULDER] - posture[Joint.RIGHT_SHOULDER])
        lower, upper = spine[1] - spine[0], spine[2] - spine[1]
        centres = self._weights @ spine
        left = self._of_hips * hips + (1.0 - self._of_hips) * shoulders
        left /= np.linalg.norm(left, axis=1)[:, None]
        back = np.cross(self._of_hips * _unit(lower) + (1.0 - self._of_hips) * _unit(upper), left)
        back /= np.linalg.norm(back, axis=1)[:, None]
        across, deep = (self._wide * left)[:, None], (self._deep * back)[:, None]
        np.add(
            centres[:, None],
            self._cos * across + self._sin * deep,
            out=out.reshape(self._shape),
        )


def _bumps(at: Floats, angles: Floats, curves: float) -> Floats:
    """How much further front and back stand out: bust, seat. (rings, sides, 1)."""
    front, back = np.maximum(-np.sin(angles), 0.0), np.maximum(np.sin(angles), 0.0)
    bust = 0.32 * curves * np.exp(-(((at - 1.6) / 0.22) ** 2)) * front**2
    seat = (0.12 + 0.15 * curves) * np.exp(-(((at + 0.15) / 0.3) ** 2)) * back
    bumps: Floats = (1.0 + bust + seat)[..., None]
    return bumps


def _unit(vector: Floats) -> Floats:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)
