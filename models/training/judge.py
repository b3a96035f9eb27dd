"""How good pose models are on people, rooms and pictures that ours has never seen.

The frames are those of `edged evaluate --source athlete`, and so is the path that each takes.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

from edged.capture.athlete.athlete import HELD_OUT
from edged.capture.athlete.body import Body
from edged.capture.athlete.painter import Painter
from edged.capture.athlete.scene import Scene
from edged.capture.athlete.style import Style
from edged.capture.images import read_picture
from edged.commands.evaluate import ANYONE, SIZE, Shot, anyone, sample_of
from edged.commands.progress import bar
from edged.evaluation.metrics import mark
from edged.evaluation.report import Report, Sample, report
from edged.inference.catalog import ModelFile
from edged.inference.engine import Engine
from edged.pipeline import ModelFiles, Pipeline
from edged.sections import Camera, Inference, LabelModel, PoseModel
from edged.types import KEYPOINT_SEEN, Frame, Keypoints, Pixels, Pose, Truth
from models.training.fidelity import Converted
from models.training.render import posture

FRAMES = 1000
ROOMS = 500
MIN_SCORE = PoseModel().min_score
BOX_SHARE = 0.53
"""Of the box about a person's keypoints that the person fills, where no outline is known: the
average of COCO's, as CrowdPose takes it (Li et al., CVPR 2019)."""
LOOKS: tuple[Literal[1, 2], ...] = (1, 2)

INVOKES = 50
ROUNDS = 9
"""So many invokes of each model in a row, so often in turn: a busy machine disturbs them alike."""


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """Of one model."""

    reports: tuple[Report, Report]
    """On people: one look at a frame, and two."""
    people: npt.NDArray[np.float64]
    """The score of each at first sight, in 0..1, however low."""
    rooms: npt.NDArray[np.float64]
    """The score of nobody in each empty room."""

    @property
    def lost(self) -> float:
        """0..1: how many people are below `MIN_SCORE` at first sight."""
        return float((self.people < MIN_SCORE).mean())

    @property
    def ghosts(self) -> float:
        """0..1: in how many empty rooms somebody is found."""
        return float((self.rooms >= MIN_SCORE).mean())


@dataclass(frozen=True, slots=True)
class Likeness:
    """How near a model is to a reference, in one picture."""

    picture: str
    score: float
    """Of the model's pose; 0: it found nobody."""
    oks: float
    pck: float
    labelled: int
    """Keypoints of the reference that it is sure of."""


class Judged:
    """A model at work. A context manager."""

    def __init__(self, file: ModelFile) -> None:
        self.file = file
        self._engine = Engine([file.path], Inference(threads=1))
        self._engine.start()
        files = ModelFiles(file, None)
        self._pipeline = Pipeline(self._engine, files, PoseModel(), LabelModel())
        self._unsure = Pipeline(self._engine, files, PoseModel(min_score=0.0), LabelModel())

    def look(self, frame: Frame, looks: Literal[1, 2]) -> Pose | None:
        """The best pose, as `edged infer` tells it."""
        poses = self._pipeline.look(frame, looks).poses
        return max(poses or (), key=lambda pose: pose.score, default=None)

    def sample(self, shot: Shot, looks: Literal[1, 2]) -> Sample:
        """As `edged evaluate` marks it."""
        return sample_of(shot, self._pipeline.look(shot.frame, looks))

    def score(self, frame: Frame) -> float:
        """Of whatever is most like a person, at first sight."""
        return max(pose.score for pose in self._unsure.look(frame, 1).poses or ())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.close()


