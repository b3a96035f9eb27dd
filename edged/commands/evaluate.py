"""`edged evaluate`: how near a model's poses are to a truth that is known."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from edged.capture.athlete.address import script_of
from edged.capture.athlete.athlete import Athlete
from edged.capture.athlete.exercises import IN_TURN
from edged.capture.athlete.source import open_athlete
from edged.capture.athlete.told import read_clip, truth_of
from edged.capture.source import SourceInfo, is_athlete, is_live, open_source
from edged.commands.again import asked_twice
from edged.commands.ending import ends_by_sigterm
from edged.commands.files import write_bytes
from edged.commands.progress import bar
from edged.commands.runner import inference, started
from edged.config import Camera, LabelModel, PoseModel, model_directories
from edged.errors import EdgedError, EngineError, SourceError, UsageError
from edged.evaluation import plot
from edged.evaluation.metrics import mark
from edged.evaluation.report import Report, Sample, View, report, table, view_of
from edged.inference.alone import spec_of
from edged.inference.catalog import ModelFile, resolve
from edged.inference.engine import Engine
from edged.masking import without_password
from edged.pipeline import ModelFiles, Pipeline, Result
from edged.types import READ_TIMEOUT_S, Frame, Pixels, Truth

ANYONE = "athlete"
"""The source that is another person in another place in every frame."""
SIZE = (640, 480)
FPS = 30.0
REPS = 3
PLOT = Path("evaluation.png")
ASPECT = 0.02
"""By so much may the shape of a video's frames and that of its truth's differ."""
RATE = 0.01
"""And the rate, which some programs round."""


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """A frame and the truth about it."""

    frame: Frame
    truth: Truth
    exercise: str
    view: View


@dataclass(frozen=True, slots=True, eq=False)
class _Shots:
    """What is looked at."""

    each: Iterator[Shot]
    most: int
    """They are no more than this."""
    looks: Literal[0, 1, 2]
    """See `Report.looks`."""


def run(
    source: str,
    *,
    model: str,
    truth: Path | None,
    frames: int,
    seed: int | None,
    looks: Literal[1, 2] | None,
    threads: int,
    accelerators: Sequence[str] = (),
    plot_file: Path | None,
    draws: bool,
    json: bool,
) -> None:
    """Measure, print a table or JSON, and draw a plot.

    Args:
        source: `ANYONE`, an athlete's address, or a video.
        model: a catalog name or a path.
        truth: about the video.
        frames: at most.
        seed: of the first of `ANYONE`; None: 0.
        looks: at each of `ANYONE`; None: 2.
        threads: of the model; 0: as many as are good.
        accelerators: that run it, best first; none: the usual ones.
        plot_file: where the plot has to be; None: `PLOT`, if one can be drawn.
        draws: False: no plot.
        json: instead of a table.

    Raises:
        UsageError: the options do not fit each other or the model, or `plot_file` cannot be drawn.
        ModelError: the model is not here, or is none.
        SourceError: the source or the truth cannot be read, or they do not belong together.
        EngineError: a frame gets no answer.
        EdgedError: no worker comes back, or `plot_file` cannot be written.
    """
    if plot_file is not None and not draws:
        raise UsageError("--plot or --no-plot, not both")
    remark = _plot_problem(plot_file) if draws else None
    file = resolve(model, model_directories())
    settings = inference(threads, accelerators)
    with ends_by_sigterm(), contextlib.ExitStack() as undo:
        if source == ANYONE:
            if truth is not None:
                raise UsageError("--truth goes with a video: the athlete knows its own")
            shots = _Shots(anyone(seed or 0, frames), frames, looks or 2)
        else:
            if seed is not None or looks is not None:
                raise UsageError(
                    f"--seed and --looks go with --source {ANYONE}, who is another one in each "
                    "frame; of one athlete the address has the seed"
                )
            shots = _sequence(source, truth, frames, undo)
        engine = undo.enter_context(contextlib.closing(Engine([file], settings)))
        started(engine, file, accelerators)
        samples = _samples(engine, file, source, shots)
    told = _report(samples, file.name, source, shots.looks)
    print(msgspec.json.encode(told).decode() if json else table(told), flush=True)
    if draws and remark is None:
        remark = _draw(told, plot_file)
    if remark:
        print(remark, file=sys.stderr)


def _plot_problem(wanted: Path | None) -> str | None:
    """Why there will be no plot. Raises `UsageError` if one is wanted all the same."""
    try:
        plot.check(wanted or PLOT)
    except UsageError as error:
        if wanted is not None:
            raise
        return f"no plot: {error}"
    return None


def _draw(told: Report, wanted: Path | None) -> str:
    """Write the plot. Returns what is said of it; raises `EdgedError` if it is wanted."""
    target = wanted or PLOT
    try:
        write_bytes(target, plot.drawn(told, target.suffix))
    except EdgedError as error:
        if wanted is not None:
            raise
        return f"no plot: {error}"
    return f"plot: {target}"


def _samples(engine: Engine, file: ModelFile, source: str, shots: _Shots) -> list[Sample]:
    spec = spec_of(file, engine)
    if spec.kind != "pose":
        raise UsageError(f"--model: {spec.name} finds no poses: there is nothing to compare")
    pipeline = Pipeline(engine, ModelFiles(file, None), PoseModel(), LabelModel())

    def answer(frame: Frame) -> Result:
        if shots.looks:
            return pipeline.look(frame, shots.looks)
        (result,) = pipeline.process(frame)
        return result

    samples: list[Sample] = []
    with bar(shots.most) as advance:
        for shot in shots.each:
            try:
                result = asked_twice(engine, partial(answer, shot.frame))
            except EngineError as error:
                place = f"{source}: frame {shot.frame.seq}"
                raise EngineError(f"{place}: no answer: {error}") from error
            samples.append(sample_of(shot, result))
            shot.frame.release()
            advance(shot.exercise, 1.0)
    return samples


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


def anyone(seed: int, frames: int) -> Iterator[Shot]:
    """Another person, place and view in every frame, each exercise in turn."""
    pixels: Pixels = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
    for number in range(frames):
        exercise = IN_TURN[number % len(IN_TURN)]
        script = script_of(exercise, seed=seed + number, reps=REPS, repeat=False)
        athlete = Athlete(script, *SIZE)
        draw = np.random.default_rng([seed + number, number])
        moment = athlete.at(float(draw.uniform(0.0, athlete.duration_s)))
        athlete.paint(moment, pixels, number)
        frame = Frame(pixels, number, number, 0.0, name=ANYONE)
        yield Shot(frame, athlete.truth(moment), exercise, view_of(athlete.view_deg))


def _sequence(source: str, truth: Path | None, frames: int, undo: contextlib.ExitStack) -> _Shots:
    """The frames of one athlete or clip, one after the other; `undo` closes it."""
    if is_athlete(source):
        if truth is not None:
            raise UsageError("--truth goes with a video: the athlete knows its own")
        return _athlete(source, frames, undo)
    shown = without_password(source)
    if is_live(source):
        raise UsageError(f"{shown}: nobody knows the truth about a camera's pictures")
    if truth is None:
        raise UsageError(f"--truth: what is to be seen in {shown}? edged athlete writes such files")
    return _clip(source, truth, frames, undo)


def _athlete(source: str, most: int, undo: contextlib.ExitStack) -> _Shots:
    settings = Camera(source=source, fps=FPS, width=SIZE[0], height=SIZE[1], pace="fast")
    athlete = open_athlete(settings)
    info, frames = _opened(settings, undo)
    view = view_of(athlete.view_deg)

    def each() -> Iterator[Shot]:
        for _, frame in zip(range(most), frames, strict=False):
            moment = athlete.at(frame.seq / FPS)
            yield Shot(frame, athlete.truth(moment), moment.exercise, view)

    return _Shots(each(), min(most, info.frames or most), looks=0)


def _clip(source: str, truth: Path, most: int, undo: contextlib.ExitStack) -> _Shots:
    told = read_clip(truth)
    # Pictures have no rate of their own: they are shown at the truth's.
    settings = Camera(
        source=source, width=told.width, height=told.height, fps=told.fps, pace="fast"
    )
    info, frames = _opened(settings, undo)
    count = len(told.frames)
    if info.frames and info.frames != count:
        raise SourceError(f"{truth} tells of {count} frames, and {source} has {info.frames}")
    if abs(info.width * told.height / (info.height * told.width) - 1) > ASPECT:
        raise SourceError(
            f"{truth} is of a video of {told.width}x{told.height}, "
            f"and {source} has the shape of {info.width}x{info.height}"
        )
    if info.fps and abs(info.fps / told.fps - 1) > RATE:
        raise SourceError(
            f"{truth} is of a video of {told.fps:g} frames/s, and {source} has {info.fps:g}"
        )
    view = view_of(told.view_deg)

    def each() -> Iterator[Shot]:
        for moment in told.frames[:most]:
            frame = next(frames, None)
            if frame is None:
                raise SourceError(
                    f"{truth} tells of {count} frames, and {source} has {moment.frame}"
                )
            yield Shot(frame, truth_of(moment), moment.exercise, view)

    return _Shots(each(), min(most, count), looks=0)


def _opened(settings: Camera, undo: contextlib.ExitStack) -> tuple[SourceInfo, Iterator[Frame]]:
    film = undo.enter_context(contextlib.closing(open_source(settings)))
    return film.info, iter(lambda: film.read(READ_TIMEOUT_S), None)
