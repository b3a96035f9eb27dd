"""`edged athlete`: a clip of the rendered athlete, and the truth about each of its frames."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path

import msgspec
import numpy as np

from edged.capture.athlete.address import exercise_named, script_in, script_of
from edged.capture.athlete.athlete import Athlete, frames_within
from edged.capture.athlete.script import Script
from edged.capture.athlete.told import ToldClip, ToldMoment, tell
from edged.commands.ending import ends_by_sigterm
from edged.commands.files import Part, Video, check_place, check_video, held_fps, move_together
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

    Either both files are put in their places, whole, or none is, see `move_together`.

    Raises:
        UsageError: options contradict, no video can be written to `out`, or it gets too long.
        ConfigError: the script cannot be used.
        EdgedError: a file cannot be written.
    """
    _check(out, truth, size, (fps, view_deg, seconds))
    fps = held_fps(out, fps)
    script = _script(exercise, file, seed=seed, reps=reps)
    athlete = Athlete(script, *size, view_deg)
    duration_s = _duration_s(athlete, seconds)
    count = max(1, frames_within(duration_s, fps))
    told: list[ToldMoment] = []
    pixels: Pixels = np.empty((size[1], size[0], 3), np.uint8)
    with ends_by_sigterm(), contextlib.ExitStack() as parts:
        beside = None if truth is None else parts.enter_context(Part(truth))
        video = Video(out, size, fps)
        parts.callback(video.abandon)
        with bar(count) as advance:
            for number in range(count):
                moment = athlete.at(number / fps)
                athlete.paint(moment, pixels, number)
                video.add(pixels)
                if beside is not None:
                    told.append(tell(number, number / fps, moment, athlete.truth(moment)))
                advance(moment.exercise, 1.0)
        done = [video.sealed()]
        if beside is not None:
            clip = ToldClip(
                width=size[0],
                height=size[1],
                fps=fps,
                seed=script.workout.seed,
                view_deg=round(athlete.view_deg, 3),
                frames=told,
            )
            beside.write(msgspec.json.encode(clip))
            done.append(beside)
        move_together(done)
    where = f"; the truth is in {truth}" if truth is not None else ""
    print(f"{out}: {count} frames, {count / fps:.1f} s{where}")


def _check(
    out: Path, truth: Path | None, size: tuple[int, int], numbers: tuple[float | None, ...]
) -> None:
    check_video(out)
    if truth is not None:
        check_place(truth)
        if truth.resolve() == out.resolve():
            raise UsageError(f"--truth: {truth} is the video's own place")
    if size[0] % 2 or size[1] % 2:  # the codecs would leave out a row or column without a word
        raise UsageError(f"a video's width and height are even numbers: got {size[0]}x{size[1]}")
    if not all(math.isfinite(number) for number in numbers if number is not None):
        raise UsageError("--fps, --view and --seconds are finite numbers")


def _script(
    exercise: str | None, file: Path | None, *, seed: int | None, reps: int | None
) -> Script:
    if file is None:
        try:
            known = None if exercise is None else exercise_named(exercise)
        except ValueError as error:
            raise UsageError(f"--exercise: {error}") from error
        return script_of(known, seed=seed, reps=reps, repeat=False)
    if exercise is not None or reps is not None:
        other = "--exercise" if exercise is not None else "--reps"
        raise UsageError(f"--script says the exercises and their reps: leave out {other}")
    return script_in(file, seed=seed)


def _duration_s(athlete: Athlete, seconds: float | None) -> float:
    duration_s = min(athlete.duration_s, math.inf if seconds is None else seconds)
    if math.isinf(duration_s):
        raise UsageError("the script repeats without end: give --seconds")
    if duration_s > LONGEST_S:
        raise UsageError(
            f"{duration_s:.0f} s are longer than {LONGEST_S:.0f} s: give --seconds, or fewer reps"
        )
    return duration_s
