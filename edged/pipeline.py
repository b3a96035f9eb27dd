"""The path of a frame: fill the models' inputs, invoke, decode. Shared by daemon and commands."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from edged.decoders import classify, heatmaps, movenet, multipose, people, person, posenet, yolo
from edged.decoders.people import People
from edged.errors import ModelError
from edged.exercise_stage import ExerciseStage
from edged.fitness.session import Watched
from edged.inference import geometry
from edged.inference.catalog import FINDS_ONE, Decoder, ModelFile, resolve
from edged.inference.engine import Engine
from edged.inference.keypoint_models import KeypointSpec
from edged.inference.preprocess import Preprocessor
from edged.inference.specs import ModelSpec, describe
from edged.messages.streams import LabelsMessage, PoseMessage, labels_message, pose_message
from edged.sections import Fitness, LabelModel, PoseModel
from edged.types import Classification, Frame, Keypoints, Pose, TensorInfo

RETRY_S = 1.0
"""A classifier without an answer is asked again so soon, or sooner if its interval is shorter."""


SECOND_LOOK = 0.7
"""The second look at a picture counts if its score is at least this part of the first one's.
Measured on 600 rendered people, seeds 500,000 to 500,599 of `edged evaluate`, which no report uses.
Mean OKS of athlete-pose and MoveNet Lightning: the first look alone 0.855, 0.483; the better score
wins 0.862, 0.677; this rule at 0.9: 0.886, 0.694, at 0.8: 0.893, 0.697, at 0.7: 0.897, 0.700; the
second look whenever it finds anybody 0.897, 0.700. From 0.8 to 0.7 both gain more than chance does
(95 % of resamplings: 0.0015 to 0.0066, 0.0004 to 0.0042), below it nothing changes; and the rule
still leaves out a second look that went astray."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The models that the configuration asks for."""

    pose: ModelFile | None
    labels: ModelFile | None
    exercise: ModelFile | None = None
    """Of poses: what is done."""

    @property
    def each(self) -> list[ModelFile]:
        """In the order in which the engine holds them."""
        return [file for file in (self.pose, self.labels, self.exercise) if file is not None]

    @property
    def paths(self) -> list[Path]:
        """All that may be loaded, those for the Edge TPU too."""
        found = [path for file in self.each for path in (file.path, file.edgetpu)]
        return list(dict.fromkeys(path for path in found if path is not None))


def find_models(
    pose: PoseModel,
    labels: LabelModel,
    directories: Sequence[Path],
    fitness: Fitness | None = None,
) -> ModelFiles:
    """Look for the model files. Nothing is loaded.

    Raises:
        ModelError: a model is not there or is no model.
    """
    second = classifier_of(pose, fitness) if fitness is not None else ""
    return ModelFiles(
        pose=resolve(pose.model, directories) if pose.model else None,
        labels=resolve(labels.model, directories) if labels.model else None,
        exercise=resolve(second, directories) if second else None,
    )


def classifier_of(pose: PoseModel, fitness: Fitness) -> str:
    """The model of poses; empty: there is none, or no poses, or nobody wants to know."""
    return fitness.classifier if fitness.enabled and pose.model else ""


@dataclass(frozen=True, slots=True)
class Result:
    """What one model says of a frame, and where the time went (nanoseconds)."""

    poses: list[Pose] | None
    """Empty: nobody there. None: it is no pose model."""
    labels: Classification | None
    """None: it is no classifier."""
    preprocess_ns: int
    infer_ns: int
    """The invoke, with the way to the worker and back."""
    invoke_ns: int
    """The bare invoke."""
    decode_ns: int


class _Stage(Protocol):
    """One model: how its input is made of a frame."""

    spec: ModelSpec

    def plan(self, frame_size: geometry.Size) -> geometry.Plan:
        """For this frame."""


Outputs: TypeAlias = Sequence[npt.NDArray[Any]]

Read: TypeAlias = Callable[[Outputs, Sequence[TensorInfo], geometry.Size], People]
"""From outputs, their quantization and the size of the input to people in 0..1 of the input."""


def _of_one(decode: Callable[[npt.NDArray[Any], float, int], Keypoints]) -> Read:
    """What reads the only output of a model that looks for one person."""

    def read(outputs: Outputs, tensors: Sequence[TensorInfo], _size: geometry.Size) -> People:
        return people.one(decode(outputs[0], tensors[0].scale, tensors[0].zero_point))

    return read


_READS: Mapping[Decoder, Read] = {
    "movenet": _of_one(movenet.decode),
    "heatmaps": _of_one(heatmaps.decode),
    "multipose": multipose.decode,
    "posenet": posenet.decode,
    "yolo": yolo.decode,
}


