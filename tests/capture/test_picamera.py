"""The Pi's camera, with a stand-in for its library: see `pi_stand_in/picamera2.py`."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from cameras import Changes

from edged.capture import picamera
from edged.capture.capture import Capture
from edged.capture.picamera import BUFFERS, PiCamera
from edged.capture.slot import LatestFrame
from edged.capture.source import SourceStuckError, is_live, open_source
from edged.errors import SourceError
from edged.sections import Camera
from edged.types import Frame, Pixels

STAND_IN = Path(__file__).with_name("pi_stand_in")
MODULES = ("picamera2", "libcamera")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What the stand-in's cameras do; one camera with the controls of a fixed-focus module."""
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(STAND_IN)
    monkeypatch.setenv("LIBCAMERA_LOG_LEVELS", "")
    monkeypatch.setattr(picamera, "_TOLD", set())
    import picamera2  # noqa: PLC0415 - the stand-in

    world = picamera2.world
    world.cameras.append({"Id": "/base/soc/i2c0mux/i2c@1/imx219@10", "Model": "imx219"})
    world.controls.update(
        FrameDurationLimits=(10_000, 120_000_000, None),
        ExposureTime=(75, 11_766_829, None),
        AnalogueGain=(1.0, 10.66, None),
    )
    yield world
    world.goes_on.set()
    world.stalled.clear()
    for camera in world.opened:
        camera.close()
    for stuck in picamera._STUCK:
        stuck._thread.join(10)
    picamera._STUCK.clear()
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.fixture
def stop() -> Event:
    return Event()


def opened(stop: Event, **settings: Any) -> PiCamera:
    settings = {"source": "picamera", "width": 64, "height": 48, **settings}
    return PiCamera(Camera(**settings), stop)


def read(source: PiCamera, timeout_s: float = 5.0) -> Frame:
    frame = source.read(timeout_s)
    assert frame is not None
    return frame


