"""What a run of scenarios tells: what guests said when one failed, in the end a line of each.

A plugin of pytest, which `tests/vm/run` names; it also ends a scenario that takes too long.
"""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from types import FrameType

import pytest
from vm.guests import GuestError
from vm.rig import Rig

SETUP_S = 3000  # of the first scenario of a file: the trees are made then, where there are none
SCENARIO_S = 600

RIG = pytest.StashKey[Rig]()


class _Table:
    """A line of each scenario, in the order in which they ended."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._lines: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        seconds = self._seconds[report.nodeid] = (
            self._seconds.get(report.nodeid, 0.0) + report.duration
        )
        if report.when == "call" or (report.when == "setup" and not report.passed):
            file, _, name = report.nodeid.partition("::")
            where = file.rpartition("/scenario_")[2].removesuffix(".py")
            what = name.removeprefix("scenario_").replace("_", " ")
            self._lines.append(f"{report.outcome:7} {seconds:6.1f} s  {where}: {what}")
            if report.skipped and isinstance(report.longrepr, tuple):
                self._lines.append(f"{'':20}{report.longrepr[2]}")
            self._lines += [f"{'':20}{key}: {value}" for key, value in report.user_properties]
        elif report.failed:
            self._lines.append(f"failed in its end    {report.nodeid}")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("scenarios")
        for line in self._lines:
            terminalreporter.write_line(line)


def pytest_configure(config: pytest.Config) -> None:
    """Registers what scenarios are marked with, and the table."""
    config.addinivalue_line("markers", "limit(seconds): until the scenario is ended")
    config.pluginmanager.register(_Table())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None]:
    """Ends a set-up that takes too long."""
    with _limit(SETUP_S):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Ends a scenario that takes too long."""
    mark = item.get_closest_marker("limit")
    with _limit(mark.args[0] if mark else SCENARIO_S):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds to a failure what the guests say of it."""
    report = yield
    rig = item.config.stash.get(RIG, None)
    if report.failed and rig is not None and call.when != "teardown":
        report.sections.append(("What the guests said last", rig.last_words()))
    return report


@contextmanager
def _limit(seconds: int) -> Iterator[None]:
    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise GuestError(f"not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
