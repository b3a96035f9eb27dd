"""A V4L2 camera: what it is asked for, whose clock counts, and what happens when it is unplugged.

The camera is `v4l2_camera.c`: it takes the place of the kernel's driver, below OpenCV.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import cv2
import numpy as np
import pytest

LIBRARY = Path(__file__).with_name("v4l2_camera.c")

WATCH = """
import json, sys, time
from pathlib import Path
from threading import Event
from edged.capture.capture import Capture
from edged.capture.slot import LatestFrame
from edged.sections import Camera

def told():
    print(json.dumps([
        capture.info and [capture.info.width, capture.info.height, capture.info.fps],
        capture.problem,
    ]), flush=True)

device, width, height = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
gone = Path(device + ".gone")
with LatestFrame() as slot:
    capture = Capture(Camera(source=device, width=width, height=height, fps=100), slot, told)
    capture.start()
    for _ in range(2):
        ages, colours = [], []
        for _ in range(20):
            frame = slot.take(10)
            ages.append((time.monotonic_ns() - frame.sensor_ns) / 1e6)
            colours.append(frame.pixels[5, 5].tolist())
            seq = frame.seq
            frame.release()
        print(json.dumps([ages, colours, seq]), flush=True)
        gone.touch()
        while capture.problem is None:
            time.sleep(0.01)
        gone.unlink()
        try:
            while True:
                slot.take(0).release()
        except TimeoutError:
            pass
    capture.close()
"""


READ = """
import sys, time
from edged.capture.source import open_source
from edged.sections import Camera

source = open_source(Camera(source=sys.argv[1], fps=100))
while True:
    frame = source.read(2)
    print((time.monotonic_ns() - frame.sensor_ns) / 1e6, flush=True)
    frame.release()
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler for the stand-in of a camera driver")
    library = tmp_path_factory.mktemp("driver") / "v4l2_camera.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", library, LIBRARY, "-ldl"],
        check=True,
        timeout=60,
    )
    return library


@pytest.fixture
def device() -> Iterator[str]:
    """A camera's file, with a red picture to show."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        for width in (320, 640):
            red = np.full((width * 3 // 4, width, 3), (0, 0, 255), np.uint8)
            cv2.imwrite(f"{folder}/video7.{width}.jpg", red)
        camera = Path(folder) / "video7"
        camera.touch()
        yield str(camera)


@pytest.mark.parametrize(("asked", "given"), [((640, 480), [640, 480]), ((200, 200), [200, 150])])
def test_a_webcam_gives_what_it_is_asked_for_and_survives_being_unplugged(
    driver: Path, device: str, asked: tuple[int, int], given: list[int]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WATCH, device, *map(str, asked)],
        env={**os.environ, "LD_PRELOAD": str(driver)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert "Traceback" not in done.stderr
    answers, first, unplugged, again, second, last = map(json.loads, done.stdout.splitlines())
    # The nearest size that the camera has is scaled down where it is much larger.
    assert answers == again == [[*given, 100.0], None]
    for ages_ms, colours, _ in (first, second):
        assert np.allclose(colours, (255, 0, 0), atol=9)
        # The driver's stamp is 7 ms older than its frame.
        assert min(ages_ms) >= 7
        assert statistics.median(ages_ms) < 17
    assert first[2] < second[2]
    for info, problem in (unplugged, last):
        assert info is None
        assert "gives no more frames" in problem or "no such" in problem
    log = Path(device + ".log").read_text(encoding="utf-8").splitlines()
    assert log[-1] == "buffers 2"
    assert f"width {640 if asked[0] >= 640 else 320}" in log


def test_a_frame_that_lay_in_the_driver_is_as_old_as_it_is(driver: Path, device: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", READ, device],
        env={**os.environ, "LD_PRELOAD": str(driver)},
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdout
        try:
            assert max(float(reader.stdout.readline()) for _ in range(20)) < 500
            reader.send_signal(signal.SIGSTOP)
            Event().wait(1.5)
            reader.send_signal(signal.SIGCONT)
            ages_ms = [float(reader.stdout.readline()) for _ in range(300)]
        finally:
            reader.kill()
    # Two buffers, one of which may have been in work.
    assert 1 <= sum(age > 1200 for age in ages_ms) <= 2
    assert statistics.median(ages_ms) < 17
