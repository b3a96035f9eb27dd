"""The capture thread: reads the source into the slot, and opens a camera again that has failed."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import replace
from threading import Condition, Event, Thread

from edged.capture.slot import LatestFrame
from edged.capture.source import (
    Source,
    SourceGoneError,
    SourceInfo,
    SourceStuckError,
    is_live,
    open_source,
)
from edged.errors import SourceError
from edged.sections import Camera
from edged.types import READ_TIMEOUT_S, Frame

log = logging.getLogger(__name__)

CLOSE_TIMEOUT_S = 2.0
"""A thread that does not come back from its driver within this is left behind."""

STEADY_S = 10.0
"""A camera that gave frames for so long has recovered; if sooner, its next pause is longer."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0

PAUSED = "the camera is paused"
"""The problem of a camera that is closed because somebody wants it so."""

BEAT_S = 1.0
"""Pauses are cut into pieces of this length, with a sign of life between them."""


def pause_s(attempt: int, jitter: float) -> float:
    """Seconds until attempt number `attempt` (from 0) to open again; `jitter` in 0..1.

    Doubles from `FIRST_PAUSE_S` to `LONGEST_PAUSE_S`; the jitter takes away at most a half, so that
    a house full of cameras does not come back in step.
    """
    longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(attempt, 16))
    return longest * (1.0 - jitter / 2)


def in_one_line(error: Exception) -> str:
    """What has happened, for a person."""
    if isinstance(error, SourceError):
        return str(error)
    return " ".join(f"unforeseen {type(error).__name__}: {error}".split()).rstrip(": ")


