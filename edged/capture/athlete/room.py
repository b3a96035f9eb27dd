"""The place behind the athlete, painted once: floor, walls and what stands about in perspective."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edged.capture.athlete import partition
from edged.capture.athlete.faces import Face, fill, lit
from edged.capture.athlete.lens import Floats, Lens
from edged.capture.athlete.scene import Light, Rgb, Room, Scene, chance
from edged.cv import cv2
from edged.types import Pixels

_CLEAR_M = 0.6
"""Nothing stands nearer to the camera than so far behind the athlete."""


def painted(scene: Scene, lens: Lens) -> Pixels:
    """The place without the athlete, as RGB (height, width, 3), sharp and without noise."""
    room = scene.room
    rng = np.random.default_rng(room.seed)
    canvas: Pixels = np.empty((lens.height, lens.width, 3), np.uint8)
    canvas[:] = _grey_levels(room.wall_colour, scene.light.ambient + 0.3 * scene.light.strength)
    if room.place == "outdoors":
        _sky(canvas, rng)
    faces = _PLACES[room.place](rng, scene, lens)
    for face in (*faces, *partition.faces(scene, lens)):
        fill(canvas, lens, face)
    _uneven(canvas, rng, scene)
    return canvas


def ceiling(scene: Scene) -> float:
    """How high it is in metres; infinite where there is none."""
    if scene.room.place != "room":
        return math.inf
    return _ceiling(np.random.default_rng(scene.room.seed), scene)


def _ceiling(rng: np.random.Generator, scene: Scene) -> float:
    """The first that a room draws of its numbers."""
    height = float(rng.uniform(2.3, 3.4))
    # Somebody pulls up without breaking through.
    return height if scene.bar is None else max(height, scene.bar.crown + 0.25)


@dataclass(frozen=True, slots=True, eq=False)
class _Wall:
    """From a corner on the floor along a direction; inward is the side that is seen."""

    start: Floats
    along: Floats
    inward: Floats
    length: float
    height: float

    def patch(self, left: float, right: float, low: float, high: float, out: float = 0.0) -> Floats:
        """The corners of a rectangle on the wall, or standing `out` of it."""
        base = self.start + self.inward * out
        up = np.array([0.0, 0.0, 1.0])
        return np.stack(
            [
                base + self.along * x + up * z
                for x, z in ((left, low), (right, low), (right, high), (left, high))
            ]
        )


def _hall(rng: np.random.Generator, scene: Scene, lens: Lens) -> Iterator[Face]:
    room, light = scene.room, scene.light
    cos, sin = math.cos(room.turned), math.sin(room.turned)
    axes = (np.array([cos, sin, 0.0]), np.array([-sin, cos, 0.0]))
    height = _ceiling(rng, scene)
    # The camera is in the room too.
    reach = [
        max(float(rng.uniform(1.5, 4.5)), side * float(lens.position @ axis) + 0.5)
        for axis in axes
        for side in (1, -1)
    ]
    front, back, left, right = reach
    corners = [
        axes[0] * x + axes[1] * y
        for x, y in ((front, -right), (front, left), (-back, left), (-back, -right))
    ]
    yield from _floor(rng, scene, corners)
    ceiling = [corner + np.array([0.0, 0.0, height]) for corner in corners]
    white = (0.9, 0.9, 0.88)
    yield Face(np.stack(ceiling), lit(white, light, np.array([0.0, 0.0, -1.0])))
    walls = []
    for i, inward in enumerate((-axes[0], -axes[1], axes[0], axes[1])):
        start, end = corners[i], corners[(i + 1) % 4]
        length = float(np.linalg.norm(end - start))
        walls.append(_Wall(start, (end - start) / length, inward, length, height))
    accent = int(rng.integers(8))  # in half of the rooms a wall has its own colour
    for i, wall in enumerate(walls):
        colour = room.trim_colour if i == accent else room.wall_colour
        yield from _gradient(wall, colour, light)
        tone = lit(room.trim_colour, light, wall.inward)
        yield Face(wall.patch(0, wall.length, 0.0, 0.09), tone)
    things = list(_things(rng, room, light, walls))
    middle = [
        float((thing[-1].corners.mean(axis=0) - lens.position) @ lens.rotation[2])
        for thing in things
    ]
    athlete = float(-lens.position @ lens.rotation[2])
    for i in np.argsort(middle)[::-1]:
        if middle[i] > athlete + _CLEAR_M:
            yield from things[i]
    yield from _mat(scene)


def _gradient(wall: _Wall, colour: Rgb, light: Light) -> Iterator[Face]:
    tone = np.array(lit(colour, light, wall.inward))
    steps = 6
    for i in range(steps):
        shade = 0.88 + 0.16 * i / steps
        low, high = wall.height * i / steps, wall.height * (i + 1) / steps
        red, green, blue = tone * shade
        yield Face(wall.patch(0, wall.length, low, high), (red, green, blue))


def _studio(rng: np.random.Generator, scene: Scene, lens: Lens) -> Iterator[Face]:
    """A roll of paper: floor and background are one colour."""
    del lens
    wide = 30.0 * np.array([[1, -1, 0], [1, 1, 0], [-1, 1, 0], [-1, -1, 0]])
    light = scene.light
    colour = lit(scene.room.wall_colour, light, np.array([0.0, 0.0, 1.0]))
    for i in range(8):  # paler with distance
        part = wide * (1.0 - i / 9.0)
        shade = 0.8 + 0.03 * i + float(rng.uniform(0.0, 0.01))
        yield Face(part, (colour[0] * shade, colour[1] * shade, colour[2] * shade))
    yield from _mat(scene)


def _outdoors(rng: np.random.Generator, scene: Scene, lens: Lens) -> Iterator[Face]:
    """Grass or sand under the sky, with hills, trees and houses far off."""
    light = scene.light
    sand = chance(rng, 0.3)
    ground = (0.7, 0.6, 0.45) if sand else (0.3, float(rng.uniform(0.38, 0.5)), 0.2)
    wide = 400.0 * np.array([[1, -1, 0], [1, 1, 0], [-1, 1, 0], [-1, -1, 0]])
    colour = lit(ground, light, np.array([0.0, 0.0, 1.0]))
    yield Face(wide, colour)
    for _ in range(60):  # patches
        x, y = rng.uniform(-12.0, 12.0, 2)
        a, b = rng.uniform(0.1, 1.2, 2)
        patch = np.array([[x + a, y, 0], [x, y + b, 0], [x - a, y, 0], [x, y - b, 0]])
        shade = float(rng.uniform(0.9, 1.1))
        yield Face(patch, (colour[0] * shade, colour[1] * shade, colour[2] * shade))
    away = math.atan2(-lens.position[1], -lens.position[0])
    for distance in np.sort(rng.uniform(6.0, 40.0, 4 + scene.room.clutter * 2))[::-1]:
        angle = away + float(rng.uniform(-1.0, 1.0))
        foot = np.array([distance * math.cos(angle), distance * math.sin(angle), 0.0])
        across = np.array([-math.sin(angle), math.cos(angle), 0.0])
        if chance(rng, 0.3):
            yield from _house(rng, light, foot, across)
        else:
            yield from _tree(rng, light, foot, across)
    yield from _mat(scene)


def _house(rng: np.random.Generator, light: Light, foot: Floats, across: Floats) -> Iterator[Face]:
    wide, high = rng.uniform(2.0, 6.0), rng.uniform(2.5, 6.0)
    wall = _Wall(foot - across * wide / 2, across, -foot / np.linalg.norm(foot), wide, high)
    yield Face(wall.patch(0, wide, 0, high), lit(_any(rng), light, wall.inward))
    for x in np.arange(0.4, wide - 0.9, 1.4):
        yield Face(wall.patch(x, x + 0.8, 1.0, 2.1), (0.25, 0.3, 0.36))


def _tree(rng: np.random.Generator, light: Light, foot: Floats, across: Floats) -> Iterator[Face]:
    up = np.array([0.0, 0.0, 1.0])
    high, wide = rng.uniform(2.0, 7.0), rng.uniform(0.8, 2.5)
    trunk = [foot - across * 0.1, foot + across * 0.1]
    yield Face(
        np.stack([*trunk, trunk[1] + up * high / 2, trunk[0] + up * high / 2]),
        lit((0.3, 0.22, 0.16), light, -foot / np.linalg.norm(foot)),
    )
    around = np.linspace(0.0, 2 * math.pi, 10)[:-1]
    green = (0.15, float(rng.uniform(0.25, 0.4)), 0.12)
    for shade, size in ((0.9, 1.0), (1.1, 0.7)):
        crown = [
            foot
            + across * (wide * size * math.cos(a) * rng.uniform(0.8, 1.1))
            + up * (high * 0.65 + high * 0.35 * size * math.sin(a))
            for a in around
        ]
        tone = lit(green, light, up)
        yield Face(np.stack(crown), (tone[0] * shade, tone[1] * shade, tone[2] * shade))


_PLACES = {"room": _hall, "studio": _studio, "outdoors": _outdoors}


def _floor(rng: np.random.Generator, scene: Scene, corners: Sequence[Floats]) -> Iterator[Face]:
    """Planks, tiles, rubber tiles or one piece, from wall to wall."""
    room = scene.room
    up = np.array([0.0, 0.0, 1.0])
    base = np.array(lit(room.floor_colour, scene.light, up))
    yield Face(np.stack(corners), tuple(base * (0.75 if room.floor == "planks" else 0.88)))
    if room.floor == "plain":
        yield Face(np.stack(corners), tuple(base))
        return
    size = {"planks": rng.uniform(0.09, 0.2), "tiles": rng.uniform(0.2, 0.6), "rubber": 1.0}
    wide = float(size[room.floor])
    gap = 0.004 if room.floor != "tiles" else 0.008
    length = float(rng.uniform(0.9, 2.0)) if room.floor == "planks" else wide
    spread = {"planks": 0.07, "tiles": 0.03, "rubber": 0.02}[room.floor]
    origin, first, second = corners[0], corners[1] - corners[0], corners[3] - corners[0]
    reach_1, reach_2 = float(np.linalg.norm(first)), float(np.linalg.norm(second))
    first, second = first / reach_1, second / reach_2
    chequered = 0.8 if room.floor == "tiles" and chance(rng, 0.3) else 1.0
    for row, a in enumerate(np.arange(0.0, reach_1, wide)):
        begin = -float(rng.uniform(0.0, length)) if room.floor == "planks" else 0.0
        for column, b in enumerate(np.arange(begin, reach_2, length)):
            low_a, high_a = a + gap, min(a + wide - gap, reach_1)
            low_b, high_b = max(b + gap, 0.0), min(b + length - gap, reach_2)
            shade = 1.0 + float(rng.normal(0.0, spread))
            shade *= chequered if (row + column) % 2 else 1.0
            piece = [
                origin + first * x + second * y
                for x, y in ((low_a, low_b), (high_a, low_b), (high_a, high_b), (low_a, high_b))
            ]
            yield Face(np.stack(piece), tuple(base * shade))


def _mat(scene: Scene) -> Iterator[Face]:
    if scene.room.mat is None:
        return
    half_x, half_y = 1.0, 0.36
    corners = np.array(
        [[half_x, -half_y, 0], [half_x, half_y, 0], [-half_x, half_y, 0], [-half_x, -half_y, 0]]
    )
    tone = lit(scene.room.mat, scene.light, np.array([0.0, 0.0, 1.0]))
    yield Face(corners * 1.01, (tone[0] * 0.7, tone[1] * 0.7, tone[2] * 0.7))
    yield Face(corners, tone)


# What hangs and stands about.


def _things(
    rng: np.random.Generator, room: Room, light: Light, walls: Sequence[_Wall]
) -> Iterator[list[Face]]:
    kinds = (_window, _picture, _door, _shelf, _box, _plant, _mirror)
    for _ in range(room.clutter):
        wall = walls[int(rng.integers(len(walls)))]
        kind = kinds[int(rng.choice(len(kinds), p=(0.15, 0.22, 0.1, 0.15, 0.2, 0.12, 0.06)))]
        thing = list(kind(rng, light, wall, float(rng.uniform(0.0, wall.length - 0.3))))
        if thing:
            yield thing


def _framed(
    light: Light, wall: _Wall, box: tuple[float, float, float, float], inside: Rgb, frame: Rgb
) -> Iterator[Face]:
    left, right, low, high = box
    yield Face(
        wall.patch(left - 0.05, right + 0.05, low - 0.05, high + 0.05),
        lit(frame, light, wall.inward),
    )
    yield Face(wall.patch(left, right, low, high), inside)


def _window(rng: np.random.Generator, light: Light, wall: _Wall, x: float) -> Iterator[Face]:
    wide, low, high = rng.uniform(0.6, 1.6), rng.uniform(0.5, 1.1), rng.uniform(1.8, 2.25)
    bright = float(rng.uniform(0.7, 1.0))
    box = (x, x + wide, low, high)
    yield from _framed(light, wall, box, (bright * 0.93, bright * 0.97, bright), (0.9, 0.9, 0.9))
    green = (0.35 * bright, 0.5 * bright, 0.3 * bright)
    yield Face(wall.patch(x, x + wide, low, low + (high - low) * rng.uniform(0.1, 0.5)), green)
    bar = lit((0.9, 0.9, 0.9), light, wall.inward)
    yield Face(wall.patch(x + wide / 2 - 0.02, x + wide / 2 + 0.02, low, high), bar)


def _picture(rng: np.random.Generator, light: Light, wall: _Wall, x: float) -> Iterator[Face]:
    wide, tall = rng.uniform(0.3, 1.0), rng.uniform(0.3, 0.8)
    low = rng.uniform(1.1, 1.6)
    inside = lit(_any(rng), light, wall.inward)
    yield from _framed(light, wall, (x, x + wide, low, low + tall), inside, _any(rng))
    for _ in range(int(rng.integers(1, 6))):
        a, b = np.sort(rng.uniform(0, wide, 2))
        c, d = np.sort(rng.uniform(0, tall, 2))
        yield Face(wall.patch(x + a, x + b, low + c, low + d), lit(_any(rng), light, wall.inward))


def _door(rng: np.random.Generator, light: Light, wall: _Wall, x: float) -> Iterator[Face]:
    inside = lit(_any(rng), light, wall.inward)
    yield from _framed(light, wall, (x, x + 0.85, 0.0, 2.02), inside, (0.8, 0.8, 0.78))
    dark = (inside[0] * 0.85, inside[1] * 0.85, inside[2] * 0.85)
    for low, high in ((0.2, 0.9), (1.1, 1.85)):
        yield Face(wall.patch(x + 0.15, x + 0.7, low, high), dark)
    yield Face(wall.patch(x + 0.75, x + 0.8, 0.98, 1.05), (0.6, 0.58, 0.5))


def _mirror(rng: np.random.Generator, light: Light, wall: _Wall, x: float) -> Iterator[Face]:
    shade = float(rng.uniform(0.45, 0.75))
    wide = rng.uniform(0.5, 2.0)
    inside = (shade, shade * 1.02, shade * 1.03)
    yield from _framed(light, wall, (x, x + wide, 0.3, 2.0), inside, (0.3, 0.3, 0.3))


def _shelf(rng: np.random.Generator, light: Light, wall: _Wall, x: float) -> Iterator[Face]:
    wide, wood = rng.uniform(0.6, 1.4), lit(_any(rng), light, wall.inward)
    dark = (wood[0] * 0.6, wood[1] * 0.6, wood[2] * 0.6)
    floors = int(rng.integers(2, 6))
    top = 0.38 * floors
    yield Face(wall.patch(x, x + wide, 0.0, top, 0.25), dark)
    for level in range(floors):
        low, at = 0.38 * level, x + 0.03
        yield Face(wall.patch(x, x + wide, low, low + 0.03, 0.3), wood)
        while at < x + wide - 0.1:
            thick, tall = rng.uniform(0.03, 0.12), rng.uniform(0.12, 0.3)
            if chance(rng, 0.8):
                book = wall.patch(at, at + thick, low + 0.03, low + tall, 0.28)
                yield Face(book, lit(_any(rng), light, wall.inward))
            at += thick + 0.004
    yield Face(wall.patch(x, x + wide, top, top + 0.03, 0.3), wood)
    for side in (x, x + wide - 0.03):
        yield Face(wall.patch(side, side + 0.03, 0.0, top, 0.3), wood)


def _box(rng: np.random.Generator, light: Light, wall: _Wall, x: float) -> Iterator[Face]:
    """A cupboard, bench, sofa or box against the wall: front, sides and top."""
    wide, tall = rng.uniform(0.4, 1.8), rng.choice([0.4, 0.75, 0.9, 1.7]) * rng.uniform(0.9, 1.1)
    deep = float(rng.uniform(0.3, 0.7))
    colour = _any(rng)
    near, far = wall.patch(x, x + wide, 0, tall, deep), wall.patch(x, x + wide, 0, tall)
    tone = lit(colour, light, wall.inward)
    side = lit(colour, light, wall.along)
    yield Face(np.stack([far[0], near[0], near[3], far[3]]), side)
    yield Face(np.stack([far[1], near[1], near[2], far[2]]), lit(colour, light, -wall.along))
    up = np.array([0.0, 0.0, 1.0])
    yield Face(np.stack([near[3], near[2], far[2], far[3]]), lit(colour, light, up))
    yield Face(near, tone)
    for low in np.arange(0.05, tall - 0.2, 0.3)[: int(rng.integers(0, 5))]:
        drawer = wall.patch(x + 0.03, x + wide - 0.03, low, low + 0.27, deep)
        yield Face(drawer, (tone[0] * 0.92, tone[1] * 0.92, tone[2] * 0.92))


def _plant(rng: np.random.Generator, light: Light, wall: _Wall, x: float) -> Iterator[Face]:
    out = float(rng.uniform(0.25, 0.4))
    yield Face(wall.patch(x, x + 0.3, 0.0, 0.3, out), lit(_any(rng), light, wall.inward))
    for _ in range(int(rng.integers(8, 24))):
        lean, tall = rng.normal(0.0, 0.3), rng.uniform(0.4, 1.3)
        green = (0.12, float(rng.uniform(0.25, 0.5)), 0.1)
        leaf = wall.patch(x + 0.14, x + 0.16, 0.3, 0.3 + tall, out)
        leaf[2:] += wall.along * lean
        middle = (leaf[1] + leaf[2]) / 2 + wall.along * 0.05
        yield Face(
            np.stack([leaf[0], leaf[1], middle, leaf[2], leaf[3]]), lit(green, light, wall.inward)
        )


def _any(rng: np.random.Generator) -> Rgb:
    return colorsys.hsv_to_rgb(*rng.uniform((0.0, 0.0, 0.15), (1.0, 0.6, 0.9)))


def _grey_levels(colour: Rgb, shade: float) -> list[float]:
    return [255.0 * min(value * shade, 1.0) for value in colour]


def _sky(canvas: Pixels, rng: np.random.Generator) -> None:
    height = len(canvas)
    top = np.array([rng.uniform(0.3, 0.7), rng.uniform(0.5, 0.75), rng.uniform(0.75, 0.95)])
    low = np.full(3, rng.uniform(0.75, 0.95))
    part = np.linspace(0.0, 1.0, height)[:, None]
    canvas[:] = ((top + (low - top) * part) * 255).astype(np.uint8)[:, None]


def _uneven(canvas: Pixels, rng: np.random.Generator, scene: Scene) -> None:
    """Light is never even, surfaces are never clean, and lenses darken the corners; in place."""
    height, width, _ = canvas.shape
    soft = rng.uniform(0.82, 1.12, (4, 5)).astype(np.float32)
    grain = rng.normal(1.0, float(rng.uniform(0.0, 0.03)), (height // 4 + 1, width // 4 + 1))
    field = cv2.resize(soft, (width, height), interpolation=cv2.INTER_CUBIC)
    field *= cv2.resize(grain.astype(np.float32), (width, height))
    field *= _vignette(width, height, scene.sensor.vignette)
    np.clip(canvas * field[..., None], 0, 255, out=canvas, casting="unsafe")


def _vignette(width: int, height: int, strength: float) -> npt.NDArray[np.float32]:
    """float32 (height, width): 1 in the middle, 1 - strength in the corners."""
    x = (np.arange(width, dtype=np.float32) + 0.5) / width * 2 - 1
    y = (np.arange(height, dtype=np.float32) + 0.5) / height * 2 - 1
    return (1.0 - strength / 2 * (x[None] ** 2 + y[:, None] ** 2)).astype(np.float32)
