"""Frames become poses and labels, by real interpreters in a real worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import tiny_models

from edged.decoders import heatmaps
from edged.errors import EngineError, ModelError
from edged.inference.engine import Engine
from edged.pipeline import Pipeline, Result, find_models
from edged.sections import Inference, LabelModel, PoseModel
from edged.types import Frame

Build = Callable[..., Pipeline]


def frame(pixels: npt.NDArray[np.uint8], seq: int = 0, sensor_ns: int = 0) -> Frame:
    return Frame(pixels, seq, sensor_ns, 0.0)


def gray(level: int, width: int = 64, height: int = 48) -> npt.NDArray[np.uint8]:
    return np.full((height, width, 3), level, np.uint8)


def ask(pipeline: Pipeline, asked: Frame) -> Result:
    """The one result of a pipeline with one model that is due."""
    (result,) = pipeline.process(asked)
    return result


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """Makes pipelines of models that are written here."""
    with ExitStack() as stack:

        def make(pose: PoseModel | None = None, labels: LabelModel | None = None) -> Pipeline:
            pose, labels = pose or PoseModel(model=""), labels or LabelModel()
            files = find_models(pose, labels, [tmp_path])
            engine = Engine(files.each, Inference(threads=1))
            stack.callback(engine.close)
            engine.start()
            return Pipeline(engine, files, pose, labels)

        yield make


@pytest.fixture
def labels_file(tmp_path: Path) -> str:
    path = tmp_path / "things.tflite"
    path.write_bytes(tiny_models.classifier(classes=4))
    path.with_suffix(".txt").write_text("cat\ndog\nparrot\nmat\n")
    return str(path)


def test_a_pose_is_in_coordinates_of_the_frame(build: Build, pose_file: Path) -> None:
    pipeline = build(PoseModel(model=str(pose_file), fit="stretch"))
    result = ask(pipeline, frame(gray(100)))
    assert result.labels is None
    assert result.poses is not None
    (pose,) = result.poses
    assert pose.keypoints == pytest.approx(np.full((17, 3), 0.4), abs=0.01)
    assert min(result.preprocess_ns, result.infer_ns, result.decode_ns) > 0
    assert 0 < result.invoke_ns < result.infer_ns


def test_heatmaps_give_a_pose_too(build: Build, tmp_path: Path) -> None:
    path = tmp_path / "heatmaps.tflite"
    path.write_bytes(tiny_models.heatmap_model(rows=3, columns=4))
    pixels = np.random.default_rng(5).integers(0, 100, (32, 32, 3), np.uint8)
    result = ask(build(PoseModel(model=str(path), fit="stretch")), frame(pixels))
    assert result.poses is not None
    (pose,) = result.poses
    output = pixels.reshape(-1)[: 3 * 4 * 51].reshape(1, 3, 4, 51)
    assert pose.keypoints == pytest.approx(heatmaps.decode(output, 1 / 100), abs=1e-5)


def test_nobody_there_is_an_empty_list(build: Build, pose_file: Path) -> None:
    pipeline = build(PoseModel(model=str(pose_file), fit="stretch"))
    assert ask(pipeline, frame(gray(10))).poses == []


def test_letterboxed_coordinates_leave_the_borders_out(build: Build, pose_file: Path) -> None:
    # Black borders above and below a wide frame come first in the input: y, x and score are 0.
    pipeline = build(PoseModel(model=str(pose_file), fit="letterbox", min_score=0.0))
    result = ask(pipeline, frame(gray(250, width=64, height=32)))
    assert result.poses is not None
    y = result.poses[0].keypoints[0, 1]
    assert y == pytest.approx(-0.5, abs=0.01), "the input's top is half a frame above the frame"


def test_frames_may_change_their_size(build: Build, pose_file: Path) -> None:
    pipeline = build(PoseModel(model=str(pose_file)))
    for width, height in ((64, 48), (48, 64), (640, 480), (1, 1)):
        result = ask(pipeline, frame(gray(100, width, height)))
        assert result.poses is not None


def test_labels_carry_names_and_doubt(build: Build, labels_file: str) -> None:
    pipeline = build(labels=LabelModel(model=labels_file, interval_s=0, top=2))
    result = ask(pipeline, frame(gray(128)))
    assert result.poses is None
    assert result.labels is not None
    assert [label.label for label in result.labels.labels] == ["cat", "dog"]
    assert result.labels.labels[0].score == pytest.approx(0.5)
    assert result.labels.confident is True
    doubtful = ask(pipeline, frame(gray(100))).labels
    assert doubtful is not None
    assert doubtful.confident is False


def test_labels_are_asked_for_once_an_interval(build: Build, labels_file: str) -> None:
    pipeline = build(labels=LabelModel(model=labels_file, interval_s=1.0))
    times = [0, 0.5, 0.99, 1.0, 1.2, 5.0, 5.9, 6.0]
    asked = [bool([*pipeline.process(frame(gray(9), sensor_ns=int(time * 1e9)))]) for time in times]
    assert asked == [True, False, False, True, False, True, False, True]


@pytest.mark.parametrize(("level", "score"), [(120, 0.48), (75, 0.3), (65, 0.4)])
def test_the_second_look_counts_unless_its_score_is_far_lower(
    build: Build, pose_file: Path, level: int, score: float
) -> None:
    """All keypoints are where the level says; there is a patch of another level."""
    pipeline = build(PoseModel(model=str(pose_file)))
    picture = gray(100, 640, 640)
    looks: Literal[1, 2]
    picture[200:320, 200:320] = level
    for looks, expected in ((2, score), (1, 0.4)):
        found = pipeline.look(frame(picture), looks).poses
        assert found is not None
        assert [pose.score for pose in found] == pytest.approx([expected], abs=0.005)


def test_both_models_look_at_the_same_frame_and_the_pose_does_not_wait(
    build: Build, pose_file: Path, labels_file: str
) -> None:
    pose = PoseModel(model=str(pose_file), fit="stretch")
    pipeline = build(pose, LabelModel(model=labels_file, interval_s=60))
    results = pipeline.process(frame(gray(150)))
    assert next(results).poses
    pipeline._engine.abort()  # the worker dies before the second model is asked
    with pytest.raises(EngineError):
        next(results)
    assert pipeline.labels is not None
    assert not pipeline.labels.is_due(1)
    assert pipeline.labels.is_due(10**9), "asked again, but not for every frame"
    assert [spec.kind for spec in pipeline.specs] == ["pose", "labels"]


def test_a_classifier_in_the_pose_section_is_refused(build: Build, labels_file: str) -> None:
    with pytest.raises(
        ModelError, match=r"things\.tflite finds no poses: name it under \[labels\]"
    ):
        build(PoseModel(model=labels_file))


def test_a_pose_model_in_the_labels_section_is_refused(build: Build, pose_file: Path) -> None:
    with pytest.raises(ModelError, match=r"pose\.tflite gives no labels: name it under \[pose\]"):
        build(labels=LabelModel(model=str(pose_file)))


def score(result: Result) -> float:
    """Of the one person."""
    assert result.poses is not None
    (pose,) = result.poses
    return pose.score


def invokes(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with each invoke."""
    counted: list[int] = []
    invoke = pipeline._engine.invoke

    def count(index: int) -> int:
        counted.append(index)
        return invoke(index)

    monkeypatch.setattr(pipeline._engine, "invoke", count)
    return counted


