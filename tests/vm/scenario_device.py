"""Installed, then booted with a kernel and a camera: edged as it runs on a Pi."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from vm.checkout import PLACE
from vm.emulator import Emulator
from vm.product import CONFIG, UNIT, Edged
from vm.rig import Rig

Figure = Callable[[str, object], None]

SLOW = 4  # an emulated processor, on a machine that has other work: limits are that much wider
# A subscriber from the boot on, which notes when it gets the first pose: seconds of the kernel.
FIRST = "/root/first-pose"
FIRST_POSE = f"""\
[Unit]
After=mosquitto.service
[Service]
ExecStartPre=rm -f {FIRST}
ExecStart=sh -c 'until mosquitto_sub -t edged/+/pose | grep -qm1 keypoints; do sleep 0.2; done; \
cut -d " " -f 1 /proc/uptime >{FIRST}'
[Install]
WantedBy=multi-user.target
""".encode()
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


def scenario_installing_again_changes_nothing(edged: Edged, figure: Figure) -> None:
    pid = edged.pid()
    ended = edged.guest.ask(edged.command(PLACE), 120 * SLOW)
    assert ended.status == 0, str(ended)
    assert "==> Nothing had to be changed" in ended.output
    assert edged.pid() == pid
    figure("second run s", ended.seconds)


def scenario_a_reboot(edged: Edged, figure: Figure) -> None:
    guest = edged.guest
    assert isinstance(guest, Emulator)
    guest.put("/etc/systemd/system/first-pose.service", FIRST_POSE)
    guest.run("systemctl enable -q first-pose && sync")
    figure("taking commands again s", guest.reboot())
    guest.until("a pose", f"test -s {FIRST}", 300)
    pose_s = float(guest.run(f"cat {FIRST}"))
    # systemd reaches multi-user when edged is started, and edged is when it has seen a frame.
    for unit in ("basic.target", UNIT, "multi-user.target"):
        figure(f"{unit} s after the kernel's start", _reached_s(guest, unit))
    figure("somebody's pose is received, s after the kernel's start", pose_s)
    after_s = pose_s - _reached_s(guest, "multi-user.target")
    figure("after multi-user s", after_s)
    assert after_s < 30


def _reached_s(guest: Emulator, unit: str) -> float:
    """When a unit became active, in seconds since the kernel's start."""
    key = "ActiveEnterTimestampMonotonic"
    return int(guest.unit(unit, key)[key]) / 1e6
