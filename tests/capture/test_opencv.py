"""Video files at their rate, streams over HTTP, and a webcam's clock."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from cameras import HttpCamera, WriteVideo

from edged.capture.opencv import VideoFile
from edged.capture.source import Source, SourceGoneError, open_source
from edged.errors import SourceError
from edged.masking import MASK
from edged.sections import Camera
from edged.types import Frame

STEP = 8


def frames_of(source: Source, most: int = 1000) -> Iterator[Frame]:
    for _ in range(most):
        frame = source.read(2)
        if frame is None:
            return
        yield frame


def number_in(frame: Frame) -> int:
    """Which frame of the video this is."""
    return round(float(frame.pixels.mean()) / STEP)


@pytest.mark.parametrize("name", ["video.avi", "video.mp4"])
def test_a_video_read_fast_gives_every_frame_once(name: str, write_video: WriteVideo) -> None:
    path = write_video(name, fps=0.5)
    source = open_source(Camera(source=str(path), pace="fast"))
    assert (source.info.width, source.info.height, source.info.fps) == (64, 48, 0.5)
    seen = [(frame.seq, number_in(frame), frame.name) for frame in frames_of(source)]
    assert seen == [(number, number, str(path)) for number in range(12)]
    assert source.read(1) is None
    source.close()


def test_a_loop_starts_again_and_counts_on(write_video: WriteVideo) -> None:
    path = write_video(frames=3)
    source = open_source(Camera(source=str(path), pace="fast", loop=True))
    seen = [(frame.seq, number_in(frame)) for frame in frames_of(source, most=8)]
    assert seen == [(seq, seq % 3) for seq in range(8)]
    path.unlink()
    with pytest.raises(SourceGoneError, match="not there"):
        list(frames_of(source))
    assert source.read(1) is None


@pytest.mark.parametrize("name", ["video.avi", "video.mp4", "video.mkv"])
@pytest.mark.parametrize("pace", ["fast", "realtime"])
def test_a_whole_video_is_not_taken_for_damaged(
    name: str, pace: Any, write_video: WriteVideo
) -> None:
    path = write_video(name, frames=90, fps=1000)
    source = open_source(Camera(source=str(path), pace=pace))
    for _ in frames_of(source):
        Event().wait(0.002)
    source.close()


def until_it_fails(source: Source, seen: list[tuple[int, int]]) -> None:
    """Note the number of every frame, as counted and as shown."""
    for frame in frames_of(source):
        seen.append((frame.seq, number_in(frame)))  # noqa: PERF401 - those before it fails count


def cut_in_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def test_a_video_cut_in_half_is_told_at_its_end(write_video: WriteVideo) -> None:
    path = write_video(frames=30)
    cut_in_half(path)
    source = open_source(Camera(source=str(path), pace="fast"))
    seen: list[tuple[int, int]] = []
    with pytest.raises(SourceGoneError, match=r"video.avi: damaged, \d+ of its 30 frames"):
        until_it_fails(source, seen)
    assert 0 < len(seen) < 25
    assert source.read(1) is None


def test_a_damaged_video_in_a_loop_is_told_once(write_video: WriteVideo) -> None:
    path = write_video(frames=30)
    cut_in_half(path)
    source = open_source(Camera(source=str(path), pace="fast", loop=True))
    seen: list[tuple[int, int]] = []
    with pytest.raises(SourceError, match="damaged"):
        until_it_fails(source, seen)
    count = len(seen)
    seen += [(frame.seq, number_in(frame)) for frame in frames_of(source, most=2 * count)]
    assert seen == [(seq, seq % count) for seq in range(3 * count)]
    source.close()


def without_frame(path: Path, number: int) -> None:
    """Put zeros in the place of a frame of an AVI file."""
    data = bytearray(path.read_bytes())
    at = data.index(b"movi")
    for _ in range(number + 1):
        at = data.index(b"00dc", at) + 8
    size = int.from_bytes(data[at - 4 : at], "little")
    data[at : at + size] = bytes(size)
    path.write_bytes(data)


def test_frames_that_cannot_be_decoded_keep_their_numbers(write_video: WriteVideo) -> None:
    path = write_video(frames=20)
    for number in (7, 8, 12):
        without_frame(path, number)
    source = open_source(Camera(source=str(path), pace="fast"))
    seen: list[tuple[int, int]] = []
    with pytest.raises(SourceGoneError, match="17 of its 20 frames"):
        until_it_fails(source, seen)
    assert seen == [(number, number) for number in range(20) if number not in {7, 8, 12}]


def test_at_its_own_rate_a_frame_is_ready_when_it_is_due(write_video: WriteVideo) -> None:
    source = open_source(Camera(source=str(write_video(frames=20, fps=50))))
    frames, ages_ms = [], []
    for frame in frames_of(source):
        frames.append(frame)
        ages_ms.append((time.monotonic_ns() - frame.sensor_ns) / 1e6)
        frame.release()
    gaps_ns = [(b.sensor_ns - a.sensor_ns) / (b.seq - a.seq) for a, b in pairwise(frames)]
    assert min(gaps_ns) == statistics.median(gaps_ns) == 20_000_000
    assert min(ages_ms) >= 0
    assert statistics.median(ages_ms) < 3
    assert frames[0].ts == pytest.approx(time.time(), abs=5)


def test_a_late_reader_misses_frames_and_the_video_does_not_drift(
    write_video: WriteVideo,
) -> None:
    source = open_source(Camera(source=str(write_video(frames=30, fps=50))))
    first = source.read(1)
    assert first
    began_ns, shown = first.sensor_ns, []
    for frame in frames_of(source):
        shown.append((frame.seq, number_in(frame), (frame.sensor_ns - began_ns) / 2e7))
        Event().wait(0.07)  # 3.5 frames
    assert len(shown) <= 10
    for seq, number, moment in shown:
        assert seq == number
        assert 0 <= round(moment - seq, 6) < 2


def test_waiting_for_a_frame_ends_when_it_is_told_to_stop(write_video: WriteVideo) -> None:
    stop = Event()
    source = VideoFile(write_video(fps=0.2), Camera(), stop)
    assert source.read(1)
    stop.set()
    assert source.read(1) is None
    source.close()


def test_the_memory_of_released_frames_is_used_again(write_video: WriteVideo) -> None:
    source = open_source(Camera(source=str(write_video()), pace="fast", rotate=90))
    addresses = set()
    for frame in frames_of(source):
        assert frame.pixels.shape == (64, 48, 3)
        addresses.add(frame.pixels.ctypes.data)
        frame.release()
    assert len(addresses) == 1


def test_frames_that_are_kept_stay_as_they_are(write_video: WriteVideo) -> None:
    source = open_source(Camera(source=str(write_video()), pace="fast"))
    assert [number_in(frame) for frame in list(frames_of(source))] == list(range(12))


def test_a_video_much_larger_than_asked_for_is_scaled_down(write_video: WriteVideo) -> None:
    source = open_source(
        Camera(source=str(write_video()), pace="fast", width=16, height=16, flip="vertical")
    )
    assert (source.info.width, source.info.height) == (16, 12)
    assert [number_in(frame) for frame in frames_of(source)] == list(range(12))


def test_a_stream_gives_frames_without_an_end(http_camera: HttpCamera) -> None:
    source = open_source(Camera(source=http_camera.url))
    shown = f"http://user:{MASK}@127.0.0.1:{http_camera.port}/video"
    assert (source.info.source, source.info.live, source.info.fps) == (shown, True, 0.0)
    began_ns = time.monotonic_ns()
    frames = list(frames_of(source, most=10))
    assert [frame.seq for frame in frames] == list(range(10))
    assert all(np.allclose(frame.pixels, 99, atol=3) for frame in frames)
    moments = [frame.sensor_ns for frame in frames[1:]]
    assert began_ns < min(moments)
    assert moments == sorted(moments)
    assert frames[0].name == shown
    source.close()
    assert source.read(1) is None


def test_a_stream_that_changes_its_size_goes_on(http_camera: HttpCamera) -> None:
    source = open_source(Camera(source=http_camera.url))
    http_camera.size = (80, 40)
    shapes = {frame.pixels.shape for frame in frames_of(source, most=20)}
    assert shapes == {(source.info.height, source.info.width, 3)}  # OpenCV scales
    source.close()


def test_a_stream_that_is_closed_or_mute_is_told(http_camera: HttpCamera) -> None:
    source = open_source(Camera(source=http_camera.url))
    http_camera.is_mute.set()
    began = time.monotonic()
    with pytest.raises(SourceError, match=r"\*\*\*.*no frame for 2 s"):
        list(frames_of(source))
    assert time.monotonic() - began < 4
    source.close()
    http_camera.is_mute.clear()
    source = open_source(Camera(source=http_camera.url))
    http_camera.switch_off()
    with pytest.raises(SourceError, match="gives no more frames"):
        list(frames_of(source))
    source.close()


def test_frames_that_lay_in_a_buffer_are_not_taken_for_new(http_camera: HttpCamera) -> None:
    began_ns, step_ns = time.monotonic_ns(), 20_000_000
    http_camera.level = lambda: (time.monotonic_ns() - began_ns) // step_ns % 256
    source = open_source(Camera(source=http_camera.url))
    frames = list(frames_of(source, most=40))
    Event().wait(1.0)
    frames += frames_of(source, most=40)
    source.close()
    for frame in frames:
        steps = round((frame.sensor_ns - began_ns) / step_ns - float(frame.pixels.mean())) % 256
        assert min(steps, 256 - steps) <= 7, f"{steps * 20} ms too new"
    assert frames[40].seq - frames[39].seq > 50


def test_frames_of_a_stream_are_as_old_as_they_are(
    http_camera: HttpCamera, write_video: WriteVideo
) -> None:
    http_camera.film = write_video("film.mkv", frames=150, fps=50).read_bytes(), 3.0
    source = open_source(Camera(source=http_camera.url))
    ages_ms = []
    for number, frame in enumerate(frames_of(source, most=140)):
        ages_ms.append((time.monotonic_ns() - frame.sensor_ns) / 1e6)
        if number == 80:
            Event().wait(0.6)
    source.close()
    assert max(ages_ms[40:81]) < 200
    assert 300 < ages_ms[81] < 700
    assert ages_ms[-1] < 200
