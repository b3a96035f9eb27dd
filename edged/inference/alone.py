"""One model by itself: what it is, and how a configuration names it."""

from __future__ import annotations

from pathlib import Path

from edged.inference.catalog import Kind, ModelFile
from edged.inference.engine import Engine
from edged.inference.specs import ModelSpec, describe
from edged.sections import LabelModel, PoseModel


def spec_of(file: ModelFile, engine: Engine, labels: Path | None = None) -> ModelSpec:
    """What the only model of a started engine needs and gives. Raises `ModelError`."""
    (signature,) = engine.signatures
    return describe(file, signature.inputs, signature.outputs, labels)


def sections(kind: Kind, model: str, *, interval_s: float = 1.0) -> tuple[PoseModel, LabelModel]:
    """What it goes under, by what it gives; `interval_s` is between two classifications."""
    if kind == "labels":
        return PoseModel(model=""), LabelModel(model=model, interval_s=interval_s)
    return PoseModel(model=model), LabelModel()
