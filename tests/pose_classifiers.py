"""Real models of poses: a small network, trained here and now on rendered athletes' keypoints.

As TensorFlow's pose classification example: float32 [1, 51] in, pixels, y, x, score of each
keypoint; the graph puts the hips in the middle, divides by the trunk's length, and goes through two
layers to probabilities.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import athletes
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema
from tiny_models import Graph, Quantization

from edged.capture.athlete.exercises import Exercise
from edged.capture.athlete.script import Course, Script, Set
from edged.commands.clips import Seen
from edged.resources import resource

Array = npt.NDArray[np.float32]

EXERCISES: tuple[Exercise, ...] = ("squat", "lunge", "biceps-curl", "jumping-jack")
LABELS = ("squats_down", "Lunges", "bicep curl", "jumping_jacks", "standing")
"""As people write them; the last one is where each begins."""
VIEWS = (0.0, 40.0, 90.0, 180.0, 270.0, 320.0)
FPS, HIDDEN, STEPS = 6.0, 48, 400


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """Of the two layers: x @ first + bias, cut at 0, @ second + bias."""

    first: Array
    first_bias: Array
    second: Array
    second_bias: Array


def _rows(layout: Sequence[int] = (1, 0, 2)) -> tuple[Array, Array]:
    """(34, 51), (2, 51): what takes the hips' middle off every keypoint, and shoulders - hips."""
    y, x = layout.index(1), layout.index(0)
    centred, trunk = np.zeros((34, 51)), np.zeros((2, 51))
    for axis, column in enumerate((y, x)):
        for point in range(17):
            centred[2 * point + axis, 3 * point + column] += 1.0
            centred[2 * point + axis, [33 + column, 36 + column]] -= 0.5
        trunk[axis, [15 + column, 18 + column]] += 0.5
        trunk[axis, [33 + column, 36 + column]] -= 0.5
    return centred.astype(np.float32), trunk.astype(np.float32)


def features(inputs: Array) -> Array:
    """(n, 34) of (n, 51), y, x, score: what the graph makes of them before its layers."""
    centred, trunk = _rows()
    length = np.sqrt(((inputs @ trunk.T) ** 2).sum(axis=1, keepdims=True) + 1e-6)
    return np.asarray(inputs @ centred.T / length, np.float32)


def samples(
    seeds: Sequence[int], views: Sequence[float] = VIEWS
) -> tuple[Array, npt.NDArray[np.int64]]:
    """(n, 51) as the model takes them, and (n,) which of `LABELS` each is of.

    As people collect pictures: of the far half of each movement, and of its start.
    """
    inputs, classes = [], []
    for number, exercise in enumerate(EXERCISES):
        for view in views:
            for seed in seeds:
                course = Course(seed=1000 * number + seed)
                script = Script(workout=course, set=(Set(exercise=exercise, reps=3),))
                frames = athletes.seen(athletes.truths(script, view, FPS), athletes.Trouble())
                rows = np.array([taken(pose.keypoints) for _, (pose, *_) in frames])
                way = np.linalg.norm(features(rows) - features(rows[:1]), axis=1)
                for share, wanted in ((way > 0.6 * way.max(), number), (way < 0.2 * way.max(), 4)):
                    inputs.append(rows[share])
                    classes.append(np.full(int(share.sum()), wanted))
    return np.concatenate(inputs), np.concatenate(classes)


def taken(keypoints: Array) -> Array:
    """(51,) of (17, 3): y, x, score in pixels."""
    return np.asarray((keypoints * (*athletes.SIZE, 1))[:, [1, 0, 2]].reshape(-1), np.float32)


@functools.cache
def trained(people: Sequence[int] = (11, 12)) -> Weights:
    """Softmax regression behind one layer, by Adam, from sets of these people. Deterministic."""
    inputs, classes = samples(people)
    x, draw = features(inputs), np.random.default_rng(7)
    wanted = np.eye(len(LABELS), dtype=np.float32)[classes]
    weights = [
        draw.normal(0.0, 0.25, (34, HIDDEN)),
        np.zeros(HIDDEN),
        draw.normal(0.0, 0.2, (HIDDEN, len(LABELS))),
        np.zeros(len(LABELS)),
    ]
    means, squares = ([np.zeros_like(one) for one in weights] for _ in range(2))
    for step in range(1, STEPS + 1):
        first, first_bias, second, second_bias = weights
        hidden = np.maximum(x @ first + first_bias, 0.0)
        scores = hidden @ second + second_bias
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        off = (scores / scores.sum(axis=1, keepdims=True) - wanted) / len(x)
        back = (off @ second.T) * (hidden > 0.0)
        slopes = [x.T @ back, back.sum(axis=0), hidden.T @ off, off.sum(axis=0)]
        for one, slope, mean, square in zip(weights, slopes, means, squares, strict=True):
            mean[...] += 0.1 * (slope - mean)
            square[...] += 0.001 * (slope**2 - square)
            rate = 0.02 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            one[...] -= rate * mean / (np.sqrt(square) + 1e-8)
    return Weights(*(one.astype(np.float32) for one in weights))


