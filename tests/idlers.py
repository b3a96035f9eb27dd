"""People who do nothing that counts, and keypoints that are nobody's."""

from __future__ import annotations

import math
from collections.abc import Iterator

import athletes
import numpy as np
import stick_people as people

from edged.types import Pose

KINDS = (
    "standing",
    "noise",
    "uniform noise",
    "walking on the spot",
    "walking to and fro",
    "walking across",
)


def idle(
    kind: str, seconds: float, fps: float, seed: int = 0
) -> Iterator[tuple[float, list[Pose]]]:
    """Seconds, and the one who is there."""
    draw = np.random.default_rng(seed)
    for number in range(int(seconds * fps)):
        t_s = number / fps
        tremble = draw.normal(0.0, 0.006, (17, 2))
        match kind:
            case "standing":
                view = people.View(y=0.4)
                points = view.place(people.standing(math.sin(2.0 * t_s)))[:, :2] + tremble
            case "noise":
                points = athletes.walking(0.0, 0.5, 0.7) + 5.0 * tremble
            case "uniform noise":
                points = draw.uniform(0.0, 1.0, (17, 2))
            case "walking on the spot":
                points = athletes.walking(t_s, 0.5, 0.7) + tremble
            case "walking to and fro":
                size = 0.5 + 0.25 * math.sin(0.7 * t_s)
                points = athletes.walking(t_s, 0.5, size) + tremble
            case "walking across":
                along = t_s / 4.0 % 2.0
                x = 0.1 + 0.8 * (along if along < 1.0 else 2.0 - along)
                points = athletes.walking(t_s, x, 0.7) + tremble
            case _:
                raise ValueError(kind)
        yield t_s, [athletes.pose(points, draw.uniform(0.3, 0.9, 17))]
