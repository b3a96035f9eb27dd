"""The clock: set, kept right, plausible."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path

import pytest

from edged.doctor import clock
from edged.doctor.clock import ClockFacts, judge, measure
from edged.doctor.finding import Level

RIGHT = ClockFacts(
    now="2026-12-24T18:00:00+00:00",
    synchronised=True,
    error_s=0.01,
    behind_s=0.0,
    is_unset=False,
    tls=False,
)


def test_the_real_clock_is_read_without_rights() -> None:
    facts = measure(tls=False)
    assert facts.synchronised is not None
    assert (facts.error_s or 0.0) >= 0.0
    assert facts.now[:4] == f"{time.gmtime().tm_year}"


def test_a_file_from_the_future_shows_that_the_clock_is_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    epoch = tmp_path / "clock-epoch"
    epoch.touch()
    os.utime(epoch, (time.time() + 1e6, time.time() + 1e6))
    monkeypatch.setattr(clock, "EPOCHS", (epoch, tmp_path / "missing"))
    facts = measure(tls=False)
    assert 0.9e6 < facts.behind_s < 1.1e6
    assert "12 days behind" in judge(facts).lines[0][1]


def test_a_clock_that_is_kept_right_is_fine() -> None:
    assert judge(RIGHT).level is Level.OK


def test_a_clock_that_nobody_keeps_is_a_warning() -> None:
    ((level, words),) = judge(dataclasses.replace(RIGHT, synchronised=False)).lines
    assert level is Level.WARNING
    assert "timedatectl set-ntp true" in words


def test_a_kernel_that_does_not_tell_is_no_trouble() -> None:
    facts = dataclasses.replace(RIGHT, synchronised=None, error_s=None)
    assert judge(facts).level is Level.OK


@pytest.mark.parametrize(("tls", "level"), [(False, Level.WARNING), (True, Level.PROBLEM)])
def test_a_clock_that_was_never_set_keeps_tls_from_working(*, tls: bool, level: Level) -> None:
    facts = dataclasses.replace(
        RIGHT, now="1970-01-01T00:02:00+00:00", synchronised=False, is_unset=True, tls=tls
    )
    ((found, words),) = judge(facts).lines
    assert found is level
    assert "never set" in words
