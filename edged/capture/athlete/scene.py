"""What an athlete looks like, where it exercises and how it is seen: all from one seed."""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from edged.capture.athlete.equipment import Bar, Wall
from edged.capture.athlete.lens import Camera, Floats, placed

Rgb: TypeAlias = tuple[float, float, float]
"""Reflected red, green and blue, 0..1, before any light."""

HairStyle: TypeAlias = Literal["short", "long", "bald", "ponytail", "bun", "cap"]
Floor: TypeAlias = Literal["planks", "tiles", "rubber", "plain"]
Place: TypeAlias = Literal["room", "studio", "outdoors"]

SKIN = (
    (0xF6, 0xED, 0xE4),
    (0xF3, 0xE7, 0xDB),
    (0xF7, 0xEA, 0xD0),
    (0xEA, 0xDA, 0xBA),
    (0xD7, 0xBD, 0x96),
    (0xA0, 0x7E, 0x56),
    (0x82, 0x5C, 0x43),
    (0x60, 0x41, 0x34),
    (0x3A, 0x31, 0x2A),
    (0x29, 0x24, 0x20),
)
"""Monk Skin Tone Scale (Ellis Monk, https://skintone.google), from light to dark."""

_BLOOD = (1.0, 0.86, 0.77)
"""Makes the scale's flat patches look alive in full light."""

HAIR = (
    (0.05, 0.045, 0.04),
    (0.12, 0.08, 0.055),
    (0.25, 0.16, 0.10),
    (0.38, 0.20, 0.10),
    (0.62, 0.46, 0.26),
    (0.78, 0.66, 0.42),
    (0.55, 0.54, 0.52),
    (0.82, 0.81, 0.79),
)
_BLACK, _GREY = 0.2, 0.42
"""Of all clothes, so many are black; so many are black, grey or white."""
_SHORT = 0.3
"""A shorter sleeve may go with a bare waist."""
_STYLES: tuple[HairStyle, ...] = ("short", "long", "bald", "ponytail", "bun", "cap")
_FLOORS: tuple[Floor, ...] = ("planks", "tiles", "rubber", "plain")
_PLACES: tuple[Place, ...] = ("room", "studio", "outdoors")


@dataclass(frozen=True, slots=True)
class Looks:
    """The person."""

    skin: Rgb
    hair: Rgb
    style: HairStyle
    beard: bool
    eyes: Rgb
    curves: float
    """0..1: how much bust and hips there are."""


@dataclass(frozen=True, slots=True)
class Outfit:
    """What the person wears."""

    shirt: Rgb
    stripes: Rgb | None
    sleeve: float
    """0..2 along the arm, 1 = the elbow; 0 = none."""
    trousers: Rgb
    leg: float
    """0..2 along the leg, 1 = the knee."""
    loose: float
    """Metres that the clothes stand off."""
    bare_waist: bool
    """The shirt is a short top."""
    sock: Rgb
    sock_height: float
    """0..1 of the shank."""
    shoe: Rgb
    sole: Rgb
    cap: Rgb


@dataclass(frozen=True, slots=True)
class Room:
    """Where it happens. What stands there comes from the seed."""

    seed: int
    place: Place
    floor: Floor
    floor_colour: Rgb
    wall_colour: Rgb
    trim_colour: Rgb
    mat: Rgb | None
    turned: float
    """Radians."""
    clutter: int
    """How many things hang and stand about."""


