"""YOLO pose's output to people: each once, whatever units the exporter chose."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.decoders import people, yolo
from edged.decoders.people import People
from edged.errors import EngineError, ModelError
from edged.types import Box, TensorInfo

Array: TypeAlias = npt.NDArray[Any]

WIDTH, HEIGHT = 320, 256
FLOAT = TensorInfo("people", "float32", ())
SEEDS = st.integers(0, 2**32 - 1)


def cells() -> Array:
    """(n, 2): the middles of the three grids' cells, in 0..1."""
    grids = [
        stride * (0.5 + np.indices((WIDTH // stride, HEIGHT // stride)).reshape(2, -1).T)
        for stride in (8, 16, 32)
    ]
    middles: Array = np.concatenate(grids) / (WIDTH, HEIGHT)
    return middles


def blank() -> Array:
    """(56, n), in 0..1: every cell sees a small box about itself, and is sure that it is nobody."""
    middles = cells()
    values = np.zeros((yolo.VALUES, len(middles)), np.float32)
    values[:2] = middles.T
    values[2:4] = 0.05
    values[5:].reshape(17, 3, -1)[:, :2] = middles.T
    return values


def put(values: Array, candidate: int, box: Box, score: float) -> None:
    """A person with a box (x and y of its middle, width, height), where all joints are."""
    values[:4, candidate] = box
    values[4, candidate] = score
    values[5:, candidate] = np.tile([box[0], box[1], 0.75], 17)


def decode(values: Array, tensor: TensorInfo = FLOAT) -> People:
    return yolo.decode([values[None]], [tensor], (WIDTH, HEIGHT))


@pytest.mark.parametrize("keypoints_in_pixels", [False, True])
@pytest.mark.parametrize("boxes_in_pixels", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
def test_a_person_has_keypoints_box_and_score_in_any_units_and_order(
    *, keypoints_in_pixels: bool, boxes_in_pixels: bool, transposed: bool
) -> None:
    values = blank()
    put(values, 77, (0.5, 0.25, 0.25, 0.5), 0.875)
    if boxes_in_pixels:
        values[:4] *= np.array([WIDTH, HEIGHT, WIDTH, HEIGHT])[:, None]
    if keypoints_in_pixels:
        values[5:].reshape(17, 3, -1)[:, :2] *= np.array([WIDTH, HEIGHT])[:, None]
    (pose,) = decode(values.T if transposed else values).poses(0.0)
    assert pose.keypoints == pytest.approx(np.tile([0.5, 0.25, 0.75], (17, 1)))
    assert pose.bounds == pytest.approx((0.375, 0.0, 0.25, 0.5))
    assert pose.score == 0.875


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_integers_mean_what_their_quantization_says(dtype: type[np.generic]) -> None:
    values = blank()
    put(values, 77, (0.5, 0.25, 0.25, 0.5), 0.875)
    zero_point = -128 if dtype is np.int8 else 0
    stored = np.rint(values * 200 + zero_point).astype(dtype)
    tensor = TensorInfo("people", np.dtype(dtype).name, (), 1 / 200, zero_point)
    (pose,) = decode(stored, tensor).poses(0.0)
    assert pose.keypoints == pytest.approx(np.tile([0.5, 0.25, 0.75], (17, 1)), abs=1 / 200)
    assert pose.bounds == pytest.approx((0.375, 0.0, 0.25, 0.5), abs=1 / 200)
    with pytest.raises(ModelError, match="without a quantization scale"):
        decode(stored, TensorInfo("people", "int8", (), 0.0, 0))


def test_nobody_is_in_a_blank_output() -> None:
    assert decode(blank()).poses(0.0) == []
    assert decode(np.zeros_like(blank())).poses(0.0) == []


def test_candidates_of_the_same_person_are_one_and_neighbours_are_two() -> None:
    values = blank()
    for candidate, shift in enumerate((0.0, 0.01, 0.02)):
        put(values, candidate, (0.25 + shift, 0.5, 0.2, 0.6), 0.9 - shift)
    put(values, 9, (0.4, 0.5, 0.2, 0.6), 0.8)
    found = decode(values)
    assert found.scores == pytest.approx([0.9, 0.8])
    assert found.keypoints[:, 0, 0] == pytest.approx([0.25, 0.4])


def crowd(seed: int) -> Array:
    """People anywhere, many on top of each other."""
    random = np.random.default_rng(seed)
    values = blank()
    for candidate in random.choice(values.shape[1], random.integers(0, 400), replace=False):
        box = (*random.uniform(0, 1, 2), *random.uniform(0.01, 0.7, 2))
        put(values, int(candidate), box, float(random.uniform(0, 1)))
    return values


def overlap(one: Array, other: Array) -> float:
    """Intersection over union of two boxes of corners."""
    low, high = np.maximum(one[0], other[0]), np.minimum(one[1], other[1])
    shared = float(np.prod(np.maximum(high - low, 0)))
    return shared / float(np.prod(one[1] - one[0]) + np.prod(other[1] - other[0]) - shared)


@given(SEEDS)
def test_no_two_are_the_same_they_are_in_order_and_the_best_is_there(seed: int) -> None:
    values = crowd(seed)
    found = decode(values)
    assert len(found.scores) <= people.MOST
    assert sorted(found.scores, reverse=True) == found.scores.tolist()
    if values[4].max() >= yolo.MIN_SCORE:
        assert found.scores[0] == values[4].max()
    if found.corners is not None:
        for place, corners in enumerate(found.corners):
            for earlier in found.corners[:place]:
                assert overlap(corners, earlier) <= yolo.OVERLAP + 1e-4


@given(SEEDS)
def test_a_mirror_changes_the_side_and_nothing_else(seed: int) -> None:
    values = crowd(seed)
    seen = values.copy()
    seen[0] = 1 - seen[0]
    seen[5::3] = 1 - seen[5::3]
    found, mirrored = decode(values), decode(seen)
    assert mirrored.scores == pytest.approx(found.scores)
    turned = found.keypoints.copy()
    turned[..., 0] = 1 - turned[..., 0]
    assert mirrored.keypoints == pytest.approx(turned, abs=1e-5)


@given(SEEDS)
def test_pixels_and_fractions_mean_the_same(seed: int) -> None:
    values = crowd(seed)
    large = values.copy()
    large[:4] *= np.array([WIDTH, HEIGHT, WIDTH, HEIGHT])[:, None]
    large[5:].reshape(17, 3, -1)[:, :2] *= np.array([WIDTH, HEIGHT])[:, None]
    found, same = decode(values), decode(large)
    assert same.scores == pytest.approx(found.scores)
    assert same.keypoints == pytest.approx(found.keypoints, abs=1e-5)


@pytest.mark.parametrize("shape", [(1, 55, 84), (2, 56, 84), (56, 84), (1, 56, 84, 1)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match=r"YOLO pose answers with \[1, 56, candidates\]"):
        yolo.decode([np.zeros(shape, np.float32)], [FLOAT], (WIDTH, HEIGHT))


@pytest.mark.parametrize("row", [0, 4, 30])
def test_what_is_not_finite_is_no_answer(row: int) -> None:
    values = blank()
    put(values, 7, (0.5, 0.5, 0.2, 0.2), 0.9)
    values[row, 7] = np.inf
    with pytest.raises(EngineError, match="not finite"):
        decode(values)
