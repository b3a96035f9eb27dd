"""The Pi's camera, through Picamera2.

The camera's own processor scales, mirrors and gives RGB. Frames are its buffers, lent until they
are released: nothing is copied.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import mmap
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Event, Lock
from typing import Any

import numpy as np

from edged.capture.clocks import since_boot
from edged.capture.controls import controls, mirrors, sensor, software_part
from edged.capture.layouts import Layout, Memory
from edged.capture.patience import PatientCall
from edged.capture.pi_library import choose, find, let_go, load, refusal, stop
from edged.capture.source import SourceInfo, SourceStuckError, wall_time
from edged.capture.upright import Pool, Steps, turning
from edged.errors import SourceError
from edged.sections import Camera
from edged.types import Frame, Pixels

log = logging.getLogger(__name__)

BUFFERS = 6
"""Three may be lent: the pipeline's, the slot's and the one on its way there."""

OWN_BUFFERS = 3
"""Never lent, so that the camera can always go on: the newest completed one that Picamera2 keeps,
the one that is written and the next. Beyond them frames are copied."""

FORMATS = ("BGR888", "YUYV")
"""Asked for in this order, until one is given that can be read. Every Pi gives the first, which is
RGB in memory; what a camera gives instead is taken, as NV12. USB cameras may fall back to JPEG."""

OPEN_TIMEOUT_S = 20.0
CLOSE_TIMEOUT_S = 2.0
"""What takes longer than this hangs in libcamera."""

FIRST_FRAME_S, FIRST_PERIODS = 3.0, 10
"""A sensor starts, and its first pictures, still of the wrong exposure, are left out."""

LOOK_S = 0.1
"""Between two looks at whether to stop waiting."""

MOST_PERIODS = 1.5
"""A slow camera may take so many periods for a frame."""

_STUCK: list[PatientCall[Any]] = []
"""Calls into libcamera that have not come back; there is one libcamera in a process."""

_TOLD: set[str] = set()
"""What has been said of a camera once and need not be said when it is opened again."""


class PiCamera:
    """A camera on the Pi's ribbon cable (or any that libcamera knows), from the moment it runs."""

    def __init__(self, settings: Camera, stop: Event) -> None:
        """Open the camera and start it. `stop`, once set, ends the wait for a frame.

        Raises:
            SourceError: no library, no such camera, it is in use, or it does not start.
            SourceStuckError: libcamera hangs, now or from before.
        """
        self._name = settings.source
        self._settings = settings
        self._stop = stop
        self._running: _Running | None = _call(
            self._name, "open", lambda: _open(settings), _close, OPEN_TIMEOUT_S
        )
        layout = self._layout = self._running.layout
        left = software_part(settings)
        steps = turning(layout.width, layout.height, left, mirrored=self._running.amiss)
        self._turn = Steps(steps) if steps else None
        self._decoded: Pixels = np.empty(layout.decoded, np.uint8)
        shape = (layout.height, layout.width, 3) if self._turn is None else self._turn.shape
        self._pool = Pool(layout.decoded if self._turn is None else shape)
        self._memory = _Mapped()
        self._first: int | None = None
        self.info = SourceInfo(self._name, shape[1], shape[0], self._running.fps, live=True)

    def read(self, timeout_s: float) -> Frame | None:
        """The newest frame. See `Source.read`. A slow camera gets the time that it needs."""
        running = self._running
        if running is None:
            return None
        period_s = 1 / self._settings.fps
        if self._first is None:
            timeout_s = max(timeout_s, FIRST_FRAME_S, FIRST_PERIODS * min(period_s, 2.0))
        request = self._newest(running, max(timeout_s, MOST_PERIODS * period_s))
        if request is None:
            return None
        try:
            return self._frame(running, request)
        except Exception:
            with contextlib.suppress(Exception):
                request.release()
            raise

    def _newest(self, running: _Running, timeout_s: float) -> Any:
        """The newest completed request; None: told to stop.

        After a pause of ours the first one is as old as the pause, and newer ones are waiting.
        """
        self._complain(running)
        deadline = time.monotonic() + timeout_s
        request = self._next(running, deadline, timeout_s)
        for _ in range(BUFFERS):
            if request is None or not running.camera.completed_requests:
                break
            running.loans.release(request)
            request = self._next(running, deadline, timeout_s)
        return request

    def _next(self, running: _Running, deadline: float, timeout_s: float) -> Any:
        """A completed request; None: told to stop.

        Raises:
            SourceError: none comes. Of a camera that stalls, libcamera cancels the requests, and
                Picamera2 hands on completed ones only: the wait must have an end.
        """
        job = running.camera.capture_request(wait=False)
        while True:
            try:
                return job.get_result(timeout=min(max(deadline - time.monotonic(), 0.0), LOOK_S))
            except TimeoutError:
                pass
            self._complain(running)
            if self._stop.is_set() or time.monotonic() >= deadline:
                running.camera.cancel_all_and_flush()
                break
        if self._stop.is_set():
            return None
        raise SourceError(f"{self._name}: no frame for {timeout_s:g} s: check the ribbon cable")

    def _complain(self, running: _Running) -> None:
        if running.loans.problem is not None:
            raise SourceError(f"{self._name}: the camera has failed: {running.loans.problem}")

    def _frame(self, running: _Running, request: Any) -> Frame:
        now_ns = time.monotonic_ns()
        metadata = request.get_metadata()
        stamp_ns = int(metadata.get("SensorTimestamp", 0))
        sensor_ns = since_boot(stamp_ns, now_ns, time.clock_gettime_ns(time.CLOCK_BOOTTIME))
        number = int(request.request.sequence)
        if self._first is None:
            self._first = number
            if duration_us := metadata.get("FrameDuration"):  # it may see that it is too dark
                self.info = replace(self.info, fps=round(1e6 / duration_us, 2))
        rows = self._layout.rows(self._memory.of(request))
        give_back = None
        if self._layout.is_rgb and self._turn is None:
            give_back = running.loans.lend(request)
        if give_back is not None:
            pixels, release = rows, give_back
        else:
            pixels, release = self._developed(rows)
            running.loans.release(request)
        seq = max(number - self._first, 0)
        return Frame(pixels, seq, sensor_ns, wall_time(sensor_ns), release, self._name)

    def _developed(self, rows: Memory) -> tuple[Pixels, Callable[[], None]]:
        """RGB and upright, in a picture of the pool, and how to give that back."""
        pixels, give_back = self._pool.borrow()
        picture = rows
        if not self._layout.is_rgb:
            picture = self._layout.decode(rows, pixels if self._turn is None else self._decoded)
        elif self._turn is None:
            np.copyto(pixels, rows)
            picture = pixels
        if self._turn is not None:
            self._turn(picture, pixels)
            picture = pixels
        return picture, give_back

    def close(self) -> None:
        """Stop the camera and let go of it. Frames that are still lent stay as they are.

        Raises:
            SourceStuckError: libcamera does not let go; it is left behind with the camera.
        """
        running, self._running = self._running, None
        if running is not None:
            _call(self._name, "close", lambda: _close(running), _ignore, CLOSE_TIMEOUT_S)


