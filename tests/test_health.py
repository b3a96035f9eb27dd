"""Times of frames become percentiles; temperatures are those of the kernel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.health import FrameMeter, FrameTimes, Sign, Stillness, silent, zone_temperatures

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
    return FrameTimes(*[nanoseconds] * 7)


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
    times = FrameTimes(
        capture=1,
        preprocess=20,
        infer=300,
        invoke=250,
        decode=4000,
        fitness=50000,
        publish=600000,
    )
    assert times.age == 654321


def test_temperatures_are_told_by_sensor_and_broken_sensors_left_out(tmp_path: Path) -> None:
    for number, (kind, value) in enumerate([("cpu-thermal", "51234\n"), ("odd", "n/a")]):
        zone = tmp_path / f"thermal_zone{number}"
        zone.mkdir()
        (zone / "type").write_text(f"{kind}\n")
        (zone / "temp").write_text(value)
    (tmp_path / "thermal_zone9").mkdir()
    assert zone_temperatures(tmp_path) == {"cpu-thermal": 51.234}
    assert zone_temperatures(tmp_path / "missing") == {}


@given(
    silences_s=st.dictionaries(st.sampled_from(["capture", "frames", "mqtt"]), st.floats(0, 300)),
    patience_s=st.floats(0.1, 200),
)
def test_who_was_silent_for_too_long_is_named_and_nobody_else(
    silences_s: dict[str, float], patience_s: float
) -> None:
    now_ns = 10**15
    signs = [Sign(part, now_ns - int(s * 1e9), patience_s) for part, s in silences_s.items()]
    named = silent(signs, now_ns).removeprefix("no sign of life from: ")
    late = [sign.part for sign in signs if now_ns - sign.beat_ns > patience_s * 1e9]
    assert named == ", ".join(late)


class TestStillness:
    """Frames come, and none is taken."""

    PATIENCE_S = 10.0

    def look(self, still: Stillness, at_s: float, **now: object) -> str:
        values: dict[str, object] = {"offered": 0, "taken": 0, "is_explained": False} | now
        return still.look(**values, patience_s=self.PATIENCE_S, now_ns=int(at_s * 1e9))  # type: ignore[arg-type]

    def test_is_told_after_its_patience(self) -> None:
        still = Stillness()
        assert not self.look(still, 100, taken=5)
        assert not self.look(still, 101, taken=5, offered=1)
        assert not self.look(still, 109, taken=5, offered=90)
        assert self.look(still, 111, taken=5, offered=110)
        assert not self.look(still, 112, taken=6, offered=120), "it goes on"

    @given(
        steps=st.lists(
            st.tuples(st.floats(0.1, 60), st.sampled_from(["taken", "explained", "nothing"])),
            max_size=30,
        )
    )
    def test_is_never_told_while_frames_are_taken_or_none_come_or_somebody_says_why(
        self, steps: list[tuple[float, str]]
    ) -> None:
        still = Stillness()
        at_s = offered = taken = 0.0
        for seconds, what in steps:
            at_s += seconds
            offered += what != "nothing"
            taken += what == "taken"
            is_explained = what == "explained"
            assert not self.look(
                still, at_s, offered=offered, taken=taken, is_explained=is_explained
            )
