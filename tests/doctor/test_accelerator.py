"""Corals of files, and libraries that are really loaded."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from machines import Write
from stand_in.edgetpu import Mode, StandIn

from edged.doctor.accelerator import AcceleratorFacts, judge, measure
from edged.doctor.finding import Level
from edged.doctor.identity import Access
from edged.doctor.machine import Machine
from edged.inference.accelerators import LIBEDGETPU

USB = "sys/bus/usb/devices/2-1"
CORAL = {
    f"{USB}/idVendor": "18d1\n",
    f"{USB}/idProduct": "9302\n",
    f"{USB}/busnum": "2\n",
    f"{USB}/devnum": "3\n",
    f"{USB}/speed": "5000\n",
}
FRESH = CORAL | {f"{USB}/idVendor": "1a6e\n", f"{USB}/idProduct": "089a\n", f"{USB}/speed": "480\n"}
PCI = "sys/bus/pci/devices/0000:01:00.0"
CARD = {f"{PCI}/vendor": "0x1ac1\n", f"{PCI}/device": "0x089a\n"}
DRIVEN = CARD | {"sys/class/apex/apex_0/device": "->../../../bus/pci/devices/0000:01:00.0"}


def words(facts: AcceleratorFacts, *accesses: Access) -> str:
    by_path = {access.path: access for access in accesses}
    finding = judge(facts, by_path, user="edged", used="cpu")
    assert finding.level is not Level.PROBLEM, "models run on the CPU"
    return "\n".join(text for _, text in finding.lines)


def test_without_a_coral_the_cpu_is_told_and_no_library_is_loaded(machine: Machine) -> None:
    facts = measure(machine, None, LIBEDGETPU, 10.0)
    assert words(facts) == "no Coral here; the models run on the CPU"
    assert (facts.library, facts.library_problem) == ("", "")


def test_a_usb_coral_with_its_library(machine: Machine, write: Write, edgetpu: StandIn) -> None:
    write(CORAL)
    edgetpu.set_mode(Mode(version="BuildLabel(x), RuntimeVersion(14)"))
    facts = measure(machine, None, str(edgetpu.path), 20.0)
    assert words(facts) == (
        "USB Coral at 2-1, libedgetpu BuildLabel(x), RuntimeVersion(14), the models run on the CPU"
    )
    assert [(one.kind, one.path) for one in facts.listed] == [("usb", "/sys/bus/usb/devices/2-1")]


def test_one_that_is_fresh_and_slow(machine: Machine, write: Write) -> None:
    write(FRESH)
    said = words(measure(machine, None, LIBEDGETPU, 20.0))
    assert "at a port of USB 2" in said
    assert "its firmware comes with the first use" in said


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (Mode(on_list="segv"), "was killed by SIGSEGV: sudo ./install.sh --edgetpu std"),
        (Mode(on_list="abort"), "was killed by SIGABRT"),
        (Mode(on_list="hang"), "did not answer within"),
        (Mode(version=""), "libedgetpu without a version"),
    ],
)
def test_a_broken_library_harms_nobody(
    machine: Machine, write: Write, edgetpu: StandIn, mode: Mode, said: str
) -> None:
    write(CORAL)
    edgetpu.set_mode(mode)
    limit_s = 1.0 if mode.on_list == "hang" else 20.0
    assert said in words(measure(machine, None, str(edgetpu.path), limit_s))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "libedgetpu.so.1 is not here: sudo ./install.sh --edgetpu std"),
        ("not a library", "too short"),
    ],
)
def test_a_library_that_is_missing_or_none(
    machine: Machine, write: Write, tmp_path: Path, content: str | None, said: str
) -> None:
    write(CORAL)
    library = tmp_path / "libedgetpu.so.1"
    if content is not None:
        library.write_text(content)
    assert said in words(measure(machine, None, str(library), 20.0))


def test_a_library_of_something_else(machine: Machine, write: Write) -> None:
    write(CORAL)
    assert "undefined symbol" in words(measure(machine, None, "libc.so.6", 20.0))


def test_a_pcie_coral_without_a_driver(machine: Machine, write: Write) -> None:
    write(CARD)
    facts = measure(machine, None, LIBEDGETPU, 20.0)
    assert "the PCIe Coral at 0000:01:00.0 has no driver: install gasket-dkms" in words(facts)


def test_a_pcie_coral_with_one_and_the_page_size(machine: Machine, write: Write) -> None:
    write(DRIVEN)
    facts = measure(machine, None, LIBEDGETPU, 20.0)
    assert facts.tpus[0].node == str(machine.dev / "apex_0")
    assert "no driver" not in words(facts)
    large = dataclasses.replace(facts, page_bytes=16_384, is_raspberry_pi=True)
    assert "kernel=kernel8.img to /boot/firmware/config.txt" in words(large)


def test_one_that_may_not_be_opened(machine: Machine, write: Write) -> None:
    write(DRIVEN)
    node = str(machine.dev / "apex_0")
    facts = measure(machine, None, LIBEDGETPU, 20.0)
    by_group = Access(node, exists=True, may="", group="apex", group_may="rw")
    assert f"edged may not open {node}" in words(facts, by_group)
    assert "sudo usermod -aG apex edged" in words(facts, by_group)
    no_rule = dataclasses.replace(by_group, group="root")
    assert "no udev rule gives to a group: sudo ./install.sh" in words(facts, no_rule)
    assert "may not" not in words(facts, dataclasses.replace(by_group, may="rw"))


def test_who_has_it(machine: Machine, write: Write) -> None:
    node = machine.dev / "bus" / "usb" / "002" / "003"
    write(CORAL)
    write(
        {
            "proc/5/cmdline": "edged\0run\0",
            "proc/6/cmdline": "python\0-m\0edged.inference.worker\x003\0",
            "proc/6/stat": "6 (python) S 5 1",
            "proc/6/fd/9": f"->{node}",
        }
    )
    said = words(measure(machine, None, LIBEDGETPU, 20.0))
    assert "in use by a worker of edged (PID 6)" in said
    assert "only one program can" not in said
    write({"proc/7/comm": "frigate\n", "proc/7/fd/9": f"->{node}"})
    assert "frigate (PID 7) has the USB Coral" in words(measure(machine, None, LIBEDGETPU, 20.0))