@dataclass(frozen=True, slots=True)
class _Running:
    """A camera that runs, and what it gives."""

    name: str
    """Of the source."""
    camera: Any
    """`picamera2.Picamera2`."""
    layout: Layout
    amiss: tuple[bool, bool]
    """Mirrorings, left to right and top to bottom, that it did though it was not told to, or did
    not though it was told to: what has to be done about it."""
    fps: float
    """0: unknown."""
    loans: _Loans


class _Loans:
    """Requests that are lent out with their frames. A frame may come back late, from any thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._lent: set[Any] = set()
        self._is_closed = False
        self.problem: str | None = None
        """Why a request could not be given back to the camera."""

    def lend(self, request: Any) -> Callable[[], None] | None:
        """Hold a request; how to give it back. None: too many are lent already."""
        with self._lock:
            if len(self._lent) >= self._most:
                return None
            self._lent.add(request)

        def give_back() -> None:
            with self._lock:
                if self._is_closed or request not in self._lent:
                    return
                self._lent.remove(request)
                self.release(request)

        return give_back

    def release(self, request: Any) -> None:
        """Give one back to the camera at once; `problem` says when it does not take it."""
        try:
            request.release()
        except Exception as error:  # noqa: BLE001 - not a matter of who has looked at the frame
            self.problem = " ".join(str(error).split()) or type(error).__name__

    def stop(self) -> None:
        """Have nothing given back to the camera any more, which is about to stop."""
        with self._lock:
            self._is_closed = True

    def settle(self) -> None:
        """Give back what is still lent, of a camera that has stopped: nothing writes there now."""
        with self._lock:
            while self._lent:
                self.release(self._lent.pop())


class _Mapped:
    """The camera's buffers, in our memory.

    Maps of our own, not Picamera2's, which it wants to close with the camera: these stay for as
    long as somebody has a picture of them. They are not for writing.
    """

    def __init__(self) -> None:
        self._maps: dict[int, Memory] = {}

    def of(self, request: Any) -> Memory:
        """The buffer of a request's picture."""
        planes = request.request.buffers[request.stream_map["main"]].planes
        file = planes[0].fd
        if file not in self._maps:
            size = max(plane.offset + plane.length for plane in planes)
            mapped = mmap.mmap(file, size, mmap.MAP_SHARED, mmap.PROT_READ)
            self._maps[file] = np.frombuffer(mapped, np.uint8)
        return self._maps[file]