def test_a_picture_is_looked_at_again_where_somebody_is(
    build: Build, pose_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = build(PoseModel(model=str(pose_file), fit="track", min_score=0.1))
    asked = invokes(pipeline, monkeypatch)
    # All keypoints at (0.4, 0.4) of a bright frame, where the second look sees nothing but black.
    bright = gray(100, 64, 64)
    assert pipeline.look(frame(bright)).poses
    assert len(asked) == 2
    assert pipeline.look(frame(bright), looks=1).poses
    assert len(asked) == 3
    assert pipeline.look(frame(gray(0))).poses == []
    assert len(asked) == 4, "nobody is looked for once"


def test_the_look_that_is_surer_wins(build: Build, pose_file: Path) -> None:
    pipeline = build(PoseModel(model=str(pose_file), fit="track", min_score=0.0))
    picture = gray(60, 64, 64)
    picture[8:] = 200  # the whole's first row is dark, that of the part around the person is not
    whole, better = score(pipeline.look(frame(picture), 1)), score(pipeline.look(frame(picture)))
    assert whole < better
    assert score(pipeline.look(frame(picture[::-1].copy()))) >= better


def test_a_picture_has_nothing_to_do_with_what_was_followed(build: Build, pose_file: Path) -> None:
    pipeline = build(PoseModel(model=str(pose_file), fit="track", min_score=0.1))
    rows = np.linspace(60, 200, 64).astype(np.uint8)
    picture = np.repeat(rows[:, None, None], 64, 1).repeat(3, 2)
    alone = pipeline.look(frame(picture), looks=1).poses
    for _ in range(3):
        ask(pipeline, frame(picture))
    again = pipeline.look(frame(picture), looks=1).poses
    assert alone is not None
    assert again is not None
    assert np.array_equal(alone[0].keypoints, again[0].keypoints)


def test_a_classifier_looks_once(
    build: Build, labels_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = build(labels=LabelModel(model=labels_file, interval_s=0))
    asked = invokes(pipeline, monkeypatch)
    assert pipeline.look(frame(gray(128))).labels is not None
    assert len(asked) == 1


def test_no_answer_is_an_error_and_the_next_frame_has_one(build: Build, pose_file: Path) -> None:
    pipeline = build(PoseModel(model=str(pose_file), fit="stretch"))
    engine = pipeline._engine
    assert engine._worker is not None
    engine._worker._process.kill()
    with pytest.raises(EngineError):
        ask(pipeline, frame(gray(100)))
    while not engine.wait_ready(1.0):
        assert engine.problem
    assert ask(pipeline, frame(gray(100))).poses


def test_the_whole_path_meets_corals_reference(build: Build, shared: Path) -> None:
    name = "movenet_single_pose_lightning_ptq"
    model = str(shared / "models" / f"{name}.tflite")
    pipeline = build(PoseModel(model=model, fit="stretch"))
    picture = cv2.imread(str(shared / "images" / "squat.bmp"))
    assert picture is not None
    result = ask(pipeline, frame(np.ascontiguousarray(picture[..., ::-1], np.uint8)))
    assert result.poses is not None
    (pose,) = result.poses
    rows = np.loadtxt(shared / "models" / f"{name}_reference.csv", delimiter=",", skiprows=1)
    assert np.abs(pose.keypoints[:, :2] - rows[:, 4:6]).max() <= 0.04
