"""The view as text: what is told in which situation, at which size, and never raw."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import told
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from edged.messages.device import CameraInfo
from edged.view.screen import clean, compose, duration, line, number
from edged.view.state import Link, Note, Sight

LINK = Link("127.0.0.1:1883", connected=True, problem=None)
LOST = Link("127.0.0.1:1883", connected=False, problem="no broker 127.0.0.1:1883: refused")
SEEN = Sight(
    device="gym",
    online=True,
    info=told.info(),
    pose=told.pose([told.person()]),
    health=told.health(),
    frames=100,
    silent_s=0.1,
    rate=29.97,
    age_ms=8.2,
)
SILENT = replace(SEEN, is_silent=True, silent_s=12.3, rate=None, age_ms=None)
NASTY = "\x1b]0;owned\x07\x1b[2J\r\n\x9b31m\u202egnp\x7f"


def rows(sight: Sight, link: Link = LINK, width: int = 80, height: int = 24) -> list[str]:
    picture = compose(sight, link, width, height, "q ends")
    return ["".join(segment.text for segment in row) for row in picture]


def noted(*notes: Note) -> list[str]:
    picture = compose(SEEN, LINK, 80, 24, "q ends", notes)
    return ["".join(segment.text for segment in row) for row in picture]


def screen(sight: Sight, link: Link = LINK, width: int = 80, height: int = 24) -> str:
    return "\n".join(rows(sight, link, width, height))


def test_a_person_is_drawn_beside_the_figures() -> None:
    shown = screen(SEEN)
    assert "gym  ● online   127.0.0.1:1883" in shown
    assert "video0 640x480 30/s · movenet on cpu · ai_edge_litert 2.3.0" in shown
    assert any("\u2800" < char <= "\u28ff" for char in shown)
    for figure in ("30.0 /s", "8.2 ms", "74 %", "6.1 ms", "310", "61.3 °C", "116 min"):
        assert figure in shown


@pytest.mark.parametrize(
    ("sight", "link", "words"),
    [
        (replace(SEEN, pose=told.pose()), LINK, "nobody there"),
        (SILENT, LINK, "no message for 12 s"),
        (replace(SEEN, silent_s=None, pose=None), LINK, "no message about a frame yet"),
        (replace(SEEN, silent_s=2.0, health=told.health(state="paused")), LINK, "camera is closed"),
        (replace(SEEN, pose=None), LINK, "this device tells labels only"),
        (replace(SEEN, online=False), LINK, "gym is offline"),
        (Sight(), LINK, "no device has told of itself yet"),
        (SEEN, LOST, "no connection to the broker"),
    ],
)
def test_each_situation_has_words_of_its_own_and_no_picture(
    sight: Sight, link: Link, words: str
) -> None:
    shown = screen(sight, link)
    assert words in shown
    assert not any("\u2800" < char <= "\u28ff" for char in shown)


def test_what_is_unknown_is_not_told_as_known() -> None:
    silent = screen(SILENT)
    assert "nobody" not in silent
    assert [row.split()[-1] for row in silent.split("\n") if "people" in row] == ["?"]
    assert "health" not in screen(replace(SEEN, online=False))
    assert "health" not in screen(SEEN, LOST)


def test_problems_are_at_the_bottom_in_plain_words() -> None:
    sick = told.health(state="degraded", problems=["/dev/video0: gone", "the worker is slow"])
    shown = rows(replace(SEEN, health=sick, unreadable=3))
    assert [row.strip() for row in shown[-4:]] == [
        "/dev/video0: gone",
        "the worker is slow",
        "unreadable messages: 3",
        "q ends",
    ]
    assert rows(SEEN, LOST)[-2].strip() == LOST.problem


def test_reps_are_told_beside_the_figures() -> None:
    shown = screen(replace(SEEN, exercise=told.exercise()), height=40)
    assert re.search(r"exercise +squat", shown)
    assert re.search(r"reps +3 of 10", shown)
    assert re.search(r"set +2", shown)
    assert "shallow" in shown


def test_a_hold_is_told_in_seconds_and_nothing_as_a_dash() -> None:
    plank = told.exercise(exercise="plank", reps=0, held_s=42.0, phase="rest", last_rep=None)
    shown = screen(replace(SEEN, exercise=plank), height=40)
    assert re.search(r"held +42 s", shown)
    assert re.search(r"set +2 rest", shown)
    idle = screen(replace(SEEN, exercise=told.exercise(exercise=None, workout_since=None)))
    assert re.search(r"exercise +-", idle)
    assert "reps" not in idle


def test_unsure_and_old_labels_say_so() -> None:
    unsure = replace(SEEN, labels=told.labels("macaw", confident=False), labels_s=12.0)
    assert "labels (not sure) 12 s ago" in screen(unsure)
    assert "labels  " in screen(replace(SEEN, labels=told.labels("macaw")))


def test_other_devices_are_named() -> None:
    assert "others: attic, hall" in screen(replace(SEEN, others=("attic", "hall")))


def test_the_picture_has_the_cameras_shape() -> None:
    def frame_of(width: int, height: int) -> tuple[int, int]:
        camera = CameraInfo(source="x", width=width, height=height, fps=0)
        shown = rows(replace(SEEN, info=told.info(camera=camera)))
        top = next(row for row in shown if "╭" in row)
        return top.count("─"), sum("│" in row for row in shown)

    upright, wide = frame_of(480, 640), frame_of(1920, 1080)
    assert upright[0] * 2 / (upright[1] * 4) == pytest.approx(3 / 4, rel=0.1)
    assert wide[0] * 2 / (wide[1] * 4) == pytest.approx(16 / 9, rel=0.1)


@given(
    width=st.integers(1, 250),
    height=st.integers(1, 80),
    link=st.sampled_from([LINK, LOST]),
    sight=st.sampled_from(
        [SEEN, *(replace(SEEN, online=online) for online in (False, None)), SILENT, Sight()]
    ),
    text=st.text(max_size=300),
)
def test_every_size_is_filled_exactly_and_nothing_is_raw(
    width: int, height: int, sight: Sight, link: Link, text: str
) -> None:
    hostile = text + NASTY
    sight = replace(
        sight,
        info=told.info(source=hostile, runtime=hostile, accelerator=hostile),
        labels=told.labels(hostile, confident=True),
        health=told.health(problems=[hostile], temperatures={hostile: 1.0}),
    )
    shown = rows(sight, link, width, height)
    assert [cell_len(row) for row in shown] == [width] * height
    assert all(row.isprintable() for row in shown)
    assert line(sight, link).isprintable()


def test_absurd_numbers_take_no_more_room_than_usual_ones() -> None:
    absurd = told.health(dropped=10**4000, rss_mb=1e300, uptime_s=1e300, temperatures={"x": -1e99})
    camera = CameraInfo(source="x", width=10**400, height=1, fps=1e200)
    shown = rows(replace(SEEN, health=absurd, info=told.info(camera=camera), rate=1e250))
    assert [cell_len(row) for row in shown] == [80] * 24


@given(st.floats() | st.integers())
def test_a_number_is_short(value: float) -> None:
    assert len(number(value)) <= 8


def test_durations() -> None:
    told_s = (0, 119, 120, 7200, 172_800)
    assert [duration(s) for s in told_s] == ["0 s", "119 s", "2 min", "2 h", "2 d"]


@given(st.text())
def test_a_clean_text_can_be_printed(text: str) -> None:
    assert clean(text).isprintable()
    assert clean(text) == text[:500] or not text.isprintable()


@pytest.mark.parametrize(
    ("sight", "link", "words"),
    [
        (SEEN, LINK, "gym  online  30.0/s  age 8.2 ms  1 there (74 %)  health ok"),
        (replace(SEEN, pose=told.pose()), LINK, "nobody there"),
        (replace(SEEN, is_silent=True, silent_s=4.0), LINK, "gym  online  no message for 4 s"),
        (replace(SEEN, online=False), LINK, "gym  offline"),
        (Sight(), LINK, "no device yet"),
        (SEEN, LOST, "gym  no broker 127.0.0.1:1883: refused"),
        (replace(SEEN, unreadable=2), LINK, "unreadable messages: 2"),
        (replace(SEEN, labels=told.labels("cat", confident=False)), LINK, "perhaps cat 90 %"),
        (replace(SEEN, exercise=told.exercise()), LINK, "1 there (74 %)  squat 3  health ok"),
    ],
)
def test_the_plain_line_tells_the_same(sight: Sight, link: Link, words: str) -> None:
    assert words in line(sight, link)


def test_notes_are_told_beside_what_is_heard() -> None:
    notes = (Note("exercise", "squat"), Note("reps", "3"))
    shown = "\n".join(noted(*notes))
    assert re.search(r"exercise +squat", shown)
    assert re.search(r"reps +3", shown)
    assert line(SEEN, LINK, notes).endswith("  exercise squat  reps 3")


@given(st.text(), st.text())
def test_a_note_is_cut_and_cleaned_like_everything_else(name: str, value: str) -> None:
    for row in noted(Note(name + NASTY, value + NASTY)):
        assert cell_len(row) == 80
        assert row.isprintable()
