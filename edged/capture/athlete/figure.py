"""The dressed body as one mesh of patches, laid about a posture.

What is flesh comes from the `Body`; what is cloth from the `Scene`.
"""

from __future__ import annotations

import numpy as np

from edged.capture.athlete.body import Body, Joint, Posture
from edged.capture.athlete.head import Head
from edged.capture.athlete.lens import Floats
from edged.capture.athlete.scene import Rgb, Scene
from edged.capture.athlete.torso import Torso
from edged.capture.athlete.tubes import Bone, Limbs, Packed, Patches, Ring


class Figure:
    """A body in its clothes."""

    def __init__(self, body: Body, scene: Scene) -> None:
        patches = Patches()
        self._limbs = Limbs(_bones(body, scene), 0, patches)
        torso = self._limbs.vertices
        self._torso = Torso(body, scene, torso, patches)
        head = torso + self._torso.vertices
        self._head = Head(body, scene, head, patches)
        self.vertices = head + self._head.vertices
        """How many."""
        self._vertices = np.empty((self.vertices, 3))
        self._bounds = torso, head
        self.patches: Packed = _worn(patches.packed(), scene)

    def lay(self, posture: Posture) -> Floats:
        """The vertices (n, 3) in the world; overwritten by the next call."""
        torso, head = self._bounds
        self._limbs.lay(posture, _axes(posture), self._vertices[:torso])
        self._torso.lay(posture, self._vertices[torso:head])
        self._head.lay(posture, self._vertices[head:])
        return self._vertices


def _worn(patches: Packed, scene: Scene) -> Packed:
    """Folds and dirt: no two patches have quite the same colour."""
    rng = np.random.default_rng(scene.room.seed)
    by = rng.normal(1.0, 0.012, (len(patches.colours), 1))
    return Packed(patches.corners, np.clip(patches.colours * by, 0.0, 1.0), patches.nearer)


def _axes(posture: Posture) -> Floats:
    """Directions that limbs are turned by: 0 askew, 1 / 2 the left and right shank, 3 the left."""
    left = posture[Joint.LEFT_HIP] - posture[Joint.RIGHT_HIP]
    up = posture[Joint.CHEST] - posture[Joint.PELVIS]
    askew = 0.6 * up + 0.8 * left + 0.3 * np.cross(left, up)
    return np.stack(
        [
            askew,
            posture[Joint.LEFT_KNEE] - posture[Joint.LEFT_ANKLE],
            posture[Joint.RIGHT_KNEE] - posture[Joint.RIGHT_ANKLE],
            posture[Joint.LEFT_SHOULDER] - posture[Joint.RIGHT_SHOULDER],
        ]
    )


def _bones(body: Body, scene: Scene) -> list[Bone]:
    bones = []
    for side in (0, 1):
        bones += [
            _upper_arm(body, scene, side),
            _forearm(body, scene, side),
            _hand(body, scene, side),
            _thigh(body, scene, side),
            _shank(body, scene, side),
            _foot(body, scene, side),
        ]
    bones.append(_neck(body, scene))
    if scene.dumbbells is not None:
        bones += [_dumbbell(body, scene.dumbbells, side) for side in (0, 1)]
    return bones


