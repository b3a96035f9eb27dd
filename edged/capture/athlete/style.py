"""How people do the same exercise differently: stance, grip, arms, small asymmetries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

Side: TypeAlias = Literal["left", "right"]


@dataclass(frozen=True, slots=True)
class Style:
    """One person's habits on one day; every number is -1..1 and 0 is the textbook."""

    width: float = 0.0
    """Of the stance."""
    toes_out: float = 0.0
    grip: float = 0.0
    """Distance of the hands."""
    gaze: float = 0.0
    """1 looks down, -1 up."""
    skew: float = 0.0
    """Leans to the right by up to two degrees."""
    knees: float = 0.0
    """Bends them more where that is a matter of taste."""
    arms: Literal[0, 1, 2] = 0
    """Which of the ways to hold the arms, where there are several."""
    one_sided: bool = False
    """Curls and presses one arm after the other."""
    backwards: bool = False
    """Lunges by a step back."""
    on_hands: bool = False
    """Planks on the hands, not on the forearms."""

    @classmethod
    def of(cls, seed: int) -> Style:
        """The habits of a seed."""
        draw = np.random.default_rng([seed, 0x57E1])
        width, toes, grip, gaze, skew, knees = draw.uniform(-1.0, 1.0, 6).tolist()
        arms: Literal[0, 1, 2] = draw.choice((0, 1, 2), p=(0.5, 0.25, 0.25)).item()
        one_sided, backwards, on_hands = (draw.random(3) < (0.25, 0.4, 0.4)).tolist()
        return cls(width, toes, grip, gaze, skew, knees, arms, one_sided, backwards, on_hands)
