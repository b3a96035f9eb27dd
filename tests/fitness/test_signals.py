"""Numbers of a body by name."""

from __future__ import annotations

from math import isnan

import numpy as np
import numpy.typing as npt
import pytest
import stick_people as people
from hypothesis import given
from hypothesis import strategies as st

from edged.fitness.signals import Measures, names, signal
from edged.fitness.smoothing import Steady


def measured(name: str, points: npt.NDArray[np.float64], *hidden: int) -> tuple[float, float]:
    seen = np.ones(17, np.bool_)
    seen[list(hidden)] = False
    (value,) = Measures([signal(name)]).of(Steady(points, seen), 1.0)
    return value


@pytest.mark.parametrize("name", names())
def test_every_signal_has_a_value_of_somebody_who_stands_within_its_bounds(name: str) -> None:
    low, high = signal(name).bounds
    points = people.standing(0.0)
    if name != "nose-rise":
        assert all(low <= value <= high for value in measured(name, points) if not isnan(value))


def test_angles_are_in_degrees_and_180_is_straight() -> None:
    assert measured("knee", people.standing(0.0))[0] == pytest.approx(180.0)
    assert measured("knee", people.squat(1.0))[0] < 90.0
    assert measured("elbow", people.curl(1.0))[0] < 60.0


def test_heights_are_in_body_heights_and_up_is_more() -> None:
    points = people.standing(0.0)
    assert measured("shoulder-over-hip", points)[0] == pytest.approx(0.288)
    assert measured("wrist-over-shoulder", points)[0] == pytest.approx(-0.332)
    assert measured("shoulder-to-wrist", points)[1] == pytest.approx(0.332)


def test_a_bone_that_points_at_the_camera_tells_no_angle() -> None:
    points = people.standing(0.0)
    points[9] = points[7] + (0.0, 0.01)
    left, right = measured("elbow", points)
    assert isnan(left)
    assert right == pytest.approx(180.0)


def test_what_is_not_seen_has_no_value() -> None:
    left, right = measured("elbow", people.standing(0.0), 7)
    assert isnan(left)
    assert not isnan(right)
    assert all(map(isnan, measured("wrists-apart", people.standing(0.0), 10)))


def test_of_two_feet_the_lower_one_stands() -> None:
    points = people.standing(0.0)
    points[15, 1] -= 0.2
    assert measured("hip-over-feet", points)[0] == pytest.approx(0.491)


def test_a_lunge_is_uneven_and_a_squat_is_not() -> None:
    lunge = people.standing(0.0)
    lunge[[13, 15]] += (0.2, -0.1), (0.2, 0.0)
    lunge[[14, 16]] += (-0.1, 0.1), (-0.25, 0.0)
    assert measured("legs-uneven", lunge)[0] > 0.3
    assert measured("legs-uneven", people.squat(1.0))[0] < 0.05


def _arms(width: float, *, aside: bool) -> npt.NDArray[np.float64]:
    """Level arms seen with shoulders so wide (0.2: from in front)."""
    points = people.standing(0.0)
    facing = width / 0.2
    points[5], points[6] = (width / 2, 0.0), (-width / 2, 0.0)
    reach = 0.33 * (facing if aside else (1 - facing**2) ** 0.5)
    points[9], points[10] = points[5] + (reach, 0), points[6] + (-reach if aside else reach, 0)
    return points


@given(width=st.floats(0.0, 0.2))
def test_where_level_arms_point_is_told_from_any_side(width: float) -> None:
    assert measured("arms-aside", _arms(width, aside=True))[0] > 0.9
    assert measured("arms-aside", _arms(width, aside=False))[0] < 0.1


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("kne", "knee"), ("wrist-over-sholder", "wrist-over-shoulder"), ("ankel-to-hip", "ankle-to-")],
)
def test_a_slip_in_a_name_is_understood(wrong: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f'did you mean "{meant}'):
        signal(wrong)


@pytest.mark.parametrize("wrong", ["", "nose-apart", "hip-over-hip", "x" * 5000])
def test_what_is_no_signal_is_none(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        signal(wrong)
