"""`edged athlete`: a clip of the rendered athlete, and the truth about each of its frames."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import numpy as np

from edged.capture.athlete.address import script_in, script_of
from edged.capture.athlete.athlete import Athlete
from edged.capture.athlete.told import ToldClip, ToldMoment, tell
from edged.commands.ending import ends_by_sigterm
from edged.commands.files import Video, check_video, write_bytes
from edged.commands.progress import bar
from edged.errors import UsageError
from edged.types import Pixels

LONGEST_S = 3600.0


def run(
    exercise: str | None,
    file: Path | None,
    *,
    out: Path,
    truth: Path | None,
    reps: int | None,
    seed: int | None,
    view_deg: float | None,
    size: tuple[int, int],
    fps: float,
    seconds: float | None,
) -> None:
    """Render an exercise, a script or, of neither, each exercise in turn.

    Raises:
        UsageError: options contradict, no video can be written to `out`, or it gets too long.
        SourceError: there is no such exercise or script.
        EdgedError: a file cannot be written.
    """
    check_video(out)
    if truth is not None and not truth.parent.is_dir():
        raise UsageError(f"{truth}: there is no directory {truth.parent}")
    if file is None:
        script = script_of(exercise or "", "--exercise", seed=seed, reps=reps, repeat=False)
    elif exercise is not None or reps is not None:
        raise UsageError("--script says the exercises and their reps: leave out the other option")
    else:
        script = script_in(file, seed)
    athlete = Athlete(script, *size, view_deg)
    duration_s = min(athlete.duration_s, math.inf if seconds is None else seconds)
    if duration_s > LONGEST_S:
        raise UsageError(f"longer than {LONGEST_S:g} s: give --seconds, or fewer --reps")
    count = max(1, math.ceil(duration_s * fps))
    told: list[ToldMoment] = []
    pixels: Pixels = np.empty((size[1], size[0], 3), np.uint8)
    with ends_by_sigterm(), Video(out, size, fps) as video, bar(count) as advance:
        for number in range(count):
            moment = athlete.at(number / fps)
            athlete.paint(moment, pixels, number)
            video.add(pixels)
            if truth is not None:
                told.append(tell(number, number / fps, moment, athlete.truth(moment)))
            advance(moment.exercise, 1.0)
    if truth is not None:
        clip = ToldClip(
            width=size[0],
            height=size[1],
            fps=fps,
            seed=script.workout.seed,
            view_deg=round(athlete.view_deg, 3),
            frames=told,
        )
        write_bytes(truth, msgspec.json.encode(clip))
    beside = f"; the truth is in {truth}" if truth is not None else ""
    print(f"{out}: {count} frames, {duration_s:.1f} s{beside}")
