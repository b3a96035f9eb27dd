"""Rendered athletes as a model sees them: painted, asked about and decoded as in `edged reps`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from edged.capture.athlete.athlete import Athlete, frames_within
from edged.capture.athlete.script import Script
from edged.commands.again import asked_twice
from edged.commands.clips import Seen
from edged.config import model_directories
from edged.inference.catalog import resolve
from edged.inference.engine import Engine
from edged.pipeline import ModelFiles, Pipeline, Result
from edged.sections import Inference, LabelModel, PoseModel
from edged.types import Frame

WIDTH, HEIGHT = 640, 480
FPS = 15.0
PATIENCE_MS = 20_000
"""A busy machine is no fault of what is measured."""


class Models:
    """Some models, each with an engine of its own. Close it."""

    def __init__(self, names: Sequence[str]) -> None:
        """Start them. Raises `EdgedError`."""
        self._undo = contextlib.ExitStack()
        self._pipelines: dict[str, tuple[Engine, Pipeline]] = {}
        with contextlib.ExitStack() as undo:
            for name in names:
                file = resolve(name, model_directories())
                engine = Engine([file.path], Inference(threads=1, deadline_ms=PATIENCE_MS))
                undo.enter_context(contextlib.closing(engine))
                engine.start()
                pipeline = Pipeline(engine, ModelFiles(file, None), PoseModel(), LabelModel())
                self._pipelines[name] = engine, pipeline
            self._undo = undo.pop_all()

    def watched(self, script: Script, view_deg: float) -> tuple[int, dict[str, list[Seen]]]:
        """How many good reps of the first set there were, and what each model saw."""
        athlete = Athlete(script, WIDTH, HEIGHT, view_deg)
        for _, pipeline in self._pipelines.values():
            if pipeline.pose is not None:
                pipeline.pose.forget()
        seen: dict[str, list[Seen]] = {name: [] for name in self._pipelines}
        pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        reps = 0
        for number in range(frames_within(athlete.duration_s, FPS)):
            t_s = number / FPS
            moment = athlete.at(t_s)
            reps = max(reps, moment.reps)
            athlete.paint(moment, pixels, number)
            frame = Frame(pixels, number, int(t_s * 1e9), t_s)
            for name, (engine, pipeline) in self._pipelines.items():
                result = asked_twice(engine, partial(_answer, pipeline, frame))
                seen[name].append(Seen(t_s, result.poses or [], WIDTH / HEIGHT))
        return reps, seen

    def close(self) -> None:
        """Stop the engines."""
        self._undo.close()


def _answer(pipeline: Pipeline, frame: Frame) -> Result:
    (result,) = pipeline.process(frame)
    return result


def watched(
    names: Sequence[str], plans: Sequence[tuple[Script, float]]
) -> Iterator[tuple[int, dict[str, list[Seen]]]]:
    """`Models.watched` of each script and view, the models started for all of them once."""
    with contextlib.closing(Models(names)) as models:
        for script, view_deg in plans:
            yield models.watched(script, view_deg)