class PoseStage:
    """Finds people; a model of one person looks in the next frame where that one was."""

    def __init__(self, spec: ModelSpec, settings: PoseModel) -> None:
        """Raises `ModelError` when one of several people is to be followed."""
        self.spec = spec
        self._read = _READS[spec.decoder]
        self._fit = spec.fit if settings.fit == "auto" else settings.fit
        if self._fit == "track" and spec.decoder not in FINDS_ONE:
            raise ModelError(
                f"{spec.name} finds several people and follows none: the fit is auto, letterbox or "
                "stretch, not track"
            )
        self._min_score = settings.min_score
        self._plan: geometry.Plan | None = None

    def plan(self, frame_size: geometry.Size) -> geometry.Plan:
        """The crop that follows the person; at first, and where none is tracked, the whole."""
        if self._plan is None or self._plan.frame_size != frame_size:
            self._plan = self._first_plan(frame_size)
        return self._plan

    def forget(self) -> None:
        """Look at the whole of the next frame, which has nothing to do with the last one."""
        self._plan = None

    @property
    def follows(self) -> bool:
        """Whether the next frame is looked at where a person was, not as a whole."""
        return self._plan is not None and self._plan != self._first_plan(self._plan.frame_size)

    def _first_plan(self, frame_size: geometry.Size) -> geometry.Plan:
        size = (self.spec.width, self.spec.height)
        if self._fit == "stretch":
            return geometry.stretch(frame_size, size)
        return geometry.letterbox(frame_size, size)

    def decode(self, outputs: Outputs, plan: geometry.Plan) -> list[Pose]:
        """The people of a frame, in its coordinates, best first."""
        seen = self._read(outputs, self.spec.tensors, plan.input_size)
        found = seen.moved(partial(geometry.to_frame, plan)).poses(self._min_score)
        if self._fit == "track":
            region = person.next_region(found, plan.frame_size)
            size = (self.spec.width, self.spec.height)
            self._plan = geometry.crop(region, plan.frame_size, size)
        return found


class LabelStage:
    """Says what a frame shows, now and then."""

    def __init__(self, spec: ModelSpec, settings: LabelModel) -> None:
        """Raises `ModelError` when the labels are not those of the model."""
        self.spec = spec
        self._settings = settings
        self._interval_s = settings.interval_s
        self._due_ns = 0
        classes = int(np.prod(spec.output.shape))
        self._names = (
            classify.numbered_labels(classes)
            if spec.labels is None
            else classify.fit_labels(spec.labels.text, classes, spec.labels.origin)
        )
        self._plan: geometry.Plan | None = None

    def is_due(self, sensor_ns: int) -> bool:
        """Whether to look at a frame of this time."""
        return sensor_ns >= self._due_ns

    def ask_again(self, sensor_ns: int, most_s: float = math.inf) -> None:
        """Be due again an interval after a frame of this time, and after `most_s` at most."""
        self._due_ns = sensor_ns + int(min(self._interval_s, most_s) * 1e9)

    def plan(self, frame_size: geometry.Size) -> geometry.Plan:
        """As the model was trained: the middle, or all of it."""
        if self._plan is None or self._plan.frame_size != frame_size:
            size = (self.spec.width, self.spec.height)
            if self.spec.fit == "crop":
                self._plan = geometry.centre_crop(frame_size, size, self.spec.crop)
            else:
                self._plan = geometry.stretch(frame_size, size, smooth=True)
        return self._plan

    def decode(self, outputs: Outputs) -> Classification:
        """The best classes."""
        tensor, settings = self.spec.output, self._settings
        return classify.decode(
            outputs[0],
            self._names,
            scale=tensor.scale,
            zero_point=tensor.zero_point,
            logits=self.spec.logits,
            top=settings.top,
            min_score=settings.min_score,
            confidence=settings.confidence,
        )