def corners(width: int = 64, height: int = 48) -> Pixels:
    """A picture that shows how it is turned, in blocks that half resolution of colour can show."""
    picture: Pixels = np.full((height, width, 3), (90, 120, 60), np.uint8)
    picture[: height // 2, : width // 2] = (200, 40, 40)
    picture[: height // 2, width // 2 :] = (40, 200, 40)
    return picture


def listened_to() -> dict[int, Any]:
    cameras: dict[int, Any] = sys.modules["picamera2"].Picamera2._cm.cameras
    return cameras


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# Pictures


def test_rgb_is_the_cameras_own_memory_whatever_its_rows_are_padded_with(
    world: Any, stop: Event
) -> None:
    world.padding, world.picture = 64, corners()
    source = opened(stop)
    assert (source.info.width, source.info.height) == (64, 48)
    frame = read(source)
    assert np.array_equal(frame.pixels, corners())
    assert frame.pixels.strides == (64 * 3 + 64, 3, 1)
    assert not frame.pixels.flags.owndata
    assert not frame.pixels.flags.writeable
    frame.release()
    source.close()


@pytest.mark.parametrize(
    "name",
    ["RGB888", "XBGR8888", "XRGB8888", "YUV420", "YVU420", "NV12", "NV21", "YUYV", "UYVY", "YVYU"],
)
def test_whatever_a_camera_gives_becomes_rgb(name: str, world: Any, stop: Event) -> None:
    world.formats, world.padding, world.picture = (name,), 32, corners()
    source = opened(stop)
    frame = read(source)
    assert frame.pixels.shape == (48, 64, 3)
    assert np.abs(frame.pixels.astype(int) - corners()).max() <= 4
    frame.release()
    source.close()


def test_a_camera_that_has_jpeg_only_is_told(world: Any, stop: Event) -> None:
    world.formats = ("MJPEG",)
    with pytest.raises(SourceError, match="picamera: the camera gives MJPEG only"):
        opened(stop)


@pytest.mark.parametrize(("name", "can_mirror"), [("BGR888", True), ("NV12", False)])
@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("flip", ["none", "horizontal", "vertical"])
def test_pictures_are_upright_whether_the_sensor_can_mirror_or_not(
    rotate: Any, flip: Any, name: str, *, can_mirror: bool, world: Any, stop: Event
) -> None:
    world.can_mirror, world.formats, world.picture = can_mirror, (name,), corners()
    source = opened(stop, rotate=rotate, flip=flip)
    expected = np.rot90(corners(), -rotate // 90)
    if flip != "none":
        expected = expected[:, ::-1] if flip == "horizontal" else expected[::-1]
    frame = read(source)
    assert (source.info.height, source.info.width, 3) == expected.shape
    assert np.abs(frame.pixels.astype(int) - expected).max() <= 4
    is_done = (rotate, flip) == (0, "none") or (can_mirror and rotate in {0, 180})
    in_camera = name == "BGR888" and is_done
    assert frame.pixels.flags.writeable is not in_camera  # else it is the camera's memory
    frame.release()
    source.close()


def test_a_camera_that_is_built_in_sideways_is_taken_as_it_is(world: Any, stop: Event) -> None:
    world.is_sideways, world.picture = True, corners()
    for rotate in (0, 180):
        source = opened(stop, rotate=rotate)
        frame = read(source)
        assert np.array_equal(frame.pixels, np.rot90(corners(), rotate // 90))
        frame.release()
        source.close()


# Frames


@pytest.mark.parametrize("buffers", [BUFFERS, 4])
def test_a_frame_stays_as_it_is_until_it_is_released_and_the_camera_goes_on(
    buffers: int, world: Any, stop: Event
) -> None:
    world.period_s, world.most_buffers, world.padding = 0.002, buffers, 16
    source = opened(stop)
    held = [read(source) for _ in range(buffers + 1)]
    lent = [frame for frame in held if not frame.pixels.flags.writeable]
    assert len(lent) == buffers - 3  # the others are copies
    before = [frame.pixels.copy() for frame in held]
    for _ in range(4 * BUFFERS):
        read(source).release()
    for frame, pixels in zip(held, before, strict=True):
        assert np.array_equal(frame.pixels, pixels)
        number = frame.seq + (source._first or 0)  # of the camera
        assert (frame.pixels == number * 8 % 256).all()
        frame.release()
    source.close()


@pytest.mark.usefixtures("world")
def test_frames_are_as_old_as_their_exposure_and_numbered_by_the_camera(stop: Event) -> None:
    source = opened(stop, fps=100)
    seqs = []
    for _ in range(10):
        frame = read(source)
        assert 0 <= time.monotonic_ns() - frame.sensor_ns < 1e9
        assert abs(time.time() - frame.ts) < 1
        assert frame.name == "picamera"
        seqs.append(frame.seq)
        frame.release()
    assert seqs[0] == 0
    assert seqs == sorted(set(seqs))
    assert source.info.fps == 100
    assert source.info.live
    source.close()


def test_of_frames_that_come_all_at_once_only_the_newest_is_taken(world: Any, stop: Event) -> None:
    source = opened(stop)
    first = read(source)
    first.release()
    world.held_back.set()  # as while this process stands still
    (camera,) = world.opened
    until = time.monotonic() + 10
    while camera._queued and time.monotonic() < until:  # all but what is completed already
        time.sleep(0.001)
    world.held_back.clear()
    frame = read(source)
    assert frame.seq >= BUFFERS - 1
    frame.release()
    source.close()


@pytest.mark.usefixtures("world")
def test_a_frame_may_come_back_late_and_from_another_thread(stop: Event) -> None:
    source = opened(stop)
    held = [read(source) for _ in range(3)]
    pixels = [frame.pixels.copy() for frame in held]
    source.close()
    for frame, before in zip(held, pixels, strict=True):
        assert np.array_equal(frame.pixels, before)
        thread = threading.Thread(target=frame.release)
        thread.start()
        thread.join(10)
        frame.release()  # nor does a second time matter
    assert source.read(1) is None
    source.close()


# What it is told


def test_the_camera_is_told_what_is_configured_and_what_it_lacks_is_told_once(
    world: Any, stop: Event, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        source = opened(
            stop, fps=50, exposure_us=8000, af_mode="continuous", sensor_mode="1640x1232"
        )
        source.close()
    assert world.opened[-1].told == {"FrameDurationLimits": (20000, 20000), "ExposureTime": 8000}
    assert world.opened[-1]._config["sensor"]["output_size"] == (1640, 1232)
    assert caplog.messages == ["camera: picamera: imx219 has no af_mode, which is left out"]


def test_a_mode_that_the_sensor_does_not_have_is_told(
    world: Any, stop: Event, caplog: pytest.LogCaptureFixture
) -> None:
    opened(stop, sensor_mode="1600x1200").close()
    assert "has no mode 1600x1200; the nearest is 1640x1232:10" in caplog.text
    world.is_raspberry = False
    opened(stop, sensor_mode="1600x1200").close()
    assert "this camera has no sensor_mode, which is left out" in caplog.text


@pytest.mark.parametrize(
    ("asked", "limits", "given"),
    [
        (30, (10_000, 120_000_000, None), 30),
        (120, (10_000, 120_000_000, None), 100),
        (5, (33_333, 66_666, None), 15),
        (30, None, 0),
    ],
)
def test_the_rate_is_what_the_camera_can(
    asked: float, limits: Any, given: float, world: Any, stop: Event
) -> None:
    world.controls = {} if limits is None else {"FrameDurationLimits": limits}
    source = opened(stop, fps=asked)
    assert source.info.fps == pytest.approx(given, abs=0.01)
    source.close()


# What goes wrong


def test_its_addresses_are_live() -> None:
    assert all(map(is_live, ("picamera", "picamera:0", "picamera:imx219")))
    assert not any(map(is_live, ("picamera:", "picameras", "picamera.mp4")))


@pytest.mark.parametrize("how", ["stalled", "lost"])
def test_a_camera_that_stops_giving_frames_is_told(how: str, world: Any, stop: Event) -> None:
    source = opened(stop)
    read(source).release()
    getattr(world, how).set()
    began = time.monotonic()

    def read_on() -> None:
        while time.monotonic() - began < 10:
            read(source, 0.3).release()

    with pytest.raises(SourceError) as caught:
        read_on()
    assert str(caught.value) in {
        "picamera: no frame for 0.3 s: check the ribbon cable",
        "picamera: the camera has failed: Failed to queue request: No such device",
    }
    source.close()


def test_a_camera_that_takes_no_buffer_back_is_told(world: Any, stop: Event) -> None:
    world.formats = ("NV12",)  # copied, and given back by the reader itself
    source = opened(stop)
    read(source).release()
    world.lost.set()
    read(source).release()
    with pytest.raises(SourceError, match="has failed: Failed to queue request: No such"):
        read(source)
    source.close()
    assert world.device.is_free


def test_a_slow_camera_is_waited_for(world: Any, stop: Event) -> None:
    world.period_s = 0.3
    source = opened(stop, fps=3)
    read(source, 0.1).release()
    read(source, 0.1).release()
    source.close()


def test_a_wait_ends_at_once_when_it_is_told_to(world: Any, stop: Event) -> None:
    source = opened(stop)
    read(source).release()
    world.stalled.set()
    threading.Timer(0.05, stop.set).start()
    began = time.monotonic()
    until_stalled = 20
    while source.read(10) is not None and until_stalled:
        until_stalled -= 1
    assert time.monotonic() - began < 5
    source.close()


@pytest.mark.parametrize("is_old", [False, True])
@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ({"cameras": []}, "no camera found"),
        ({"is_busy": True}, "picamera: in use by another program"),
        ({"formats": ("MJPEG",)}, "gives MJPEG only"),
        ({"refuses_buffers": True}, "does not open: Failed to queue request: Invalid argument"),
        ({"denied": "/dev/media0"}, "no permission for /dev/media0"),
        ({"has_heap": False}, "no memory for pictures: "),
    ],
)
def test_a_camera_that_does_not_open_is_told_and_leaves_nothing_open(
    trouble: dict[str, Any],
    words: str,
    world: Any,
    stop: Event,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_old: bool,
) -> None:
    monkeypatch.setattr("edged.capture.pi_library.MEDIA_DEVICES", "/dev/nothing*")
    world.is_old = is_old
    files = open_files()
    with monkeypatch.context() as troubled:
        for name, value in trouble.items():
            troubled.setattr(world, name, value)
        for _ in range(3):
            with pytest.raises(SourceError) as caught:
                open_source(Camera(source="picamera"), stop)
            assert words in str(caught.value)
            assert "\n" not in str(caught.value)
        del caught
    assert open_files() <= files
    assert not listened_to()
    assert world.device.is_free
    source = opened(stop)
    read(source).release()
    source.close()


@pytest.mark.usefixtures("world")
def test_opening_again_and_again_leaves_nothing_open(stop: Event) -> None:
    opened(stop).close()
    files = open_files()
    for _ in range(5):
        source = opened(stop)
        frame = read(source)
        source.close()
        frame.release()
        del frame, source
    assert open_files() <= files
    assert not [thread for thread in threading.enumerate() if "camera" in thread.name]


def test_a_library_that_hangs_is_left_behind_and_told_until_it_comes_back(
    world: Any, stop: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = opened(stop)
    frame = read(source)
    world.hangs_in.add("stop")
    with monkeypatch.context() as patience:
        patience.setattr(picamera, "CLOSE_TIMEOUT_S", 0.05)
        with pytest.raises(
            SourceStuckError, match=r"does not close the camera, it hangs for 0\.05"
        ):
            source.close()
    source.close()
    with pytest.raises(SourceStuckError, match="hangs still: restart edged, or the Pi"):
        opened(stop)
    frame.release()
    world.goes_on.set()
    picamera._STUCK[0]._thread.join(10)
    source = opened(stop)
    read(source).release()
    source.close()


def test_a_camera_that_libcamera_keeps_is_not_called_closed(
    world: Any, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LatestFrame() as slot:
        capture = Capture(Camera(source="picamera", width=64, height=48), slot, changes)
        capture.start()
        changes.wait_until(lambda: capture.info)
        with monkeypatch.context() as keeping:
            keeping.setattr(world.device, "release", lambda: 1 / 0)
            assert not capture.pause(1)
            changes.wait_until(lambda: "libcamera keeps the camera" in str(capture.problem))
        capture.close()


def test_a_camera_that_opens_too_late_is_closed_again(
    world: Any, stop: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picamera, "OPEN_TIMEOUT_S", 0.05)
    world.hangs_in.add("open")
    with pytest.raises(SourceStuckError, match="does not open the camera"):
        opened(stop)
    world.goes_on.set()
    picamera._STUCK[0]._thread.join(10)
    (camera,) = world.opened
    assert not camera.is_open


# In the capture thread


def test_a_camera_that_fails_is_opened_again_for_ever(
    world: Any, changes: Changes, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edged.capture.capture.READ_TIMEOUT_S", 0.2)
    monkeypatch.setattr("edged.capture.capture.FIRST_PAUSE_S", 0.02)
    settings = Camera(source="picamera", width=64, height=48)
    with LatestFrame() as slot, caplog.at_level(logging.INFO, "edged.capture.capture"):
        capture = Capture(settings, slot, changes)
        capture.start()
        seqs = []
        for _ in range(3):
            changes.wait_until(lambda: capture.info)
            assert capture.problem is None
            for _ in range(3):
                frame = slot.take(10)
                assert frame
                seqs.append(frame.seq)
                frame.release()
            world.stalled.set()
            changes.wait_until(lambda: capture.problem)
            assert capture.info is None
            world.stalled.clear()
        capture.close()
    assert seqs == sorted(set(seqs))
    assert "camera: picamera: no frame for 0.2 s: check the ribbon cable" in caplog.text


def test_a_driver_that_hangs_is_told_and_gives_no_sign_of_life(
    world: Any, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edged.capture.capture.READ_TIMEOUT_S", 0.2)
    monkeypatch.setattr("edged.capture.capture.FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr("edged.capture.capture.BEAT_S", 0.02)
    monkeypatch.setattr(picamera, "CLOSE_TIMEOUT_S", 0.2)
    with LatestFrame() as slot:
        capture = Capture(Camera(source="picamera", width=64, height=48), slot, changes)
        capture.start()
        changes.wait_until(lambda: capture.info)
        world.hangs_in.add("stop")
        world.stalled.set()
        changes.wait_until(lambda: "hangs still" in str(capture.problem))
        beat_ns = capture.beat_ns
        assert not capture.pause(0.2), "it is not closed"
        assert "hangs still" in str(capture.problem)
        assert capture.beat_ns == beat_ns
        capture.resume()
        world.hangs_in.clear()
        world.stalled.clear()
        world.goes_on.set()
        changes.wait_until(lambda: capture.info)
        assert capture.problem is None
        assert capture.beat_ns > beat_ns
        capture.close()


def test_paused_means_closed(world: Any, changes: Changes) -> None:
    with LatestFrame() as slot:
        capture = Capture(Camera(source="picamera", width=64, height=48), slot, changes)
        capture.start()
        changes.wait_until(lambda: capture.info)
        (camera,) = world.opened
        assert capture.pause(10)
        assert not camera.is_open
        capture.resume()
        changes.wait_until(lambda: capture.info)
        assert len(world.opened) == 2
        capture.close()


def test_without_a_camera_of_the_pi_its_library_is_not_loaded() -> None:
    assert not set(MODULES) & set(sys.modules)
    assert "LIBCAMERA_LOG_LEVELS" not in os.environ
