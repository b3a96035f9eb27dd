"""The athlete as a camera: frame number `seq` shows the moment `seq / fps`, whatever happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from threading import Event, Timer

import msgspec
import numpy as np
import pytest

from edged.capture.athlete.athlete import Athlete
from edged.capture.athlete.source import Rendered, open_athlete
from edged.capture.athlete.workout import Moment
from edged.capture.source import is_live, open_source
from edged.errors import SourceError
from edged.sections import Camera
from edged.types import Frame, Pixels

FPS = 50.0
SQUATS = Camera(source="athlete:squat?seed=2", width=80, height=60, fps=FPS, pace="fast")
SHORT = """
[workout]
lead_s = 0.0
[[set]]
exercise = "jumping-jack"
reps = 1
tempo = [0.2, 0.0, 0.2, 0.0]
"""


@pytest.fixture
def short(tmp_path: Path) -> Camera:
    """A workout of about 0.4 s."""
    (tmp_path / "short.toml").write_text(SHORT)
    return msgspec.structs.replace(SQUATS, source=f"athlete:{tmp_path}/short.toml")


def opened(settings: Camera, stop: Event | None = None) -> Rendered:
    source = open_source(settings, stop)
    assert isinstance(source, Rendered)
    return source


def read(source: Rendered) -> Frame:
    frame = source.read(1.0)
    assert frame is not None
    return frame


def painted(settings: Camera, seq: int) -> Pixels:
    """What frame number `seq` has to show."""
    athlete = open_athlete(settings)
    pixels = np.empty((settings.height, settings.width, 3), np.uint8)
    athlete.paint(athlete.at(seq / settings.fps), pixels, seq)
    return pixels


def slowly(source: Rendered, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have its frames take so long to be painted."""
    paint: Callable[[Athlete, Moment, Pixels, int], None] = Athlete.paint

    def painted(athlete: Athlete, moment: Moment, out: Pixels, number: int) -> None:
        paint(athlete, moment, out, number)
        Event().wait(seconds)

    monkeypatch.setattr(Athlete, "paint", painted)
    assert source.info.fps == FPS


def test_a_frame_is_of_the_size_and_number_that_were_asked_for() -> None:
    source = opened(SQUATS)
    info = source.info
    assert (info.width, info.height, info.fps, info.live, info.frames) == (80, 60, FPS, False, 0)
    assert not is_live(SQUATS.source)
    frames = [read(source) for _ in range(3)]
    assert [frame.seq for frame in frames] == [0, 1, 2]
    for frame in frames:
        assert frame.pixels.shape == (60, 80, 3)
        assert frame.name == SQUATS.source
        assert abs(frame.ts - time.time()) < 60
        assert np.array_equal(frame.pixels, painted(SQUATS, frame.seq))


def test_frames_come_on_time(monkeypatch: pytest.MonkeyPatch) -> None:
    slowly(source := opened(msgspec.structs.replace(SQUATS, pace="realtime")), 0.0, monkeypatch)
    frames = [read(source) for _ in range(6)]
    for before, after in pairwise(frames):
        passed = after.sensor_ns - before.sensor_ns
        assert passed == (after.seq - before.seq) * 1e9 / FPS


def test_who_comes_late_misses_frames_and_sees_the_moment_that_it_is() -> None:
    settings = msgspec.structs.replace(SQUATS, pace="realtime")
    source = opened(settings)
    first = read(source)
    Event().wait(0.15)
    second = read(source)
    assert second.seq >= 7
    assert second.sensor_ns - first.sensor_ns == second.seq * 1e9 / FPS
    assert np.array_equal(second.pixels, painted(settings, second.seq))
    assert not np.array_equal(second.pixels, painted(settings, 1))


def test_what_cannot_be_painted_in_time_is_left_out_and_time_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = opened(msgspec.structs.replace(SQUATS, pace="realtime"))
    slowly(source, 0.05, monkeypatch)
    frames = [read(source) for _ in range(5)]
    assert all(after.seq - before.seq >= 2 for before, after in pairwise(frames[1:]))
    passed = frames[-1].sensor_ns - frames[0].sensor_ns
    assert passed == (frames[-1].seq - frames[0].seq) * 1e9 / FPS


def test_fast_leaves_nothing_out_however_late_one_comes() -> None:
    source = opened(SQUATS)
    read(source)
    Event().wait(0.05)
    assert [read(source).seq for _ in range(3)] == [1, 2, 3]


def test_pixels_are_lent_and_go_round() -> None:
    source = opened(SQUATS)
    held, given = read(source), read(source)
    seen = given.pixels
    given.release()
    assert read(source).pixels is seen
    assert np.array_equal(held.pixels, painted(SQUATS, 0))


def test_a_script_ends_and_so_does_its_source(short: Camera) -> None:
    source = opened(short)
    count = source.info.frames
    assert 15 < count < 40
    frames = [read(source).seq for _ in range(count)]
    assert frames == list(range(count))
    assert source.read(1.0) is None
    assert source.read(1.0) is None


def test_loop_begins_a_script_again(short: Camera) -> None:
    count = opened(short).info.frames
    source = opened(msgspec.structs.replace(short, loop=True))
    assert source.info.frames == 0
    assert [read(source).seq for _ in range(2 * count)][-1] == 2 * count - 1
    source.close()


def test_a_source_that_is_closed_has_ended() -> None:
    source = opened(SQUATS)
    read(source)
    source.close()
    source.close()
    assert source.read(1.0) is None


def test_a_wait_for_the_next_frame_ends_when_told_to() -> None:
    stop = Event()
    source = opened(msgspec.structs.replace(SQUATS, fps=0.1, pace="realtime"), stop)
    read(source)
    timer = Timer(0.05, stop.set)
    timer.start()
    began = time.monotonic()
    assert source.read(1.0) is None
    assert time.monotonic() - began < 5
    timer.join()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rotate": 90}, 'upright: expected rotate = 0 and flip = "none", got 90 and "none"'),
        ({"flip": "vertical"}, 'upright: expected rotate = 0 and flip = "none", got 0 and "verti'),
        ({"fps": 120.1}, "at most 120 frames/s, got fps = 120.1"),
        ({"source": "athlete:sqat"}, "did you mean squat"),
    ],
)
def test_what_it_cannot_do_is_told(changes: dict[str, object], words: str) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(msgspec.structs.replace(SQUATS, **changes))
    assert words in str(caught.value)
    assert str(caught.value).startswith("athlete")


def test_120_frames_a_second_are_not_too_many() -> None:
    assert opened(msgspec.structs.replace(SQUATS, fps=120.0)).info.fps == 120.0