def model(
    weights: Weights,
    *,
    layout: Sequence[int] = (1, 0, 2),
    shape: Sequence[int] = (1, 51),
    quantization: Quantization | None = None,
    dtype: str = "float32",
) -> bytes:
    """The TensorFlow Lite model; `layout`: which of x, y, score comes first, second and third."""
    graph = Graph()
    given = graph.tensor(shape, dtype, quantization=quantization)
    real = given
    if quantization is not None:
        real = graph.tensor(shape, "float32")
        graph.operator("DEQUANTIZE", [given], [real], schema.DequantizeOptionsT())
    flat = graph.tensor((1, 51), "float32")
    graph.operator("RESHAPE", [real, graph.constant([1, 51])], [flat])
    centred, trunk = (_dense(graph, flat, one.T) for one in _rows(layout))
    square = graph.tensor((1, 2), "float32")
    graph.operator("MUL", [trunk, trunk], [square], schema.MulOptionsT())
    total = _dense(graph, square, np.ones((2, 1), np.float32), np.full(1, 1e-6, np.float32))
    length, scaled = graph.tensor((1, 1), "float32"), graph.tensor((1, 34), "float32")
    graph.operator("SQRT", [total], [length])
    graph.operator("DIV", [centred, length], [scaled], schema.DivOptionsT())
    hidden = _dense(graph, scaled, weights.first, weights.first_bias, is_cut=True)
    scores = _dense(graph, hidden, weights.second, weights.second_bias)
    out = graph.tensor((1, weights.second.shape[1]), "float32")
    softmax = schema.SoftmaxOptionsT()
    softmax.beta = 1.0
    graph.operator("SOFTMAX", [scores], [out], softmax)
    return graph.pack([given], [out])


def _dense(
    graph: Graph,
    given: int,
    weights: Array,
    bias: Array | None = None,
    *,
    is_cut: bool = False,
) -> int:
    """A layer: weights (n, m)."""
    count = weights.shape[1]
    bias = np.zeros(count, np.float32) if bias is None else bias
    out = graph.tensor((1, count), "float32")
    kernel = graph.tensor(weights.T.shape, "float32", np.ascontiguousarray(weights.T))
    options = schema.FullyConnectedOptionsT()
    if is_cut:
        options.fusedActivationFunction = schema.ActivationFunctionType.RELU
    graph.operator(
        "FULLY_CONNECTED", [given, kernel, graph.tensor((count,), "float32", bias)], [out], options
    )
    return out


def write(folder: Path, people: Sequence[int] = (11, 12)) -> tuple[Path, Path]:
    """The trained model and the file of its labels."""
    path, names = folder / "moves.tflite", folder / "moves-labels.txt"
    path.write_bytes(model(trained(tuple(people))))
    names.write_text("\n".join(LABELS))
    return path, names


def confused() -> str:
    """A file of exercises by whose looks every squat is a lunge and every lunge a squat."""
    text = resource("config/exercises.toml").read_text(encoding="utf-8")
    blocks = {
        name: next(part for part in text.split("[[exercise]]\n") if f'name = "{name}"\n' in part)
        for name in ("squat", "lunge")
    }
    looks = {
        name: next(line for line in block.splitlines() if line.startswith("looks"))
        for name, block in blocks.items()
    }
    squat = blocks["squat"].replace(looks["squat"], looks["lunge"])
    lunge = blocks["lunge"].replace(looks["lunge"], looks["squat"])
    return f"[[exercise]]\n{squat}[[exercise]]\n{lunge}"


def seen(
    exercise: Exercise, view_deg: float, *, seed: int, reps: int = 4, noise: float = 0.012
) -> Iterator[Seen]:
    """A set, by other people than those that the model has learned from."""
    script = Script(workout=Course(seed=seed), set=(Set(exercise=exercise, reps=reps),))
    truth = athletes.truths(script, view_deg, 10.0)
    for t_s, poses in athletes.seen(truth, athletes.Trouble(noise=noise, seed=seed)):
        yield Seen(t_s, poses, athletes.ASPECT, athletes.SIZE[1])
