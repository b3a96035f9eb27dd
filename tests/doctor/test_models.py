"""Models: really resolved, compared with a catalog, loaded and invoked."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pose_classifiers
import pytest
import tiny_models
from stand_in.twins import compiled_twin

from edged.config import Config
from edged.doctor.finding import Level
from edged.doctor.models import CheckedFile, ModelFacts, ModelsFacts, judge, measure
from edged.inference.store import State
from edged.sections import Fitness, Inference, LabelModel, PoseModel

CATALOG = """
[models.tiny]
title = "Tiny"
decoder = "movenet"
width = 32
height = 32
fit = "track"
licence = "CC0-1.0"
file = {{ path = "tiny.tflite", sha256 = "{}" }}
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Of models, with a catalog of one, which is there and right."""
    folder = tmp_path / "models"
    folder.mkdir()
    content = tiny_models.pose_model()
    (folder / "tiny.tflite").write_bytes(content)
    (folder / "catalog.toml").write_text(CATALOG.format(hashlib.sha256(content).hexdigest()))
    return folder


def config(pose: str = "tiny", labels: str = "") -> Config:
    return Config(pose=PoseModel(model=pose), labels=LabelModel(model=labels))


def said(facts: ModelsFacts) -> str:
    return "\n".join(words for _, words in judge(facts).lines)


def test_models_are_checked_loaded_and_invoked(directory: Path, tmp_path: Path) -> None:
    classifier = tmp_path / "own.tflite"
    classifier.write_bytes(tiny_models.classifier())
    facts = measure(config("tiny", str(classifier)), [directory], 20.0)
    tiny, own = facts.models
    assert tiny.files == (CheckedFile(str(directory / "tiny.tflite"), "cpu", State.RIGHT),)
    assert own.files == (), "nobody knows what it should be"
    assert tiny.invoke_ms is not None
    assert own.invoke_ms is not None
    assert facts.paths == (str(directory / "tiny.tflite"), str(classifier))
    assert judge(facts).level is Level.OK
    assert said(facts).startswith("tiny ")
    assert " ms an invoke on CPU (" in said(facts)


def test_a_model_that_is_not_here_is_told_with_the_way_to_get_it(directory: Path) -> None:
    (directory / "tiny.tflite").unlink()
    facts = measure(config(), [directory], 20.0)
    assert judge(facts).level is Level.PROBLEM
    assert "is not on this machine: sudo edged models pull tiny" in said(facts)
    assert facts.accelerator == ""
    own = measure(config(), [directory], 20.0, for_service=False)
    assert "is not on this machine: edged models pull tiny" in said(own)


def test_a_file_with_another_content_runs_and_is_a_problem_nevertheless(directory: Path) -> None:
    (directory / "tiny.tflite").write_bytes(tiny_models.pose_model(divisor=7.0))
    facts = measure(config(), [directory], 20.0)
    assert facts.models[0].invoke_ms is not None
    assert judge(facts).level is Level.PROBLEM
    assert "is not the catalog's, by its checksum: sudo edged models pull tiny" in said(facts)


def test_the_half_for_the_edge_tpu_is_not_needed() -> None:
    file = CheckedFile("/m/tiny_edgetpu.tflite", "edgetpu", State.TRUNCATED)
    model = ModelFacts("tiny", "pose", (file,), "", "", "", 2.0)
    facts = ModelsFacts((model,), "cpu", "ai_edge_litert 2.3.0", (), "")
    assert judge(facts).level is Level.WARNING
    assert "tiny_edgetpu.tflite is not whole" in said(facts)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"\x1c\x00\x00\x00TFL3" + bytes(100), "own.tflite: "),
        (b"<html>", "a web page"),
    ],
)
def test_a_file_that_is_no_model(tmp_path: Path, content: bytes, part: str) -> None:
    file = tmp_path / "own.tflite"
    file.write_bytes(content)
    facts = measure(config(str(file)), [], 20.0)
    assert judge(facts).level is Level.PROBLEM
    assert part in said(facts)


def test_a_compiled_model_alone_has_nothing_that_takes_over(tmp_path: Path) -> None:
    file = tmp_path / "own_edgetpu.tflite"
    file.write_bytes(compiled_twin(tiny_models.pose_model()))
    facts = measure(config(str(file)), [], 20.0)
    assert facts.paths == (str(file),)
    assert judge(facts).level is Level.WARNING
    assert "nothing takes over" in said(facts)


def test_a_model_of_another_kind(tmp_path: Path) -> None:
    file = tmp_path / "own.tflite"
    file.write_bytes(tiny_models.many_outputs(3))
    facts = measure(config(str(file)), [], 20.0)
    assert "convert the model with such outputs" in said(facts)


def test_models_that_do_not_load_in_time(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = tmp_path / "ai_edge_litert"
    runtime.mkdir()
    (runtime / "__init__.py").touch()
    (runtime / "interpreter.py").write_text("import signal; signal.pause()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    facts = measure(config(), [directory], 0.2)
    assert judge(facts).level is Level.PROBLEM
    assert "not loaded within 0.2 s" in said(facts)


def test_a_runtime_that_is_not_here(directory: Path) -> None:
    settings = Config(pose=PoseModel(model="tiny"), inference=Inference(runtime="tflite_runtime"))
    try:
        __import__("tflite_runtime")
    except ImportError:
        assert "tflite_runtime is not installed here" in said(measure(settings, [directory], 20.0))
    else:
        assert "is the old library" in said(measure(settings, [directory], 20.0))


def test_a_classifier_of_poses_is_invoked_and_has_to_fit(directory: Path, tmp_path: Path) -> None:
    model, labels = pose_classifiers.write(tmp_path)

    def facts(**keys: str) -> ModelsFacts:
        fitness = Fitness(**keys)  # type: ignore[arg-type]
        return measure(Config(pose=PoseModel(model="tiny"), fitness=fitness), [directory], 20.0)

    good = facts(classifier=str(model), classifier_labels=str(labels))
    assert [one.section for one in good.models] == ["pose", "fitness"]
    assert good.models[1].invoke_ms is not None
    assert judge(good).level is Level.OK
    bad = facts(classifier=str(model))
    assert judge(bad).level is Level.PROBLEM
    assert "has no labels, and numbers name no exercise" in said(bad)
