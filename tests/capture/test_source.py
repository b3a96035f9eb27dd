"""What an address opens, and what it says when it opens nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import pytest
from cameras import WriteVideo
from hypothesis import given
from hypothesis import strategies as st

from edged.capture.images import Pictures
from edged.capture.opencv import VideoFile
from edged.capture.source import is_live, natural_order, open_source, wall_time
from edged.errors import SourceError
from edged.sections import Camera


def test_a_file_is_opened_by_what_it_is(write_video: WriteVideo, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    cv2.imwrite(str(picture), np.zeros((4, 6, 3), np.uint8))
    for address, kind in (
        (write_video(), VideoFile),
        (picture, Pictures),
        (tmp_path, Pictures),
        (tmp_path / "*.png", Pictures),
    ):
        source = open_source(Camera(source=str(address)))
        assert isinstance(source, kind)
        assert not source.info.live
        assert not is_live(str(address))
        source.close()
        source.close()
        assert source.read(1) is None


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("", "no source: not there"),
        ("nothing.mp4", "nothing.mp4: not there"),
        ("ftp://host/video", "no such kind of source"),
        ("rtps://user:secret@host/?a", "no such kind of source"),
        ("rtsp:/user:secret@host/?a", "no picture there"),
        ("rtsp:/user:secret@host", "not there"),
        ("webcam:front", "not there"),
        ("*.jpg", "no picture there"),
        ("long" * 2000, "too long"),
        ("~nobody-of-this-name/a.jpg", "home directory"),
        ("nul\0.jpg", "not there"),
        (".", "no picture there"),
        ("text.mp4", "not a video"),
        ("empty.avi", "not a video"),
        ("text.jpg", "not a picture"),
        ("empty.png", "not a picture"),
        ("/dev/video99", "no such device"),
        ("webcam:99", "no such device"),
        ("/dev/null", "not there"),
        ("http://127.0.0.1:9/", "refused"),
        ("rtsp://user:secret@127.0.0.1:9/", "refused"),
    ],
)
def test_what_gives_no_frames_is_told_in_one_line(
    address: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if address.startswith("text"):
        Path(address).write_text("no picture at all\n" * 100, encoding="utf-8")
    elif address.startswith("empty"):
        Path(address).touch()
    elif address == ".":
        Path("notes.txt").touch()
    with pytest.raises(SourceError) as caught:
        open_source(Camera(source=address))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_cameras_and_streams_are_live_and_nothing_else_is() -> None:
    live = ("/dev/video0", "/dev/v4l/by-id/usb-cam", "webcam:1", "rtsp://h/1", "HTTPS://h/v.m3u8")
    assert all(map(is_live, live))
    assert not any(map(is_live, ("video.mp4", "dev/video0", "webcam:", "ftp://h", "http://", "")))
    assert not any(map(is_live, ("/dev/shm/x.bmp", "/dev/null", "/dev/video0.mp4")))  # noqa: S108


def test_a_picture_in_shared_memory_is_a_picture() -> None:
    with TemporaryDirectory(dir="/dev/shm") as folder:
        path = Path(folder, "x.pgm")
        path.write_bytes(b"P5 2 2 255\n" + bytes(4))
        frame = open_source(Camera(source=str(path))).read(1)
    assert frame is not None
    assert frame.name == str(path)


def test_a_device_that_is_no_camera_is_told() -> None:
    with TemporaryDirectory(dir="/dev/shm") as folder:
        path = Path(folder, "video7")
        path.touch()
        with pytest.raises(SourceError, match="does not open"):
            open_source(Camera(source=str(path)))


def test_names_are_in_the_order_that_people_expect() -> None:
    names = ["frame10.jpg", "frame9.jpg", "b.jpg", "frame009.jpg", "a2b10.jpg", "a2b9.jpg"]
    assert [str(path) for path in sorted(map(Path, names), key=natural_order)] == [
        "a2b9.jpg",
        "a2b10.jpg",
        "b.jpg",
        "frame009.jpg",
        "frame9.jpg",
        "frame10.jpg",
    ]


@given(st.lists(st.text(min_size=1, max_size=8)))
def test_any_names_can_be_ordered(names: list[str]) -> None:
    backwards = [Path(name) for name in reversed(names)]
    assert sorted(map(Path, names), key=natural_order) == sorted(backwards, key=natural_order)


def test_wall_time_is_of_the_moment_that_is_asked_for() -> None:
    a_minute_ago = time.monotonic_ns() - 60_000_000_000
    assert wall_time(a_minute_ago) == pytest.approx(time.time() - 60, abs=0.1)


def test_opencv_and_ffmpeg_write_nothing_of_their_own(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\0\0\0\x18ftypmp42" + bytes(400))
    device = tmp_path / "video9"
    device.touch()
    script = (
        "import cv2\n"  # loaded by someone else before
        "from edged.capture.source import open_source\n"
        "from edged.sections import Camera\n"
        f"for address in ({str(broken)!r}, 'http://127.0.0.1:9/', {str(device)!r}):\n"
        "    try: open_source(Camera(source=address))\n"
        "    except OSError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 3
