"""PoseNet's maps to people: those who were planted, nobody in blank maps, and as Coral does it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edged.decoders import people, posenet
from edged.decoders.people import People
from edged.errors import EngineError, ModelError
from edged.types import TensorInfo

Array: TypeAlias = npt.NDArray[Any]

ROWS, COLUMNS = 23, 31
SIZE = (481, 353)
STRIDE = 16
FLOAT = [TensorInfo(name, "float32", ()) for name in ("heats", "short", "middle")]
SEEDS = st.integers(0, 2**32 - 1)


@dataclass(frozen=True)
class Body:
    """Keypoints in pixels of the input, (17, 2) of x and y, and how hot they are (a logit)."""

    points: Array
    heat: float


def body(x: float, y: float, size: float = 60.0, heat: float = 4.0) -> Body:
    """One about this place, of so many pixels; no two keypoints at the same place."""
    angle = np.arange(17) * 2.4
    away = size * np.sqrt((np.arange(17) + 1) / 17) / 2
    return Body(np.stack([x + away * np.cos(angle), y + away * np.sin(angle)], axis=1), heat)


def maps(bodies: Sequence[Body], rows: int = ROWS, columns: int = COLUMNS) -> list[Array]:
    """What a perfect network answers: every cell tells the way to who is nearest."""
    cells = STRIDE * np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1)
    heats = np.full((rows, columns, 17), -8.0, np.float32)
    short = np.zeros((rows, columns, 2, 17), np.float32)
    middle = np.zeros((rows, columns, 4, 16), np.float32)
    if not bodies:
        return [
            heats[None],
            short.reshape(1, rows, columns, 34),
            middle.reshape(1, rows, columns, 64),
        ]
    points = np.array([one.points for one in bodies])
    apart = np.linalg.norm(cells[:, :, None, None] - points, axis=-1)  # rows, columns, bodies, 17
    whose = apart.argmin(axis=2)
    for keypoint in range(17):
        owner = whose[..., keypoint]
        heat = np.array([one.heat for one in bodies])[owner]
        heats[..., keypoint] = np.maximum(heat - apart.min(axis=2)[..., keypoint] / 8, -8.0)
        short[..., keypoint] = (points[owner, keypoint] - cells)[..., ::-1]
    for edge, (parent, child) in enumerate(posenet.EDGES):
        outward = points[whose[..., parent], child] - cells
        inward = points[whose[..., child], parent] - cells
        middle[..., edge] = np.concatenate([outward[..., ::-1], inward[..., ::-1]], axis=-1)
    return [heats[None], short.reshape(1, rows, columns, 34), middle.reshape(1, rows, columns, 64)]


def decode(answer: Sequence[Array], tensors: Sequence[TensorInfo] = FLOAT) -> People:
    _, rows, columns, _ = answer[0].shape
    return posenet.decode(answer, tensors, (STRIDE * (columns - 1) + 1, STRIDE * (rows - 1) + 1))


def pixels(found: People) -> Array:
    """(n, 17, 2): x and y in pixels, a whole number in the middle of a pixel."""
    places: Array = found.keypoints[..., :2] * np.array(SIZE) - 0.5
    return places


TWO = (body(120, 120, heat=3.0), body(350, 230, heat=4.0))
"""Far enough from each other that no cell between them is torn."""


def test_who_was_planted_is_found_surer_first() -> None:
    found = decode(maps(TWO))
    assert pixels(found) == pytest.approx(np.array([TWO[1].points, TWO[0].points]), abs=1e-2)
    assert 1 > found.scores[0] > found.scores[1] > posenet.MIN_SCORE
    assert found.scores == pytest.approx(found.keypoints[..., 2].mean(axis=1), abs=1e-6)
    assert found.corners is None


def test_nobody_is_in_maps_without_heat() -> None:
    assert decode(maps([])).poses(0.0) == []
    blank = [np.full((1, 5, 7, count), 0, np.uint8) for count in posenet.CHANNELS]
    quantized = [TensorInfo("map", "uint8", (), 0.1, 128)] * 3
    assert decode(blank, quantized).poses(0.0) == []


def test_bytes_mean_what_their_quantization_says() -> None:
    tensors, stored = [], []
    for values in maps(TWO):
        scale = float(np.ptp(values)) / 255
        zero_point = round(-float(values.min()) / scale)
        tensors.append(TensorInfo("map", "uint8", (), scale, zero_point))
        stored.append(np.clip(np.rint(values / scale) + zero_point, 0, 255).astype(np.uint8))
    exact, found = decode(maps(TWO)), decode(stored, tensors)
    assert pixels(found) == pytest.approx(pixels(exact), abs=2.5), "a step is two pixels"
    assert found.scores == pytest.approx(exact.scores, abs=0.05)


@settings(max_examples=40)
@given(
    st.floats(80, 400), st.floats(80, 270), st.floats(20, 120), st.floats(0, 6), st.integers(1, 40)
)
def test_who_moves_by_cells_is_found_there(
    x: float, y: float, size: float, heat: float, step: int
) -> None:
    one = body(x, y, size, heat)
    moved = Body(one.points + STRIDE * step, heat)
    grid = (ROWS + step, COLUMNS + step)
    before, after = (decode(maps([each], *grid)) for each in (one, moved))
    far = STRIDE * step / (np.array(grid[::-1]) * STRIDE - 15)
    inside = (one.points > 0).all() and (one.points < np.array(SIZE)).all()
    if inside:
        assert after.keypoints[..., :2] == pytest.approx(before.keypoints[..., :2] + far, abs=1e-4)
        assert after.scores == pytest.approx(before.scores, abs=1e-4)


def noise(seed: int) -> list[Array]:
    """Maps that mean nothing, of any size.

    Where offsets differ by more than that from cell to cell, the way along them is chaotic, and two
    programs differ that calculate in another order.
    """
    random = np.random.default_rng(seed)
    grid = random.integers(2, 12, 2)
    spread = (random.uniform(0.5, 4), random.uniform(1, 5), random.uniform(1, 40))
    return [
        random.normal(-1, by, (1, *grid, count)).astype(np.float32)
        for by, count in zip(spread, posenet.CHANNELS, strict=True)
    ]


def mirrored(answer: Sequence[Array]) -> list[Array]:
    """The same seen in a mirror; who is left stays left."""
    heats, short, middle = (values[:, :, ::-1].copy() for values in answer)
    short[..., 17:] *= -1
    middle.reshape(-1, 4, 16)[:, 1::2] *= -1
    return [heats, short, middle]


@given(SEEDS)
def test_a_mirror_changes_the_side_and_nothing_else(seed: int) -> None:
    answer = noise(seed)
    found, seen = decode(answer), decode(mirrored(answer))
    assert seen.scores == pytest.approx(found.scores, abs=1e-5)
    turned = found.keypoints.copy()
    turned[..., 0] = 1 - turned[..., 0]
    assert seen.keypoints == pytest.approx(turned, abs=1e-4)


@given(SEEDS)
def test_people_are_few_in_order_in_the_picture_and_not_told_twice(seed: int) -> None:
    answer = noise(seed)
    found = decode(answer)
    assert len(found.scores) <= people.MOST
    assert sorted(found.scores, reverse=True) == found.scores.tolist()
    assert ((found.keypoints >= 0) & (found.keypoints <= 1)).all()
    _, rows, columns, _ = answer[0].shape
    places = found.keypoints[..., :2] * (STRIDE * np.array((columns - 1, rows - 1)) + 1)
    for place, earlier in enumerate(places):
        for later in places[place + 1 :]:
            near = np.linalg.norm(earlier - later, axis=1) <= posenet.NMS_RADIUS - 1e-3
            assert not near.all()


@settings(max_examples=30)
@given(SEEDS)
def test_it_is_what_coral_s_operator_does_one_step_after_the_other(seed: int) -> None:
    answer = noise(seed)
    found, expected = decode(answer), coral([values[0].astype(float) for values in answer])
    assert found.scores == pytest.approx([score for score, _ in expected], abs=1e-4)
    for keypoints, (_, told) in zip(found.keypoints, expected, strict=True):
        _, rows, columns, _ = answer[0].shape
        size = STRIDE * np.array((columns - 1, rows - 1)) + 1
        assert keypoints[:, :2] * size - 0.5 == pytest.approx(told[:, :2], abs=1e-2)
        assert keypoints[:, 2] == pytest.approx(told[:, 2], abs=1e-4)


def test_a_crowd_is_cut_off() -> None:
    crowd = [body(100 * x, 100 * y, 30) for x in range(1, 7) for y in range(1, 5)]
    found = decode(maps(crowd, rows=40, columns=60))
    assert len(found.scores) == people.MOST


def test_other_shapes_are_refused() -> None:
    heats, short, middle = maps(TWO)
    for wrong in ([heats, middle, short], [heats, short, middle[:, :-1]]):
        with pytest.raises(ModelError, match=r"PoseNet answers with \[1, rows, columns, 17 \| 34"):
            decode(wrong)
    with pytest.raises(ModelError):
        decode([values[:, :1] for values in (heats, short, middle)])


@pytest.mark.parametrize("place", range(3))
def test_what_is_not_finite_is_no_answer(place: int) -> None:
    answer = maps(TWO)
    answer[place][0, 3, 3, 3] = np.nan
    with pytest.raises(EngineError, match="not finite"):
        decode(answer)


@pytest.mark.parametrize("place", range(3))
def test_integers_without_a_scale_are_refused(place: int) -> None:
    tensors = [TensorInfo("map", "uint8", (), 0.1, 128)] * 3
    tensors[place] = TensorInfo("map", "uint8", (), 0.0, 0)
    stored = [np.full((1, 4, 5, count), 200, np.uint8) for count in posenet.CHANNELS]
    with pytest.raises(ModelError, match="without a quantization scale"):
        decode(stored, tensors)


# Coral's operator, a number at a time


def coral(answer: Sequence[Array]) -> list[tuple[float, Array]]:
    """Scores and keypoints (x, y in pixels, score), by the paper and the operator's behaviour."""
    heats, short, middle = answer[0], answer[1] / STRIDE, answer[2] / STRIDE
    rows, columns, _ = heats.shape
    near = (posenet.NMS_RADIUS / STRIDE) ** 2
    roots = []
    for row in range(rows):
        for column in range(columns):
            for keypoint in range(17):
                heat = heats[row, column, keypoint]
                around = heats[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2, keypoint]
                if heat >= -math.log(1 / 0.2 - 1) and heat >= around.max():
                    offset = short[row, column, [keypoint, keypoint + 17]]
                    roots.append((heat, clamped(np.add((row, column), offset), heats), keypoint))
    found: list[tuple[Array, Array]] = []
    for _, point, keypoint in sorted(roots, key=lambda root: -root[0]):
        if len(found) == 20:
            break
        if any(((told[keypoint] - point) ** 2).sum() <= near for told, _ in found):
            continue
        told = np.zeros((17, 2))
        walk(told, keypoint, point, -1, short, middle)
        logits = [between(heats, told[each], each) for each in range(17)]
        scores = 1 / (1 + np.exp(-np.array(logits)))
        if scores.mean() >= 0.2:
            found.append((told, scores))
    found.sort(key=lambda one: -one[1].mean())
    rescored = []
    for place, (told, scores) in enumerate(found):
        left = [
            score
            for keypoint, score in enumerate(scores)
            if all(
                ((told[keypoint] - better[keypoint]) ** 2).sum() > near
                for better, _ in found[:place]
            )
        ]
        keypoints = np.column_stack([told[:, ::-1] * STRIDE, scores])
        rescored.append((sum(left) / 17, keypoints))
    rescored.sort(key=lambda one: -one[0])
    return [one for one in rescored if one[0] >= 0.2]


def walk(
    told: Array, keypoint: int, point: Array, origin: int, short: Array, middle: Array
) -> None:
    told[keypoint] = point
    for edge, ends in enumerate(posenet.EDGES):
        if keypoint not in ends or origin in ends:
            continue
        outward = ends[0] == keypoint
        target = ends[1] if outward else ends[0]
        channel = edge if outward else 32 + edge
        place = clamped(point + [between(middle, point, channel + by) for by in (0, 16)], short)
        for _ in range(5):
            offset = [between(short, place, target + by) for by in (0, 17)]
            place = clamped(place + offset, short)
        walk(told, target, place, keypoint, short, middle)


def clamped(point: Array, grid: Array) -> Array:
    limited: Array = np.clip(point, 0, np.array(grid.shape[:2]) - 1)
    return limited


def between(grid: Array, point: Array, channel: int) -> float:
    row, column = math.floor(point[0]), math.floor(point[1])
    below, beside = math.ceil(point[0]), math.ceil(point[1])
    down, right = point[0] - row, point[1] - column
    upper = (1 - right) * grid[row, column, channel] + right * grid[row, beside, channel]
    lower = (1 - right) * grid[below, column, channel] + right * grid[below, beside, channel]
    return float((1 - down) * upper + down * lower)
