"""Video by OpenCV: files, webcams (V4L2) and streams (FFmpeg)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from edged.capture.clocks import ArrivalClock, Clock, DriverClock, StreamClock
from edged.capture.pace import Pace
from edged.capture.source import SourceGoneError, SourceInfo, wall_time
from edged.capture.upright import Pool, Upright
from edged.cv import cv2
from edged.errors import SourceError
from edged.masking import without_password
from edged.sections import Camera
from edged.types import READ_TIMEOUT_S, Frame, Pixels

MUCH_LARGER = 1.25
"""A device that gives up to so many times the size asked for is taken as it is."""

DRIVER_BUFFERS = 2
"""One that the driver fills while the other is decoded. With one alone, a camera that starts its
next frame meanwhile loses it: half the frame rate. The capture thread never leaves one waiting."""

MOST_DAMAGED = 64
"""So many damaged frames may follow each other; OpenCV does not tell one from the end. Asking so
often at the end takes 0.1 ms."""

OPEN_TIMEOUT_S = 5
"""So long may a stream take to answer: a handshake over a busy radio link takes seconds."""

_ONE_THREAD = [cv2.CAP_PROP_N_THREADS, 1]
"""FFmpeg's threads hold back a frame each (latency), and cost memory."""

_TIMEOUTS = [
    cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
    OPEN_TIMEOUT_S * 1000,
    cv2.CAP_PROP_READ_TIMEOUT_MSEC,
    round(READ_TIMEOUT_S * 1000),
]