def _profile(
    stations: list[tuple[float, float]],
    flesh: Rgb,
    cloth: tuple[float, float, Rgb, float] | None,
) -> tuple[Ring, ...]:
    """The rings of a limb with round ends.

    Args:
        stations: (share of the length, radius in metres), from 0 to 1.
        flesh: its colour.
        cloth: what is worn from one share of the length to another: begin, end, colour, and how
            far it stands off.
    """
    shares, radii = zip(*stations, strict=True)
    begin, end, colour, loose = cloth or (2.0, 2.0, flesh, 0.0)
    cuts = sorted({*shares, *(cut for cut in (begin, end) if 0.0 < cut < 1.0)})

    def ring(share: float, beyond: float, thin: float, *, after: bool) -> Ring:
        dressed = begin <= share <= end and not (
            (after and share == end < 1.0) or (not after and share == begin > 0.0)
        )
        radius = float(np.interp(share, shares, radii))
        thick = (radius + loose * (dressed and 1.0)) * thin
        return Ring(share, beyond * radius, thick, colour if dressed else flesh)

    caps = ((1.0, 0.05), (0.87, 0.5), (0.5, 0.87))
    rings = [ring(0.0, -beyond, thin, after=True) for beyond, thin in caps]
    for cut in cuts:
        if cut in {begin, end} and 0.0 < cut < 1.0:
            rings.append(ring(cut, 0.0, 1.0, after=False))
        rings.append(ring(cut, 0.0, 1.0, after=True))
    rings += [ring(1.0, beyond, thin, after=False) for beyond, thin in caps[::-1]]
    return tuple(rings)


def _upper_arm(body: Body, scene: Scene, side: int) -> Bone:
    shoulder, elbow = body.radius(Joint.LEFT_SHOULDER), body.radius(Joint.LEFT_ELBOW)
    sleeve, outfit = scene.outfit.sleeve, scene.outfit
    cloth = (-1.0, min(sleeve, 1.0), outfit.shirt, outfit.loose) if sleeve else None
    stations = [
        (0.0, shoulder * 0.8),
        (0.12, shoulder * 0.97),
        (0.25, shoulder),
        (0.5, (shoulder + elbow) / 2 * 1.05),
        (1.0, elbow),
    ]
    return Bone(
        Joint.LEFT_SHOULDER + side,
        Joint.LEFT_ELBOW + side,
        _profile(stations, scene.looks.skin, cloth),
        0,
    )


def _forearm(body: Body, scene: Scene, side: int) -> Bone:
    elbow, wrist = body.radius(Joint.LEFT_ELBOW), body.radius(Joint.LEFT_WRIST)
    sleeve, outfit = scene.outfit.sleeve - 1.0, scene.outfit
    cloth = (-1.0, sleeve, outfit.shirt, outfit.loose * 0.7) if sleeve > 0.0 else None
    stations = [(0.0, elbow), (0.25, elbow * 1.03), (0.8, wrist * 1.12), (1.0, wrist)]
    return Bone(
        Joint.LEFT_ELBOW + side,
        Joint.LEFT_WRIST + side,
        _profile(stations, scene.looks.skin, cloth),
        0,
    )


def _hand(body: Body, scene: Scene, side: int) -> Bone:
    """A loose fist: longer than the palm by the bent fingers."""
    wrist, knuckles, skin = (
        body.radius(Joint.LEFT_WRIST),
        body.radius(Joint.LEFT_HAND),
        scene.looks.skin,
    )
    fingers = 0.75 * body.palm
    rings = (
        Ring(0.0, -0.5 * wrist, wrist * 0.8, skin),
        Ring(0.0, 0.0, wrist, skin, 0.85),
        Ring(0.6, 0.0, knuckles * 1.15, skin, 0.62),
        Ring(1.0, 0.0, knuckles * 1.2, skin, 0.62),
        Ring(1.0, fingers * 0.55, knuckles * 1.05, skin, 0.55),
        Ring(1.0, fingers * 0.9, knuckles * 0.7, skin, 0.5),
        Ring(1.0, fingers, knuckles * 0.1, skin),
    )
    return Bone(Joint.LEFT_WRIST + side, Joint.LEFT_HAND + side, rings, 0)


