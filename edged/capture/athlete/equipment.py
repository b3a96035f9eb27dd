"""What some exercises need besides a floor: a bar to hang from, a wall to lean on."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin

from edged.capture.athlete.body import Body, Joint

GRIPPED = 1.0
"""The bar is so many palms above the wrist that hangs from it: where the fingers bend."""
STRETCHED = 0.995
"""Of its length uses an arm that hangs: elbows are soft."""
LEAST_BENT = radians(52.0), radians(14.0)
"""How far shanks point back and thighs forward, at least, of one whose feet are off the floor."""
POINTED = radians(24.0)
"""How far the toes of a hanging foot point down, from a right angle with the shank."""
_CLEAR = 0.020
"""Of the height are the toes above the floor."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A level bar across, hung from above by a rod at each end; metres."""

    x: float
    z: float
    half: float
    """Of its length."""
    radius: float

    @property
    def crown(self) -> float:
        """So high comes who pulls the chin over it."""
        return self.z + 0.30


@dataclass(frozen=True, slots=True)
class Wall:
    """An upright wall across, behind the athlete; metres."""

    x: float
    """Of the side that is leant on."""
    half: float
    """Of its width."""
    height: float


def bar_for(body: Body) -> Bar:
    """A bar that this body reaches from the floor, and hangs from with bent knees."""
    shank, thigh = LEAST_BENT
    down = shank + POINTED
    foot = body.toe_ahead * sin(down) + (body.ankle_height - body.radii[Joint.LEFT_TOE]) * cos(down)
    legs = body.thigh * cos(thigh) + body.shank * cos(shank) + foot + body.radii[Joint.LEFT_TOE]
    arm = STRETCHED * body.arm + GRIPPED * body.palm
    height = _CLEAR * body.height + legs + body.trunk + arm
    return Bar(x=0.08 * body.height, z=height, half=0.62, radius=0.015)


def wall_for(body: Body) -> Wall:
    """A wall a small step behind where this body stands."""
    return Wall(x=-0.30 * body.height, half=1.2, height=2.25)
