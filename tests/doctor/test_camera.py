"""The camera: real sources, drivers that crash and hang, and what is said of them."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
from cameras import HttpCamera
from daemons import write_clip
from machines import Write
from somebody import an_ordinary_user, open_folder

from edged.doctor.camera import CameraFacts, file_of, judge, measure, nodes
from edged.doctor.camera_look import Seen
from edged.doctor.finding import Level
from edged.doctor.machine import Machine
from edged.doctor.programs import Program
from edged.messages.device import CameraInfo
from edged.sections import Camera

DRIVER = Path(__file__).parent.parent / "capture" / "v4l2_camera.c"
GOOD = Seen(
    source="/dev/video0",
    width=640,
    height=480,
    frames=36,
    rate=30.0,
    age_ms=21.0,
    brightness=110.0,
    contrast=40.0,
)
FACTS = CameraFacts(
    source="/dev/video0",
    live=True,
    asked_fps=30.0,
    seen=GOOD,
    problem="",
    holders=(),
    webcams=(),
    package_missing=False,
)
AWAY = dataclasses.replace(FACTS, seen=None, problem="/dev/video0: no such device")
TOLD = CameraInfo(source="/dev/video0", width=640, height=480, fps=30.0)


@pytest.fixture
def http_camera() -> Iterator[HttpCamera]:
    camera = HttpCamera()
    camera.switch_on()
    yield camera
    camera.switch_off()


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler for the stand-in of a camera driver")
    library = tmp_path_factory.mktemp("driver") / "v4l2_camera.so"
    command = [compiler, "-shared", "-fPIC", "-o", str(library), str(DRIVER), "-ldl"]
    subprocess.run(command, check=True, timeout=60)
    return library


def said(facts: CameraFacts, told: CameraInfo | None = None, *, is_hidden: bool = False) -> str:
    finding = judge(facts, told=told, is_hidden=is_hidden)
    return "\n".join(words for _, words in finding.lines)


def test_a_video_is_really_read(machine: Machine, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.avi", fps=60.0)
    facts = measure(Camera(source=str(clip)), machine, None, 20.0)
    assert facts.seen is not None
    assert (facts.seen.width, facts.seen.height) == (64, 48)
    assert facts.seen.frames > 5
    assert facts.seen.rate == pytest.approx(60.0, rel=0.3)
    assert said(facts).startswith(f"{clip} gives 64x48 at ")


def test_a_network_camera_is_opened_and_its_password_told_to_nobody(
    machine: Machine, http_camera: HttpCamera
) -> None:
    facts = measure(Camera(source=http_camera.url), machine, None, 20.0)
    assert facts.seen is not None
    assert facts.live
    assert "secret" not in f"{facts} {said(facts)}"
    assert "the picture is all of one colour" in said(facts)


def test_one_that_is_off(machine: Machine, http_camera: HttpCamera) -> None:
    http_camera.switch_off()
    facts = measure(Camera(source=http_camera.url), machine, None, 20.0)
    assert judge(facts, told=None, is_hidden=False).level is Level.PROBLEM
    assert "refused, or no video there" in said(facts)
    assert "secret" not in f"{facts} {said(facts)}"


def test_a_paused_camera_is_not_opened(machine: Machine, http_camera: HttpCamera) -> None:
    settings = Camera(source=http_camera.url, paused=True)
    facts = measure(settings, machine, None, 20.0)
    assert (facts.paused, facts.seen, http_camera.requests) == ("configuration", None, 0)
    finding = judge(facts, told=None, is_hidden=False)
    assert finding.level is Level.OK
    assert "is paused by [camera] paused: closed, and not opened" in finding.found
    awake = Camera(source=http_camera.url)
    facts = measure(awake, machine, None, 20.0, is_service_paused=True)
    assert (facts.paused, http_camera.requests) == ("service", 0)
    assert "is paused in the running service" in said(facts)


def test_a_paused_video_is_looked_at_and_called_paused(machine: Machine, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.avi")
    assert said(measure(Camera(source=str(clip), paused=True), machine, None, 20.0)).startswith(
        f"paused; {clip} gives 64x48"
    )


def test_a_camera_that_is_open_though_the_file_says_paused_is_told() -> None:
    paused = dataclasses.replace(FACTS, seen=None, paused="configuration")
    held = dataclasses.replace(paused, holders=(Program(9, "edged run", is_ours=True),))
    for facts, told_of, who in (
        (held, None, "edged run (PID 9)"),
        (paused, TOLD, "the running service"),
    ):
        finding = judge(facts, told=told_of, is_hidden=False, name="edged@door")
        assert finding.level is Level.WARNING
        assert finding.lines[0][1] == (
            f"/dev/video0 is in use by {who}, though [camera] paused is true: "
            "sudo systemctl reload edged@door"
        )


def test_a_file_where_we_may_not_look_is_not_called_missing() -> None:
    with open_folder() as folder:
        (folder / "home").mkdir(0o000)
        source = folder / "home" / "a.mp4"
        with an_ordinary_user():
            assert said(measure(Camera(source=str(source)), Machine(), None, 20.0)) == (
                f"{source}: only root may look there: sudo edged check"
            )


@pytest.mark.parametrize(
    ("source", "file"),
    [
        ("/v/a.mp4", "/v/a.mp4"),
        ("replay:/v/a.mp4", "/v/a.mp4"),
        ("/v/pictures/*.png", "/v/pictures"),
        ("/v/ab[0-9]/**/x.png", "/v"),
        ("athlete:/v/workout.toml?view=90", "/v/workout.toml"),
        ("athlete:squat", None),
        ("/dev/video0", None),
        ("rtsp://cam/a.mp4", None),
    ],
)
def test_the_file_of_a_source(source: str, file: str | None) -> None:
    assert file_of(source) == (None if file is None else Path(file))


def test_a_webcam(machine: Machine, driver: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD", str(driver))
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        stripes = np.zeros((480, 640, 3), np.uint8)
        stripes[::2] = 255
        cv2.imwrite(f"{folder}/video7.640.jpg", stripes)
        device = Path(folder) / "video7"
        device.touch()
        facts = measure(Camera(source=str(device), fps=30), machine, None, 20.0)
    assert facts.problem == ""
    # How fast this machine is at the moment is not the question.
    finding = judge(dataclasses.replace(facts, asked_fps=0.1), told=None, is_hidden=False)
    assert finding.level is Level.OK, finding
    assert "gives 640x480 at " in finding.found


def test_a_webcam_that_is_away_and_another_that_is_there(machine: Machine, write: Write) -> None:
    names = {"video1": "0", "video2": "1"}
    for name, index in names.items():
        write({f"sys/class/video4linux/{name}/index": index})
        write({f"sys/class/video4linux/{name}/name": "HD Webcam\n"})
        write({f"sys/class/video4linux/{name}/device/modalias": "usb:v046Dp0825\n"})
    write({"sys/class/video4linux/video10/name": "bcm2835-codec-decode\n"})
    facts = measure(Camera(source="/dev/video987"), machine, None, 20.0)
    assert facts.webcams == ("/dev/video1 (HD Webcam)",)
    assert "/dev/video987: no such device" in said(facts)
    assert "there is /dev/video1 (HD Webcam): set [camera] source to it" in said(facts)


def test_a_driver_that_crashes_is_a_problem_and_no_crash(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cv2.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    facts = measure(Camera(source=str(write_clip(tmp_path / "a.avi"))), machine, None, 20.0)
    assert "the program that opens it was killed by SIGSEGV" in said(facts)


def test_one_that_hangs_is_given_up(machine: Machine, http_camera: HttpCamera) -> None:
    http_camera.is_mute.set()
    facts = measure(Camera(source=http_camera.url), machine, None, 1.0)
    assert "did not answer within 1 s" in said(facts)


def test_the_camera_of_the_running_service_is_left_alone(machine: Machine, write: Write) -> None:
    node = machine.dev / "video0"
    node.touch()
    (machine.dev / "by-id").symlink_to(node)
    config = machine.state / "edged.toml"
    write(
        {
            "proc/9/cmdline": f"edged\0run\0--config\0{config}\0",
            "proc/9/fd/3": f"->{node}",
        }
    )
    for source in (node, machine.dev / "by-id"):
        facts = measure(Camera(source=str(source)), machine, config, 20.0)
        assert facts.service == Program(9, "edged run", is_ours=True)
        assert said(facts, TOLD).endswith(
            "is in use by edged run (PID 9), which tells 640x480 at 30/s"
        )


def test_the_devices_of_a_source(machine: Machine) -> None:
    names = ("video0", "media0", "media1", "dma_heap/system", "other")
    (machine.dev / "dma_heap").mkdir()
    for name in names:
        (machine.dev / name).touch()
    assert nodes("webcam:0", machine) == (machine.dev / "video0",)
    assert nodes("webcam:7", machine) == ()
    assert nodes("rtsp://camera/1", machine) == ()
    assert {node.name for node in nodes("picamera:1", machine)} == {"media0", "media1", "system"}


def test_picamera2_that_is_missing_is_an_apt_line() -> None:
    away = dataclasses.replace(AWAY, source="picamera:0", package_missing=True)
    assert "sudo apt install -y python3-picamera2" in said(away)


def test_a_camera_that_somebody_else_has() -> None:
    taken = dataclasses.replace(AWAY, holders=(Program(7, "ffmpeg", is_ours=False),))
    assert said(taken) == "/dev/video0 is in use by ffmpeg (PID 7): end that program"
    watched = dataclasses.replace(FACTS, holders=(Program(7, "wireplumber", is_ours=False),))
    assert "gives 640x480" in said(watched), "to have it open is not to have its frames"


def test_a_camera_that_only_the_service_can_have_is_believed_to_be_its() -> None:
    """Who is not root cannot see whose it is."""
    assert "in use by the running service, which tells" in said(AWAY, TOLD, is_hidden=True)
    assert "no such device" in said(AWAY, TOLD, is_hidden=False)
    finding = judge(AWAY, told=None, is_hidden=True)
    assert finding.level is Level.WARNING
    assert "sudo edged check" in finding.lines[0][1]


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"rate": 7.5}, "at 7.5/s, a frame is 21 ms old; 30/s were asked for: more light"),
        ({"age_ms": 2300.0}, "the frames come late"),
        ({"brightness": 1.0, "contrast": 0.5}, "the picture is black: uncover the lens"),
    ],
)
def test_a_camera_that_gives_little(change: dict[str, float], part: str) -> None:
    seen = Seen(**{name: getattr(GOOD, name) for name in GOOD.__struct_fields__} | change)
    for facts in (FACTS, dataclasses.replace(FACTS, live=False)):
        finding = judge(dataclasses.replace(facts, seen=seen), told=None, is_hidden=False)
        assert finding.level is (Level.WARNING if facts.live else Level.OK)
        assert (part in finding.lines[0][1]) is facts.live


def test_nothing_of_a_look_stays_behind(machine: Machine, tmp_path: Path) -> None:
    others = set(psutil.Process().children())  # of other tests
    measure(Camera(source=str(write_clip(tmp_path / "a.avi"))), machine, None, 20.0)
    assert set(psutil.Process().children()) <= others
