"""Which runtime is tried with a library. Two modules that are here stand for runtimes."""

from __future__ import annotations

import pytest

from edged.inference import pairings
from edged.inference.pairings import Pairings

LIBRARY = "libedgetpu.so.1"


@pytest.fixture(autouse=True)
def _two_are_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairings, "RUNTIMES", ("json", "no_such_runtime", "csv"))


def test_each_that_is_here_is_tried_once_and_then_it_begins_anew() -> None:
    known = Pairings()
    tried = []
    for _ in range(3):
        tried.append(known.runtime(LIBRARY, "auto"))
        known.failed(LIBRARY, "auto")
    assert tried == ["json", "csv", "json"]


def test_the_one_that_was_asked_for_is_the_only_one() -> None:
    known = Pairings()
    assert known.runtime(LIBRARY, "tflite_runtime") == "tflite_runtime"
    assert not known.failed(LIBRARY, "tflite_runtime")


def test_the_pair_that_works_is_remembered() -> None:
    known = Pairings()
    assert known.failed(LIBRARY, "auto")
    known.worked(LIBRARY)
    assert known.runtime(LIBRARY, "auto") == "csv"
    assert known.runtime("libother.so", "auto") == "json"


def test_a_device_that_is_mute_is_not_blamed_on_a_pair_that_has_worked() -> None:
    known = Pairings()
    known.worked(LIBRARY)
    assert not known.failed(LIBRARY, "auto"), "the reason is that of this pair"
    assert known.runtime(LIBRARY, "auto") == "json"
    assert known.failed(LIBRARY, "auto"), "another library may have been installed since"
    assert known.runtime(LIBRARY, "auto") == "csv"