@dataclass(frozen=True, slots=True)
class Light:
    """One lamp or sun far away, and what comes from all sides."""

    direction: tuple[float, float, float]
    """Unit vector towards the light."""
    strength: float
    ambient: float
    """Of a surface's colour: ambient in the shade, ambient + strength in full light."""
    tint: Rgb
    """About (1, 1, 1): the white balance, gain included."""
    shadow: float
    """0..1: how dark the shadow on the floor is."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """What the camera makes of the picture."""

    blur: float
    """Sigma in pixels of a frame 480 high."""
    noise: float
    """Standard deviation in grey levels."""
    vignette: float
    """0..1: how much darker the corners are."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything but the body and its movement."""

    looks: Looks
    outfit: Outfit
    room: Room
    light: Light
    camera: Camera
    sensor: Sensor
    dumbbells: Rgb | None
    """The colour of those in the hands."""
    bar: Bar | None = None
    wall: Wall | None = None
    """What is hung from and leant on, where the script asks for it: no seed has any."""

    @classmethod
    def of(cls, seed: int) -> Scene:
        """The scene of a seed, from 0: always the same one."""
        # A generator for each part: a change in one leaves the others as they were.
        looks, outfit, room, light, camera, sensor = np.random.default_rng(seed).spawn(6)
        view = _camera(camera)
        return cls(
            looks=_looks(looks),
            outfit=_outfit(outfit),
            room=_room(room),
            light=_light(light, view.azimuth),
            camera=view,
            sensor=_sensor(sensor),
            dumbbells=_grey(outfit, 0.05, 0.4) if chance(outfit, 0.12) else None,
        )


def chance(rng: np.random.Generator, share: float) -> bool:
    """True in that share (0..1) of all draws."""
    return bool(rng.random() < share)


def _looks(rng: np.random.Generator) -> Looks:
    tone = float(rng.beta(1.5, 1.8)) * (len(SKIN) - 1.01)
    below, part = int(tone), tone % 1.0
    skin = (1 - part) * np.array(SKIN[below]) + part * np.array(SKIN[below + 1])
    dyed = chance(rng, 0.05)
    natural = HAIR[int(rng.choice(len(HAIR), p=(0.26, 0.22, 0.17, 0.06, 0.1, 0.06, 0.08, 0.05)))]
    style = _STYLES[int(rng.choice(len(_STYLES), p=(0.4, 0.16, 0.08, 0.14, 0.1, 0.12)))]
    return Looks(
        skin=_jittered(rng, skin / 255 * _BLOOD, 0.015),
        hair=_vivid(rng) if dyed else _jittered(rng, np.array(natural), 0.03),
        style=style,
        beard=style not in {"long", "ponytail", "bun"} and chance(rng, 0.25),
        eyes=((0.25, 0.15, 0.08), (0.2, 0.3, 0.4), (0.25, 0.32, 0.2))[int(rng.integers(3))],
        curves=float(rng.uniform(0.4, 1.0)) if style in {"long", "ponytail", "bun"} else 0.1,
    )


def _outfit(rng: np.random.Generator) -> Outfit:
    sleeve = (0.0, 0.25, 0.55, 0.8, 1.5, 1.9)[
        int(rng.choice(6, p=(0.15, 0.12, 0.35, 0.14, 0.08, 0.16)))
    ]
    leg = (0.22, 0.5, 0.75, 1.1, 1.6, 1.9)[
        int(rng.choice(6, p=(0.08, 0.27, 0.22, 0.06, 0.12, 0.25)))
    ]
    tight = chance(rng, 0.45)
    return Outfit(
        shirt=_cloth(rng),
        stripes=_cloth(rng) if chance(rng, 0.2) else None,
        sleeve=sleeve,
        trousers=_cloth(rng),
        leg=leg,
        loose=float(rng.uniform(0.001, 0.004) if tight else rng.uniform(0.006, 0.02)),
        bare_waist=tight and sleeve < _SHORT and chance(rng, 0.4),
        sock=_grey(rng, 0.7, 0.95) if chance(rng, 0.6) else _cloth(rng),
        sock_height=float(rng.choice([0.05, 0.15, 0.3, 0.75], p=[0.4, 0.3, 0.2, 0.1])),
        shoe=_cloth(rng),
        sole=_grey(rng, 0.6, 0.95) if chance(rng, 0.7) else _grey(rng, 0.05, 0.4),
        cap=_cloth(rng),
    )


