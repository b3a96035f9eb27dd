"""What libedgetpu tells of itself, however badly it does."""

from __future__ import annotations

import pytest
from stand_in.edgetpu import PCI, USB, Mode, StandIn

from edged.inference.libedgetpu import Library, ListedDevice, ask_libedgetpu


def test_its_version_and_devices(edgetpu: StandIn) -> None:
    edgetpu.set_mode(Mode(devices=(USB, PCI), version="BuildLabel(x)"))
    assert ask_libedgetpu(str(edgetpu.path), 20.0) == Library(
        "BuildLabel(x)", (ListedDevice("usb", USB.path), ListedDevice("pci", PCI.path))
    )


def test_no_device_is_no_problem(edgetpu: StandIn) -> None:
    edgetpu.set_mode(Mode(devices=(), version="BuildLabel(x)"))
    assert ask_libedgetpu(str(edgetpu.path), 20.0) == Library("BuildLabel(x)")


def test_no_device_is_opened(edgetpu: StandIn) -> None:
    ask_libedgetpu(str(edgetpu.path), 20.0)
    assert (edgetpu.counts().lists, edgetpu.counts().creations) == (1, 0)


@pytest.mark.parametrize(
    ("mode", "problem"),
    [
        (Mode(on_list="segv"), "was killed by SIGSEGV"),
        (Mode(on_list="abort"), "was killed by SIGABRT"),
        (Mode(on_list="hang"), "did not answer within 1 s"),
    ],
)
def test_one_that_crashes_or_hangs_is_told(edgetpu: StandIn, mode: Mode, problem: str) -> None:
    edgetpu.set_mode(mode)
    limit_s = 1.0 if mode.on_list == "hang" else 20.0
    assert ask_libedgetpu(str(edgetpu.path), limit_s) == Library("", problem=problem)


def test_one_that_is_missing_is_not_here() -> None:
    assert ask_libedgetpu("/nowhere/libedgetpu.so.1", 20.0) == Library("", problem="is not here")


def test_another_library_is_none() -> None:
    assert "undefined symbol: edgetpu_version" in ask_libedgetpu("libc.so.6", 20.0).problem
