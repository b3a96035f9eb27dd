"""The accelerator: is there a Coral, can it be reached, and is its library here?

Without one the models run on the CPU, so nothing here keeps the service from working.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path

from edged.doctor.finding import Finding, Trouble, warning
from edged.doctor.identity import Access
from edged.doctor.machine import Machine, is_raspberry_pi
from edged.doctor.programs import Program, holders
from edged.inference.corals import Tpu, corals
from edged.inference.libedgetpu import Library, ListedDevice, ask_libedgetpu

GROUPS = ("plugdev", "apex")
"""Whose the devices are: by edged's udev rules, and by those of the driver's packages."""
LARGE_PAGE = 16_384
"""Of the Pi 5's usual kernel; the driver of the PCIe Coral needs pages of 4096 bytes."""


@dataclass(frozen=True, slots=True)
class UsedTpu(Tpu):
    """An Edge TPU and who has it."""

    holders: tuple[Program, ...] = ()


@dataclass(frozen=True, slots=True)
class AcceleratorFacts:
    """What is there."""

    tpus: tuple[UsedTpu, ...]
    library_name: str
    """As it is configured."""
    library: str
    """Version of libedgetpu; empty: it cannot be used, or was not asked."""
    library_problem: str
    listed: tuple[ListedDevice, ...]
    """What libedgetpu finds."""
    page_bytes: int
    is_raspberry_pi: bool


def measure(
    machine: Machine,
    config: Path | None,
    library: str,
    timeout_s: float,
    *,
    even_without_coral: bool = False,
) -> AcceleratorFacts:
    """Look for Corals; where there is one, load the library.

    Args:
        machine: where to look.
        config: the file of the service that may have it.
        library: name or path of libedgetpu.
        timeout_s: for the library to answer.
        even_without_coral: load the library in any case.

    Raises:
        OSError: no process can be started.
    """
    tpus = tuple(
        UsedTpu(
            **asdict(tpu),
            holders=tuple(holders([tpu.node] if tpu.node else [], config, machine.proc)),
        )
        for tpu in corals(machine.sys, machine.dev)
    )
    asked = ask_libedgetpu(library, timeout_s) if tpus or even_without_coral else Library("")
    return AcceleratorFacts(
        tpus=tpus,
        library_name=library,
        library=asked.version,
        library_problem=asked.problem,
        listed=asked.devices,
        page_bytes=os.sysconf("SC_PAGE_SIZE"),
        is_raspberry_pi=is_raspberry_pi(machine),
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
        wrong = f"{facts.library_name} {facts.library_problem}"
        troubles.append(warning(wrong, "sudo ./install.sh --edgetpu std"))
    for tpu in facts.tpus:
        access = accesses.get(tpu.node)
        if access is not None and access.exists and access.may != "rw":
            troubles.append(_denied(tpu, access, user))
    return Finding(", ".join(words), tuple(troubles))


def _denied(tpu: Tpu, access: Access, user: str) -> Trouble:
    wrong = f"{user} may not open {tpu.node}"
    if access.group in GROUPS and access.group_may == "rw":
        todo = f"sudo usermod -aG {access.group} {user}; then log in again, or restart the service"
        return warning(f"{wrong}, which is for the group {access.group}", todo)
    return warning(
        f"{wrong}, which no udev rule gives to a group",
        "sudo ./install.sh opens it to a group that edged's user is in; then plug it in again, or "
        "restart",
    )


def _told(tpu: UsedTpu) -> str:
    notes = []
    if tpu.kind == "USB":
        if tpu.megabits is not None and tpu.megabits < 5000:  # noqa: PLR2004 - USB 3
            notes.append("at a port of USB 2: slower")
        if not tpu.is_ready:
            notes.append("its firmware comes with the first use")
    notes += [f"in use by {one}" for one in tpu.holders]
    told = f"{tpu.kind} Coral at {tpu.place}"
    return f"{told} ({', '.join(notes)})" if notes else told


def _troubles(tpu: UsedTpu, facts: AcceleratorFacts) -> list[Trouble]:
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
