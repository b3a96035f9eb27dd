"""A pause closes the camera for real, whichever it is, and nothing old comes after it."""

from __future__ import annotations

import logging
import time
from threading import Event

import pytest
from brokers import until
from cameras import Changes, HttpCamera, WriteVideo

from edged.capture.capture import PAUSED, Capture
from edged.capture.slot import LatestFrame
from edged.sections import Camera


def take(slot: LatestFrame) -> int:
    """The sensor time of the next frame."""
    frame = slot.take(10)
    assert frame
    frame.release()
    return frame.sensor_ns


def test_the_camera_is_closed_until_it_is_resumed(
    http_camera: HttpCamera, changes: Changes, caplog: pytest.LogCaptureFixture
) -> None:
    with LatestFrame() as slot, caplog.at_level(logging.INFO, "edged.capture.capture"):
        capture = Capture(Camera(source=http_camera.url), slot, changes)
        capture.start()
        for _ in range(2):
            take(slot)
            assert capture.pause(10)
            assert capture.pause(10)
            assert capture.is_paused
            assert (capture.info, capture.problem) == (None, PAUSED)
            until(lambda: http_camera.watchers == 0, "the connection's end")
            with pytest.raises(TimeoutError):
                slot.take(0.05)
            resumed_ns = time.monotonic_ns()
            capture.resume()
            capture.resume()
            assert take(slot) >= resumed_ns - 1_000_000_000
            changes.wait_until(lambda: capture.info)
            assert capture.problem is None
        capture.close()
    words = [message for message in caplog.messages if "paused" in message]
    assert words == [PAUSED, "the camera is no longer paused"] * 2
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_a_camera_that_is_configured_as_paused_is_never_opened(
    http_camera: HttpCamera, changes: Changes
) -> None:
    with LatestFrame() as slot:
        capture = Capture(Camera(source=http_camera.url, paused=True), slot, changes)
        capture.start()
        changes.wait_until(lambda: capture.problem == PAUSED)
        capture.resume()
        assert capture.is_paused, "the configuration's word stays"
        with pytest.raises(TimeoutError):
            slot.take(0.05)
        capture.close()
    assert http_camera.requests == 0


def test_a_camera_that_is_away_can_be_paused_and_gives_signs_of_life(
    changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edged.capture.capture.BEAT_S", 0.01)
    with LatestFrame() as slot:
        capture = Capture(Camera(source="/dev/video99"), slot, changes)
        capture.start()
        changes.wait_until(lambda: "no such device" in str(capture.problem))
        assert capture.pause(10)
        assert capture.problem == PAUSED
        beat_ns = capture.beat_ns
        until(lambda: capture.beat_ns > beat_ns, "a sign of life")
        capture.resume()
        changes.wait_until(lambda: "no such device" in str(capture.problem))
        capture.close()


def test_a_driver_that_does_not_come_back_is_not_called_closed(
    http_camera: HttpCamera, changes: Changes
) -> None:
    http_camera.is_mute.set()  # opening takes its 5 s
    with LatestFrame() as slot:
        capture = Capture(Camera(source=http_camera.url), slot, changes)
        capture.start()
        until(lambda: http_camera.watchers == 1, "a connection")
        assert not capture.pause(0.05)
        assert capture.problem != PAUSED
        http_camera.switch_off()
        assert capture.pause(10)
        assert capture.problem == PAUSED
        capture.close()


def test_a_pause_ends_with_the_capture(http_camera: HttpCamera, changes: Changes) -> None:
    with LatestFrame() as slot:
        capture = Capture(Camera(source=http_camera.url), slot, changes)
        assert capture.pause(), "it has not begun"
        capture.start()
        changes.wait_until(lambda: capture.problem == PAUSED)
        capture.close()
        assert not capture._thread.is_alive()
        capture.resume()


@pytest.mark.parametrize("pace", ["fast", "realtime"])
def test_a_file_is_read_no_further(pace: str, write_video: WriteVideo, changes: Changes) -> None:
    path = write_video(frames=200, fps=100)
    with LatestFrame() as slot:
        capture = Capture(Camera(source=str(path), pace=pace), slot, changes)  # type: ignore[arg-type]
        capture.start()
        first = slot.take(10)
        assert first
        assert capture.pause(10)
        assert capture.info
        with pytest.raises(TimeoutError):
            slot.take(0.05)
        Event().wait(0.1)
        capture.resume()
        after = slot.take(10)
        assert after
        assert after.seq > first.seq
        assert not slot.closed
        capture.close()
