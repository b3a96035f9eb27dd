"""What systemd is told of the running chain: when it is ready, how it is, whether it moves."""

from __future__ import annotations

import logging
import time
from typing import Literal

from edged.chain import Chain
from edged.health import Sign, Stillness, silent
from edged.systemd import Manager

log = logging.getLogger(__name__)

TICK_S = 1.0
"""How often systemd is to be told, at most, and the watchdog fed, at least."""
FEEDS = 4
"""In the time of one watchdog: three may be late."""
READY_PATIENCE_S = 20.0
"""No frame after so long, and nobody who says why: that is told too, and the start is over."""
RATE_S = 5.0
"""Frames a second are those of so many seconds."""

CAMERA_PATIENCE_S = 15.0
"""A camera without frames shows a sign of life every 10 s, see `Capture.beat_ns`."""
FRAMES_PATIENCE_S = 10.0
"""Beside the deadlines of the models: for the end of a worker and the start of the next."""
BROKER_PATIENCE_S = 15.0
CONNECTING_PATIENCE_S = 180.0
"""The resolver asks up to three name servers twice, 5 s each, for several names (resolv.conf(5));
each of the addresses then has `CONNECT_TIMEOUT_S`."""


class Supervision:
    """Speaks with systemd for the main thread."""

    def __init__(self, manager: Manager) -> None:
        """Say that the service starts."""
        self._manager = manager
        self._started_ns = self._rate_ns = time.monotonic_ns()
        self._fed_ns = 0
        self._phase: Literal["starting", "running", "reloading"] = "starting"
        self._is_through = False
        self._not_reloaded = ""
        self._told = ""
        self._frames = 0
        self._fps: float | None = None
        self._problems: list[str] = []
        self._stillness = Stillness()
        self._stuck = ""
        self._stuck_told = ""
        manager.status("starting: loading the models")

    @property
    def tick_s(self) -> float | None:
        """How often `look` wants to be called, in seconds; None: nobody is told."""
        if not self._manager.is_there:
            return None
        return min(TICK_S, (self._manager.watchdog_s or TICK_S * FEEDS) / FEEDS)

    def went_through(self) -> None:
        """A frame went all the way, from the camera to the broker."""
        self._is_through = True

    def look(self, chain: Chain) -> None:
        """Tell how the chain is, where that is new, and feed the watchdog if the chain moves."""
        if not self._manager.is_there:
            return
        now_ns = time.monotonic_ns()
        self._count(chain.meter.frames, now_ns)
        self._feed(chain, now_ns)
        status = self._status(chain, now_ns)
        if self._phase == "starting" and (self._is_through or self._problems or chain.is_paused):
            self._phase, self._told = "running", status
            self._manager.ready(status)
            log.info("ready: %s", status, extra={"event": "ready"})
        elif self._phase == "running" and status != self._told:
            self._told = status
            self._manager.status(status)

    def reloading(self) -> None:
        """The configuration is being read again."""
        if self._phase == "running":  # else it is still the start that systemd waits for
            self._phase = "reloading"
            self._manager.reloading("reloading the configuration")

    def reloaded(self, chain: Chain, problem: str = "") -> None:
        """It is in force, or the old one still is, because of a problem."""
        self._not_reloaded = problem
        if self._phase == "reloading":
            self._phase, self._told = "running", self._status(chain, time.monotonic_ns())
            self._manager.ready(self._told)

    def stopping(self, why: str, *, in_order: bool) -> None:
        """The service ends."""
        if in_order and self._phase == "starting":
            # A file may be at its end before the broker answers: no failed start for that.
            self._manager.ready(why)
        self._manager.stopping(why)

    def _status(self, chain: Chain, now_ns: int) -> str:
        waited_s = (now_ns - self._started_ns) / 1e9
        self._problems = [self._stuck] if self._stuck else []
        self._problems += chain.problems
        is_expected = not (self._problems or self._is_through or chain.is_paused)
        if is_expected and waited_s > READY_PATIENCE_S:
            self._problems = [f"no frame has reached the broker within {READY_PATIENCE_S:.0f} s"]
        models = " and ".join(spec.name for spec in chain.pipeline.specs)
        return status_line(
            self._problems + chain.engine.order.shortcomings(now_ns / 1e9),
            self._fps,
            f"{models} on {chain.engine.accelerator}",
            self._not_reloaded,
            is_paused=chain.is_paused,
        )

    def _count(self, frames: int, now_ns: int) -> None:
        elapsed_s = (now_ns - self._rate_ns) / 1e9
        if elapsed_s >= RATE_S:
            self._fps = (frames - self._frames) / elapsed_s
            self._frames, self._rate_ns = frames, now_ns

    def _feed(self, chain: Chain, now_ns: int) -> None:
        limit_s = self._manager.watchdog_s
        if limit_s is None or (now_ns - self._fed_ns) / 1e9 < limit_s / FEEDS / 2:
            return
        stuck = silent(signs_of(chain), now_ns) or self._stillness.look(
            offered=chain.counts.dropped,
            taken=chain.loop.taken,
            is_explained=chain.is_paused or bool(chain.problems) or not chain.loop.is_running,
            patience_s=frame_patience_s(chain),
            now_ns=now_ns,
        )
        # Twice: after a pause of the whole process, everyone seems to have been silent.
        if stuck and stuck == self._stuck and stuck != self._stuck_told:
            self._stuck_told = stuck
            log.error("%s; the watchdog is not fed", stuck, extra={"event": "stuck"})
        elif not stuck and self._stuck_told:
            self._stuck_told = ""
            log.info("it moves again", extra={"event": "moving"})
        self._stuck = stuck
        if not stuck:
            self._fed_ns = now_ns
            self._manager.alive()


def frame_patience_s(chain: Chain) -> float:
    """How long a frame may be in hand: every model up to its deadline, and a worker's end."""
    return FRAMES_PATIENCE_S + len(chain.pipeline.specs) * chain.engine.deadline_s


def signs_of(chain: Chain) -> list[Sign]:
    """The last sign of life of every thread of the chain, and how long each may be silent.

    While parts are exchanged no thread runs the frames: the main thread then loads the models.
    """
    seen = chain.capture.info
    between_frames_s = 2 / seen.fps if seen is not None and seen.fps > 0 else 0.0
    is_connected = chain.publisher.connected
    frames = Sign("frames", chain.loop.beat_ns, frame_patience_s(chain))
    return [
        Sign("capture", chain.capture.beat_ns, CAMERA_PATIENCE_S + between_frames_s),
        *([frames] if chain.loop.is_running else []),
        Sign(
            "mqtt",
            chain.publisher.beat_ns,
            BROKER_PATIENCE_S if is_connected else CONNECTING_PATIENCE_S,
        ),
    ]


def status_line(
    problems: list[str],
    fps: float | None,
    models: str,
    not_reloaded: str = "",
    *,
    is_paused: bool = False,
) -> str:
    """What `systemctl status` shows: `29.9 frames/s, movenet-lightning on cpu`."""
    rate = [] if fps is None else [f"{fps:.1f} frames/s"]
    now = models if is_paused else ", ".join([*rate, models])
    told = [f"degraded: {'; '.join(problems)}"] if problems else []
    told += ["the camera is paused", now] if is_paused else [now]
    if not_reloaded:
        told.append(f"not reloaded: {not_reloaded}")
    return "; ".join(told)
