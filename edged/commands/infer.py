"""`edged infer`: what a model sees in pictures and videos, a line a frame."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import msgspec

from edged.capture.source import Source, files_at, is_athlete, is_live, is_picture, open_source
from edged.commands.again import asked_twice
from edged.commands.ending import ends_by_sigterm
from edged.commands.overlays import Overlays, targets
from edged.commands.progress import bar
from edged.commands.runner import inference, started
from edged.config import model_directories
from edged.errors import EngineError, SourceError, UsageError
from edged.inference.alone import spec_of
from edged.inference.catalog import ModelFile, resolve
from edged.inference.engine import Engine
from edged.masking import without_password
from edged.messages.fields import Count
from edged.messages.streams import LabelsMessage, PoseMessage
from edged.overlay import draw_labels, draw_poses
from edged.pipeline import ModelFiles, Pipeline, Result
from edged.sections import Camera, LabelModel, PoseFit, PoseModel
from edged.types import READ_TIMEOUT_S, Frame, Pixels

FULL_SIZE = 8192
"""The most that a source can be asked for: files are looked at as they are, so that the answers
are the same with and without an overlay."""


class PoseLine(PoseMessage, frozen=True, kw_only=True):
    """The people of a frame of a file."""

    source: str
    frame: Count


class LabelsLine(LabelsMessage, frozen=True, kw_only=True):
    """What a frame of a file shows."""

    source: str
    frame: Count


Line: TypeAlias = PoseLine | LabelsLine


@dataclass(frozen=True, slots=True)
class _Shot:
    """A frame and where it belongs."""

    frame: Frame
    source: str
    """The path as it was given; of a picture in a directory or glob its own."""
    file: Path
    number: int
    """Of the frame in its file, from 0."""
    fps: float
    share: float
    """0..1: how much of its file it is."""

    @property
    def is_still(self) -> bool:
        """Whether it is a picture by itself."""
        return is_picture(self.file)

    @property
    def place(self) -> str:
        """The source, and of a video the number of the frame."""
        return self.source if self.is_still else f"{self.source} {self.number}"


class _Problems:
    """Tells what went wrong while the rest goes on."""

    def __init__(self) -> None:
        self.exit_code = 0

    def tell(self, problem: object) -> None:
        """A line on standard error."""
        self.exit_code = 1
        print(f"edged: {problem}", file=sys.stderr)


def run(
    paths: Sequence[str],
    *,
    model: str,
    fit: PoseFit = "auto",
    labels: Path | None = None,
    threads: int = 0,
    accelerators: Sequence[str] = (),
    overlay: str = "",
    json: bool = False,
) -> int:
    """Run a model on every frame and print a line for each.

    A file or frame without an answer is told on standard error, and the others go on.

    Returns:
        The exit code: 1 when something was told.

    Raises:
        UsageError: words that do not fit each other, the files or the model.
        EdgedError: the model cannot be used, or an overlay cannot be written.
    """
    problems = _Problems()
    found = _find(paths, problems)
    files = [file for _, named in found for file in named]
    file = resolve(model, model_directories())
    settings = inference(threads, accelerators)
    if not files:
        return problems.exit_code
    places = targets(overlay, files) if overlay else {}
    show = msgspec.json.Encoder() if json else None
    with (
        ends_by_sigterm(),
        contextlib.closing(Engine([file], settings)) as engine,
        Overlays(places) as overlays,
        contextlib.closing(_ahead(_shots([path for path, _ in found]))) as shots,
        bar(len(files), is_wanted=not (json and sys.stdout.isatty())) as advance,
    ):
        started(engine, file, accelerators)
        pipeline = _pipeline(engine, file, fit, labels)
        for shot in shots:
            if isinstance(shot, SourceError):
                problems.tell(shot)
                continue
            result: Result | None = None
            try:
                result, line = _answer(engine, pipeline, shot)
                text = show.encode(line).decode() if show else as_text(line, shot.place)
                print(text, flush=True)
            except EngineError as error:
                problems.tell(f"{shot.place}: no answer: {error}")
            # A video keeps the frames without an answer, and so its time.
            if shot.file in places and (result is not None or not shot.is_still):
                overlays.add(shot.file, shot.frame, shot.fps, partial(_draw, result))
            else:
                shot.frame.release()
            advance(shot.source, shot.share)
    return problems.exit_code


def _find(paths: Sequence[str], problems: _Problems) -> list[tuple[str, list[Path]]]:
    """The paths, each with the files that it names.

    Raises:
        UsageError: a path is of a camera or stream.
    """
    found: list[tuple[str, list[Path]]] = []
    for path in paths:
        if is_athlete(path):
            raise UsageError(
                f"{path}: expected a file, got the athlete; edged athlete --out FILE.mp4 makes one"
            )
        if is_live(path):
            shown = without_password(path)
            raise UsageError(f"{shown}: expected a file, got a camera; edged run watches cameras")
        try:
            found.append((path, files_at(path)))
        except SourceError as error:
            problems.tell(error)
    return found


def _pipeline(engine: Engine, file: ModelFile, fit: PoseFit, labels: Path | None) -> Pipeline:
    """What asks the model, by what the model finds.

    Raises:
        UsageError: an option is for the other kind of model.
        ModelError: the model or its labels cannot be used.
    """
    spec = spec_of(file, engine, labels)
    if spec.kind == "pose" and labels is not None:
        raise UsageError(f"--labels goes with classifiers, and {spec.name} finds poses")
    if spec.kind == "labels" and fit != "auto":
        raise UsageError(f"--fit goes with models of poses, and {spec.name} gives labels")
    is_pose = spec.kind == "pose"
    return Pipeline(
        engine,
        ModelFiles(pose=file if is_pose else None, labels=None if is_pose else file),
        PoseModel(fit=fit),
        LabelModel(labels=str(labels or ""), interval_s=0.0),
    )


def _shots(paths: Sequence[str]) -> Generator[_Shot | SourceError]:
    """Every frame of every path, and what cannot be read."""
    for path in paths:
        settings = Camera(source=path, width=FULL_SIZE, height=FULL_SIZE, pace="fast")
        try:
            source = open_source(settings)
        except SourceError as error:
            yield error
            continue
        with contextlib.closing(source):
            while (frame := _read(source)) is not None:
                if isinstance(frame, SourceError):
                    yield frame
                    continue
                file = Path(frame.name)
                still = is_picture(file)
                yield _Shot(
                    frame=frame,
                    source=_shown(path if file == Path(path).expanduser() else frame.name),
                    file=file,
                    number=0 if still else frame.seq,
                    fps=source.info.fps,
                    share=1.0 if still else 1.0 / max(source.info.frames, 1),
                )


def _read(source: Source) -> Frame | SourceError | None:
    """As `Source.read`, with a failure as a value: the next frame may be good."""
    try:
        return source.read(READ_TIMEOUT_S)
    except SourceError as error:
        return error


def _shown(path: str) -> str:
    """A path as text, also where its bytes are none."""
    return os.fsencode(path).decode(errors="replace")


def _ahead(shots: Generator[_Shot | SourceError]) -> Generator[_Shot | SourceError]:
    """The same, each read by a thread while the one before it is worked on."""
    with ThreadPoolExecutor(1, "reader") as reader:
        upcoming = reader.submit(next, shots, None)
        try:
            while (shot := upcoming.result()) is not None:
                upcoming = reader.submit(next, shots, None)
                yield shot
        finally:
            unused = upcoming.result()
            if isinstance(unused, _Shot):
                unused.frame.release()
            shots.close()


def _answer(engine: Engine, pipeline: Pipeline, shot: _Shot) -> tuple[Result, Line]:
    """What a frame shows.

    Raises:
        EngineError: no answer for this frame.
        EdgedError: no worker comes back.
    """
    began_ns = time.monotonic_ns()
    result = asked_twice(engine, partial(_look, pipeline, shot))
    return result, _line(pipeline, shot, result, time.monotonic_ns() - began_ns)


def _look(pipeline: Pipeline, shot: _Shot) -> Result:
    if shot.is_still:
        return pipeline.look(shot.frame)
    if pipeline.pose is not None and shot.number == 0:
        pipeline.pose.forget()
    (result,) = pipeline.process(shot.frame)
    return result


def _line(pipeline: Pipeline, shot: _Shot, result: Result, age_ns: int) -> Line:
    """What is printed of a frame, in the shape of the MQTT contract.

    Nothing is known of when a file's frame was taken: its age is the time that its answer took.
    """
    message = pipeline.message(shot.frame, result, age_ns=age_ns)
    shape = PoseLine if isinstance(message, PoseMessage) else LabelsLine
    return shape(**msgspec.structs.asdict(message), source=shot.source, frame=shot.number)


def as_text(line: Line, place: str) -> str:
    """A line for people: `squat.jpg: 1 person (0.76)`, `bird.jpg: macaw 0.98; lorikeet 0.01`."""
    if isinstance(line, LabelsLine):
        doubt = "" if line.confident else "not confident: "
        # Many labels are lists with commas themselves.
        names = "; ".join(f"{entry.label} {entry.score:.2f}" for entry in line.labels)
        return f"{place}: {doubt}{names}"
    if not line.poses:
        return f"{place}: nobody"
    scores = ", ".join(f"{pose.score:.2f}" for pose in line.poses)
    people = "1 person" if len(line.poses) == 1 else f"{len(line.poses)} people"
    return f"{place}: {people} ({scores})"


def _draw(result: Result | None, picture: Pixels) -> None:
    if result is not None and result.poses is not None:
        draw_poses(picture, result.poses)
    if result is not None and result.labels is not None:
        draw_labels(picture, result.labels)
