"""The capture thread: files to their end, cameras through their failures."""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path

import pytest
from cameras import Changes, HttpCamera, WriteVideo
from hypothesis import given
from hypothesis import strategies as st

from edged.capture.capture import FIRST_PAUSE_S, LONGEST_PAUSE_S, Capture, pause_s
from edged.capture.slot import LatestFrame
from edged.errors import SourceError
from edged.sections import Camera
from edged.types import Frame

LOGGER = "edged.capture.capture"


def is_running(capture: Capture) -> bool:
    return capture._thread.is_alive()


def open_files() -> set[str]:
    return {str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}


@pytest.mark.parametrize("loop", [False, True])
def test_a_file_read_fast_loses_no_frame_to_a_slow_reader(
    *, loop: bool, write_video: WriteVideo, changes: Changes
) -> None:
    path = write_video(frames=20)
    with LatestFrame() as slot:
        capture = Capture(Camera(source=str(path), pace="fast", loop=loop), slot, changes)
        capture.start()
        assert capture.info
        assert capture.info.width == 64
        seqs: list[int] = []
        while (frame := slot.take(10)) is not None and len(seqs) < 30:
            seqs.append(frame.seq)
            if len(seqs) % 10 == 0:
                threading.Event().wait(0.02)
            frame.release()
        assert seqs == list(range(30 if loop else 20))
        assert slot.dropped == 0
        changes.wait_until(lambda: slot.closed is not loop)
        capture.close()
        assert slot.closed is not loop
        assert capture.failure is None
    assert not is_running(capture)
    assert str(path) not in open_files()


def test_a_file_at_its_own_rate_drops_what_the_reader_is_too_slow_for(
    write_video: WriteVideo, changes: Changes
) -> None:
    with LatestFrame() as slot:
        # Ten a second: by a tenth of one no machine is late, which leaves a file's frames out.
        video = write_video(frames=15, fps=10)
        capture = Capture(Camera(source=str(video)), slot, changes)
        capture.start()
        seqs = []
        while (frame := slot.take(10)) is not None:
            seqs.append(frame.seq)
            frame.release()
            threading.Event().wait(0.2)
        assert slot.dropped > 5
        assert seqs == sorted(set(seqs))
        assert seqs[-1] == 14
        capture.close()


@pytest.mark.parametrize("address", ["nothing.mp4", "", "ftp://host/", "webcam:x"])
def test_a_wrong_address_is_told_at_start(address: str, changes: Changes) -> None:
    capture = Capture(Camera(source=address), LatestFrame(), changes)
    with pytest.raises(SourceError):
        capture.start()
    capture.close()
    assert not is_running(capture)


