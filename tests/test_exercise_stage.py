"""A pose becomes probabilities of labels, by a real network in a real worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import athletes
import numpy as np
import pose_classifiers
import pytest
import tiny_models
from brokers import until

from edged.errors import EngineError, ModelError
from edged.exercise_stage import INTERVAL_NS
from edged.inference.engine import Engine
from edged.pipeline import Pipeline, find_models
from edged.sections import Fitness, Inference, LabelModel, PoseModel
from edged.types import Classification, Frame, Keypoints

Build = Callable[[Fitness], Pipeline]


@pytest.fixture
def build(tmp_path: Path, pose_file: Path) -> Iterator[Build]:
    """Makes pipelines of a tiny model that finds people, and one that knows what they do."""
    with ExitStack() as stack:

        def make(fitness: Fitness) -> Pipeline:
            pose = PoseModel(model=str(pose_file), fit="stretch")
            files = find_models(pose, LabelModel(), [tmp_path], fitness)
            engine = Engine(files.each, Inference(threads=1))
            stack.callback(engine.close)
            engine.start()
            return Pipeline(engine, files, pose, LabelModel(), fitness)

        yield make


@pytest.fixture
def trained(tmp_path: Path) -> Fitness:
    model, labels = pose_classifiers.write(tmp_path)
    return Fitness(classifier=str(model), classifier_labels=str(labels))


def keypoints_of(row: pose_classifiers.Array) -> Keypoints:
    """Of a row as the model takes it."""
    return np.asarray(row.reshape(17, 3)[:, [1, 0, 2]] / (*athletes.SIZE, 1), np.float32)


def asked(pipeline: Pipeline, keypoints: Keypoints, turn: int = 0) -> Classification:
    answer = pipeline.recognize(keypoints, athletes.SIZE, turn * INTERVAL_NS)
    assert answer is not None
    return answer


def scores(answer: Classification) -> dict[str, float]:
    return {one.label: one.score for one in answer.labels}


def test_people_whom_it_has_never_seen_are_recognized(build: Build, trained: Fitness) -> None:
    pipeline = build(trained)
    rows, classes = pose_classifiers.samples((31,), (20.0, 100.0, 200.0))
    right = 0
    for turn, (row, wanted) in enumerate(zip(rows, classes, strict=True)):
        answer = asked(pipeline, keypoints_of(row), turn)
        assert len(answer.labels) == len(pose_classifiers.LABELS)
        assert sum(one.score for one in answer.labels) == pytest.approx(1.0, abs=1e-4)
        right += answer.labels[0].index == wanted
    assert right / len(rows) >= 0.9
    assert [spec.kind for spec in pipeline.specs] == ["pose", "exercise"]
    (result,) = pipeline.process(Frame(np.full((48, 64, 3), 100, np.uint8), 0, 0, 0.0))
    assert result.poses, "the model of pictures is asked as ever"


@pytest.mark.parametrize("seconds_apart", [1 / 120, 1 / 30, 1 / 9])
def test_it_is_asked_so_often_at_any_frame_rate(
    build: Build, trained: Fitness, seconds_apart: float
) -> None:
    pipeline = build(trained)
    pose = np.full((17, 3), 0.5, np.float32)
    times = np.arange(1e9, 3e9, seconds_apart * 1e9).astype(int).tolist()
    answers = [pipeline.recognize(pose, athletes.SIZE, t_ns) is not None for t_ns in times]
    assert 10 <= sum(answers) <= 21
    assert answers[0]
    assert pipeline.recognize(pose, athletes.SIZE, 0) is not None, "of another clip"


def test_an_own_order_shape_or_type_of_the_input_changes_nothing(
    build: Build, trained: Fitness, tmp_path: Path
) -> None:
    weights, path = pose_classifiers.trained(), tmp_path / "other.tflite"
    rows, _ = pose_classifiers.samples((32,), (30.0,))
    poses = [keypoints_of(row) for row in rows[:: len(rows) // 8]]
    plain = build(trained)
    other = Fitness(
        classifier=str(path),
        classifier_labels=trained.classifier_labels,
        classifier_layout="xys",
    )
    path.write_bytes(pose_classifiers.model(weights, layout=(0, 1, 2), shape=(1, 17, 3)))
    turned = build(other)
    for turn, pose in enumerate(poses):
        wanted = scores(asked(plain, pose, turn))
        assert scores(asked(turned, pose, turn)) == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize(("dtype", "zero_point"), [("uint8", 0), ("int8", -128)])
def test_a_quantized_input_gets_what_a_float_one_does(
    build: Build, trained: Fitness, tmp_path: Path, dtype: str, zero_point: int
) -> None:
    weights, path = pose_classifiers.trained(), tmp_path / "small.tflite"
    path.write_bytes(
        pose_classifiers.model(weights, quantization=(1 / 255, zero_point), dtype=dtype)
    )
    labels = trained.classifier_labels
    small = build(Fitness(classifier=str(path), classifier_labels=labels))
    plain = build(
        Fitness(classifier=trained.classifier, classifier_labels=labels, classifier_units="frame")
    )
    rows, _ = pose_classifiers.samples((33,), (30.0,))
    alike = [
        asked(small, keypoints_of(row), turn).labels[0].label
        == asked(plain, keypoints_of(row), turn).labels[0].label
        for turn, row in enumerate(rows)
    ]
    assert sum(alike) / len(alike) >= 0.9, "but for what rounding changes"


def test_there_is_none_without_poses_or_where_nothing_is_made_of_them(tmp_path: Path) -> None:
    fitness = Fitness(classifier=str(tmp_path / "none.tflite"))
    off = Fitness(classifier=fitness.classifier, enabled=False)
    assert find_models(PoseModel(model=""), LabelModel(), [], fitness).exercise is None
    assert find_models(PoseModel(model=""), LabelModel(), [], off).exercise is None
    with pytest.raises(ModelError, match=r"none\.tflite"):
        find_models(PoseModel(model="athlete-pose"), LabelModel(), [], fitness)


def test_another_model_or_other_labels_are_refused(
    build: Build, trained: Fitness, tmp_path: Path
) -> None:
    picture = tmp_path / "picture.tflite"
    picture.write_bytes(tiny_models.classifier())
    with pytest.raises(ModelError, match=r"a classifier of poses has one input \[1, 51\]"):
        build(Fitness(classifier=str(picture)))
    few = tmp_path / "few.txt"
    few.write_text("squat\nlunge\n")
    with pytest.raises(ModelError, match=r"few.txt has 2 labels, the model 5 classes"):
        build(Fitness(classifier=trained.classifier, classifier_labels=str(few)))
    with pytest.raises(ModelError, match="has no labels, and numbers name no exercise"):
        build(Fitness(classifier=trained.classifier))


def test_a_worker_that_dies_of_it_is_replaced(build: Build, trained: Fitness) -> None:
    pipeline = build(trained)
    pose = np.full((17, 3), 0.5, np.float32)
    engine = pipeline._engine
    assert engine._worker is not None
    engine._worker._process.kill()
    with pytest.raises(EngineError):
        pipeline.recognize(pose, athletes.SIZE, 0)
    until(lambda: engine.wait_ready(0.1), "another worker")
    assert asked(pipeline, pose, 1).labels