def judge(
    files: Mapping[str, ModelFile], frames: int = FRAMES, rooms: int = ROOMS
) -> dict[str, Judgement]:
    """Judge several models, each on the same frames.

    Raises:
        ModelError: one of them cannot be used.
        EngineError: one of them gives no answer.
    """
    with contextlib.ExitStack() as stack:
        judged = {name: stack.enter_context(Judged(file)) for name, file in files.items()}
        advance = stack.enter_context(bar(frames + rooms))
        samples: dict[str, tuple[list[Sample], ...]] = {name: ([], []) for name in files}
        people: dict[str, list[float]] = {name: [] for name in files}
        nobody: dict[str, list[float]] = {name: [] for name in files}
        for shot in anyone(0, frames):
            for name, one in judged.items():
                people[name].append(one.score(shot.frame))
                for looks, told in zip(LOOKS, samples[name], strict=True):
                    told.append(one.sample(shot, looks))
            advance("people", 1.0)
        for room in empty_rooms(rooms):
            for name, one in judged.items():
                nobody[name].append(one.score(room))
            advance("empty rooms", 1.0)
    return {
        name: Judgement(
            reports=(
                report(samples[name][0], model=file.name, source=ANYONE, looks=1),
                report(samples[name][1], model=file.name, source=ANYONE, looks=2),
            ),
            people=np.array(people[name]),
            rooms=np.array(nobody[name]),
        )
        for name, file in files.items()
    }


def empty_rooms(count: int) -> Iterator[Frame]:
    """Places where nobody is, none of which was trained with."""
    pixels: Pixels = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
    for number in range(count):
        seed = HELD_OUT + number
        body = Body.of(seed)
        _, stance = posture(body, Style.of(seed), np.random.default_rng(seed))
        Painter(Scene.of(seed), body, *SIZE).paint(stance, pixels, number, figure=False)
        yield Frame(pixels, number, number, 0.0)


def compare(
    ours: ModelFile, reference: ModelFile, pictures: Sequence[Path], looks: Literal[1, 2] = 2
) -> list[Likeness]:
    """How near one model's poses are to another's, in pictures without a known truth.

    Raises:
        SourceError: a picture cannot be read.
        ModelError: a model cannot be used.
        EngineError: a model gives no answer.
    """
    likenesses = []
    with Judged(ours) as one, Judged(reference) as other:
        for path in pictures:
            frame = Frame(read_picture(path, Camera()), 0, 0, 0.0, name=path.name)
            expected, found = other.look(frame, looks), one.look(frame, looks)
            if expected is None:
                continue
            height, width, _ = frame.pixels.shape
            truth = truth_by(expected.keypoints)
            near = mark(found.keypoints if found else None, truth, (width, height))
            labelled = ~np.isnan(near.pck)
            likenesses.append(
                Likeness(
                    picture=path.name,
                    score=found.score if found else 0.0,
                    oks=near.mean_oks,
                    pck=float(near.pck[labelled].mean()),
                    labelled=int(labelled.sum()),
                )
            )
    return likenesses


def truth_by(keypoints: Keypoints) -> Truth:
    """A model's pose taken for true, as far as the model is sure of it."""
    sure = keypoints[:, 2] >= KEYPOINT_SEEN
    points = keypoints[sure, :2]
    size = np.ptp(points, axis=0) if len(points) else np.zeros(2)
    return Truth(
        keypoints=keypoints[:, :2],
        visibility=np.where(sure, 2, 0).astype(np.uint8),
        area=float(size[0] * size[1]) * BOX_SHARE,
    )


def invoke_ms(models: Mapping[str, bytes]) -> dict[str, float]:
    """The median time of a bare invoke of each model, in turn, on one thread.

    In a process of their own: where TensorFlow is loaded too, MoveNet takes twice as long.

    Raises:
        ModelError: one of them cannot be run.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_invoke_ms, (dict(models),))


def _invoke_ms(models: Mapping[str, bytes]) -> dict[str, float]:
    rng = np.random.default_rng(5)
    ready = {name: Converted(model) for name, model in models.items()}
    for one in ready.values():
        one.ask(rng.integers(0, 256, one.input.shape[1:], np.uint8))
    told: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(ROUNDS):
        for name, one in ready.items():
            for _ in range(INVOKES):
                began = time.perf_counter_ns()
                one.invoke()
                told[name].append((time.perf_counter_ns() - began) / 1e6)
    return {name: statistics.median(times) for name, times in told.items()}
