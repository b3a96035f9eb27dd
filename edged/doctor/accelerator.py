"""The accelerator: is there a Coral, can it be reached, and is its library here?

Without one the models run on the CPU, so nothing here keeps the service from working.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edged.doctor.finding import Finding, Trouble, warning
from edged.doctor.identity import Access
from edged.doctor.isolated import ask
from edged.doctor.libedgetpu import LIBRARY
from edged.doctor.machine import Machine, is_raspberry_pi, number_in, text_of
from edged.doctor.programs import Program, holders

USB_IDS = {("1a6e", "089a"): False, ("18d1", "9302"): True}
"""Vendor and product, and whether the firmware is loaded: the first use does that, and the device
comes back as another one."""
PCI_ID = ("0x1ac1", "0x089a")
LARGE_PAGE = 16_384
"""Of the Pi 5's usual kernel; the driver of the PCIe Coral needs pages of 4096 bytes."""
_MODULE = "edged.doctor.libedgetpu"


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
    holders: tuple[Program, ...]


@dataclass(frozen=True, slots=True)
class AcceleratorFacts:
    """What is there."""

    tpus: tuple[Tpu, ...]
    library: str
    """Version of libedgetpu; empty: it cannot be used."""
    library_problem: str
    page_bytes: int
    is_raspberry_pi: bool


def measure(machine: Machine, config: Path | None, timeout_s: float) -> AcceleratorFacts:
    """Look for Corals; where there is one, load the library.

    `config`: the file of the service that may have it.

    Raises:
        OSError: no process can be started.
    """
    tpus = (*_usb(machine, config), *_pcie(machine, config))
    library, trouble = _library(timeout_s) if tpus else ("", "")
    return AcceleratorFacts(
        tpus=tpus,
        library=library,
        library_problem=trouble,
        page_bytes=os.sysconf("SC_PAGE_SIZE"),
        is_raspberry_pi=is_raspberry_pi(machine),
    )


def _library(timeout_s: float) -> tuple[str, str]:
    answer = ask(_MODULE, b"", timeout_s)
    if not answer.failure:
        return answer.text.decode(errors="replace") or "without a version", ""
    if "No such file" in answer.failure:
        return "", "is not here"
    return "", answer.failure


def _usb(machine: Machine, config: Path | None) -> Iterator[Tpu]:
    for device in sorted((machine.sys / "bus" / "usb" / "devices").glob("*")):
        ids = (text_of(device / "idVendor"), text_of(device / "idProduct"))
        if ids not in USB_IDS:
            continue
        bus, number = number_in(device / "busnum"), number_in(device / "devnum")
        node = machine.dev / "bus" / "usb" / f"{bus or 0:03}" / f"{number or 0:03}"
        yield Tpu(
            kind="USB",
            place=device.name,
            node=str(node),
            is_ready=USB_IDS[ids],
            megabits=number_in(device / "speed"),
            holders=tuple(holders([str(node)], config, machine.proc)),
        )


def _pcie(machine: Machine, config: Path | None) -> Iterator[Tpu]:
    nodes = {
        (entry / "device").resolve().name: machine.dev / entry.name
        for entry in (machine.sys / "class" / "apex").glob("apex_*")
    }
    for device in sorted((machine.sys / "bus" / "pci" / "devices").glob("*")):
        if (text_of(device / "vendor"), text_of(device / "device")) == PCI_ID:
            node = nodes.get(device.name)
            opened = () if node is None else holders([str(node)], config, machine.proc)
            yield Tpu(
                kind="PCIe",
                place=device.name,
                node=str(node or ""),
                is_ready=node is not None,
                megabits=None,
                holders=tuple(opened),
            )


def judge(facts: AcceleratorFacts, accesses: dict[str, Access], *, user: str, used: str) -> Finding:
    """What to say of it.

    Args:
        facts: measured.
        accesses: what the service's user may do with the devices.
        user: their name.
        used: what the models ran on when they were checked; empty: they were not.
    """
    runs = f"the models run on the {used.upper()}" if used else ""
    if not facts.tpus:
        return Finding("; ".join(filter(None, ["no Coral here", runs])))
    words = [_told(tpu) for tpu in facts.tpus]
    if facts.library:
        words.append(f"libedgetpu {facts.library}")
    if runs:
        words.append(runs)
    troubles = [trouble for tpu in facts.tpus for trouble in _troubles(tpu, facts)]
    if facts.library_problem:
        wrong = f"{LIBRARY} {facts.library_problem}"
        troubles.append(warning(wrong, "sudo ./install.sh --edgetpu std"))
    for tpu in facts.tpus:
        access = accesses.get(tpu.node)
        if access is not None and access.exists and access.may != "rw":
            troubles.append(
                warning(
                    f"{user} may not open {tpu.node}",
                    "sudo ./install.sh opens it to a group that edged's user is in"
                    "; then plug it in again, or restart",
                )
            )
    return Finding(", ".join(words), tuple(troubles))


def _told(tpu: Tpu) -> str:
    notes = []
    if tpu.kind == "USB":
        if tpu.megabits is not None and tpu.megabits < 5000:  # noqa: PLR2004 - USB 3
            notes.append("at a port of USB 2: slower")
        if not tpu.is_ready:
            notes.append("its firmware comes with the first use")
    notes += [f"in use by {one}" for one in tpu.holders]
    told = f"{tpu.kind} Coral at {tpu.place}"
    return f"{told} ({', '.join(notes)})" if notes else told


def _troubles(tpu: Tpu, facts: AcceleratorFacts) -> list[Trouble]:
    """Of the device itself."""
    troubles = []
    if tpu.kind == "PCIe" and not tpu.is_ready:
        todo = "install gasket-dkms, as docs/install.md tells, and restart the machine"
        troubles.append(warning(f"the PCIe Coral at {tpu.place} has no driver", todo))
    if tpu.kind == "PCIe" and facts.page_bytes >= LARGE_PAGE:
        where = "/boot/firmware/config.txt" if facts.is_raspberry_pi else "the kernel's settings"
        todo = f"add the line kernel=kernel8.img to {where}, and restart"
        troubles.append(warning("this kernel's pages are too large for a PCIe Coral", todo))
    strangers = [one for one in tpu.holders if not one.is_ours]
    if strangers:
        troubles.append(
            warning(f"{strangers[0]} has the {tpu.kind} Coral, and only one program can", "end it")
        )
    return troubles
