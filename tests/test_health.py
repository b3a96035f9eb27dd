"""Times of frames become percentiles; temperatures are those of the kernel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.health import FrameMeter, FrameTimes, temperatures

NANOSECONDS = st.integers(0, 10**10)
TIMES = st.builds(
    FrameTimes,
    capture=NANOSECONDS,
    preprocess=NANOSECONDS,
    infer=NANOSECONDS,
    invoke=NANOSECONDS,
    decode=NANOSECONDS,
    publish=NANOSECONDS,
)


def constant(nanoseconds: int) -> FrameTimes:
    return FrameTimes(*[nanoseconds] * 6)


def test_no_frames_have_no_times() -> None:
    summary = FrameMeter().drain()
    assert (summary.frames, summary.invoke_ms, summary.age_ms, summary.stage_ms) == (
        0,
        None,
        None,
        None,
    )


@given(st.lists(TIMES, min_size=1, max_size=50))
def test_percentiles_are_of_the_frames_since_the_last_drain(frames: list[FrameTimes]) -> None:
    meter = FrameMeter()
    meter.add(constant(10**10))
    meter.drain()
    for times in frames:
        meter.add(times)
    summary = meter.drain()
    assert summary.frames == len(frames)
    assert summary.age_ms is not None
    assert summary.invoke_ms is not None
    ages = [times.age / 1e6 for times in frames]
    assert summary.age_ms.p50 == pytest.approx(np.percentile(ages, 50), rel=1e-5, abs=1e-3)
    assert summary.age_ms.p50 <= summary.age_ms.p95 <= summary.age_ms.p99
    assert meter.drain().frames == 0
    assert meter.frames == len(frames) + 1


def test_a_long_wait_keeps_the_latest_frames_only() -> None:
    meter = FrameMeter()
    for _ in range(10):
        meter.add(constant(10**9))
    for _ in range(meter.ROWS):
        meter.add(constant(10**6))
    summary = meter.drain()
    assert summary.frames == meter.ROWS + 10
    assert summary.invoke_ms is not None
    assert summary.invoke_ms.p99 == pytest.approx(1.0)


def test_the_parts_of_a_frame_add_up_to_its_age() -> None:
    times = FrameTimes(capture=1, preprocess=20, infer=300, invoke=250, decode=4000, publish=50000)
    assert times.age == 54321


def test_temperatures_are_told_by_sensor_and_broken_sensors_left_out(tmp_path: Path) -> None:
    for number, (kind, value) in enumerate([("cpu-thermal", "51234\n"), ("odd", "n/a")]):
        zone = tmp_path / f"thermal_zone{number}"
        zone.mkdir()
        (zone / "type").write_text(f"{kind}\n")
        (zone / "temp").write_text(value)
    (tmp_path / "thermal_zone9").mkdir()
    assert temperatures(tmp_path) == {"cpu-thermal": 51.234}
    assert temperatures(tmp_path / "missing") == {}
