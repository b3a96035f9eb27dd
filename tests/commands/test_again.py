"""No frame is lost to a worker that died of another one."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest

from edged.commands.again import asked_twice
from edged.errors import EngineError
from edged.inference.engine import Engine
from edged.pipeline import Pipeline, find_models
from edged.sections import Inference, LabelModel, PoseModel
from edged.types import Frame


def test_an_answer_comes_from_the_next_worker(pose_file: Path) -> None:
    pose = PoseModel(model=str(pose_file), fit="stretch")
    files = find_models(pose, LabelModel(), [])
    with contextlib.closing(Engine(files.each, Inference(threads=1))) as engine:
        engine.start()
        pipeline = Pipeline(engine, files, pose, LabelModel())
        frame = Frame(np.full((48, 64, 3), 100, np.uint8), 0, 0, 0.0)
        assert engine._worker is not None
        engine._worker._process.kill()
        assert asked_twice(engine, lambda: pipeline.look(frame)).poses
        assert engine.restarts == 1


def test_a_frame_that_has_no_answer_twice_has_none(pose_file: Path) -> None:
    times = []

    def ask() -> None:
        times.append(1)
        raise EngineError("no")

    with contextlib.closing(Engine([pose_file], Inference(threads=1))) as engine:
        engine.start()
        with pytest.raises(EngineError, match="no"):
            asked_twice(engine, ask)
    assert len(times) == 2
