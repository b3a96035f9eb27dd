"""A frame becomes a model's input, and points of the input come back where they were."""

from __future__ import annotations

import math
from collections.abc import Callable
from multiprocessing.shared_memory import SharedMemory

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from edged.inference import geometry
from edged.inference.geometry import Plan, Size
from edged.types import Keypoints, Pixels, Region

SIZES = st.tuples(st.integers(1, 700), st.integers(1, 700))
INPUTS = st.tuples(st.integers(1, 260), st.integers(1, 260))
REGIONS = st.builds(
    Region,
    st.floats(-900, 900),
    st.floats(-900, 900),
    st.floats(0, 1500),
    st.floats(0, 1500),
)


def keypoints_at(x: float, y: float) -> Keypoints:
    """All 17 keypoints at one point, score 0.5."""
    return np.tile(np.array([x, y, 0.5], np.float32), (17, 1))


def picture_of(plan: Plan, pixels: Pixels) -> Pixels:
    out = np.full((plan.input_size[1], plan.input_size[0], 3), 77, np.uint8)
    geometry.fill(plan, pixels, out)
    return out


def ramps(size: Size) -> Pixels:
    """A picture whose red tells x and whose green tells y, both in 0..255 of the whole."""
    width, height = size
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, :, 0] = np.rint((np.arange(width) + 0.5) / width * 255)
    picture[:, :, 1] = np.rint((np.arange(height) + 0.5) / height * 255)[:, None]
    picture[:, :, 2] = 255
    return picture