def _room(rng: np.random.Generator) -> Room:
    place = _PLACES[int(rng.choice(3, p=(0.8, 0.08, 0.12)))]
    floor = _FLOORS[int(rng.choice(4, p=(0.4, 0.2, 0.2, 0.2)))]
    wood = colorsys.hsv_to_rgb(*rng.uniform((0.05, 0.25, 0.3), (0.11, 0.6, 0.8)))
    return Room(
        seed=int(rng.integers(2**32)),
        place=place,
        floor=floor,
        floor_colour=wood if floor == "planks" else _wall(rng, 0.2, 0.8),
        wall_colour=_wall(rng, 0.25, 0.95),
        trim_colour=_grey(rng, 0.6, 0.95) if chance(rng, 0.7) else _wall(rng, 0.1, 0.6),
        mat=_vivid(rng) if chance(rng, 0.45) else None,
        turned=float(rng.choice([0.0, math.pi / 4, rng.uniform(0, math.pi / 2)])),
        clutter=int(rng.integers(0, 11)),
    )


def _light(rng: np.random.Generator, azimuth: float) -> Light:
    # People who put up a camera rarely point it at the lamp.
    around, up = azimuth + rng.normal(0.0, 1.2), rng.uniform(0.45, 1.35)
    ambient = float(rng.uniform(0.45, 0.8))
    gain = float(np.clip(rng.normal(1.0, 0.13), 0.6, 1.25))
    warm = float(rng.normal(0.0, 0.05))
    return Light(
        direction=(
            math.cos(up) * math.cos(around),
            math.cos(up) * math.sin(around),
            math.sin(up),
        ),
        strength=float(rng.uniform(1.05, 1.3)) - ambient,
        ambient=ambient,
        tint=(gain * (1 + warm), gain * (1 + float(rng.normal(0.0, 0.015))), gain * (1 - warm)),
        shadow=float(rng.uniform(0.25, 0.7)),
    )


def _camera(rng: np.random.Generator) -> Camera:
    return placed(
        rng,
        float(rng.uniform(0.8, 0.92) if chance(rng, 0.06) else rng.uniform(0.45, 0.8)),
        azimuth=float(rng.uniform(0.0, 2 * math.pi)),
        height=float(rng.uniform(0.3, 2.0)),
        fov=math.radians(float(rng.uniform(40.0, 70.0))),
    )


def _sensor(rng: np.random.Generator) -> Sensor:
    return Sensor(
        blur=float(rng.uniform(0.45, 1.1)),
        noise=float(rng.gamma(2.0, 2.0)) + 0.5,
        vignette=float(rng.uniform(0.0, 0.3)),
    )


def _jittered(rng: np.random.Generator, colour: Floats, by: float) -> Rgb:
    red, green, blue = np.clip(colour + rng.normal(0.0, by), 0.02, 0.97)
    return float(red), float(green), float(blue)


def _vivid(rng: np.random.Generator) -> Rgb:
    return colorsys.hsv_to_rgb(*rng.uniform((0.0, 0.5, 0.35), (1.0, 1.0, 0.95)))


def _grey(rng: np.random.Generator, low: float, high: float) -> Rgb:
    return colorsys.hsv_to_rgb(
        float(rng.random()), float(rng.uniform(0.0, 0.08)), float(rng.uniform(low, high))
    )


def _cloth(rng: np.random.Generator) -> Rgb:
    """Black, grey, white or navy as often as a colour."""
    kind = rng.random()
    if kind < _BLACK:
        return _grey(rng, 0.05, 0.18)
    if kind < _GREY:
        return _grey(rng, 0.18, 0.95)
    return colorsys.hsv_to_rgb(*rng.uniform((0.0, 0.2, 0.15), (1.0, 0.95, 0.95)))


def _wall(rng: np.random.Generator, low: float, high: float) -> Rgb:
    return colorsys.hsv_to_rgb(
        float(rng.random()), float(rng.gamma(1.3, 0.12)) % 0.7, float(rng.uniform(low, high))
    )
