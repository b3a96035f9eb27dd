"""A libedgetpu that fails on command, and Edge TPUs that are plugged in and out.

`libedgetpu.c` is the library: the real `load_delegate` of either runtime loads it into the real
interpreter. A `StandIn` is one copy of it with its own devices, and tells it what to do from then
on, in whatever process it is loaded. Models for it are made by `twins.compiled_twin`.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pytest

SOURCE = Path(__file__).with_name("libedgetpu.c")
BUILD_S = 60.0

Fault = Literal["segv", "abort", "error", "hang"]
"""`error`: what the real one tells its caller, such as a null delegate or a failed invoke."""


@dataclass(frozen=True, slots=True)
class Device:
    """An Edge TPU."""

    kind: Literal["usb", "pci"]
    path: str
    """As libedgetpu lists it; without spaces."""


USB = Device("usb", "/sys/bus/usb/devices/2-1")
PCI = Device("pci", "/dev/apex_0")


@dataclass(frozen=True, slots=True)
class Mode:
    """What the library does."""

    devices: tuple[Device, ...] = (USB,)
    """What is plugged in, in the order of the list; at most 8."""
    on_list: Fault | None = None
    on_create: Fault | None = None
    """`error` is a null delegate."""
    on_prepare: Fault | None = None
    """While the interpreter is built; `error` comes when it allocates its tensors."""
    on_invoke: Fault | None = None
    after: int = 1
    """The faults above begin with the n-th call from now, in whatever process."""
    times: int | None = None
    """And happen so often; None: from then on."""
    slow_ms: float = 0.0
    """More than the copying takes, at every invoke."""
    unplugged: Fault = "abort"
    """What an invoke does whose device was plugged out, even if it is back."""
    version: str = "BuildLabel(stand-in), RuntimeVersion(14)"


FINE = Mode()
_STAGES = ("list", "create", "prepare", "invoke")


@dataclass(frozen=True, slots=True)
class Counts:
    """What the library was asked for, and did, in all processes since it was made."""

    lists: int
    creations: int
    prepares: int
    """Once for each interpreter that was given a delegate."""
    invokes: int
    faults: int
    """Those that a mode asked for; not those of a device that was plugged out."""
    granted: int
    """Delegates that were not null."""
    destroyed: int


@dataclass(frozen=True, slots=True)
class Creation:
    """A delegate that was asked for."""

    pid: int
    device: str
    """The path of the device that was opened; empty: the delegate was null."""
    options: tuple[tuple[str, str], ...]


# struct counts: calls, faults, faults_of_mode by stage; serial, granted, destroyed
_COUNTS = struct.Struct("=4Q4Q4Q3Q")


def build(folder: Path) -> Path:
    """Compile the library, or skip the test where there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler for the stand-in of libedgetpu")
    library = folder / "libedgetpu.so.1"
    options = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    subprocess.run([compiler, *options, "-o", library, SOURCE], check=True, timeout=BUILD_S)
    return library


class StandIn:
    """A libedgetpu of one test."""

    def __init__(self, built: Path, folder: Path, mode: Mode = FINE) -> None:
        """Put a copy of what `build` made into a folder, which must be there and stay."""
        self.path = folder / "libedgetpu.so.1"
        """What `load_delegate` takes."""
        self.mode = mode
        self._serial = 0
        self._pluggings: dict[Device, int] = {}
        shutil.copyfile(built, self.path)
        self._beside(".counts").write_bytes(bytes(_COUNTS.size))
        self._beside(".log").touch()
        self._plugged: frozenset[Device] = frozenset()
        self.set_mode(mode)

    def set_mode(self, mode: Mode) -> None:
        """What to do from the next call on."""
        self._serial += 1
        counts = self.counts()
        calls = (counts.lists, counts.creations, counts.prepares, counts.invokes)
        faults = (mode.on_list, mode.on_create, mode.on_prepare, mode.on_invoke)
        for device in set(mode.devices) - self._plugged:
            self._pluggings[device] = self._pluggings.get(device, 0) + 1
        self._plugged = frozenset(mode.devices)
        lines = [
            f"serial {self._serial}",
            f"version {mode.version}",
            f"unplugged {mode.unplugged}",
            f"slow_us {mode.slow_ms * 1e3:.0f}",
            *(f"device {one.kind} {self._pluggings[one]} {one.path}" for one in mode.devices),
            *(
                f"{stage} {fault or 'none'} {done + mode.after} {mode.times or 0}"
                for stage, fault, done in zip(_STAGES, faults, calls, strict=True)
            ),
        ]
        new = self._beside(".mode.new")
        new.write_text("\n".join(lines) + "\n")
        os.replace(new, self._beside(".mode"))  # noqa: PTH105 - the atomic one, by its name
        self.mode = mode

    def unplug(self, then: Fault = "abort") -> None:
        """Take all devices away; `then` is what invokes on them do, for ever."""
        self.set_mode(replace(self.mode, devices=(), unplugged=then))

    def plug(self, *devices: Device) -> None:
        """Add devices (without any: a USB one), as if new: who had them before must open again."""
        added = devices or (USB,)
        self.set_mode(replace(self.mode, devices=(*self.mode.devices, *added)))

    def counts(self) -> Counts:
        """What happened so far."""
        numbers = _COUNTS.unpack(self._beside(".counts").read_bytes())
        lists, creations, prepares, invokes = numbers[:4]
        return Counts(
            lists=lists,
            creations=creations,
            prepares=prepares,
            invokes=invokes,
            faults=sum(numbers[4:8]),
            granted=numbers[13],
            destroyed=numbers[14],
        )

    def creations(self) -> list[Creation]:
        """Every delegate that was asked for, but for those whose creation crashed or hung."""
        found = []
        for line in self._beside(".log").read_text().splitlines():
            pid, device, *options = line.split("\t")
            pairs = ((key, value) for key, _, value in (text.partition("=") for text in options))
            found.append(Creation(int(pid), device.removeprefix("-"), tuple(pairs)))
        return found

    def _beside(self, suffix: str) -> Path:
        return Path(f"{self.path}{suffix}")