class Pipeline:
    """One engine and what is asked of its models. Belongs to one thread."""

    def __init__(
        self,
        engine: Engine,
        files: ModelFiles,
        pose: PoseModel,
        labels: LabelModel,
        fitness: Fitness | None = None,
    ) -> None:
        """Fit the stages to an engine that has been started; it is not asked for anything yet.

        Raises:
            ModelError: a model is not of the kind that its section asks for, or its labels do not
                fit.
        """
        self._engine = engine
        self.pose: PoseStage | None = None
        self.labels: LabelStage | None = None
        signatures = iter(engine.signatures)
        if files.pose is not None:
            signature = next(signatures)
            spec = describe(files.pose, signature.inputs, signature.outputs)
            if spec.kind != "pose":
                raise ModelError(f"{files.pose.path} finds no poses: name it under [labels] model")
            self.pose = PoseStage(spec, pose)
        if files.labels is not None:
            signature = next(signatures)
            own = Path(labels.labels) if labels.labels else None
            spec = describe(files.labels, signature.inputs, signature.outputs, own)
            if spec.kind != "labels":
                raise ModelError(f"{files.labels.path} gives no labels: name it under [pose] model")
            self.labels = LabelStage(spec, labels)
        self.exercise: ExerciseStage | None = None
        if files.exercise is not None:
            self.exercise = ExerciseStage(files.exercise, next(signatures), fitness or Fitness())
        seen = [stage.spec for stage in (self.pose, self.labels) if stage is not None]
        self._preprocessors = [
            Preprocessor((spec.width, spec.height), spec.table, spec.layout) for spec in seen
        ]

    @property
    def specs(self) -> list[ModelSpec | KeypointSpec]:
        """Of the models, in the engine's order."""
        stages = (self.pose, self.labels, self.exercise)
        return [stage.spec for stage in stages if stage is not None]

    def process(self, frame: Frame) -> Iterator[Result]:
        """Ask every model that is due about a frame, one after the other.

        A result is told before the next model is asked. The frame stays the caller's to release.

        Raises:
            EngineError: no answer; the next frame may have one.
        """
        if self.pose is not None:
            clock = _StageClock()
            outputs, plan = self._ask(0, self.pose, frame, clock)
            yield clock.result(poses=self.pose.decode(outputs, plan))
        if self.labels is not None and self.labels.is_due(frame.sensor_ns):
            self.labels.ask_again(frame.sensor_ns, RETRY_S)
            clock = _StageClock()
            outputs, _ = self._ask(int(self.pose is not None), self.labels, frame, clock)
            result = clock.result(labels=self.labels.decode(outputs))
            self.labels.ask_again(frame.sensor_ns)
            yield result

    def recognize(
        self, keypoints: Keypoints, size: tuple[float, float], sensor_ns: int
    ) -> Classification | None:
        """What somebody does, by the model of poses: every label, best first.

        Args:
            keypoints: (17, 3), of one person.
            size: width and height of the frame, in pixels.
            sensor_ns: of the frame.

        Returns:
            None: there is no such model, or it was asked a short while ago.

        Raises:
            EngineError: no answer; a later frame may have one.
        """
        if self.exercise is None or not self.exercise.take_turn(sensor_ns):
            return None
        index = len(self._preprocessors)
        model = self._engine.models[index]
        self.exercise.write(keypoints, size, model.inputs)
        self._engine.invoke(index)
        return self.exercise.decode(model.outputs)

    def look(self, frame: Frame, looks: Literal[1, 2] = 2) -> Result:
        """What the only model says of a picture that has nothing to do with the one before.

        A person is looked at twice: first in the whole, then alone, as in the next frame of a
        video. The second answer counts unless its score is far lower: where the person is half as
        high as the picture, its error is a fifth.

        Args:
            frame: stays the caller's to release.
            looks: 1: at the whole only.

        Raises:
            EngineError: no answer.
        """
        if self.pose is not None:
            self.pose.forget()
        (whole,) = self.process(frame)
        if self.pose is None or looks == 1 or not self.pose.follows:
            return whole
        (alone,) = self.process(frame)
        return alone if _best_score(alone) >= SECOND_LOOK * _best_score(whole) else whole

    def message(
        self, frame: Frame, result: Result, *, age_ns: int, watched: Watched | None = None
    ) -> PoseMessage | LabelsMessage:
        """What a result says in the contract; `watched`: what became of its poses."""
        age_ms = max(age_ns, 0) / 1e6
        if result.poses is not None and self.pose is not None:
            return pose_message(
                frame,
                result.poses if watched is None else watched.people,
                age_ms=age_ms,
                model=self.pose.spec.name,
                accelerator=self._engine.runner(0),
                active=None if watched is None else watched.active,
                depth=None if watched is None else watched.depth,
            )
        if result.labels is not None and self.labels is not None:
            name = self.labels.spec.name
            runner = self._engine.runner(int(self.pose is not None))
            return labels_message(
                frame, result.labels, age_ms=age_ms, model=name, accelerator=runner
            )
        raise ValueError("a result of another pipeline")

    def _ask(
        self, index: int, stage: _Stage, frame: Frame, clock: _StageClock
    ) -> tuple[Outputs, geometry.Plan]:
        """Run one model on a frame. What its decoder reads is valid until its next invoke."""
        model = self._engine.models[index]
        (model_input,) = model.inputs
        height, width, _ = frame.pixels.shape
        plan = stage.plan((width, height))
        self._preprocessors[index].write(plan, frame.pixels, model_input[0])
        clock.preprocess_ns = clock.lap()
        clock.invoke_ns = self._engine.invoke(index)
        clock.infer_ns = clock.lap()
        return [model.outputs[place] for place in stage.spec.outputs], plan


def _best_score(result: Result) -> float:
    return max((pose.score for pose in result.poses or ()), default=0.0)


class _StageClock:
    """Splits the time of a frame with one model."""

    __slots__ = ("_last_ns", "infer_ns", "invoke_ns", "preprocess_ns")

    def __init__(self) -> None:
        self.preprocess_ns = self.infer_ns = self.invoke_ns = 0
        self._last_ns = time.monotonic_ns()

    def lap(self) -> int:
        """Nanoseconds since the last lap."""
        now = time.monotonic_ns()
        elapsed, self._last_ns = now - self._last_ns, now
        return elapsed

    def result(
        self, poses: list[Pose] | None = None, labels: Classification | None = None
    ) -> Result:
        """What was decoded in the last lap."""
        return Result(poses, labels, self.preprocess_ns, self.infer_ns, self.invoke_ns, self.lap())
