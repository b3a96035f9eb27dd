"""A call that may never come back is waited for, though not for ever."""

from __future__ import annotations

from threading import Event

import pytest

from edged.capture.patience import PatientCall


def test_the_result_is_what_the_call_returns_or_raises() -> None:
    assert PatientCall(lambda: 7, print, "call").wait(10) == 7

    def fail() -> None:
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        PatientCall(fail, print, "call").wait(10)


def test_a_result_that_comes_too_late_goes_to_who_clears_up() -> None:
    comes_back, cleared = Event(), Event()
    late: list[str] = []

    def call() -> str:
        comes_back.wait(10)
        return "camera"

    def clear_up(result: str) -> None:
        late.append(result)
        cleared.set()

    calling = PatientCall(call, clear_up, "call")
    with pytest.raises(TimeoutError):
        calling.wait(0.01)
    assert calling.is_running
    comes_back.set()
    assert cleared.wait(10)
    assert late == ["camera"]
