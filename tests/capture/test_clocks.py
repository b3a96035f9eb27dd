"""When a live frame was taken, by each kind of clock, through stalls of reader and network."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edged.capture.clocks import (
    BELIEVED_NS,
    CATCH_UP_NS,
    FIRST_FRAMES,
    ArrivalClock,
    DriverClock,
    StreamClock,
    since_boot,
)

MS = 1_000_000
NOW_NS = 5_000_000 * MS
PERIOD_NS = 33 * MS


def read_through_a_stall(stall_ns: int, at: int, count: int, decode_ns: int) -> list[int]:
    """When frames that are taken every period arrive at a reader that stands still after one."""
    arrivals, free_ns = [], 0
    for number in range(count):
        arrivals.append(max(NOW_NS + number * PERIOD_NS, free_ns))
        free_ns = arrivals[-1] + decode_ns + stall_ns * (number == at)
    return arrivals


stalls = st.integers(0, 10_000 * MS)
places = st.integers(60, 90)


@given(stall_ns=stalls, at=places, ahead_ms=st.floats(-4e6, 2e12), slow=st.floats(-2e-4, 2e-4))
def test_what_a_stream_s_frame_took_longer_than_others_is_its_age(
    stall_ns: int, at: int, ahead_ms: float, slow: float
) -> None:
    clock = StreamClock()
    for number, arrived_ns in enumerate(read_through_a_stall(stall_ns, at, 500, 3 * MS)):
        taken_ns = NOW_NS + number * PERIOD_NS
        sensor_ns = clock.sensor_ns(taken_ns * (1 - slow) / MS + ahead_ms, arrived_ns)
        assert sensor_ns <= arrived_ns
        assert sensor_ns == pytest.approx(taken_ns, abs=20 * MS)


def test_a_stream_whose_clock_stood_still_for_a_while_is_believed_again() -> None:
    # A camera in its privacy mode for 10 s, which goes on counting where it stopped.
    clock = StreamClock()
    ages_ns = []
    for number in range(30 * 100):
        position_ns = number * PERIOD_NS
        arrived_ns = NOW_NS + position_ns + (10_000 * MS if number > 300 else 0)
        ages_ns.append(arrived_ns - clock.sensor_ns(1 + position_ns / MS, arrived_ns))
    assert ages_ns[301] > 9_000 * MS
    assert max(ages_ns[301 + 30 * 62 :]) < 20 * MS


@given(st.lists(st.floats() | st.just(0.0)))
@example([1.7e308, -1.7e308, 1.7e308, 1.0, float("nan"), 2.0])
def test_a_stream_that_tells_nonsense_gives_times_all_the_same(positions: list[float]) -> None:
    clock = StreamClock()
    for number, position_ms in enumerate(positions):
        arrived_ns = NOW_NS + number * PERIOD_NS
        assert clock.sensor_ns(position_ms, arrived_ns) <= arrived_ns


@pytest.mark.parametrize("again_ms", [0.0, 40.0])
def test_a_stream_s_clock_that_goes_back_or_stands_still_begins_anew(again_ms: float) -> None:
    clock = StreamClock()
    for number in range(100):
        clock.sensor_ns(1000.0 + 33 * number, NOW_NS + number * PERIOD_NS)
    for later_ns in (NOW_NS + 9000 * MS, NOW_NS + 9033 * MS):
        assert clock.sensor_ns(again_ms, later_ns) == later_ns


@given(st.lists(st.integers(0, BELIEVED_NS - MS), min_size=1), st.integers(0, 3600_000 * MS))
def test_a_webcam_by_the_monotonic_clock_is_believed_whatever_the_age(
    ages_ns: list[int], old_ns: int
) -> None:
    clock = DriverClock()
    for number, age_ns in enumerate([*ages_ns, old_ns]):
        arrived_ns = 2 * NOW_NS + number * PERIOD_NS
        taken_ns = arrived_ns - age_ns
        assert clock.sensor_ns(taken_ns / MS, arrived_ns) == pytest.approx(taken_ns, abs=1000)


@given(st.integers(1, FIRST_FRAMES - 1))
def test_old_frames_at_the_start_do_not_hide_a_monotonic_clock(old: int) -> None:
    clock = DriverClock()
    for number in range(old):
        clock.sensor_ns((NOW_NS - 3000 * MS) / MS, NOW_NS + number)
    clock.sensor_ns(NOW_NS / MS, NOW_NS + 7 * MS)
    assert clock.sensor_ns(NOW_NS / MS, NOW_NS + 7000 * MS) == pytest.approx(NOW_NS, abs=1000)


@given(stall_ns=stalls, at=places)
def test_a_webcam_by_the_wall_clock_is_read_as_a_stream(stall_ns: int, at: int) -> None:
    clock = DriverClock()
    for number, arrived_ns in enumerate(read_through_a_stall(stall_ns, at, 200, 3 * MS)):
        taken_ns = NOW_NS + number * PERIOD_NS
        sensor_ns = clock.sensor_ns((taken_ns + 10**18) / MS, arrived_ns)
        assert sensor_ns == pytest.approx(taken_ns, abs=20 * MS)


def test_a_webcam_that_stamps_nothing_is_read_on_arrival() -> None:
    clock = DriverClock()
    for number in range(20):
        arrived_ns = NOW_NS + number * PERIOD_NS
        assert clock.sensor_ns(0.0, arrived_ns) == arrived_ns


@given(stall_ns=stalls, at=places, decode_ns=st.integers(0, 12 * MS))
def test_without_times_no_old_frame_is_taken_for_new(
    stall_ns: int, at: int, decode_ns: int
) -> None:
    clock, given_out = ArrivalClock(), 0
    for number, arrived_ns in enumerate(read_through_a_stall(stall_ns, at, 800, decode_ns)):
        sensor_ns = clock.sensor_ns(0.0, arrived_ns)
        if sensor_ns is not None:
            given_out += 1
            assert sensor_ns == arrived_ns
            # Shorter stalls are not told from a jerk of the network, and decoding comes on top.
            assert arrived_ns - (NOW_NS + number * PERIOD_NS) <= 250 * MS + decode_ns + MS
    assert given_out >= 800 - stall_ns * 1.7 / PERIOD_NS - 2


@given(st.integers(1, 5_000 * MS))
def test_without_times_a_steady_camera_of_any_rate_loses_nothing(period_ns: int) -> None:
    clock = ArrivalClock()
    moments = [NOW_NS + number * period_ns for number in range(50)]
    assert [clock.sensor_ns(0.0, moment) for moment in moments] == moments


@given(st.lists(st.integers(1, 2_000 * MS), min_size=2))
def test_without_times_a_camera_of_any_rhythm_goes_on(waits_ns: list[int]) -> None:
    clock, arrived_ns, told = ArrivalClock(), NOW_NS, [NOW_NS]
    for wait_ns in waits_ns * 50:
        arrived_ns += wait_ns
        sensor_ns = clock.sensor_ns(0.0, arrived_ns)
        if sensor_ns is not None:
            told.append(sensor_ns)
    assert all(after - before < CATCH_UP_NS + 8_000 * MS for before, after in pairwise(told))


# Since the boot


@given(
    age=st.integers(0, 10**10),
    slept=st.integers(10**11, 10**15),
    now=st.integers(10**12, 10**15),
    by_boottime=st.booleans(),
)
def test_a_stamp_since_the_boot_is_understood_with_and_without_the_time_in_suspend(
    age: int, slept: int, now: int, *, by_boottime: bool
) -> None:
    boottime = now + slept
    stamp = (boottime if by_boottime else now) - age
    assert since_boot(stamp, now, boottime) == now - age


@given(st.integers(-(10**15), 10**15), st.integers(1, 10**15), st.integers(0, 10**15))
def test_no_frame_is_of_the_future(stamp: int, now: int, slept: int) -> None:
    taken = since_boot(stamp, now, now + slept)
    assert taken <= now
    if stamp <= 0:
        assert taken == now
