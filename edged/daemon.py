"""The service: runs the chain of parts, listens to signals, and tells `info` and `health`.

systemd, where it is there, learns the same from `Supervision`.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from queue import Empty, SimpleQueue
from types import FrameType

import msgspec

from edged import processes, systemd
from edged.chain import Chain, News, StoppedError, topics_of
from edged.config import Config, debug_wanted
from edged.errors import ConfigError, EdgedError, EngineError, PullError
from edged.health import temperatures
from edged.herald import Herald
from edged.messages.device import AcceleratorHealth, CameraInfo, HealthMessage, Info, ModelInfo
from edged.metrics import library
from edged.observing import Observer
from edged.orders import Orders
from edged.supervision import Supervision

log = logging.getLogger(__name__)

EXIT_CODES = {signal.SIGTERM: 0, signal.SIGINT: 130}


def serve(read_config: Callable[[], Config]) -> int:
    """Run the service with its log, to stderr or the journal. Returns the exit code.

    Args:
        read_config: gives the configuration, now and at every SIGHUP, or raises `ConfigError`.

    Raises:
        EdgedError: the configuration or what it names cannot be used. Not where the journal is
            written to: it has been told there, as an error.
    """
    manager, journal = systemd.manager(), systemd.journal_handler()
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        handlers=[journal or logging.StreamHandler()],
    )
    if manager.watchdog_s is not None:
        # The watchdog ends us by SIGABRT: the log then says where every thread stood.
        faulthandler.enable(systemd.STDERR)
    try:
        config = read_config()
        logging.getLogger().setLevel(config.log.level.upper())
        return Daemon(config, read_config, Supervision(manager)).run()
    except EdgedError as error:
        told = in_words(error, "restart", is_unit=manager.is_there)
        manager.stopping(f"failed: {told}")
        if journal is None or debug_wanted():
            raise
        for line in told.splitlines():
            log.error("%s", line, extra={"event": "failed"})  # noqa: TRY400 - one line each
        return error.exit_code


def in_words(error: Exception, then: str, *, is_unit: bool) -> str:
    """An error for a person.

    Args:
        error: whatever it is.
        then: what systemd has to do with us when a model has been pulled, `restart` or `reload`.
        is_unit: systemd has started us.
    """
    if isinstance(error, PullError) and is_unit:
        pull = error.pull(error.model, for_service=True)
        return f"{error.wrong}: {pull}, then sudo systemctl {then} {systemd.own_unit()}"
    return str(error)


class Daemon:
    """Camera to broker, until a signal or the end of the file."""

    def __init__(
        self, config: Config, reload: Callable[[], Config], supervision: Supervision
    ) -> None:
        """Start nothing yet.

        Args:
            config: to begin with.
            reload: gives the configuration anew at SIGHUP, or raises `ConfigError`.
            supervision: is shown the running chain.
        """
        self._supervision = supervision
        self._chain: Chain | None = None
        self._config = config
        self._read_config = reload
        # The one kind of queue that a signal handler may put into. Something is only put when the
        # main thread does not know it yet, so that it stays short.
        self._news: SimpleQueue[News] = SimpleQueue()
        self._unread: set[News] = set()
        self._observer = Observer(lambda: self._tell(News.CHANGED))
        self._orders = Orders(lambda: self._tell(News.ORDERED), self._is_wanted)
        self._exit_code: int | None = None
        self._reload_wanted = False
        self._started = time.monotonic()
        self._health_told = self._started
        self._is_first_told = False
        self._failed_told = 0
        self._info_told: tuple[object, bytes] | None = None
        self._herald = Herald()
        self._sensors = tuple(temperatures())
        self._words_told = ""
        self._paused_told: tuple[object, bool] | None = None

    def run(self) -> int:
        """Run until the end. Returns the exit code: 0, or 130 after SIGINT.

        Raises:
            EdgedError: a part cannot start with this configuration, or has failed for good.
        """
        log.info("edged %s", version("edged"), extra={"event": "starting"})
        with self._signals(), contextlib.suppress(StoppedError):
            library.check(self._config.metrics)
            self._chain = chain = self._start()
            try:
                self._observer.serve(chain.config.metrics, chain)
                with contextlib.suppress(StoppedError):  # in the middle of a reload
                    self._serve(chain)
                self._orders.close(chain)
                self._tell_end(chain)
            finally:
                self._observer.close()
                chain.close()
            if chain.failure is not None and self._exit_code is None:
                raise chain.failure
        return self._exit_code or 0

    def _start(self) -> Chain:
        """The chain of the first configuration.

        Raises:
            EdgedError: a part cannot start with it. A model, file or certificate that is named in
                it and cannot be used makes it a wrong one, which another start does not mend.
        """
        try:
            return Chain(
                self._config, self._tell, wanted=self._is_wanted, on_order=self._orders.put
            )
        except EngineError:
            raise  # no memory, no process: of the machine, and perhaps of this moment
        except EdgedError as error:
            error.exit_code = ConfigError.exit_code
            raise

    def _is_wanted(self) -> bool:
        """Whether to go on. Asked by whatever waits in the main thread, which moves thereby."""
        if self._chain is not None:
            self._supervision.look(self._chain)
            self._orders.carry_out_pauses(self._chain)
            self._tell_paused(self._chain)
        return self._exit_code is None

    def _tell_end(self, chain: Chain) -> None:
        why = "asked to" if self._exit_code is not None else "no frames"
        log.info("stopping: %s", why, extra={"event": "stopping"})
        failed = chain.failure is not None and self._exit_code is None
        self._supervision.stopping(f"stopping: {why}", in_order=not failed)

    def _tell(self, news: News) -> None:
        """Wake the main thread. From any thread."""
        if news not in self._unread:
            self._unread.add(news)
            self._news.put(news)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Have signals noted, and the main thread woken by them."""

        def note(number: int, _frame: FrameType | None) -> None:
            if number == signal.SIGHUP:
                self._reload_wanted = True
            elif self._exit_code is None:
                self._exit_code = EXIT_CODES[signal.Signals(number)]
            self._news.put(News.CHANGED)

        numbers = (*EXIT_CODES, signal.SIGHUP)
        for number in numbers:
            signal.signal(number, note)
        try:
            yield
        finally:
            # Ending takes Python a moment more, in which nothing may change the exit code.
            for number in numbers:
                signal.signal(number, signal.SIG_IGN)

    def _serve(self, chain: Chain) -> None:
        """Wait for news until the end."""
        self._tell_paused(chain)
        self._tell_info(chain)
        while self._exit_code is None and not chain.is_ended:
            self._supervision.look(chain)
            until_health_s = self._until_health(chain.config.health.interval_s)
            tick_s = self._supervision.tick_s
            try:
                news = self._news.get(
                    timeout=until_health_s if tick_s is None else min(until_health_s, tick_s)
                )
            except Empty:
                if not self._until_health(chain.config.health.interval_s):
                    self._tell_health(chain)
                continue
            self._unread.discard(news)
            if self._reload_wanted:
                self._reload_wanted = False
                self._reload(chain)
            self._orders.carry_out(chain)
            if news is News.FIRST_FRAME and not self._is_first_told:
                self._is_first_told = True
                self._supervision.went_through()
                self._tell_health(chain)
            self._tell_paused(chain)
            self._tell_info(chain)

    def _reload(self, chain: Chain) -> None:
        self._supervision.reloading()
        try:
            config = self._read_config()
            library.check(config.metrics)
            chain.reload(config)
            self._observer.serve(config.metrics, chain)
        except StoppedError:
            raise
        except Exception as error:  # noqa: BLE001 - a reload must not end what runs well
            if not chain.is_ended:  # else it is told when the daemon ends with it
                is_unit = self._supervision.tick_s is not None
                why = in_words(error, "reload", is_unit=is_unit)
                log.error(  # noqa: TRY400
                    "not reloaded, the old configuration stays in force: %s",
                    why,
                    extra={"event": "not-reloaded"},
                )
                self._supervision.reloaded(chain, why)
        else:
            logging.getLogger().setLevel(chain.config.log.level.upper())
            log.info("configuration reloaded", extra={"event": "reloaded"})
            self._supervision.reloaded(chain)

    def _until_health(self, interval_s: float) -> float:
        return max(0.0, self._health_told + interval_s - time.monotonic())

    def _tell_paused(self, chain: Chain) -> None:
        """Tell whether the camera is closed because somebody wants it so, if that has changed."""
        told = (chain.publisher, chain.is_paused)
        # At the start it is closed in any case, and a switch that flickers would be a lie.
        is_on_its_way = chain.capture.is_paused and not chain.is_paused
        if told != self._paused_told and not (is_on_its_way and self._paused_told is None):
            self._paused_told = told
            chain.publisher.state(topics_of(chain.config).paused, b"ON" if told[1] else b"OFF")

    def _tell_info(self, chain: Chain) -> None:
        """Tell what this device is, if that has changed."""
        seen, engine = chain.capture.info, chain.engine
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
            accelerator=engine.accelerator,
            accelerator_reason=engine.order.reason(engine.accelerator, time.monotonic()),
            runtime=engine.runtime,
            exercises=() if chain.gym is None else chain.gym.exercises,
        )
        told = (chain.publisher, msgspec.json.encode(info))
        if told != self._info_told:
            self._info_told = told
            words = _in_words(info)
            if words != self._words_told:
                self._words_told = words
                log.info("%s", words, extra={"event": "info"})
            chain.publisher.state(topics_of(chain.config).info, told[1])
        self._herald.tell(
            chain.publisher,
            topics_of(chain.config),
            chain.config.homeassistant,
            info,
            sensors=self._sensors,
            health_interval_s=chain.config.health.interval_s,
        )

    def _tell_health(self, chain: Chain) -> None:
        """Tell how the device is, and begin to count anew."""
        now = time.monotonic()
        elapsed_s, self._health_told = now - self._health_told, now
        summary = chain.meter.drain()
        problems, counts = chain.problems, chain.counts
        problems += [] if self._observer.problem is None else [self._observer.problem]
        lost, self._failed_told = chain.meter.failed - self._failed_told, chain.meter.failed
        if lost and not problems:
            frames = "a frame" if lost == 1 else f"{lost} frames"
            problems = [
                f"{frames} had no answer since the last message: {chain.meter.last_problem}"
            ]
        problems += chain.engine.order.shortcomings(now)
        celsius = temperatures()
        health = HealthMessage(
            ts=round(time.time(), 3),
            state="degraded" if problems else "paused" if chain.is_paused else "ok",
            problems=problems,
            uptime_s=round(now - self._started, 1),
            fps=round(summary.frames / max(elapsed_s, 1e-3), 2),
            frames=chain.meter.frames,
            dropped=counts.dropped,
            failed=chain.meter.failed,
            worker_restarts=counts.worker_restarts,
            reconnects=counts.reconnects,
            unsent=counts.unsent,
            outbox=chain.outbox_health,
            invoke_ms=summary.invoke_ms,
            age_ms=summary.age_ms,
            stage_ms=summary.stage_ms,
            accelerator=chain.engine.accelerator,
            accelerators=tuple(
                AcceleratorHealth(
                    name=one.name,
                    state=one.state.value,
                    reason=one.reason,
                    again_s=None if one.again_s is None else round(one.again_s, 1),
                )
                for one in chain.engine.order.standings(now)
            ),
            failovers=counts.failovers,
            promotions=counts.promotions,
            temperatures=celsius,
            rss_mb=round(processes.resident_mb([os.getpid(), *chain.worker_pids]), 1),
        )
        chain.publisher.stream(topics_of(chain.config).health, msgspec.json.encode(health))
        if tuple(celsius) != self._sensors:
            self._sensors = tuple(celsius)
            self._tell_info(chain)


def _in_words(info: Info) -> str:
    """`/dev/video0 640x480 at 30/s, movenet-lightning on cpu (ai_edge_litert 2.3.0)`."""
    seen = info.camera
    camera = "no camera yet" if seen is None else f"{seen.source} {seen.width}x{seen.height}"
    rate = f" at {seen.fps:g}/s" if seen is not None and seen.fps else ""
    models = " and ".join(model.name for model in info.models)
    return f"{camera}{rate}, {models} on {info.accelerator} ({info.runtime})"
