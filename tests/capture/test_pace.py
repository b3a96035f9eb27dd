"""The grid of moments on which a file's frames are due."""

from __future__ import annotations

import time
from itertools import pairwise
from threading import Event, Timer

from edged.capture.pace import Pace


def test_moments_are_evenly_spaced_and_waking_late_does_not_move_them() -> None:
    pace = Pace(20, "realtime", Event())
    began_ns = time.monotonic_ns()
    due = [pace.wait() or 0 for _ in range(10)]
    assert {b - a for a, b in pairwise(due)} == {50_000_000}
    assert began_ns <= due[0]
    assert 0 <= time.monotonic_ns() - due[-1] < 1e9


def test_who_is_late_by_frames_is_told_how_many_and_may_leave_them_out() -> None:
    pace = Pace(100, "realtime", Event())
    first = pace.wait() or 0
    Event().wait(0.055)
    late = pace.late()
    assert late >= 4
    for _ in range(late):
        pace.skip()
    assert pace.wait() == first + (late + 1) * 10_000_000


def test_who_leaves_none_out_begins_a_new_grid_and_catches_up_nothing() -> None:
    pace = Pace(100, "realtime", Event())
    pace.wait()
    Event().wait(0.055)
    back_ns = time.monotonic_ns()
    first, second = pace.wait() or 0, pace.wait() or 0
    assert first >= back_ns
    assert second - first == 10_000_000


def test_fast_is_now_and_never_late() -> None:
    pace = Pace(0.1, "fast", Event())
    began_ns = time.monotonic_ns()
    moments = [pace.wait() or 0 for _ in range(100)]
    assert moments == sorted(moments)
    assert began_ns <= moments[0]
    assert moments[-1] - began_ns < 1e9
    assert pace.late() == 0


def test_a_wait_ends_at_once_when_it_is_told_to_stop() -> None:
    stop = Event()
    pace = Pace(0.1, "realtime", stop)
    assert pace.wait()
    timer = Timer(0.05, stop.set)
    timer.start()
    began = time.monotonic()
    assert pace.wait() is None
    assert time.monotonic() - began < 5
    timer.join()
    assert Pace(0.1, "fast", stop).wait() is None
