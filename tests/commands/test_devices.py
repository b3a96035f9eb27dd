"""`edged devices` on machines of files, with a library that is really loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from stand_in.edgetpu import PCI, USB, Mode, StandIn

from edged.commands import devices
from edged.doctor.machine import Machine
from edged.errors import ConfigError

STICK = {
    "sys/bus/usb/devices/2-1/idVendor": "18d1",
    "sys/bus/usb/devices/2-1/idProduct": "9302",
    "sys/bus/usb/devices/2-1/busnum": "2",
    "sys/bus/usb/devices/2-1/devnum": "3",
    "sys/bus/usb/devices/2-1/speed": "5000",
    "dev/bus/usb/002/003": "",
}
CARD = {
    "sys/bus/pci/devices/0000:01:00.0/vendor": "0x1ac1",
    "sys/bus/pci/devices/0000:01:00.0/device": "0x089a",
}
DRIVEN = CARD | {
    "sys/bus/pci/devices/0000:01:00.0/apex/apex_0/temp": "48050",
    "sys/bus/pci/devices/0000:01:00.0/apex/apex_0/trip_point0_temp": "85000",
    "dev/apex_0": "",
}


@pytest.fixture
def file(tmp_path: Path, edgetpu: StandIn) -> Path:
    return configured(tmp_path, edgetpu)


def configured(folder: Path, edgetpu: StandIn, *accelerators: str) -> Path:
    path = folder / "edged.toml"
    names = json.dumps(accelerators or ("edgetpu", "cpu"))
    path.write_text(f'[inference]\naccelerators = {names}\nedgetpu_library = "{edgetpu.path}"\n')
    return path


def machine(folder: Path, files: Mapping[str, str]) -> Machine:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    apex = folder / "sys/bus/pci/devices/0000:01:00.0/apex/apex_0"
    if apex.exists():
        (folder / "sys/class/apex").mkdir(parents=True)
        (folder / "sys/class/apex/apex_0").symlink_to(apex)
        (apex / "device").symlink_to(apex.parents[1])
    return Machine(sys=folder / "sys", proc=folder / "proc", dev=folder / "dev")


def told(file: Path, where: Machine, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = devices.run(file, json=False, machine=where)
    return code, capsys.readouterr().out


def test_without_a_coral_the_cpu_is_enough(
    file: Path, edgetpu: StandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edgetpu.set_mode(Mode(devices=()))
    code, said = told(file, machine(tmp_path, {}), capsys)
    assert code == 0
    assert "no Coral here" in said
    assert "edgetpu is not here\n" in said
    assert "cpu is here\n" in said


def test_what_is_there_is_told_with_the_names_to_configure(
    file: Path, edgetpu: StandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edgetpu.set_mode(Mode(devices=(USB, PCI), version="BuildLabel(x)"))
    code, said = told(file, machine(tmp_path, STICK | DRIVEN), capsys)
    assert code == 0
    assert f"USB Coral at 2-1, {tmp_path}/dev/bus/usb/002/003, 5000 Mbit/s" in said
    assert "48 C (slowed down from 85 C on)" in said
    assert " may open it" in said
    assert f"BuildLabel(x), finds edgetpu:usb:0 ({USB.path}), edgetpu:pci:0 ({PCI.path})" in said
    assert "ai_edge_litert " in said
    assert "edgetpu is here\n" in said
    assert edgetpu.counts().creations == 0, "nothing is opened"


@pytest.mark.parametrize(
    ("mode", "files", "said"),
    [
        (Mode(devices=(PCI,)), CARD, "Coral at 0000:01:00.0 has no driver: install gasket-dkms"),
        (Mode(on_list="segv"), STICK, "was killed by SIGSEGV: sudo ./install.sh --edgetpu std"),
    ],
)
def test_what_is_here_and_cannot_be_used_is_exit_code_1(
    mode: Mode,
    files: Mapping[str, str],
    said: str,
    file: Path,
    edgetpu: StandIn,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    edgetpu.set_mode(mode)
    code, words = told(file, machine(tmp_path, files), capsys)
    assert code == 1
    assert said in words


@pytest.mark.parametrize(
    ("accelerators", "is_here", "code"),
    [
        (("edgetpu:usb:0", "cpu"), [True, True], 0),
        (("edgetpu:usb:1", "edgetpu:1"), [True, True], 0),
        (("edgetpu:usb:2", "edgetpu:pci", "edgetpu:2"), [False, False, False], 1),
        (("delegate:/nowhere/lib.so",), [False], 1),
        (("delegate:libnpu.so",), [None], 0),
    ],
)
def test_each_configured_accelerator_is_looked_for(
    accelerators: tuple[str, ...],
    is_here: list[bool | None],
    code: int,
    edgetpu: StandIn,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    edgetpu.set_mode(Mode(devices=(USB, type(USB)("usb", "/sys/bus/usb/devices/4-1"))))
    file = configured(tmp_path, edgetpu, *accelerators)
    assert devices.run(file, json=True, machine=machine(tmp_path, {})) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in found["accelerators"]] == list(accelerators)
    assert [one["is_here"] for one in found["accelerators"]] == is_here


def test_programs_get_all_of_it(
    file: Path, edgetpu: StandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edgetpu.set_mode(Mode(version="BuildLabel(x)"))
    assert devices.run(file, json=True, machine=machine(tmp_path, STICK)) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    (device,) = found["devices"]
    assert (device["kind"], device["is_ready"], device["holders"]) == ("USB", True, [])
    assert found["library"] == {
        "name": str(edgetpu.path),
        "version": "BuildLabel(x)",
        "problem": "",
        "devices": {"edgetpu:usb:0": USB.path},
    }
    assert {one["name"] for one in found["runtimes"]} == {"ai_edge_litert", "tflite_runtime"}
    assert found["troubles"] == []


def test_a_configuration_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    path = tmp_path / "edged.toml"
    path.write_text('[inference]\naccelerators = ["edgtpu"]\n')
    with pytest.raises(ConfigError, match='did you mean "edgetpu"'):
        devices.run(path, json=False, machine=machine(tmp_path, {}))


def test_the_command_runs_on_this_machine(file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edged", "devices", "--config", file, "--json"],
        env=os.environ | {"EDGED_DEBUG": ""},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stderr == ""
    assert json.loads(done.stdout)["v"] == 1
