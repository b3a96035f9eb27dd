"""The units and rules that are installed: what systemd says of them, and what they promise."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parent.parent / "systemd"
MOST_EXPOSED = 2.0
CAMERA = {"char-video4linux", "char-media", "char-dma_heap"}
CORAL = {"char-usb_device", "char-apex"}


def settings(unit: str) -> dict[str, list[str]]:
    """The values of each key, in their order."""
    found: dict[str, list[str]] = {}
    for line in (UNITS / unit).read_text().splitlines():
        if match := re.fullmatch(r"(\w+)=(.*)", line):
            found.setdefault(match[1], []).append(match[2])
    return found


@pytest.fixture
def analyze() -> str:
    """The program that knows what systemd understands."""
    path = shutil.which("systemd-analyze")
    if path is None:
        pytest.skip("needs systemd-analyze: apt install systemd")
    return path


@pytest.mark.parametrize("unit", ["edged.service", "edged@.service"])
def test_systemd_understands_every_line(tmp_path: Path, analyze: str, unit: str) -> None:
    daemon = tmp_path / "edged"
    daemon.touch(mode=0o755)
    text = (UNITS / unit).read_text().replace("/opt/edged/current/bin/edged", str(daemon))
    copy = tmp_path / unit.replace("@", "@gym")
    copy.write_text(text)
    told = subprocess.run(
        [analyze, "verify", "--man=no", copy], capture_output=True, text=True, check=False
    ).stderr
    assert [line for line in told.splitlines() if copy.name in line] == []


@pytest.mark.parametrize("unit", ["edged.service", "edged@.service"])
def test_service_is_not_exposed(analyze: str, unit: str) -> None:
    told = subprocess.run(
        [analyze, "security", "--offline=yes", "--no-pager", UNITS / unit],
        capture_output=True,
        text=True,
        check=False,
    )
    if "--offline" in told.stderr:
        pytest.skip("needs systemd 250 or newer")
    overall = re.search(r"Overall exposure level.*?: ([0-9.]+)", told.stdout)
    assert overall is not None, told.stderr
    assert float(overall[1]) <= MOST_EXPOSED


def test_camera_and_coral_can_be_reached_through_the_sandbox() -> None:
    unit = settings("edged.service")
    assert {device.split()[0] for device in unit["DeviceAllow"]} == CAMERA | CORAL
    assert all(device.endswith(" rw") for device in unit["DeviceAllow"])
    assert "PrivateDevices" not in unit
    assert "ProcSubset" not in unit, "/proc/cpuinfo is needed"
    assert "SupplementaryGroups" not in unit, "a group that is missing would stop the start"
    assert "AF_NETLINK" in unit["RestrictAddressFamilies"][0]


def test_brokers_and_prometheus_can_be_reached_through_the_sandbox() -> None:
    unit = settings("edged.service")
    assert {"AF_INET", "AF_INET6"} <= set(unit["RestrictAddressFamilies"][0].split())
    for forbids in ("PrivateNetwork", "IPAddressDeny", "SocketBindDeny"):
        assert forbids not in unit


def test_instances_differ_by_their_configuration_only() -> None:
    one, several = (
        [
            line
            for line in (UNITS / unit).read_text().splitlines()
            if not line.startswith(("#", "Description="))
        ]
        for unit in ("edged.service", "edged@.service")
    )
    assert [line.replace("edged.toml", "%i.toml") for line in one] == several


def test_rules_know_a_coral_before_and_after_its_firmware() -> None:
    rules = (UNITS / "60-edged-coral.rules").read_text()
    found = re.findall(r'idVendor}=="(\w+)", ATTR{idProduct}=="(\w+)"', rules)
    assert found == [("1a6e", "089a"), ("18d1", "9302")]
    assert 'SUBSYSTEM=="apex"' in rules
