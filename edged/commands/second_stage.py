"""A second model that has a say in what is counted in clips."""

from __future__ import annotations

import contextlib
from functools import partial

import msgspec

from edged.commands.again import asked_twice
from edged.commands.clips import Seen
from edged.config import model_directories
from edged.errors import UsageError
from edged.fitness.crew import Crew
from edged.inference.catalog import resolve
from edged.inference.engine import Engine
from edged.pipeline import ModelFiles, Pipeline
from edged.sections import Fitness, Inference, LabelModel, PoseModel


def settings(model: str, labels: str, *, layout: str, units: str) -> Fitness | None:
    """What the words of a command say of a second model; None: there is none.

    Raises:
        UsageError: labels without a model.
    """
    if labels and not model:
        raise UsageError("--classifier-labels are those of a --classifier, got none")
    words = {"labels": labels, "layout": layout, "units": units}
    keys = {"classifier": model, **{f"classifier_{key}": word for key, word in words.items()}}
    return msgspec.convert(keys, Fitness) if model else None


class SecondStage:
    """A model of poses in a worker of its own, since keypoint files need no other model."""

    def __init__(self, undo: contextlib.ExitStack, settings: Fitness) -> None:
        """Start it; `undo` ends it.

        Raises:
            EdgedError: it cannot be used.
        """
        file = resolve(settings.classifier, model_directories())
        self.engine = undo.enter_context(
            contextlib.closing(Engine([file.path], Inference(threads=1)))
        )
        self.engine.start()
        files = ModelFiles(pose=None, labels=None, exercise=file)
        self.pipeline = Pipeline(self.engine, files, PoseModel(), LabelModel(), settings)

    def tell(self, crew: Crew, seen: Seen) -> None:
        """Tell a crew, which has seen the frame, what the one does whom it watches.

        Raises:
            EngineError: no answer, twice.
        """
        watched = crew.watched
        if watched is None:
            return
        ask = partial(self.pipeline.recognize, watched.keypoints, seen.size, round(seen.t_s * 1e9))
        answer = asked_twice(self.engine, ask)
        if answer is not None:
            crew.hint(seen.t_s, answer)
