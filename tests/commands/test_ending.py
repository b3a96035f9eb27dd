"""What asks a command to end unwinds it, waits where it must, and can be ignored."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from edged.commands.ending import ends_by_sigterm, undisturbed


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_it_is_an_exit_with_the_shells_code(number: signal.Signals, code: int) -> None:
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as caught, ends_by_sigterm():
        signal.raise_signal(number)
    assert caught.value.code == code
    assert signal.getsignal(number) is before


def test_nohup_is_heeded() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with ends_by_sigterm():
        signal.raise_signal(signal.SIGHUP)
        with undisturbed():
            signal.raise_signal(signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_what_may_not_be_disturbed_ends_first(number: signal.Signals) -> None:
    done: list[signal.Signals] = []

    def work() -> None:
        with ends_by_sigterm(), undisturbed():
            for _ in range(2):
                signal.raise_signal(number)
                done.append(number)

    with pytest.raises((SystemExit, KeyboardInterrupt)):
        work()
    assert len(done) == 2