class _Decoder:
    """An open `cv2.VideoCapture` and the pictures that it decodes into."""

    def __init__(self, device: Any, settings: Camera) -> None:
        self._device = device
        self._settings = settings
        self._bgr: Pixels = np.empty((settings.height, settings.width, 3), np.uint8)
        self._prepare(settings.width, settings.height)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and 3 of the upright picture."""
        return self._upright.shape

    def _prepare(self, width: int, height: int) -> None:
        self._upright = Upright(
            width,
            height,
            self._settings,
            interpolation=cv2.INTER_LINEAR,  # a seventh of INTER_AREA's 2 ms for 1080 lines
            slack=MUCH_LARGER,
        )
        self._pool = Pool(self._upright.shape)

    def told(self, what: int) -> float:
        """A property of the device."""
        return float(self._device.get(what))

    def grab(self) -> bool:
        """Take in the next picture; False: there is none."""
        try:
            return bool(self._device.grab())
        except cv2.error:
            return False

    def retrieve(self) -> bool:
        """Decode the picture taken in; False: it is damaged."""
        try:
            good, picture = self._device.retrieve(self._bgr)
        except cv2.error:
            return False
        if not good or picture.ndim != 3:  # noqa: PLR2004 - rows, columns, colours
            return False
        self._bgr = picture
        if picture.shape != self._upright.accepts:
            height, width, _ = picture.shape
            self._prepare(width, height)
        return True

    def picture(self) -> tuple[Pixels, Callable[[], None]]:
        """The decoded picture, upright, and how to give it back."""
        pixels, give_back = self._pool.borrow()
        self._upright(self._bgr, pixels)
        return pixels, give_back

    def close(self) -> None:
        """Let go of the device."""
        self._device.release()


class VideoFile:
    """A video file, at its own rate (or as fast as it is read), once (or again and again).

    At its own rate a frame is decoded before it is due, and its sensor time is the moment when it
    is. A reader that is late misses frames, as with a camera, so that time in the video stays time.
    Only one that is late by more than a second sees it slower, as does a machine too slow for it.
    """

    def __init__(self, path: Path, settings: Camera, stop: Event) -> None:
        """Open the file and decode its first frame.

        Raises:
            SourceError: the file cannot be read or is no video.
        """
        self._path = path
        self._settings = settings
        self._name = str(path)
        self._seq = 0
        self._is_damage_told = False
        self._decoder: _Decoder | None = self._open()
        told = self._decoder.told(cv2.CAP_PROP_FPS)
        fps = told if 0.1 <= told <= 1000 else settings.fps  # noqa: PLR2004 - else nonsense
        self._fps = fps
        self._pace = Pace(fps, settings.pace, stop)
        height, width, _ = self._decoder.shape
        frames = max(0, int(self._decoder.told(cv2.CAP_PROP_FRAME_COUNT)))
        self.info = SourceInfo(settings.source, width, height, fps, live=False, frames=frames)

    def _open(self) -> _Decoder:
        if not os.access(self._path, os.R_OK):
            raise SourceError(f"{self._path}: not there, or no permission to read it")
        decoder = _Decoder(
            cv2.VideoCapture(self._name, cv2.CAP_FFMPEG, _ONE_THREAD), self._settings
        )
        if decoder.grab() and decoder.retrieve():
            self._is_decoded, self._good, self._bad = True, 1, 0
            return decoder
        decoder.close()
        raise SourceError(f"{self._path}: damaged, or not a video that OpenCV can read")

    def read(self, timeout_s: float) -> Frame | None:  # noqa: ARG002 - a file is there at once
        """The next frame when it is due. See `Source.read`."""
        for _ in range(min(self._pace.late(), round(self._fps))):
            if not self._leave_out():
                break
        # Not at once: the last frame is being worked on, maybe on this very core.
        self._pace.wait_half()
        decoder = self._decode_next()
        if decoder is None:
            return None
        self._is_decoded = False
        pixels, give_back = decoder.picture()
        due_ns = self._pace.wait()
        if due_ns is None:
            give_back()
            return None
        seq, self._seq = self._seq, self._seq + 1
        return Frame(pixels, seq, due_ns, wall_time(due_ns), give_back, self._name)

    def _leave_out(self) -> bool:
        """Pass over the next frame; False: there is none."""
        if self._decoder is None:
            return False
        if not (self._is_decoded or self._take_in(self._decoder)):
            return False
        self._is_decoded = False
        self._seq += 1
        self._pace.skip()
        return True

    def _decode_next(self) -> _Decoder | None:
        """The decoder with the next picture decoded; None: the end."""
        if self._decoder is None or self._is_decoded:
            return self._decoder
        while self._take_in(self._decoder):
            if self._decoder.retrieve():
                return self._decoder
            self._good -= 1
            self._pass_over(1)
        self.close()
        problem = self._damage()
        if self._settings.loop:
            try:
                self._decoder = self._open()
            except SourceError as error:
                raise SourceGoneError(str(error)) from error
        if problem is not None:
            raise problem
        return self._decoder

    def _take_in(self, decoder: _Decoder) -> bool:
        """Take in the next frame, past damaged ones; False: the end."""
        for damaged in range(MOST_DAMAGED):
            if decoder.grab():
                self._good += 1
                self._pass_over(damaged)
                return True
        return False

    def _pass_over(self, damaged: int) -> None:
        """Frames that cannot be decoded keep their numbers and their time."""
        self._bad += damaged
        self._seq += damaged
        for _ in range(damaged):
            self._pace.skip()

    def _damage(self) -> SourceError | None:
        """At the end: that frames are missing. Told once."""
        seen, told = self._good + self._bad, self.info.frames
        tolerated = tolerated_gap(self._path, told)
        is_short = tolerated is not None and told - seen > tolerated
        if self._is_damage_told or not (is_short or self._bad):
            return None
        frames = max(seen, told if is_short else 0)
        self._is_damage_told = True
        kind = SourceError if self._settings.loop else SourceGoneError
        return kind(f"{self._path}: damaged, {self._good} of its {frames} frames can be read")

    def close(self) -> None:
        """Close the file."""
        if self._decoder is not None:
            self._decoder.close()
        self._decoder = None


def tolerated_gap(path: Path, frames: int) -> int | None:
    """How many of a video's frames may be missing at its end; None: its count is not believed.

    AVI counts its frames, though some players add one. MP4 does too, and keeps those that were
    trimmed away without encoding anew. Others tell a duration at most, and OpenCV makes a count up.
    """
    try:
        with path.open("rb") as file:
            start = file.read(12)
    except OSError:
        return None
    if start.startswith(b"RIFF") and start.endswith(b"AVI "):
        return 2
    return max(2, frames // 10) if start[4:8] == b"ftyp" else None


class LiveVideo:
    """A webcam or stream, from the moment that it has given its first frame."""

    def __init__(
        self,
        device: Any,
        settings: Camera,
        *,
        clock: Clock,
        fps: float | None = None,
    ) -> None:
        """Take over `device`, also when this fails.

        `clock` tells when a frame was taken. `fps`: the rate, where the device is not to be
        believed.

        Raises:
            SourceError: no frame comes.
        """
        self._name = without_password(settings.source)
        self._clock = clock
        self._seq = 0
        self._decoder: _Decoder | None = _Decoder(device, settings)
        try:
            self._arrived_ns: int | None = self._next(READ_TIMEOUT_S)
        except SourceError:
            self.close()
            raise
        told = self._decoder.told(cv2.CAP_PROP_FPS) if fps is None else fps
        height, width, _ = self._decoder.shape
        self.info = SourceInfo(
            self._name,
            width,
            height,
            told if 0 < told <= 1000 else 0.0,  # noqa: PLR2004 - else a time base
            live=True,
        )

    def read(self, timeout_s: float) -> Frame | None:
        """The next frame. See `Source.read`.

        A device that is mute ends the wait after `READ_TIMEOUT_S`: OpenCV takes no other limit once
        it is open.
        """
        if self._decoder is None:
            return None
        sensor_ns, self._arrived_ns = self._arrived_ns or self._next(timeout_s), None
        pixels, give_back = self._decoder.picture()
        seq, self._seq = self._seq, self._seq + 1
        return Frame(pixels, seq, sensor_ns, wall_time(sensor_ns), give_back, self._name)

    def _next(self, timeout_s: float) -> int:
        """Decode the next good picture; its sensor time."""
        began = time.monotonic()
        while self._decoder is not None and self._decoder.grab():
            # Before decoding, which takes its time.
            arrived_ns = time.monotonic_ns()
            position_ms = self._decoder.told(cv2.CAP_PROP_POS_MSEC)
            sensor_ns = self._clock.sensor_ns(position_ms, arrived_ns)
            if sensor_ns is None:
                self._seq += 1
                continue
            if self._decoder.retrieve():
                return sensor_ns
            if time.monotonic() - began > timeout_s:
                raise SourceError(f"{self._name}: nothing but damaged frames for {timeout_s:g} s")
        waited_s = time.monotonic() - began
        raise SourceError(
            f"{self._name}: no frame for {waited_s:.0f} s (is the camera still there?)"
            if waited_s > READ_TIMEOUT_S / 2
            else f"{self._name}: gives no more frames (unplugged, or the connection was closed)"
        )

    def close(self) -> None:
        """Let go of the device or connection."""
        if self._decoder is not None:
            self._decoder.close()
        self._decoder = None


def open_webcam(settings: Camera) -> LiveVideo:
    """A V4L2 camera: `/dev/videoN` or `webcam:N`. It is asked for the size and rate, in MJPEG.

    Raises:
        SourceError: there is no such camera, it is not ours to open, or it gives no frame.
    """
    path = settings.source.replace("webcam:", "/dev/video")
    if not Path(path).exists():
        raise SourceError(f"{settings.source}: no such device (is the camera plugged in?)")
    if not os.access(path, os.R_OK | os.W_OK):
        raise SourceError(f"{settings.source}: no permission (is the user in the group `video`?)")
    device = cv2.VideoCapture(path, cv2.CAP_V4L2)
    if not device.isOpened():
        raise SourceError(f"{settings.source}: does not open (no camera, or another program's)")
    # What it cannot do, it leaves: the first frame tells what it gives.
    for what, value in (
        (cv2.CAP_PROP_BUFFERSIZE, DRIVER_BUFFERS),
        (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")),  # raw pictures fill USB 2 at 10/s
        (cv2.CAP_PROP_FRAME_WIDTH, settings.width),
        (cv2.CAP_PROP_FRAME_HEIGHT, settings.height),
        (cv2.CAP_PROP_FPS, settings.fps),
    ):
        device.set(what, value)
    return LiveVideo(device, settings, clock=DriverClock())


def open_stream(settings: Camera) -> LiveVideo:
    """A network camera, read with FFmpeg: RTSP over TCP, or HTTP.

    Raises:
        SourceError: no answer, or no video in it.
    """
    began = time.monotonic()
    device = cv2.VideoCapture(settings.source, cv2.CAP_FFMPEG, [*_TIMEOUTS, *_ONE_THREAD])
    if not device.isOpened():
        waited_s = time.monotonic() - began
        raise SourceError(
            f"{without_password(settings.source)}: "
            + (
                f"no answer for {waited_s:.0f} s (is the camera on, is the address right?)"
                if waited_s > OPEN_TIMEOUT_S / 2
                else "refused, or no video there (are address, user and password right?)"
            )
        )
    is_mjpeg = device.get(cv2.CAP_PROP_FOURCC) == cv2.VideoWriter.fourcc(*"MJPG")
    if is_mjpeg and settings.source.lower().startswith("http"):
        # A series of JPEGs tells neither its rate nor its times: FFmpeg makes both up.
        return LiveVideo(device, settings, clock=ArrivalClock(), fps=0.0)
    return LiveVideo(device, settings, clock=StreamClock())
