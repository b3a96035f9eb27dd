"""The head as patches: skull, hair, ears, and a face on the side where the nose is."""

from __future__ import annotations

import math

import numpy as np

from edged.capture.athlete.body import Body, Joint, Posture
from edged.capture.athlete.lens import Floats
from edged.capture.athlete.scene import Rgb, Scene
from edged.capture.athlete.tubes import Patches, band_corners

_SIDES = 16
_RINGS = 10
# Of the height of the body: half width, half depth and half height of a skull without hair.
_WIDE, _DEEP, _HIGH = 0.043, 0.053, 0.066


class Head:
    """Everything above the neck; its own axes are forward, left, up from the skull's centre."""

    def __init__(self, body: Body, scene: Scene, first_vertex: int, patches: Patches) -> None:
        self._points: list[Floats] = []
        self._first, self._patches = first_vertex, patches
        self._size = np.array([_DEEP, _WIDE, _HIGH]) * body.height
        looks = scene.looks
        polar = np.linspace(0.02, math.pi - 0.02, 60)[:, None]
        self._front = self._on_skull(polar, np.linspace(-1.5, 1.5, 61)[None], 1.015)
        self._skull(looks.skin)
        self._face(body, scene)
        ear = np.array(body.left_ear)
        for sign in (1.0, -1.0):
            self._ball(
                ear * (1, sign, 1),
                np.array([0.010, 0.005, 0.017]) * body.height,
                _rgb(np.array(looks.skin) * (0.95, 0.88, 0.86)),
                -0.01 if looks.style == "long" else 0.02,
            )
        if looks.style != "bald":
            self._hair(scene, body.height)
        self._local = np.concatenate(self._points)
        self.vertices = len(self._local)

    def lay(self, posture: Posture, out: Floats) -> None:
        """Write the vertices: turned as nose and ears are."""
        centre = posture[Joint.HEAD]
        left = _unit(posture[Joint.LEFT_EAR] - posture[Joint.RIGHT_EAR])
        # The nose is ahead of the ears' middle, and lower by an angle that was measured before.
        ears = (posture[Joint.LEFT_EAR] + posture[Joint.RIGHT_EAR]) / 2
        ahead = posture[Joint.NOSE] - ears
        up = _unit(np.cross(ahead - left * float(ahead @ left), left))
        tilt = self._nose_tilt
        forward = np.cross(left, up)
        forward, up = (
            math.cos(tilt) * forward + math.sin(tilt) * up,
            math.cos(tilt) * up - math.sin(tilt) * forward,
        )
        np.matmul(self._local, np.stack([forward, left, up]), out=out)
        out += centre

    def _add(self, points: Floats) -> int:
        first = self._first + sum(len(some) for some in self._points)
        self._points.append(points)
        return first

    def _tube(
        self, rings: Floats, colour: Rgb, nearer: float = 0.0, *, both_sides: bool = False
    ) -> None:
        """A tube of rings (n, sides, 3) that follow each other upwards."""
        count, sides, _ = rings.shape
        corners = band_corners(self._add(rings.reshape(-1, 3)), sides, count).reshape(-1, 4)
        colours = np.tile(np.array(colour), (len(corners), 1))
        self._patches.add(corners, colours, nearer)
        if both_sides:
            self._patches.add(corners[:, ::-1], colours * 0.8, nearer)

    def _ball(self, centre: Floats, size: Floats, colour: Rgb, nearer: float = 0.0) -> None:
        polar = np.linspace(math.pi, 0.0, 6)[:, None]
        around = (np.arange(8) / 8 * 2 * math.pi)[None]
        self._tube(_sphere(polar, around) * size + centre, colour, nearer)

    def _skull(self, skin: Rgb) -> None:
        polar = np.linspace(math.pi, 0.0, _RINGS)[:, None]
        around = (np.arange(_SIDES) / _SIDES * 2 * math.pi)[None]
        self._tube(self._on_skull(polar, around), skin)

    def _on_skull(self, polar: Floats, around: Floats, scale: float | Floats = 1.0) -> Floats:
        """Points of the skull: polar from the crown, around from the front to the left."""
        points = _sphere(polar, around)
        # Below the ears it gets narrower, and the chin comes forward.
        low = np.maximum(-points[..., 2], 0.0)
        points[..., 1] *= 1.0 - 0.28 * low
        points[..., 0] = points[..., 0] * (1.0 - 0.18 * low) + 0.22 * low
        scaled: Floats = points * self._size * np.asarray(scale)[..., None]
        return scaled

    def _decal(self, points: Floats, colour: Rgb, nearer: float = 0.012) -> None:
        """A patch (4, 3) on the surface, counterclockwise from outside."""
        first = self._add(points)
        corners = np.arange(first, first + 4, dtype=np.int32)[None]
        self._patches.add(corners, np.array([colour]), nearer)

    def _blob(
        self, y: float, z: float, wide: float, high: float, colour: Rgb, nearer: float
    ) -> None:
        """A six-cornered spot on the face: two patches."""
        around = [(-1.0, 0.0), (-0.5, -1.0), (0.5, -1.0), (1.0, 0.0), (0.5, 1.0), (-0.5, 1.0)]
        spot = [self._on_face(y + wide * a, z + high * b) for a, b in around]
        self._decal(np.stack([spot[0], spot[1], spot[2], spot[3]]), colour, nearer)
        self._decal(np.stack([spot[3], spot[4], spot[5], spot[0]]), colour, nearer)

    def _on_face(self, y: float, z: float) -> Floats:
        """The point of the front that is so far left and up, a millimetre off the skin."""
        points = self._front
        miss = (points[..., 1] - y) ** 2 + (points[..., 2] - z) ** 2
        best = points[np.unravel_index(int(miss.argmin()), miss.shape)]
        return np.array([best[0], y, z])

    def _face(self, body: Body, scene: Scene) -> None:
        tall, looks = body.height, scene.looks
        skin = np.array(looks.skin)
        _, eye, level = body.left_eye
        lips = _rgb(skin * (0.88, 0.62, 0.6))
        brow = _rgb(np.array(looks.hair) * 0.8) if looks.style != "bald" else _rgb(skin * 0.45)
        shade = _rgb(skin * 0.85)
        for sign in (1.0, -1.0):
            y = sign * eye
            self._blob(y, level, 0.0105 * tall, 0.0065 * tall, shade, 0.012)
            self._blob(y, level, 0.0085 * tall, 0.0040 * tall, (0.93, 0.92, 0.9), 0.014)
            self._blob(y, level, 0.0040 * tall, 0.0040 * tall, looks.eyes, 0.016)
            self._blob(y, level, 0.0020 * tall, 0.0024 * tall, (0.03, 0.03, 0.03), 0.018)
            self._blob(y, level + 0.0125 * tall, 0.0105 * tall, 0.0024 * tall, brow, 0.014)
        forward, _, down = body.nose
        if looks.beard:
            self._blob(0.0, down - 0.026 * tall, 0.026 * tall, 0.02 * tall, looks.hair, 0.012)
        self._blob(0.0, down - 0.0190 * tall, 0.0135 * tall, 0.0040 * tall, lips, 0.016)
        self._nose(forward, down, tall, skin)
        self._nose_tilt = math.atan2(-(down - body.left_ear[2]), forward - body.left_ear[0])

    def _nose(self, forward: float, down: float, tall: float, skin: Floats) -> None:
        tip = np.array([forward, 0.0, down])
        root = self._on_face(0.0, 0.010 * tall)
        sides = [self._on_face(sign * 0.0095 * tall, down - 0.003 * tall) for sign in (1.0, -1.0)]
        under = self._on_face(0.0, down - 0.006 * tall)
        bright, dark = _rgb(skin * 1.03), _rgb(skin * 0.72)
        self._decal(np.stack([root, tip, sides[0], root]), bright, 0.016)
        self._decal(np.stack([root, sides[1], tip, root]), _rgb(skin * 0.93), 0.016)
        self._decal(np.stack([tip, sides[1], under, sides[0]]), dark, 0.016)

    def _hair(self, scene: Scene, tall: float) -> None:
        looks = scene.looks
        cap = looks.style == "cap"
        colour = scene.outfit.cap if cap else looks.hair
        around = (np.arange(2 * _SIDES) / (2 * _SIDES) * 2 * math.pi)[None]
        front = np.cos(around)  # 1 = front, -1 = back
        angles = np.array([-1.0, -0.3, 0.2, 0.55, 1.0])
        edge = {
            "cap": (1.35, 1.3, 1.22, 1.1, 1.0),
            "long": (2.2, 2.15, 1.75, 0.9, 0.78),
        }.get(looks.style, (2.05, 1.9, 1.3, 0.88, 0.75))
        if cap:  # what hair it lets see
            below = np.interp(front, angles, (2.0, 1.85, 1.4, 0.9, 0.75))
            self._shell(below, around, 1.03, looks.hair)
        thick = {"long": 1.1, "short": 1.08, "cap": 1.1}.get(looks.style, 1.05)
        self._shell(np.interp(front, angles, edge), around, thick, colour)
        if cap:
            self._visor(colour)
        elif looks.style == "long":
            self._curtain(tall, colour)
        elif looks.style in {"ponytail", "bun"}:
            back, up, out = -1.15, 0.55, np.array([0.022, 0.022, 0.022]) * tall
            knot = np.array([back, 0.0, up]) * self._size
            self._ball(knot, out, colour, 0.005)
            if looks.style == "ponytail":
                tail = knot + np.array([-0.018, 0.0, -0.05]) * tall
                self._ball(tail, np.array([0.014, 0.017, 0.06]) * tall, colour, 0.005)

    def _shell(self, edge: Floats, around: Floats, thick: float, colour: Rgb) -> None:
        share = np.linspace(1.0, 0.0, 7)[:, None]
        scale = 1.02 + (thick - 1.02) * np.minimum(1.0, (1.0 - share) * 5.0)
        points = self._on_skull(share * edge, np.broadcast_to(around, (7, around.shape[1])), scale)
        self._tube(points, colour, 0.008)

    def _visor(self, colour: Rgb) -> None:
        around = np.linspace(-0.9, 0.9, 9)[None]
        polar = np.full((1, 9), 1.05)
        inner = self._on_skull(polar, around, 1.08)[0]
        outer = inner + np.array([0.75, 0.0, -0.12]) * self._size * np.cos(around[0] * 1.4)[:, None]
        first = self._add(np.concatenate([inner, outer]))
        corners = band_corners(first, 9, 2, closed=False).reshape(-1, 4)
        colours = np.tile(np.array(colour), (len(corners), 1))
        self._patches.add(corners, colours * 0.6, 0.01)
        self._patches.add(corners[:, ::-1], colours, 0.01)

    def _curtain(self, tall: float, colour: Rgb) -> None:
        """Long hair: from the sides and the back of the head to the shoulders."""
        around = np.linspace(0.32 * math.pi, 1.68 * math.pi, 15)[None]
        top = self._on_skull(np.full((1, 15), 1.45), around, 1.1)[0]
        levels = np.linspace(0.0, 1.0, 5)[:, None, None]
        length = 0.115 * tall
        points = top[None] + levels * np.array([-0.012 * tall, 0.0, -length])
        points[..., 1] *= 1.0 + 0.12 * np.sin(levels[..., 0] * math.pi)
        first = self._add(points[::-1].reshape(-1, 3))
        corners = band_corners(first, 15, 5, closed=False).reshape(-1, 4)
        colours = np.tile(np.array(colour), (len(corners), 1))
        self._patches.add(corners, colours, 0.004)
        self._patches.add(corners[:, ::-1], colours * 0.7, 0.004)


def _sphere(polar: Floats, around: Floats) -> Floats:
    polar, around = np.broadcast_arrays(polar, around)
    return np.stack(
        [np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)], axis=-1
    )


def _rgb(colour: Floats) -> Rgb:
    red, green, blue = np.clip(colour, 0.0, 1.0)
    return float(red), float(green), float(blue)


def _unit(vector: Floats) -> Floats:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)
