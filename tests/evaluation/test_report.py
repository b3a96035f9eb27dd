"""What a report says of marks."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from marks import marked, reported

from edged.evaluation.report import Sample, scores, table, view_of
from edged.types import KEYPOINT_NAMES


def test_frames_count_alike_however_many_keypoints_they_show() -> None:
    told = scores([marked(1.0), marked(0.5, outside=tuple(range(16)))])
    assert told.oks == 0.75


def test_keypoints_count_alike_for_pck() -> None:
    told = scores([marked(1.0, 1.0), marked(0.5, 0.0, outside=tuple(range(1, 17)))])
    assert told.pck == pytest.approx(17 / 18)


def test_a_missed_person_counts_as_nothing_and_is_told() -> None:
    told = scores([marked(1.0), marked(0.0, 0.0)])
    assert (told.found, told.oks, told.pck, told.frames) == (0.5, 0.5, 0.5, 2)


def test_frames_without_a_labelled_keypoint_do_not_count() -> None:
    nobody = marked(0.0, outside=tuple(range(17)))
    assert scores([marked(0.8), nobody]).frames == 1
    with pytest.raises(ValueError, match="no frame"):
        scores([nobody])


def test_a_report_has_every_group_that_there_is() -> None:
    told = reported(
        Sample("squat", "front", marked(1.0)),
        Sample("squat", "back", marked(0.5)),
        Sample("", None, marked(0.0, 0.0)),
    )
    assert told.oks == 0.5
    assert {name: one.oks for name, one in told.exercises.items()} == {"squat": 0.75}
    assert list(told.views) == ["front", "back"]
    assert list(told.keypoints) == list(KEYPOINT_NAMES)


def test_a_keypoint_that_is_never_labelled_has_no_score() -> None:
    told = reported(Sample("plank", "left", marked(0.9, outside=(0,))))
    assert told.keypoints["nose"].frames == 0
    assert told.keypoints["nose"].oks is None
    assert told.keypoints["left_eye"].oks == 0.9
    assert msgspec.json.decode(msgspec.json.encode(told))["keypoints"]["nose"]["pck"] is None


def test_the_table_has_a_line_for_everything() -> None:
    text = table(reported(Sample("plank", "left", marked(0.9, outside=(0,)))))
    lines = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.strip()}
    assert lines["all"] == ["0.900", "1.000", "1"]
    assert lines["nose"] == ["-", "-", "0"]
    assert lines["plank"] == ["0.900", "1.000", "1"]
    assert lines["left"] == ["0.900", "1.000", "1"]


@pytest.mark.parametrize(
    ("azimuth", "view"),
    [(0, "front"), (44, "front"), (90, "left"), (180, "back"), (-90, "right"), (316, "front")],
)
def test_the_view_is_the_side_that_is_turned_to_the_camera(azimuth: float, view: str) -> None:
    assert view_of(azimuth) == view


@given(st.floats(-1e4, 1e4))
def test_a_turn_all_around_changes_no_view(azimuth: float) -> None:
    quarter = (azimuth / 90) % 1
    if abs(quarter - 0.5) > 1e-6:  # on the edge either is right
        assert view_of(azimuth) == view_of(azimuth + 360)