def assert_points_come_back(plan: Plan) -> None:
    """What the input shows at a point is what the frame has where `to_frame` puts the point."""
    shown = picture_of(plan, ramps(plan.frame_size))
    (width, height), target = plan.input_size, plan.target
    for x in {target.left, (target.left + target.right) // 2, target.right - 1}:
        for y in {target.top, (target.top + target.bottom) // 2, target.bottom - 1}:
            point = keypoints_at((x + 0.5) / width, (y + 0.5) / height)
            back = geometry.to_frame(plan, point)[0]
            pixel = (1 / plan.frame_size[0], 1 / plan.frame_size[1])
            assert back[0] == pytest.approx(shown[y, x, 0] / 255, abs=pixel[0] + 0.01)
            assert back[1] == pytest.approx(shown[y, x, 1] / 255, abs=pixel[1] + 0.01)


@given(SIZES, INPUTS, st.sampled_from([geometry.stretch, geometry.letterbox]))
@example((1, 1), (1, 1), geometry.letterbox)
@example((700, 1), (192, 192), geometry.letterbox)
def test_points_come_back_from_the_whole_frame(
    frame: Size, model_input: Size, make: Callable[[Size, Size], Plan]
) -> None:
    plan = make(frame, model_input)
    assert plan.source.size == frame
    assert_points_come_back(plan)


@given(SIZES, INPUTS, st.floats(0.1, 1.0))
def test_points_come_back_from_the_middle(frame: Size, model_input: Size, fraction: float) -> None:
    assert_points_come_back(geometry.centre_crop(frame, model_input, fraction, smooth=False))


@given(REGIONS, SIZES, INPUTS)
def test_points_come_back_from_any_region(region: Region, frame: Size, model_input: Size) -> None:
    plan = geometry.crop(region, frame, model_input)
    assert math.isfinite(sum(plan.scale) + sum(plan.offset))
    if 0 in plan.target.size:
        assert not picture_of(plan, ramps(frame)).any()
    else:
        assert_points_come_back(plan)


@given(REGIONS, SIZES, INPUTS)
def test_everything_outside_the_frame_is_black(
    region: Region, frame: Size, model_input: Size
) -> None:
    plan = geometry.crop(region, frame, model_input)
    shown = picture_of(plan, np.full((frame[1], frame[0], 3), 200, np.uint8))
    inside = np.zeros(shown.shape[:2], bool)
    target = plan.target
    inside[target.top : target.bottom, target.left : target.right] = True
    assert (shown[inside] == 200).all()
    assert not shown[~inside].any()


@given(REGIONS, SIZES, INPUTS)
def test_a_region_is_met_to_a_pixel_of_the_frame_and_of_the_input(
    region: Region, frame: Size, model_input: Size
) -> None:
    plan = geometry.crop(region, frame, model_input)
    assume(0 not in plan.target.size)
    x, y = plan.target.left / model_input[0], plan.target.top / model_input[1]
    found = geometry.to_frame(plan, keypoints_at(x, y))[0]
    input_pixel = (region.width + 2) / model_input[0], (region.height + 2) / model_input[1]
    assert abs(region.left + x * region.width - found[0] * frame[0]) <= 1 + input_pixel[0]
    assert abs(region.top + y * region.height - found[1] * frame[1]) <= 1 + input_pixel[1]


def test_a_bright_dot_comes_back_within_a_pixel() -> None:
    frame = (640, 480)
    for region in (Region(100.3, -20.7, 300, 300), Region(-50, 200, 400.5, 400.5)):
        plan = geometry.crop(region, frame, (192, 192))
        pixels = np.zeros((480, 640, 3), np.uint8)
        pixels[250:256, 200:206] = 255
        shown = picture_of(plan, pixels)[:, :, 0].astype(float)
        ys, xs = np.mgrid[0:192, 0:192] + 0.5
        x, y = ((axis * shown).sum() / shown.sum() / 192 for axis in (xs, ys))
        back = geometry.to_frame(plan, keypoints_at(x, y))[0]
        assert back[0] * 640 == pytest.approx(203, abs=1)
        assert back[1] * 480 == pytest.approx(253, abs=1)


def test_a_frame_of_the_input_s_size_is_copied() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (192, 192, 3), dtype=np.uint8)
    plan = geometry.stretch((192, 192), (192, 192))
    assert (picture_of(plan, pixels) == pixels).all()
    points = np.random.default_rng(2).random((17, 3), dtype=np.float32)
    assert np.allclose(geometry.to_frame(plan, points), points)


def test_a_mirrored_frame_gives_the_mirrored_input() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    plan = geometry.letterbox((640, 480), (192, 192))
    mirrored = picture_of(plan, pixels[:, ::-1])
    difference = mirrored[:, ::-1].astype(int) - picture_of(plan, pixels)
    assert np.abs(difference).max() <= 1


def test_a_letterbox_keeps_proportions_and_the_middle() -> None:
    plan = geometry.letterbox((640, 480), (192, 192))
    target = plan.target
    assert (target.left, target.top, target.right, target.bottom) == (0, 24, 192, 168)
    assert geometry.to_frame(plan, keypoints_at(0.5, 0.5))[0].tolist() == [0.5, 0.5, 0.5]
    assert geometry.to_frame(plan, keypoints_at(0.5, 0.0))[0, 1] == pytest.approx(-1 / 6)


def test_the_middle_is_square_for_a_square_input() -> None:
    source = geometry.centre_crop((640, 480), (224, 224), 0.875).source
    assert (source.left, source.top, source.right, source.bottom) == (110, 30, 530, 450)


def test_rows_may_be_apart_and_pixels_read_only() -> None:
    wide = np.random.default_rng(1).integers(0, 256, (480, 1000, 3), dtype=np.uint8)
    frame = wide[:, 100:740]
    frame.flags.writeable = False
    plan = geometry.letterbox((640, 480), (192, 192))
    assert (picture_of(plan, frame) == picture_of(plan, frame.copy())).all()


PLANS = [
    geometry.letterbox((640, 480), (192, 192)),
    geometry.letterbox((480, 640), (192, 192)),
    geometry.letterbox((640, 480), (192, 192), smooth=True),
    geometry.crop(Region(400.0, 300.0, 400.0, 400.0), (640, 480), (192, 192)),
]


@pytest.mark.parametrize("plan", PLANS)
def test_shared_memory_is_written_in_place(plan: Plan) -> None:
    memory = SharedMemory(create=True, size=192 * 192 * 3)
    try:
        out: Pixels = np.ndarray((192, 192, 3), np.uint8, buffer=memory.buf)
        pixels = np.full((plan.frame_size[1], plan.frame_size[0], 3), 99, np.uint8)
        geometry.fill(plan, pixels, out)
        assert bytes(memory.buf or b"") == picture_of(plan, pixels).tobytes()
        assert 99 in out
        del out
    finally:
        memory.close()
        memory.unlink()


@pytest.mark.parametrize(
    ("frame", "out"), [((480, 641, 3), (192, 192, 3)), ((480, 640, 3), (192, 191, 3))]
)
def test_another_size_than_planned_is_refused(
    frame: tuple[int, int, int], out: tuple[int, int, int]
) -> None:
    plan = geometry.stretch((640, 480), (192, 192))
    with pytest.raises(ValueError, match=r"planned \(640, 480\) into \(192, 192\)"):
        geometry.fill(plan, np.zeros(frame, np.uint8), np.zeros(out, np.uint8))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_region_that_is_not_finite_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        geometry.crop(Region(0.0, bad, 10.0, 10.0), (640, 480), (192, 192))


def test_no_pixels_are_refused() -> None:
    with pytest.raises(ValueError, match="pixels"):
        geometry.crop(Region(0.0, 0.0, 10.0, 10.0), (0, 480), (192, 192))


def test_a_smooth_plan_averages_where_it_shrinks_and_rounds_off_where_it_grows() -> None:
    stripes = np.zeros((448, 448, 3), np.uint8)
    stripes[:, 1::2] = 254
    shrunk = picture_of(geometry.stretch((448, 448), (224, 224), smooth=True), stripes)
    assert (shrunk == 127).all()
    edge = np.full((8, 8, 3), 50, np.uint8)
    edge[:, 4:] = 200
    grown = picture_of(geometry.stretch((8, 8), (64, 64), smooth=True), edge)
    assert grown.min() < 50  # as cubic curves do beside a step, and straight lines do not
    assert grown.max() > 200
