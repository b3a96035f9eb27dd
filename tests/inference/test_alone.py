"""A model by itself is told apart by what it gives, and goes under the section for that."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from tiny_models import classifier, pose_model

from edged.inference.alone import sections, spec_of
from edged.inference.catalog import Kind, resolve
from edged.inference.engine import Engine
from edged.sections import Inference, LabelModel, PoseModel


@pytest.mark.parametrize(
    ("content", "kind"), [(pose_model(), "pose"), (classifier(), "labels")], ids=["pose", "labels"]
)
def test_a_model_that_runs_tells_what_it_is(tmp_path: Path, content: bytes, kind: Kind) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    file = resolve(str(path), ())
    with contextlib.closing(Engine([path], Inference(threads=1))) as engine:
        engine.start()
        assert spec_of(file, engine).kind == kind


def test_it_is_the_only_one_that_is_configured() -> None:
    pose, labels = sections("labels", "things", interval_s=0.0)
    assert (pose.model, labels.model, labels.interval_s) == ("", "things", 0.0)
    assert sections("pose", "people") == (PoseModel(model="people"), LabelModel())
