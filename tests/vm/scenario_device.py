"""Installed, then booted with a kernel and a camera: edged as it runs on a Pi."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from vm.emulator import Emulator
from vm.product import CONFIG, UNIT, Edged
from vm.rig import Rig

Figure = Callable[[str, object], None]

SLOW = 4  # an emulated processor, on a machine that has other work: limits are that much wider
STALLED, UNPLUGGED = "/run/virtual-pi/stalled", "/run/virtual-pi/unplugged"


@pytest.fixture(scope="module")
def edged(rig: Rig, installed_machine: Emulator) -> Edged:
    return Edged(installed_machine, rig.mirror.url())


def scenario_poses_through_picamera2(edged: Edged, figure: Figure) -> None:
    figure("booted s", edged.guest.booted_s)
    assert edged.guest.run(f"systemctl is-active {UNIT}") == "active"
    assert 'source = "picamera' in edged.guest.run(f"cat {CONFIG}"), "part missing: picamera source"
    figure("first poses s", edged.until_poses(300))
    figure("status", edged.said())
    info = edged.messages("info")[0].json()
    assert "picamera" in str(info["camera"])


def scenario_devices_are_allowed_and_no_others(edged: Edged) -> None:
    held = edged.guest.run(f"ls -l /proc/{edged.pid()}/fd", 60)
    assert "/dev/dma_heap" in held or "dmabuf" in held or "udmabuf" in held
    shown = edged.guest.unit(UNIT, "DevicePolicy")
    assert shown["DevicePolicy"] == "closed"


@pytest.mark.parametrize("fault", [STALLED, UNPLUGGED])
def scenario_the_camera_fails_and_comes_back(edged: Edged, figure: Figure, fault: str) -> None:
    pid = edged.pid()
    edged.guest.run(f"mkdir -p /run/virtual-pi && touch {fault}")
    try:
        noticed_s = edged.guest.until("degraded", lambda: "degraded" in edged.said(), 30 * SLOW)
        figure(f"{fault} noticed after s", noticed_s)
        figure("status", edged.said())
        assert edged.messages("status")[0].payload == "online"
    finally:
        edged.guest.run(f"rm -f {fault}")
    figure("poses after it s", edged.until_poses(60 * SLOW))
    assert edged.pid() == pid


def scenario_a_webcam(edged: Edged, figure: Figure) -> None:
    guest = edged.guest
    source = guest.run(f"grep '^source' {CONFIG}").partition(" = ")[2]
    guest.run("modprobe vivid && udevadm settle", 120)
    edged.set("camera", "source", '"/dev/video0"')
    guest.run(f"systemctl restart {UNIT}", 300)
    try:
        told = edged.messages("pose", 3, 60 * SLOW)
        figure("a webcam's message", told[-1].payload[:120])
        assert "/dev/video0" in edged.messages("info")[0].payload
    finally:
        edged.set("camera", "source", source)
        guest.run(f"systemctl restart {UNIT}; modprobe -r vivid || true", 300)
    edged.until_poses(60 * SLOW)


def scenario_a_reboot(edged: Edged, figure: Figure) -> None:
    guest = edged.guest
    assert isinstance(guest, Emulator)
    figure("taking commands again s", guest.reboot())
    edged.until_poses(300)
    after_s = _after_multi_user(edged)
    figure("ready after multi-user s (before it, if negative)", after_s)
    assert after_s < 30


def _after_multi_user(edged: Edged) -> float:
    """Seconds between multi-user.target and the daemon's READY, which a frame has gone before."""
    key = "ActiveEnterTimestampMonotonic"
    reached = int(edged.guest.unit("multi-user.target", key)[key])
    ready = int(edged.guest.unit(UNIT, key)[key])
    return (ready - reached) / 1e6
