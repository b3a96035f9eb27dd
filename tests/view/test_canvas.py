"""Pictures of dots: what is drawn where, and what never is."""

from __future__ import annotations

import told
from hypothesis import given
from hypothesis import strategies as st

from edged.types import KEYPOINT_NAMES, SKELETON
from edged.view.canvas import ACROSS, BLANK, DOWN, Canvas, Side, fit, side_of, side_of_bone

LEFT_KNEE, RIGHT_HIP = KEYPOINT_NAMES.index("left_knee"), KEYPOINT_NAMES.index("right_hip")
numbers = st.floats(allow_nan=False)


def text(canvas: Canvas) -> list[str]:
    return ["".join(part for part, _ in row) for row in canvas.rows()]


def dots(canvas: Canvas) -> int:
    return sum((ord(char) - BLANK).bit_count() for row in text(canvas) for char in row.strip())


def test_nothing_drawn_is_blank() -> None:
    assert text(Canvas(3, 2)) == ["   ", "   "]


def test_corners_are_corners() -> None:
    canvas = Canvas(2, 2)
    for x, y in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)):
        canvas.line((x, y), (x, y), Side.MIDDLE)
    assert text(canvas) == ["⠁⠈", "⡀⢀"]


def test_a_line_has_no_gaps() -> None:
    canvas = Canvas(10, 1)
    canvas.line((0.0, 0.0), (1.0, 0.0), Side.LEFT)
    assert list(canvas.rows()) == [[("⠉" * 10, Side.LEFT)]]


def test_sides_are_the_persons() -> None:
    assert side_of(LEFT_KNEE) is Side.LEFT
    assert side_of(RIGHT_HIP) is Side.RIGHT
    assert side_of(0) is Side.MIDDLE
    assert side_of_bone(0, LEFT_KNEE) is side_of_bone(LEFT_KNEE, 0) is Side.LEFT
    assert side_of_bone(LEFT_KNEE, RIGHT_HIP) is Side.MIDDLE


def test_what_is_not_seen_is_not_drawn() -> None:
    canvas = Canvas(20, 10)
    canvas.pose([(x, y, 0.1) for x, y, _ in told.person().keypoints], SKELETON)
    assert dots(canvas) == 0
    canvas.people([told.person()], SKELETON)
    assert dots(canvas) > 17


@given(
    rows=st.lists(st.tuples(numbers, numbers, st.just(1.0)), min_size=17, max_size=17),
    bones=st.lists(st.tuples(st.integers(-99, 99), st.integers(-99, 99)), max_size=200),
)
def test_no_person_and_no_skeleton_breaks_it(
    rows: list[tuple[float, float, float]], bones: list[tuple[int, int]]
) -> None:
    canvas = Canvas(20, 10)
    canvas.pose(rows, bones)
    assert [len(row) for row in text(canvas)] == [20] * 10


@given(st.integers(1, 300), st.integers(1, 100), st.floats(0.25, 4.0))
def test_a_fitting_canvas_fits_and_keeps_the_aspect(width: int, height: int, aspect: float) -> None:
    wide, high = fit(width, height, aspect)
    assert 1 <= wide <= width
    assert 1 <= high <= height
    assert wide == width or high == height
    if wide > 8 and high > 8:
        assert 0.8 < (wide * ACROSS) / (high * DOWN) / aspect < 1.25
