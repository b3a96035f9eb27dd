"""The daemon's figures for Prometheus: read from the running chain whenever somebody asks.

Nothing is counted for it in the way of a frame: the chain counts anyway, for `health`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from importlib.metadata import version
from threading import Lock
from typing import TYPE_CHECKING

from edged import processes
from edged.chain import Chain
from edged.config import device_name
from edged.health import COLUMNS, temperatures
from edged.metrics.figures import Buckets, Figures
from edged.sections import Metrics

if TYPE_CHECKING:
    from edged.metrics.server import MetricsServer


class Observer:
    """Owns the endpoint that the configuration asks for, over reloads."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        """Nobody can ask yet. `on_change`: called by a thread whenever `problem` is new."""
        self._on_change = on_change
        self._started = time.monotonic()
        self._settings = Metrics()
        self._server: MetricsServer | None = None
        self._lock = Lock()
        self._chain: Chain | None = None
        self._buckets = Buckets(COLUMNS)
        self._frames = 0
        self._most: dict[str, int] = {}

    @property
    def problem(self) -> str | None:
        """Why nobody can read the figures; None: nobody is to, or they can."""
        return None if self._server is None else self._server.problem

    def serve(self, settings: Metrics, chain: Chain) -> None:
        """Listen as these settings say, once `library.check` has passed, and tell of a chain."""
        self._chain = chain
        if settings == self._settings:
            return
        self.close()
        self._settings = settings
        if settings.enabled:
            from edged.metrics.server import MetricsServer  # noqa: PLC0415 - needs an extra

            self._server = MetricsServer(settings, self._figures, self._on_change)
            self._server.start()

    def close(self) -> None:
        """Listen no more. May be called twice."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._settings = Metrics()

    def _figures(self) -> Figures:
        """Of this moment. Called by a thread of the server while the others go on."""
        chain = self._chain
        if chain is None:
            raise RuntimeError("there is no chain")
        now = time.monotonic()
        order, tally = chain.engine.order, chain.tally
        with self._lock:
            self._frames, rows = chain.meter.since(self._frames)
            self._buckets.add(rows)
            counters = self._counters(chain)
        return Figures(
            device=device_name(chain.config.device),
            version=version("edged"),
            runtime=chain.engine.runtime,
            models=tuple((spec.name, spec.kind) for spec in chain.pipeline.specs),
            accelerator=chain.engine.accelerator,
            accelerators=tuple((one.name, one.state.value) for one in order.standings(now)),
            uptime_s=now - self._started,
            is_paused=chain.is_paused,
            is_connected=chain.publisher.connected,
            problems=len(chain.problems) + len(order.shortcomings(now)),
            resident_bytes=processes.resident_mb([os.getpid(), *chain.worker_pids])
            * processes.MEGABYTE,
            temperatures=temperatures(),
            counters=counters,
            gauges={"outbox_events": chain.outbox_health.depth},
            reps=dict(tally.reps),
            sets=dict(tally.sets),
            times=self._buckets.histograms,
        )

    def _counters(self, chain: Chain) -> dict[str, int]:
        """None of them ever goes back, as it would seem to while a reload exchanges parts."""
        counts = chain.counts
        now = {
            "frames": self._frames,
            "frames_dropped": counts.dropped,
            "frames_failed": chain.meter.failed,
            "worker_restarts": counts.worker_restarts,
            "failovers": counts.failovers,
            "promotions": counts.promotions,
            "broker_reconnects": counts.reconnects,
            "stream_messages_unsent": counts.unsent,
            "events_dropped": counts.dropped_events,
            "workouts": chain.tally.workouts,
        }
        self._most = {name: max(value, self._most.get(name, 0)) for name, value in now.items()}
        return self._most
