"""Render frames of the athlete to disk: `python -m models.training.render --work DIR`.

Two sets, whose seeds are apart: nothing that a network is measured on was ever trained on. Each
seed is another person in another place; training looks at each of them several times. It goes on
where it was when it is run again, if it is asked for the same.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from edged.capture.athlete import floor
from edged.capture.athlete.body import Body, Posture
from edged.capture.athlete.exercises import IN_TURN, Exercise, bearing
from edged.capture.athlete.kinematics import Bearing, blend, posture_of
from edged.capture.athlete.painter import Painter
from edged.capture.athlete.scene import Scene
from edged.capture.athlete.style import Side, Style
from edged.commands.ending import ends_by_sigterm
from edged.cv import cv2
from edged.errors import EdgedError
from edged.types import Pixels, Truth
from models.training.frames import FRAME, Truths, write
from models.training.sets import SHARD, Set, begin

SIZE = (640, 480)
"""Width and height of a camera's frame."""

NOBODY = 0.08
"""Of the frames show an empty room."""

BETWEEN = 0.15
"""Of the frames show somebody on the way from one exercise to another."""

FRAMES = 40_000
"""To train with."""

LOOKS = 5
"""At each person that is trained with."""

VALIDATION_SEED = 1_000_000
"""The seeds below it are for training; those from `edged.capture.athlete.athlete.HELD_OUT` on are
for the athlete that users see and models are judged by."""


def sets(frames: int = FRAMES) -> tuple[Set, Set]:
    """What to measure by while training, one frame for 80, and so many frames to train with."""
    return (
        Set("validation", VALIDATION_SEED, max(frames // 80, 20), 1, SIZE),
        Set("train", 0, frames, LOOKS, FRAME),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """One frame and the truth about it."""

    pixels: Pixels
    seen: Truth | None
    """None: nobody is there."""
    exercise: str
    azimuth: float
    """Degrees."""


def posture(body: Body, style: Style, rng: np.random.Generator) -> tuple[str, Posture]:
    """Somebody at any depth of any exercise, or on the way to another one."""
    exercise = IN_TURN[int(rng.integers(len(IN_TURN)))]
    now = bearing(body, exercise, _depth(rng), style, _side(rng))
    if rng.random() < BETWEEN:
        way = _way_to(exercise, body, style)
        stages = (bearing(body, "squat", _depth(rng) * 0.5, style), *way, now)
        stage = int(rng.integers(len(stages) - 1))
        now = blend(stages[stage], stages[stage + 1], float(rng.random()))
    return exercise, posture_of(body, now)


def _way_to(exercise: Exercise, body: Body, style: Style) -> tuple[Bearing, ...]:
    """How somebody who stands gets to where it begins."""
    if exercise in {"push-up", "plank"}:
        return floor.way_to_prone(body, style)
    if exercise == "sit-up":
        return floor.way_to_back(body, style)
    return ()


def _depth(rng: np.random.Generator) -> float:
    """Any, and the ends more often, where people stay longest."""
    return float(np.clip(rng.uniform(-0.15, 1.15), 0, 1))


def _side(rng: np.random.Generator) -> Side:
    return "left" if rng.random() < 0.5 else "right"  # noqa: PLR2004 - a coin


def render(seed: int, looks: int) -> Iterator[Rendered]:
    """The frames of a seed: one person in one place, in different postures."""
    rng = np.random.default_rng([seed, 0x7EA1])
    scene, body, style = Scene.of(seed), Body.of(seed), Style.of(seed)
    painter = Painter(scene, body, *SIZE)
    azimuth = math.degrees(scene.camera.azimuth)
    for _ in range(looks):
        exercise, stance = posture(body, style, rng)
        pixels: Pixels = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
        somebody = rng.random() >= NOBODY
        painter.paint(stance, pixels, int(rng.integers(1 << 30)), figure=somebody)
        seen = painter.see(stance) if somebody else None
        yield Rendered(pixels, seen, exercise if somebody else "", azimuth)


def render_shard(directory: Path, what: Set, number: int) -> int:
    """Render one file of a set. Returns how many frames."""
    first = number * SHARD
    end = first + what.lengths[number]
    seeds = range(what.first_seed + first // what.looks, what.first_seed + -(-end // what.looks))
    made = [one for seed in seeds for one in render(seed, what.looks)][: end - first]
    nowhere = np.zeros((17, 2), np.float32), np.zeros(17, np.uint8), 0.0
    told = [
        (one.seen.keypoints, one.seen.visibility, one.seen.area) if one.seen else nowhere
        for one in made
    ]
    keypoints, visibility, area = zip(*told, strict=True)
    write(
        directory,
        number,
        np.stack([_kept(one.pixels, what.size) for one in made]),
        Truths(
            keypoints=np.stack(keypoints).astype(np.float32),
            visibility=np.stack(visibility).astype(np.uint8),
            area=np.array(area, np.float32),
            exercise=np.array([one.exercise for one in made]),
            azimuth=np.array([one.azimuth for one in made], np.float32),
        ),
    )
    return len(made)


def _kept(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    if pixels.shape[1::-1] == size:
        return pixels
    smaller: Pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR)
    return smaller


def render_set(work: Path, what: Set, processes: int) -> None:
    """Render what is missing of a set, below `work`.

    Raises:
        FramesError: there are frames of something else.
        EdgedError: nothing can be written there.
    """
    directory = work / what.name
    missing = begin(directory, what)
    if not missing:
        return
    begun, done = time.monotonic(), 0
    # Not forked: OpenCV's and TensorFlow's threads do not survive that.
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for count in pool.imap_unordered(partial(render_shard, directory, what), missing):
            done += count
            rate = done / (time.monotonic() - begun)
            print(f"\r{what.name}: {done} frames, {rate:.0f} a second ", end="", flush=True)
    print()


def main(words: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m models.training.render", description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="directory of the frames")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--frames", type=int, default=FRAMES, help="to train with")
    given = parser.parse_args(words)
    try:
        with ends_by_sigterm():
            for what in sets(given.frames):
                render_set(given.work, what, given.processes)
    except EdgedError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
