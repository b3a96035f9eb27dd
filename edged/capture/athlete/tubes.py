"""The athlete's surface: tubes of rings, told once as numbers, then laid about any posture.

A tube is a row of rings, each of `SIDES` points around its centre; between two rings lies a band of
four-cornered patches. Where clothes end, two rings lie at one place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edged.capture.athlete.lens import Floats
from edged.capture.athlete.scene import Rgb

Integers = npt.NDArray[np.int32]

SIDES = 12
"""Points around a limb."""


@dataclass(frozen=True, slots=True)
class Ring:
    """One ring of a limb: where it is between two joints, how thick, and what comes after it."""

    along: float
    """0 = the first joint, 1 = the second."""
    beyond: float
    """Metres past that, along the limb."""
    radius: float
    colour: Rgb
    """Of the band from here to the next ring."""
    flat: float = 1.0
    """Thickness across, in radii."""
    side: float = 0.0
    """Metres that the centre lies off the limb's axis, along the flat direction."""


@dataclass(slots=True)
class Patches:
    """Four-cornered patches that belong to one mesh: collected, then `packed`."""

    corners: list[Integers] = field(default_factory=list)
    colours: list[Floats] = field(default_factory=list)
    nearer: list[Floats] = field(default_factory=list)

    def add(self, corners: Integers, colours: Floats, nearer: float | Floats = 0.0) -> None:
        """Patches (n, 4) of vertex numbers, counterclockwise from outside, colours (n, 3).

        Args:
            corners: vertex numbers.
            colours: 0..1.
            nearer: metres by which they are drawn as if nearer: what lies on a surface.
        """
        self.corners.append(corners)
        self.colours.append(colours)
        self.nearer.append(np.broadcast_to(np.asarray(nearer, float), len(corners)))

    def packed(self) -> Packed:
        """All of them in arrays."""
        return Packed(
            np.concatenate(self.corners),
            np.concatenate(self.colours),
            np.concatenate(self.nearer),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """Patches as arrays: corners int32 (n, 4), colours (n, 3) and nearer (n,)."""

    corners: Integers
    colours: Floats
    nearer: Floats


def joined(one: Packed, other: Packed, vertices: int) -> Packed:
    """The patches of two meshes, the vertices of the other behind so many of the first."""
    return Packed(
        np.concatenate([one.corners, other.corners + np.int32(vertices)]),
        np.concatenate([one.colours, other.colours]),
        np.concatenate([one.nearer, other.nearer]),
    )


def band_corners(first: int, sides: int, rings: int, *, closed: bool = True) -> Integers:
    """Vertex numbers of the patches of a tube: (rings - 1, patches around, 4).

    Seen from outside they go counterclockwise when the points of a ring turn with the right hand
    about the direction in which the rings follow each other.
    """
    around = sides if closed else sides - 1
    ring = first + sides * np.arange(rings - 1, dtype=np.int32)[:, None]
    here = np.arange(around, dtype=np.int32)[None]
    after = (here + 1) % sides
    return np.stack(
        np.broadcast_arrays(ring + here, ring + after, ring + sides + after, ring + sides + here),
        axis=-1,
    ).astype(np.int32)


class Limbs:
    """All tubes that go from one joint to another, laid about a posture at once."""

    def __init__(self, bones: Sequence[Bone], first_vertex: int, patches: Patches) -> None:
        """Adds the patches of the limbs; their vertices begin at `first_vertex`."""
        most = max(len(bone.rings) for bone in bones)
        rings = [[*bone.rings, *[bone.rings[-1]] * (most - len(bone.rings))] for bone in bones]
        self._from = np.array([bone.start for bone in bones])
        self._to = np.array([bone.end for bone in bones])
        self._across = np.flatnonzero([bone.across for bone in bones])
        self._reference = np.array([bone.reference for bone in bones])
        numbers = np.array(
            [
                [(r.along, r.beyond, r.radius, r.radius * r.flat, r.side) for r in row]
                for row in rings
            ]
        )
        self._along, self._beyond, self._wide, self._thick, self._side = (
            np.ascontiguousarray(numbers[..., i, None]) for i in range(5)
        )
        angles = np.arange(SIDES) / SIDES * 2 * np.pi
        self._cos, self._sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
        self.vertices = len(bones) * most * SIDES
        for number, bone in enumerate(bones):
            corners = band_corners(first_vertex + number * most * SIDES, SIDES, most)
            for band, ring in zip(corners, bone.rings[:-1], strict=False):
                colours = np.tile(np.array(ring.colour), (SIDES, 1))
                patches.add(band, colours, -bone.sunk * (ring.along == 0.0 and ring.beyond < 0.0))

    def lay(self, posture: Floats, axes: Floats, out: Floats) -> None:
        """Write the vertices (n, 3).

        Args:
            posture: the joints (28, 3).
            axes: (k, 3) directions, which the bones' `reference` numbers.
            out: as many rows as `vertices`.
        """
        start = posture[self._from]
        bone = posture[self._to] - start
        direction = bone / np.maximum(np.linalg.norm(bone, axis=1), 1e-6)[:, None]
        wide = np.cross(axes[self._reference], direction)
        wide /= np.maximum(np.linalg.norm(wide, axis=1), 1e-6)[:, None]
        thick = np.cross(direction, wide)
        turned = self._across
        direction[turned], wide[turned], thick[turned] = (
            thick[turned],
            direction[turned],
            wide[turned],
        )
        centres = start[:, None] + self._along * bone[:, None] + self._beyond * direction[:, None]
        centres += self._side * thick[:, None]
        across = (self._wide * wide[:, None])[:, :, None]
        deep = (self._thick * thick[:, None])[:, :, None]
        shape = (*across.shape[:2], SIDES, 3)
        np.add(centres[:, :, None], self._cos * across + self._sin * deep, out=out.reshape(shape))


@dataclass(frozen=True, slots=True)
class Bone:
    """A limb between two joints."""

    start: int
    end: int
    rings: tuple[Ring, ...]
    reference: int
    """Which of the body's axes the wide direction of flat rings stands across; 3 is its left."""
    sunk: float = 0.0
    """Metres by which its first round end is drawn as if farther: it is inside of the trunk."""
    across: bool = False
    """The rings follow each other across the limb, at its second joint, to the body's left."""