def test_a_damaged_picture_is_left_out_and_told_once(
    tmp_path: Path, changes: Changes, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        (tmp_path / f"{number}.pgm").write_bytes(b"P5 4 4 255\n" + bytes(16))
    (tmp_path / "1.pgm").write_bytes(b"P5 no")
    with LatestFrame() as slot, caplog.at_level(logging.INFO, LOGGER):
        capture = Capture(Camera(source=str(tmp_path), pace="fast"), slot, changes)
        capture.start()
        names = []
        while (frame := slot.take(10)) is not None:
            names.append(Path(frame.name).name)
            frame.release()
        assert names == ["0.pgm", "2.pgm"]
        capture.close()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "1.pgm: damaged" in caplog.text


def test_a_file_that_ends_before_its_time_is_a_failure(
    write_video: WriteVideo, changes: Changes, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_video(frames=30)
    os.truncate(path, path.stat().st_size // 2)
    with LatestFrame() as slot:
        capture = Capture(Camera(source=str(path), pace="fast"), slot, changes)
        capture.start()
        while (frame := slot.take(10)) is not None:
            frame.release()
        assert isinstance(capture.failure, SourceError)
        capture.close()
    assert [record.getMessage() for record in caplog.records] == [f"camera: {capture.failure}"]


class FullSlot(LatestFrame):
    """A slot that some frames do not fit into."""

    def __init__(self, *seqs: int) -> None:
        super().__init__()
        self.refused = set(seqs)

    def put(self, frame: Frame) -> None:
        if frame.seq in self.refused:
            self.refused.remove(frame.seq)
            frame.release()
            raise MemoryError("no room\nat all")
        super().put(frame)


def test_what_nobody_foresaw_ends_a_file_and_is_told(
    write_video: WriteVideo, changes: Changes, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_video(frames=30)
    with FullSlot(5) as slot:
        capture = Capture(Camera(source=str(path), pace="fast"), slot, changes)
        capture.start()
        while (frame := slot.take(10)) is not None:
            frame.release()
        assert isinstance(capture.failure, MemoryError)
        capture.close()
    assert str(path) not in open_files()
    assert caplog.messages == ["camera: unforeseen MemoryError: no room at all"]


def test_what_nobody_foresaw_is_a_problem_of_a_camera_that_it_recovers_from(
    http_camera: HttpCamera, changes: Changes, caplog: pytest.LogCaptureFixture
) -> None:
    with FullSlot(3) as slot, caplog.at_level(logging.INFO, LOGGER):
        capture = Capture(Camera(source=http_camera.url), slot, changes)
        capture.start()
        changes.wait_until(lambda: capture.problem)
        assert "unforeseen MemoryError: no room at all" in str(capture.problem)
        changes.wait_until(lambda: capture.info)
        while (frame := slot.take(10)) is not None and frame.seq <= 3:
            frame.release()
        assert capture.problem is None
        capture.close()
    assert not is_running(capture)
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "INFO"]


def test_without_a_camera_it_starts_and_says_why_there_are_no_frames(
    changes: Changes, caplog: pytest.LogCaptureFixture
) -> None:
    with LatestFrame() as slot, caplog.at_level(logging.INFO, LOGGER):
        capture = Capture(Camera(source="/dev/video99"), slot, changes)
        capture.start()
        changes.wait_until(lambda: capture.problem)
        assert capture.problem
        assert "no such device" in capture.problem
        assert capture.info is None
        with pytest.raises(TimeoutError):  # two more attempts
            slot.take(1.2)
        assert time.monotonic_ns() - capture.beat_ns < 1.5e9
        began = time.monotonic()
        capture.close()
        capture.close()
        assert time.monotonic() - began < 4
    assert not is_running(capture)
    assert len(caplog.records) == 1


def test_a_camera_that_fails_is_opened_again(
    http_camera: HttpCamera, changes: Changes, caplog: pytest.LogCaptureFixture
) -> None:
    http_camera.switch_off()
    with LatestFrame() as slot, caplog.at_level(logging.INFO, LOGGER):
        capture = Capture(Camera(source=http_camera.url), slot, changes)
        capture.start()
        changes.wait_until(lambda: capture.problem)
        seqs = []
        for _ in range(2):
            http_camera.switch_on()
            changes.wait_until(lambda: capture.info)
            assert capture.problem is None
            for _ in range(5):
                frame = slot.take(10)
                assert frame
                seqs.append(frame.seq)
                frame.release()
            http_camera.switch_off()
            changes.wait_until(lambda: capture.problem)
            assert capture.info is None
        capture.close()
    assert seqs == sorted(set(seqs))
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"] * 2 + ["WARNING"]
    assert "secret" not in caplog.text
    assert "secret" not in str(capture.problem)


def test_a_call_that_hangs_in_the_driver_does_not_hold_up_the_end(
    http_camera: HttpCamera, changes: Changes, caplog: pytest.LogCaptureFixture
) -> None:
    http_camera.is_mute.set()  # accepts, and never answers: opening takes its 5 s
    with LatestFrame() as slot:
        capture = Capture(Camera(source=http_camera.url), slot, changes)
        capture.start()
        threading.Event().wait(0.1)
        began = time.monotonic()
        capture.close()
        assert time.monotonic() - began < 4.5
        assert "left behind" in caplog.text
        http_camera.switch_off()
        capture._thread.join(10)
    assert not is_running(capture)
    assert capture.problem is None


@pytest.mark.parametrize("pace", ["fast", "realtime"])
def test_it_ends_at_once_whatever_it_waits_for(
    pace: str, write_video: WriteVideo, changes: Changes
) -> None:
    path = write_video(fps=0.2)
    with LatestFrame() as slot:
        capture = Capture(Camera(source=str(path), pace=pace), slot, changes)  # type: ignore[arg-type]
        capture.start()
        assert slot.take(10)
        began = time.monotonic()
        capture.close()
        assert time.monotonic() - began < 4
        assert not is_running(capture)
        assert not slot.closed
    assert str(path) not in open_files()


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_pauses_double_up_to_a_limit_and_never_vanish(attempt: int, jitter: float) -> None:
    pause = pause_s(attempt, jitter)
    assert FIRST_PAUSE_S / 2 <= pause <= LONGEST_PAUSE_S
    assert pause_s(0, 0) == FIRST_PAUSE_S
    assert pause_s(attempt + 1, 0) == min(LONGEST_PAUSE_S, 2 * pause_s(attempt, 0))