def _call(
    name: str, verb: str, call: Callable[[], Any], unwanted: Callable[[Any], None], timeout_s: float
) -> Any:
    """Have libcamera do something, in a thread that can be left behind.

    Raises:
        SourceStuckError: it does not come back in time, or has not come back from another call.
    """
    _STUCK[:] = [stuck for stuck in _STUCK if stuck.is_running]
    if _STUCK:
        raise SourceStuckError(f"{name}: libcamera hangs still: restart edged, or the Pi")
    doing = PatientCall(call, unwanted, "picamera")
    try:
        return doing.wait(timeout_s)
    except TimeoutError as error:
        if not doing.is_running:
            raise
        _STUCK.append(doing)
        raise SourceStuckError(
            f"{name}: libcamera does not {verb} the camera, it hangs for {timeout_s:g} s: "
            "restart edged, or the Pi"
        ) from error


def _ignore(_: object) -> None:
    """Nobody waits for it."""


def _open(settings: Camera) -> _Running:
    """Open, configure and start the camera.

    Raises:
        SourceError: it cannot be.
    """
    name = settings.source
    library = load(name)
    found = choose(find(library), name)
    # Made in two steps: what has been opened when the second one fails would be lost.
    camera = library.camera.__new__(library.camera)
    try:
        camera.__init__(found.index)
        atexit.unregister(camera.close)  # it may hang, and who closes it is known
        layout, transform = _configure(camera, library.libcamera, settings)
        limits = camera.camera_controls
        told = controls(settings, limits)
        camera.set_controls(told.before)
        camera.start()
        if told.after:
            camera.set_controls(told.after)
    except Exception as error:
        stop(camera)
        let_go(camera, name)
        raise error if isinstance(error, SourceError) else refusal(name, error) from error
    log.debug("camera: %s is %s (%s), %s", name, found.model, found.id, layout)
    for key in told.left_out:
        _tell_once(f"{name}: {found.model or 'this camera'} has no {key}, which is left out")
    asked = mirrors(settings)
    # No camera can transpose. One that is built in sideways is said to, and does nothing at all.
    done = (False, False) if transform.transpose else (transform.hflip, transform.vflip)
    amiss = (asked[0] != bool(done[0]), asked[1] != bool(done[1]))
    fps = _rate(settings.fps, limits.get("FrameDurationLimits"))
    buffers = len(camera.allocator.buffers(camera.stream_map["main"]))  # it may have its own idea
    return _Running(name, camera, layout, amiss, fps, _Loans(buffers - OWN_BUFFERS))


def _configure(camera: Any, libcamera: Any, settings: Camera) -> tuple[Layout, Any]:
    """How pictures come, and how they are mirrored.

    Raises:
        SourceError: in no way that can be read.
    """
    right_to_left, bottom_up = mirrors(settings)
    problem: SourceError | None = None
    for wanted in FORMATS:
        camera.configure(
            camera.create_video_configuration(
                main={"format": wanted, "size": (settings.width, settings.height)},
                raw=None,  # else six of its pictures too: 70 MB of a Camera Module 3
                transform=libcamera.Transform(hflip=right_to_left, vflip=bottom_up),
                colour_space=libcamera.ColorSpace.Smpte170m(),
                buffer_count=BUFFERS,
                queue=True,  # the newest one is kept, in place of waiting for the next one
                sensor=sensor(settings),
            )
        )
        given = camera.camera_configuration()
        stream = given["main"]
        try:
            width, height = stream["size"]
            layout = Layout(stream["format"], width, height, stream["stride"])
        except SourceError as error:
            problem = SourceError(f"{settings.source}: {error}")
            continue
        _look_at_mode(settings, given.get("sensor"))
        return layout, given["transform"]
    raise problem or SourceError(f"{settings.source}: gives no pictures")


def _look_at_mode(settings: Camera, given: Any) -> None:
    wanted = sensor(settings)
    if not wanted:
        return
    if not given:
        _tell_once(f"{settings.source}: this camera has no sensor_mode, which is left out")
    elif any(given.get(key) != value for key, value in wanted.items()):
        width, height = given["output_size"]
        _tell_once(
            f"{settings.source}: the sensor has no mode {settings.sensor_mode}; "
            f"the nearest is {width}x{height}:{given['bit_depth']}"
        )


def _tell_once(what: str) -> None:
    if what not in _TOLD:
        _TOLD.add(what)
        log.warning("camera: %s", what)


def _rate(asked: float, limits: Any) -> float:
    """Frames a second that a camera will give, whose periods have these limits (microseconds)."""
    if not limits:
        return 0.0
    shortest_us, longest_us = limits[:2]
    fastest = 1e6 / shortest_us if shortest_us else asked
    slowest = 1e6 / longest_us if longest_us else asked
    return round(max(min(asked, fastest), slowest), 2)


def _close(running: _Running) -> None:
    """Stop the camera, then take back what is lent, then let go of everything.

    Raises:
        SourceStuckError: libcamera keeps it.
    """
    running.loans.stop()
    stop(running.camera)
    running.loans.settle()
    let_go(running.camera, running.name)