class Capture:
    """Owns the thread and the source.

    `on_change` is called on the thread when `info`, `problem` or `failure` has changed; it must not
    block. A file's end closes the slot. A camera has no end: while it fails, `problem` says why.
    """

    def __init__(self, settings: Camera, slot: LatestFrame, on_change: Callable[[], None]) -> None:
        self._settings = settings
        self._slot = slot
        self._on_change = on_change
        self._changed = Condition()
        """Guards the two wishes and `_is_closed`."""
        self._stop = Event()
        self._keeps_paused = self._is_pause_wanted = settings.paused
        self._is_closed = True
        self._halt = Event()
        """One of the wishes is there: whatever waits, ends."""
        if settings.paused:
            self._halt.set()
        self._thread = Thread(target=self._run, name="capture", daemon=True)
        self._source: Source | None = None
        self._is_stuck = False
        self._first_seq = 0
        self._next_seq = 0
        self._first_ns = 0
        self.info: SourceInfo | None = None
        """What the source gives; None: no camera answers."""
        self.problem: str | None = None
        """Why there are no frames, for a person; None: nothing is wrong. `PAUSED`: it is paused."""
        self.failure: Exception | None = None
        """Why a file ended before its time; set before the slot is closed. None: it did not."""
        self.beat_ns = time.monotonic_ns()
        """Monotonic time of the last sign of life. One comes with every frame (a file's rate may be
        low: 10 s at 0.1/s); a camera without frames gives one at least every 10 s, a Pi camera
        every 20 s, but none while its driver hangs here: only a new process helps then."""

    def start(self) -> None:
        """Open a file, or begin to look for the camera, unless the start is paused.

        Raises:
            SourceError: the address is not of a camera, and gives no frames.
        """
        if not is_live(self._settings.source):
            self._source = open_source(self._settings, self._stop)
            self.info = self._source.info
        self._is_closed = False
        self._thread.start()

    def pause(self, timeout_s: float = 0.0) -> bool:
        """Close the camera, so that its light goes out, and keep it closed until `resume`.

        A file is read no further. No frame from before reaches the slot afterwards. From any
        thread; pausing twice is pausing once.

        Returns:
            Whether the camera is closed now, after at most `timeout_s`. `problem` says so too.
        """
        with self._changed:
            self._is_pause_wanted = True
            self._halt.set()
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._is_closed, timeout_s)

    def keep_paused(self, *, paused: bool) -> None:
        """What a new configuration says of `paused`: in force with the next `pause` or `resume`."""
        self._keeps_paused = paused

    def resume(self) -> None:
        """Take back `pause`; a configuration that says `paused` stays in force. From any thread."""
        with self._changed:
            self._is_pause_wanted = self._keeps_paused
            if not (self._stop.is_set() or self._is_pause_wanted):
                self._halt.clear()
            self._changed.notify_all()

    @property
    def is_paused(self) -> bool:
        """Whether a pause is wanted; from `problem` is seen when the camera is closed."""
        return self._is_pause_wanted

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Stop within `timeout_s`. May be called twice, and before `start`."""
        with self._changed:
            self._stop.set()
            self._halt.set()
            self._changed.notify_all()
        if self._thread.ident is None:
            return
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            level = logging.DEBUG if timeout_s < CLOSE_TIMEOUT_S else logging.WARNING
            log.log(
                level, "camera: its driver does not come back after %g s; left behind", timeout_s
            )

    def _run(self) -> None:
        try:
            if is_live(self._settings.source):
                self._watch()
            else:
                self._play_to_the_end()
        finally:
            self._note_closed()

    def _play_to_the_end(self) -> None:
        try:
            try:
                if self._source is not None:
                    self._play(self._source)
            finally:
                self._let_go()
        except Exception as error:  # noqa: BLE001 - of OpenCV, the system, or no memory left
            self.failure = error
        if not self._stop.is_set():
            if self.failure is not None:
                log.error("camera: %s", in_one_line(self.failure), extra={"event": "camera-lost"})
            self._slot.close()
            self._on_change()

    def _play(self, source: Source) -> None:
        """Read a file to its end.

        Raises:
            SourceGoneError: it gives no more frames, though it is not at its end.
        """
        keeps_all = self._settings.pace == "fast"
        while not (self._stop.is_set() or self._slot.closed):
            if self._is_pause_wanted:
                self._stay_paused()
                continue
            if keeps_all:
                self._wait_for_room()  # before it is read: a frame's age begins there
            try:
                frame = source.read(READ_TIMEOUT_S)
            except SourceGoneError:
                raise
            except SourceError as error:
                log.warning("%s; left out", error)
                continue
            if frame is None:
                return
            self._deliver(frame)

    def _wait_for_room(self) -> None:
        while not (self._stop.is_set() or self._slot.wait_empty(BEAT_S / 4) or self._slot.closed):
            self._beat()

    def _watch(self) -> None:
        """Keep a camera open."""
        attempt = 0
        while not self._stop.is_set():
            if self._is_pause_wanted:
                self._stay_paused()
                attempt = 0
                continue
            self._beat()
            self._first_ns = 0
            self._try(self._look)
            self._try(self._let_go)  # after the problem is told: a driver may take its time
            if self._first_ns and time.monotonic_ns() - self._first_ns > STEADY_S * 1e9:
                attempt = 0
            self._rest(pause_s(attempt, random.random()))  # noqa: S311 - no secret
            attempt += 1

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - of OpenCV, the system, or no memory left
            self._is_stuck = isinstance(error, SourceStuckError)
            self._fails(in_one_line(error))

    def _stay_paused(self) -> None:
        """Wait for the end of the pause, or for the end."""
        self._slot.discard()
        if not self._is_stuck:  # else it is not closed, and that has been told
            log.info("%s", PAUSED)
            self.problem = PAUSED
            if self._source is None:
                self.info = None
            self._note_closed()
            self._on_change()
        with self._changed:
            while self._is_pause_wanted and not self._stop.is_set():
                self._beat()
                self._changed.wait(BEAT_S)
            self._is_closed = False
        if self._stop.is_set():
            return
        log.info("the camera is no longer paused")
        self.problem = None
        self._on_change()

    def _note_closed(self) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _look(self) -> None:
        """Open a camera and read it until it fails.

        Raises:
            SourceError: it has failed.
        """
        self._source = source = open_source(self._settings, self._halt)
        while not self._halt.is_set():
            frame = source.read(READ_TIMEOUT_S)
            if frame is None:
                return
            if self.info is None and not self._halt.is_set():
                self._answers(source.info)
            self._first_ns = self._first_ns or time.monotonic_ns()
            self._deliver(frame)

    def _deliver(self, frame: Frame) -> None:
        if self._halt.is_set():  # perhaps long ago, and the slot is another's now
            frame.release()
            return
        if self._first_seq:
            frame = replace(frame, seq=frame.seq + self._first_seq)
        self._next_seq = frame.seq + 1
        self._slot.put(frame)
        self._is_stuck = False
        self._beat()

    def _answers(self, info: SourceInfo) -> None:
        rate = f" at {info.fps:g}/s" if info.fps else ""
        size = f"{info.width}x{info.height}"
        log.info("camera: %s gives %s%s", info.source, size, rate, extra={"event": "camera-found"})
        self.info, self.problem = info, None
        self._on_change()

    def _fails(self, problem: str) -> None:
        if self._stop.is_set() or (self._is_pause_wanted and not self._is_stuck):
            return  # it failed because it was told to end
        if self.problem is None:
            log.warning(
                "camera: %s; trying again until it answers",
                problem,
                extra={"event": "camera-lost"},
            )
        if self.problem != problem or self.info is not None:
            self.info, self.problem = None, problem
            self._on_change()

    def _let_go(self) -> None:
        source, self._source = self._source, None
        self._first_seq = self._next_seq
        if source is not None:
            source.close()

    def _rest(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._halt.wait(min(left, BEAT_S)):
            self._beat()

    def _beat(self) -> None:
        if not self._is_stuck:
            self.beat_ns = time.monotonic_ns()
