"""`edged evaluate`: how near a model's poses are to a truth that is known."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from edged.capture.athlete.address import script_of
from edged.capture.athlete.athlete import Athlete
from edged.capture.athlete.exercises import EXERCISES
from edged.capture.athlete.source import open_athlete
from edged.capture.athlete.told import ToldClip, truth_of
from edged.capture.source import is_athlete, open_source
from edged.commands.ending import ends_by_sigterm
from edged.commands.progress import bar
from edged.config import Camera, Inference, LabelModel, PoseModel, model_directories
from edged.errors import SourceError, UsageError
from edged.evaluation import plot
from edged.evaluation.metrics import mark
from edged.evaluation.report import Report, Sample, View, report, table, view_of
from edged.inference.catalog import resolve
from edged.inference.engine import Engine
from edged.pipeline import ModelFiles, Pipeline, Result
from edged.types import READ_TIMEOUT_S, Frame, Pixels, Truth

ANYONE = "athlete"
"""The source that is another person in another place in every frame."""
SIZE = (640, 480)
FPS = 30.0
REPS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """A frame and the truth about it."""

    frame: Frame
    truth: Truth
    exercise: str
    view: View


def run(
    source: str,
    *,
    model: str,
    truth: Path | None,
    frames: int,
    seed: int,
    looks: Literal[1, 2],
    threads: int,
    plot_file: Path | None,
    json: bool,
) -> None:
    """Measure, print a table or JSON, and draw a plot.

    Raises:
        UsageError: the options do not fit each other, or a plot cannot be drawn.
        ModelError: the model is not here, or finds no poses.
        SourceError: the source or the truth cannot be read.
        EdgedError: no worker comes back, or the plot cannot be written.
    """
    if plot_file is not None:
        plot.check(plot_file)
    file = resolve(model, model_directories())
    is_anyone = source == ANYONE
    shots = anyone(seed, frames) if is_anyone else _sequence(source, truth, frames)
    with (
        ends_by_sigterm(),
        contextlib.closing(Engine([file.path], Inference(threads=threads))) as engine,
        contextlib.closing(shots),
        bar(frames) as advance,
    ):
        engine.start()
        pipeline = Pipeline(engine, ModelFiles(file, None), PoseModel(model=model), LabelModel())
        samples: list[Sample] = []
        for shot in shots:
            result = pipeline.look(shot.frame, looks) if is_anyone else _next(pipeline, shot.frame)
            samples.append(sample_of(shot, result))
            shot.frame.release()
            advance(shot.exercise, 1.0)
    told = _report(samples, file.name, source, looks if is_anyone else 0)
    print(msgspec.json.encode(told).decode() if json else table(told))
    if plot_file is not None:
        plot.save(told, plot_file)


def _next(pipeline: Pipeline, frame: Frame) -> Result:
    (result,) = pipeline.process(frame)
    return result


def sample_of(shot: Shot, result: Result) -> Sample:
    """How near the best pose of a result is to the truth."""
    best = max(result.poses or (), key=lambda pose: pose.score, default=None)
    height, width, _ = shot.frame.pixels.shape
    near = mark(None if best is None else best.keypoints, shot.truth, (width, height))
    return Sample(shot.exercise, shot.view, near)


def _report(samples: Sequence[Sample], model: str, source: str, looks: int) -> Report:
    try:
        return report(samples, model=model, source=source, looks=looks)
    except ValueError as error:
        raise SourceError(f"{source}: {error}") from error


def anyone(seed: int, frames: int) -> Generator[Shot]:
    """Another person, place and view in every frame, each exercise in turn."""
    pixels: Pixels = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
    for number in range(frames):
        exercise = EXERCISES[number % len(EXERCISES)]
        script = script_of(exercise, ANYONE, seed=seed + number, reps=REPS, repeat=False)
        athlete = Athlete(script, *SIZE)
        draw = np.random.default_rng([seed + number, number])
        moment = athlete.at(float(draw.uniform(0.0, athlete.duration_s)))
        athlete.paint(moment, pixels, number)
        frame = Frame(pixels, number, number, 0.0, name=ANYONE)
        yield Shot(frame, athlete.truth(moment), exercise, view_of(athlete.view_deg))


def _sequence(source: str, truth: Path | None, frames: int) -> Generator[Shot]:
    """The frames of one athlete or clip, one after the other."""
    if is_athlete(source):
        if truth is not None:
            raise UsageError("--truth goes with a video: the athlete knows its own")
        return _athlete(source, frames)
    if truth is None:
        raise UsageError(
            f"--truth: what is to be seen in {source}? edged athlete writes such files"
        )
    return _clip(source, _read_truth(truth), frames)


def _athlete(source: str, frames: int) -> Generator[Shot]:
    settings = Camera(source=source, fps=FPS, width=SIZE[0], height=SIZE[1], pace="fast")
    athlete = open_athlete(settings)
    view = view_of(athlete.view_deg)
    for frame in _frames(settings, frames):
        moment = athlete.at(frame.seq / FPS)
        yield Shot(frame, athlete.truth(moment), moment.exercise, view)


def _clip(source: str, told: ToldClip, frames: int) -> Generator[Shot]:
    settings = Camera(source=source, width=told.width, height=told.height, pace="fast")
    view = view_of(told.view_deg)
    for frame in _frames(settings, min(frames, len(told.frames))):
        now = told.frames[frame.seq]
        yield Shot(frame, truth_of(now), now.exercise, view)


def _frames(settings: Camera, frames: int) -> Iterator[Frame]:
    with contextlib.closing(open_source(settings)) as source:
        for _ in range(frames):
            frame = source.read(READ_TIMEOUT_S)
            if frame is None:
                return
            yield frame


def _read_truth(path: Path) -> ToldClip:
    """Raises `SourceError` when the file is none that `edged athlete --truth` has written."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=ToldClip)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise SourceError(f"{path} is no truth as edged athlete writes it: {error}") from error
