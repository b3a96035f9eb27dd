"""Corals of files in a /sys of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from edged.inference.corals import Tpu, coral_limits, coral_temperatures, corals

STICK = {"idVendor": "18d1", "idProduct": "9302", "busnum": "2", "devnum": "13", "speed": "5000"}
FRESH = STICK | {"idVendor": "1a6e", "idProduct": "089a", "speed": "480"}
APEX = {
    "temp": "48050",
    "trip_point0_temp": "85000",
    "trip_point1_temp": "90000",
    "trip_point2_temp": "95000",
}


@pytest.fixture
def sys(tmp_path: Path) -> Path:
    return tmp_path / "sys"


@pytest.fixture
def dev(tmp_path: Path) -> Path:
    return tmp_path / "dev"


def write(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(f"{text}\n")


def card(sys: Path, place: str, apex: str = "") -> None:
    device = sys / "bus" / "pci" / "devices" / place
    write(device, {"vendor": "0x1ac1", "device": "0x089a"})
    if apex:
        write(sys / "class" / "apex" / apex, APEX)
        (sys / "class" / "apex" / apex / "device").symlink_to(device)


def test_where_there_is_nothing_there_is_no_coral(sys: Path, dev: Path) -> None:
    assert corals(sys, dev) == ()
    assert coral_temperatures(sys) == coral_limits(sys) == {}


def test_a_stick_is_found_before_and_after_its_first_use(sys: Path, dev: Path) -> None:
    usb = sys / "bus" / "usb" / "devices"
    write(usb / "2-1", STICK)
    write(usb / "1-1.4", FRESH)
    write(usb / "1-1", {"idVendor": "18d1", "idProduct": "4ee7"})  # a telephone of the same vendor
    write(usb / "1-0:1.0", {})
    assert corals(sys, dev) == (
        Tpu("USB", "1-1.4", f"{dev}/bus/usb/002/013", is_ready=False, megabits=480),
        Tpu("USB", "2-1", f"{dev}/bus/usb/002/013", is_ready=True, megabits=5000),
    )


def test_cards_are_found_with_and_without_a_driver(sys: Path, dev: Path) -> None:
    card(sys, "0000:01:00.0")
    card(sys, "0000:02:00.0", "apex_0")
    without, driven = corals(sys, dev)
    assert without == Tpu("PCIe", "0000:01:00.0", "", is_ready=False, megabits=None)
    assert (driven.node, driven.is_ready) == (f"{dev}/apex_0", True)
    assert (driven.temperature_c, driven.trip_points_c) == (48.05, (85.0, 90.0, 95.0))


def test_temperatures_are_told_by_device(sys: Path) -> None:
    card(sys, "0000:01:00.0", "apex_1")
    card(sys, "0000:02:00.0", "apex_0")
    write(sys / "class" / "apex" / "apex_0", {"temp": "not a number"})
    assert coral_temperatures(sys) == {"apex_1": 48.05}
    assert coral_limits(sys) == {"apex_0": 85.0, "apex_1": 85.0}