def _thigh(body: Body, scene: Scene, side: int) -> Bone:
    hip, knee = body.radius(Joint.LEFT_HIP), body.radius(Joint.LEFT_KNEE)
    outfit = scene.outfit
    wide = hip * (1.0 + 0.08 * scene.looks.curves)
    stations = [(0.0, wide), (0.3, wide * 0.97), (0.7, (hip + knee) / 2 * 1.02), (1.0, knee)]
    cloth = (-1.0, min(outfit.leg, 1.0), outfit.trousers, outfit.loose)
    return Bone(
        Joint.LEFT_HIP + side,
        Joint.LEFT_KNEE + side,
        _profile(stations, scene.looks.skin, cloth),
        0,
        sunk=0.06,
    )


def _shank(body: Body, scene: Scene, side: int) -> Bone:
    knee, ankle = body.radius(Joint.LEFT_KNEE), body.radius(Joint.LEFT_ANKLE)
    outfit = scene.outfit
    stations = [(0.0, knee), (0.3, knee * 1.04), (0.65, (knee + ankle) / 2), (1.0, ankle)]
    if outfit.leg > 1.0:
        cloth = (-1.0, outfit.leg - 1.0, outfit.trousers, outfit.loose)
    else:
        cloth = (1.0 - outfit.sock_height, 2.0, outfit.sock, 0.002)
    return Bone(
        Joint.LEFT_KNEE + side,
        Joint.LEFT_ANKLE + side,
        _profile(stations, scene.looks.skin, cloth),
        0,
    )


def _foot(body: Body, scene: Scene, side: int) -> Bone:
    """A shoe, with heel and tip in another colour."""
    heel, toe, ankle = (
        body.radius(joint) for joint in (Joint.LEFT_HEEL, Joint.LEFT_TOE, Joint.LEFT_ANKLE)
    )
    shoe, sole = scene.outfit.shoe, scene.outfit.sole
    rings = (
        Ring(0.0, -heel, heel * 0.5, sole, 0.6, 0.0),
        Ring(0.0, -heel * 0.8, heel * 1.0, shoe, 1.0, 0.1 * heel),
        Ring(0.12, 0.0, heel * 1.35, shoe, 1.35, 0.5 * heel),
        Ring(0.38, 0.0, max(ankle, heel * 1.4), shoe, 1.25, 0.55 * heel),
        Ring(0.62, 0.0, heel * 1.6, shoe, 0.9, 0.2 * heel),
        Ring(0.9, 0.0, toe * 2.0, shoe, 0.75, 0.0),
        Ring(1.0, toe * 0.4, toe * 1.7, sole, 0.7, 0.0),
        Ring(1.0, toe, toe * 0.6, sole, 0.6),
    )
    return Bone(Joint.LEFT_HEEL + side, Joint.LEFT_TOE + side, rings, 1 + side)


def _neck(body: Body, scene: Scene) -> Bone:
    radius, skin = body.radius(Joint.NECK), scene.looks.skin
    rings = (
        Ring(0.0, -0.8 * radius, radius * 1.25, skin),
        Ring(0.0, 0.0, radius * 1.08, skin),
        Ring(0.4, 0.0, radius, skin),
        Ring(0.75, 0.0, radius * 0.92, skin),
    )
    return Bone(Joint.NECK, Joint.HEAD, rings, 0)


def _dumbbell(body: Body, colour: Rgb, side: int) -> Bone:
    """Held in the fist, across the hand."""
    reach, thick = 0.14, body.radius(Joint.LEFT_HAND) * 1.9
    metal = (0.6, 0.6, 0.62)
    rings = (
        Ring(1.0, -reach, 0.002, colour),
        Ring(1.0, -reach, thick, colour),
        Ring(1.0, -reach * 0.5, thick, colour),
        Ring(1.0, -reach * 0.5, 0.014, metal),
        Ring(1.0, reach * 0.5, 0.014, colour),
        Ring(1.0, reach * 0.5, thick, colour),
        Ring(1.0, reach, thick, colour),
        Ring(1.0, reach, 0.002, colour),
    )
    return Bone(
        Joint.LEFT_WRIST + side,
        Joint.LEFT_HAND + side,
        rings,
        3,
        across=True,
    )
