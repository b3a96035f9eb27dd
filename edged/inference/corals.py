"""Corals that are plugged in, by what the kernel tells in /sys. Opens no device."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SYS, DEV = Path("/sys"), Path("/dev")
USB_IDS = {("1a6e", "089a"): False, ("18d1", "9302"): True}
"""Vendor and product, and whether the firmware is loaded: the first use does that, and the device
comes back as another one."""
PCI_ID = ("0x1ac1", "0x089a")
TRIP_POINTS = 3
"""Of the driver gasket/apex: `trip_point0_temp` and so on, in thousandths of a degree."""


@dataclass(frozen=True, slots=True)
class Tpu:
    """An Edge TPU."""

    kind: Literal["USB", "PCIe"]
    place: str
    """Its name in /sys: `2-1`, `0000:01:00.0`."""
    node: str
    """What programs open; empty: there is none, because it has no driver."""
    is_ready: bool
    """PCIe: a driver has it. USB: its firmware is loaded."""
    megabits: int | None
    """USB: 5000, or 480 at a port of USB 2."""
    temperature_c: float | None = None
    """PCIe with a driver; those at USB do not tell."""
    trip_points_c: tuple[float, ...] = ()
    """From these on it is slowed down, lowest first."""


def corals(sys: Path = SYS, dev: Path = DEV) -> tuple[Tpu, ...]:
    """All that are there, those at USB first."""
    return (*_usb(sys, dev), *_pcie(sys, dev))


def coral_temperatures(sys: Path = SYS) -> dict[str, float]:
    """Degrees Celsius of those at PCIe, by the name of their device (`apex_0`)."""
    found = ((apex.name, _degrees(apex / "temp")) for apex in _apexes(sys))
    return {name: degrees for name, degrees in found if degrees is not None}


def coral_limits(sys: Path = SYS) -> dict[str, float]:
    """From which degrees on those at PCIe are slowed down, as far as their driver tells."""
    found = ((apex.name, tuple(_trip_points(apex))) for apex in _apexes(sys))
    return {name: min(points) for name, points in found if points}


def _usb(sys: Path, dev: Path) -> Iterator[Tpu]:
    for device in sorted((sys / "bus" / "usb" / "devices").glob("*")):
        ids = (_text(device / "idVendor"), _text(device / "idProduct"))
        if ids in USB_IDS:
            bus, number = _number(device / "busnum"), _number(device / "devnum")
            yield Tpu(
                kind="USB",
                place=device.name,
                node=str(dev / "bus" / "usb" / f"{bus or 0:03}" / f"{number or 0:03}"),
                is_ready=USB_IDS[ids],
                megabits=_number(device / "speed"),
            )


def _pcie(sys: Path, dev: Path) -> Iterator[Tpu]:
    by_place = {(apex / "device").resolve().name: apex for apex in _apexes(sys)}
    for device in sorted((sys / "bus" / "pci" / "devices").glob("*")):
        if (_text(device / "vendor"), _text(device / "device")) == PCI_ID:
            apex = by_place.get(device.name)
            yield Tpu(
                kind="PCIe",
                place=device.name,
                node="" if apex is None else str(dev / apex.name),
                is_ready=apex is not None,
                megabits=None,
                temperature_c=None if apex is None else _degrees(apex / "temp"),
                trip_points_c=() if apex is None else tuple(_trip_points(apex)),
            )


def _apexes(sys: Path) -> list[Path]:
    return sorted((sys / "class" / "apex").glob("apex_*"))


def _trip_points(apex: Path) -> Iterator[float]:
    for number in range(TRIP_POINTS):
        degrees = _degrees(apex / f"trip_point{number}_temp")
        if degrees is not None:
            yield degrees


def _text(file: Path) -> str:
    """Empty: it is not there, or a device that has just gone."""
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""


def _number(file: Path) -> int | None:
    try:
        return int(_text(file))
    except ValueError:
        return None


def _degrees(file: Path) -> float | None:
    thousandths = _number(file)
    return None if thousandths is None else thousandths / 1000
