"""Pictures of the athlete, and what can be seen in them.

The painter's algorithm: patches that face the camera, from far to near, each in one colour (Lambert
1760, with light from the sky as well). The place behind is painted once.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from edged.capture.athlete import room
from edged.capture.athlete.body import Body, Posture
from edged.capture.athlete.figure import Figure
from edged.capture.athlete.lens import Floats, Lens
from edged.capture.athlete.rig import Rig
from edged.capture.athlete.scene import Scene
from edged.capture.athlete.shadow import Shadow
from edged.capture.athlete.sight import Sight, facing_the_camera
from edged.capture.athlete.tubes import joined
from edged.cv import cv2
from edged.types import Pixels, Truth

_SHIFT = 4
_GLOSS = 50.0
"""Grey levels that a highlight adds."""
_SPARE = 64
"""So many pixels is the bank of noise larger than a frame."""
_BANK_SEED = 0x5EED


class Painter:
    """Paints one athlete in one scene, at one size of frame."""

    def __init__(self, scene: Scene, body: Body, width: int, height: int) -> None:
        """Paint the place; some 20 ms.

        Raises:
            ValueError: a frame without pixels.
        """
        if width < 1 or height < 1:
            raise ValueError(f"a frame has pixels, not {width}x{height}")
        self._lens = lens = Lens(scene.camera, width, height)
        self._place = room.painted(scene, lens)
        self._figure = Figure(body, scene)
        self._shadow = Shadow(scene, body, lens)
        self._sight = Sight(self._figure, body, lens, scene.bar)
        patches, light = self._figure.patches, scene.light
        self._rig: Floats | None = None
        if scene.bar is not None:
            rig = Rig(scene.bar, room.ceiling(scene))
            self._rig = rig.vertices
            patches = joined(patches, rig.patches, self._figure.vertices)
        self._corners = patches.corners
        self._colours = patches.colours * light.tint * 255.0
        self._nearer = patches.nearer
        self._towards = np.array(light.direction)
        self._ambient, self._strength = light.ambient, light.strength
        self._vignette = scene.sensor.vignette
        self._blur = max(scene.sensor.blur * min(width, height) / 480, 0.3)
        self._noise = _Noise(scene.sensor.noise, width, height)

    def paint(
        self, posture: Posture, out: Pixels, noise_seed: int = 0, *, figure: bool = True
    ) -> None:
        """Fill a frame (height, width, 3) with the athlete in this posture.

        Args:
            posture: world metres.
            out: RGB; every pixel is written.
            noise_seed: which noise of the sensor: from 0, another one for each frame.
            figure: False leaves the athlete out, not the bar.

        Raises:
            ValueError: `out` has another size than the painter.
        """
        if out.shape != self._place.shape:
            raise ValueError(f"a frame of shape {self._place.shape} is painted, not {out.shape}")
        np.copyto(out, self._place)
        if figure:
            self._shadow.cast(posture, out)
        if figure or self._rig is not None:
            self._draw(posture, out, figure=figure)
        size = 3 if self._blur < 0.8 else 5  # noqa: PLR2004
        cv2.GaussianBlur(out, (size, size), self._blur, dst=out)
        self._noise.add(out, noise_seed)

    def see(self, posture: Posture) -> Truth:
        """Where the keypoints are and which of them can be seen."""
        return self._sight.of(posture)

    def _draw(self, posture: Posture, out: Pixels, *, figure: bool) -> None:
        vertices = self._figure.lay(posture)
        if self._rig is not None:
            vertices = np.concatenate([vertices, self._rig])
        pixels, depth = self._lens.project(vertices)
        kept = facing_the_camera(pixels, depth, self._corners)
        if not figure:
            kept = kept[kept >= len(self._figure.patches.corners)]
        quads = pixels[self._corners[kept]]
        far = depth[self._corners[kept]].mean(axis=1) - self._nearer[kept]
        order = np.argsort(-far)
        quads, kept = quads[order], kept[order]
        colours = self._shaded(vertices, kept, quads[:, 0]).tolist()
        points = np.round((quads - 0.5) * (1 << _SHIFT)).astype(np.int32)
        fill, soft = cv2.fillConvexPoly, cv2.LINE_AA
        for patch, colour in zip(points, colours, strict=True):
            fill(out, patch, colour, soft, _SHIFT)

    def _shaded(self, vertices: Floats, which: npt.NDArray[np.intp], places: Floats) -> Floats:
        """Colours (n, 3) in grey levels."""
        corners = vertices[self._corners[which]]
        one, two = corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]
        normals = np.empty_like(one)
        for axis, (a, b) in enumerate(((1, 2), (2, 0), (0, 1))):
            normals[:, axis] = one[:, a] * two[:, b] - one[:, b] * two[:, a]
        normals /= np.sqrt(np.einsum("ij,ij->i", normals, normals))[:, None] + 1e-12
        direct = np.maximum(normals @ self._towards, 0.0)
        sky = 0.82 + 0.18 * normals[:, 2]
        view = self._lens.position - corners[:, 0]
        grazing = np.einsum("ij,ij->i", normals, view)
        grazing /= np.sqrt(np.einsum("ij,ij->i", view, view))
        edge = np.minimum(0.72 + 0.6 * grazing, 1.0)  # outlines are a little darker
        size = self._lens.width, self._lens.height
        centred = places / size * 2.0 - 1.0
        dark = 1.0 - self._vignette / 2 * np.einsum("ij,ij->i", centred, centred)
        shade = (self._ambient * sky + self._strength * direct) * edge * np.maximum(dark, 0.1)
        # Skin and cloth shine a little where they mirror the light (Blinn, 1977).
        halfway = view / np.sqrt(np.einsum("ij,ij->i", view, view))[:, None] + self._towards
        halfway /= np.sqrt(np.einsum("ij,ij->i", halfway, halfway))[:, None]
        gloss = np.maximum(np.einsum("ij,ij->i", normals, halfway), 0.0) ** 12
        colours: Floats = self._colours[which] * shade[:, None]
        colours += (_GLOSS * self._strength) * gloss[:, None]
        return colours


class _Noise:
    """The sensor's noise: a bank of it, which frames begin to read at random places."""

    def __init__(self, deviation: float, width: int, height: int) -> None:
        rng = np.random.default_rng(_BANK_SEED)
        size = height + _SPARE, width + _SPARE, 3
        drawn = np.frombuffer(rng.bytes(size[0] * size[1] * 3), np.uint8).reshape(size)
        # Random bytes as ranks of a normal distribution: a fast way to a million draws.
        ranks = [NormalDist().inv_cdf((rank + 0.5) / 256) for rank in range(256)]
        levels = np.round(deviation * np.array(ranks))
        # Two unsigned halves: adding and subtracting those saturates, and costs next to nothing.
        self._more = cv2.LUT(drawn, np.clip(levels, 0, 255).astype(np.uint8))
        self._less = cv2.LUT(drawn, np.clip(-levels, 0, 255).astype(np.uint8))

    def add(self, out: Pixels, seed: int) -> None:
        """Add some of it, in place."""
        height, width, _ = out.shape
        x, y = (value % (_SPARE + 1) for value in (seed * 37 + (seed >> 3) * 11, seed * 23 + 7))
        part = np.s_[y : y + height, x : x + width]
        cv2.add(out, self._more[part], dst=out)
        cv2.subtract(out, self._less[part], dst=out)
