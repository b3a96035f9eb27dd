"""Probes: results, failures, lateness."""

from __future__ import annotations

import time
from threading import Event

from edged.doctor.probe import Probe, Unmeasured


def test_a_probe_gives_what_was_measured() -> None:
    assert Probe(lambda: 7).result(time.monotonic() + 10) == 7


def test_a_probe_that_fails_says_so() -> None:
    unmeasured = Probe(lambda: 1 / 0).result(time.monotonic() + 10)
    assert unmeasured == Unmeasured("this check itself failed: ZeroDivisionError: division by zero")


def test_a_probe_that_hangs_is_left_behind() -> None:
    over = Event()
    probe = Probe(over.wait, late="nobody answers")
    try:
        assert probe.result(time.monotonic()) == Unmeasured("nobody answers", is_late=True)
    finally:
        over.set()
    assert probe.result(time.monotonic() + 10) is True
