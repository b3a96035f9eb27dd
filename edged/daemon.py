"""The service: runs the chain of parts, listens to signals, and tells `info` and `health`."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from queue import Empty, SimpleQueue
from types import FrameType

import msgspec

from edged import processes
from edged.chain import Chain, News, StoppedError, topics_of
from edged.config import Config
from edged.errors import EdgedError
from edged.health import temperatures
from edged.messages import CameraInfo, HealthMessage, Info, ModelInfo

log = logging.getLogger(__name__)

EXIT_CODES = {signal.SIGTERM: 0, signal.SIGINT: 130}


class Daemon:
    """Camera to broker, until a signal or the end of the file."""

    def __init__(self, config: Config, reload: Callable[[], Config]) -> None:
        """Start nothing yet.

        Args:
            config: to begin with.
            reload: gives the configuration anew at SIGHUP, or raises `ConfigError`.
        """
        self._config = config
        self._read_config = reload
        self._news: SimpleQueue[News | signal.Signals] = SimpleQueue()
        self._exit_code: int | None = None
        self._started = time.monotonic()
        self._health_told = self._started
        self._info_told: tuple[object, bytes] | None = None

    def run(self) -> int:
        """Run until the end. Returns the exit code: 0, or 130 after SIGINT.

        Raises:
            EdgedError: a part cannot start with this configuration.
        """
        with self._signals(), contextlib.suppress(StoppedError):
            chain = Chain(self._config, self._news.put, wanted=lambda: self._exit_code is None)
            try:
                self._serve(chain)
            finally:
                chain.close()
            if chain.failure is not None:
                raise chain.failure
        return self._exit_code or 0

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Have signals noted, and the main thread woken by them."""

        def note(number: int, _frame: FrameType | None) -> None:
            received = signal.Signals(number)
            if self._exit_code is None:
                self._exit_code = EXIT_CODES.get(received)
            self._news.put(received)  # the one queue that a signal handler may put into

        before = {number: signal.signal(number, note) for number in (*EXIT_CODES, signal.SIGHUP)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _serve(self, chain: Chain) -> None:
        """Wait for news until the end."""
        self._tell_info(chain)
        while self._exit_code is None:
            interval_s = chain.config.health.interval_s
            try:
                news = self._news.get(timeout=self._until_health(interval_s))
            except Empty:
                self._tell_health(chain)
                continue
            if news is News.ENDED:
                return
            if news is News.FIRST_FRAME:
                self._tell_health(chain)
            elif news is signal.SIGHUP:
                self._reload(chain)
            self._tell_info(chain)

    def _reload(self, chain: Chain) -> None:
        try:
            chain.reload(self._read_config())
        except EdgedError as error:
            log.error("not reloaded, the old configuration stays in force: %s", error)  # noqa: TRY400
        else:
            logging.getLogger().setLevel(chain.config.log.level.upper())
            log.info("configuration reloaded")

    def _until_health(self, interval_s: float) -> float:
        return max(0.0, self._health_told + interval_s - time.monotonic())

    def _tell_info(self, chain: Chain) -> None:
        """Tell what this device is, if that has changed."""
        seen = chain.capture.info
        info = Info(
            version=version("edged"),
            camera=None
            if seen is None
            else CameraInfo(
                source=seen.source, width=seen.width, height=seen.height, fps=round(seen.fps, 3)
            ),
            models=[
                ModelInfo(
                    name=spec.name,
                    kind=spec.kind,
                    width=spec.width,
                    height=spec.height,
                    licence=spec.licence,
                )
                for spec in chain.pipeline.specs
            ],
            accelerator=chain.engine.accelerator,
            runtime=chain.engine.runtime,
        )
        told = (chain.publisher, msgspec.json.encode(info))
        if told != self._info_told:
            self._info_told = told
            chain.publisher.state(topics_of(chain.config).info, told[1])

    def _tell_health(self, chain: Chain) -> None:
        """Tell how the device is, and begin to count anew."""
        now = time.monotonic()
        elapsed_s, self._health_told = now - self._health_told, now
        summary = chain.meter.drain()
        problems = [
            problem
            for problem in (chain.capture.problem, chain.engine.problem, chain.publisher.problem)
            if problem is not None
        ]
        health = HealthMessage(
            ts=round(time.time(), 3),
            state="degraded" if problems else "ok",
            problems=problems,
            uptime_s=round(now - self._started, 1),
            fps=round(summary.frames / max(elapsed_s, 1e-3), 2),
            frames=chain.meter.frames,
            dropped=chain.slot.dropped,
            failed=chain.meter.failed,
            worker_restarts=chain.engine.restarts,
            reconnects=chain.publisher.reconnects,
            unsent=chain.publisher.unsent,
            invoke_ms=summary.invoke_ms,
            age_ms=summary.age_ms,
            stage_ms=summary.stage_ms,
            accelerator=chain.engine.accelerator,
            temperatures=temperatures(),
            rss_mb=round(processes.resident_mb(processes.family(os.getpid())), 1),
            outbox=0,
        )
        chain.publisher.stream(topics_of(chain.config).health, msgspec.json.encode(health))
