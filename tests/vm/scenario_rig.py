"""The rig itself: what the guests offer, before edged comes."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import tiny_models
from vm.checkout import PLACE
from vm.container import Container
from vm.emulator import Emulator
from vm.rig import Rig

Figure = Callable[[str, object], None]

CAPTURE = """
import json, time
from picamera2 import Picamera2
camera = Picamera2(0)
camera.configure(camera.create_video_configuration(main={"format": "NV12", "size": (640, 480)}))
camera.start()
started, stamps = time.monotonic(), []
for _ in range(20):
    request = camera.capture_request(wait=20)
    array = request.make_array("main")
    stamps.append(request.get_metadata()["SensorTimestamp"])
    request.release()
rate = 20 / (time.monotonic() - started)
camera.stop()
camera.close()
print(json.dumps({"shape": array.shape, "mean": float(array.mean()), "rate": rate,
                  "rising": stamps == sorted(stamps), "info": Picamera2.global_camera_info()}))
"""


@pytest.fixture(scope="module")
def machine(rig: Rig) -> Emulator:
    root = rig.root()
    with rig.container(root) as container:
        container.wait_booted(60)
        container.run("apt-get -qq update && apt-get -qq -y install python3-picamera2", 300)
        container.run("python3 -m venv --system-site-packages /opt/try", 120)
        container.run(f"/opt/try/bin/pip -q install /{PLACE}", 900)
        container.power_off()
    return rig.emulator(rig.disk(root))


def scenario_a_container_boots_with_a_network_of_its_own(
    clean_container: Container, figure: Figure
) -> None:
    figure("container takes commands after s", clean_container.booted_s)
    assert clean_container.wait_booted(60) == "running"
    assert "tap0" in clean_container.run("ip -brief address")
    clean_container.run("apt-get -qq update", 120)


def scenario_a_machine_boots(machine: Emulator, figure: Figure) -> None:
    figure("accelerator", machine.kind)
    figure("machine takes commands after s", machine.booted_s)
    assert machine.wait_booted(600) == "running"
    figure("systemd", machine.run("systemd-analyze time | head -1"))
    assert machine.run("stat -fc %T /sys/fs/cgroup") == "cgroup2fs"


def scenario_libcamera_lists_the_camera(machine: Emulator) -> None:
    assert "Virtual0" in machine.run("cam -l", 120)


def scenario_picamera2_captures(machine: Emulator, figure: Figure) -> None:
    machine.put("/root/capture.py", CAPTURE.encode())
    seen = json.loads(machine.run("python3 /root/capture.py 2>/dev/null", 300).splitlines()[-1])
    assert seen["shape"] == [720, 640]
    assert 20 < seen["mean"] < 235
    assert seen["rising"]
    figure("camera frames/s", seen["rate"])


def scenario_a_webcam_through_edged(machine: Emulator, figure: Figure) -> None:
    machine.run("modprobe vivid && udevadm settle", 60)
    config = '[camera]\\nsource = "/dev/video0"\\n[pose]\\nmodel = "/root/pose.tflite"\\n'
    machine.put("/root/pose.tflite", tiny_models.pose_model())
    machine.run(f"printf '{config}' >/root/webcam.toml")
    command = "/opt/try/bin/edged run --config /root/webcam.toml"
    machine.run(f"systemd-run -q --unit=webcam {command}")
    told = machine.run("mosquitto_sub -t 'edged/+/pose' -C 3 -W 120", 180).splitlines()
    machine.run("systemctl stop webcam")
    assert len(told) == 3
    figure("a webcam's message", told[-1][:160])
