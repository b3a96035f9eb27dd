"""The endpoint that Prometheus reads: one thread listens, a few answer, for a few seconds each."""

from __future__ import annotations

import logging
import random
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client.exposition import make_wsgi_app
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from edged.metrics.families import families
from edged.metrics.figures import Figures
from edged.sections import Metrics

log = logging.getLogger(__name__)

PATH = "/metrics"
MOST_AT_ONCE = 4
"""Readers; one more is refused. Prometheus is one."""
READER_TIMEOUT_S = 5.0
"""A reader that is silent, or does not read, for so long is given up."""
RETRY_S, LONGEST_RETRY_S = 1.0, 60.0
"""Between two tries at an address that cannot be had; doubled each time, with jitter."""
POLL_S = 0.2
"""How soon the listening thread sees that it is to end."""
CLOSE_TIMEOUT_S = 1.0


class MetricsServer:
    """Answers `GET /metrics` with the figures of the moment.

    An address that cannot be had is a `problem`, and is tried again: nothing else of edged waits
    for it or fails with it.
    """

    def __init__(
        self,
        settings: Metrics,
        figures: Callable[[], Figures],
        on_change: Callable[[], None] | None = None,
    ) -> None:
        """Listen to nobody yet.

        Args:
            settings: where to listen.
            figures: gives those of the moment; called by other threads, one at a time.
            on_change: called by the server's thread whenever `problem` is new.
        """
        self.problem: str | None = None
        """Why nobody can read the figures; None: they can, or it is not known yet."""
        self.port: int | None = None
        """That it listens at; None: at none now."""
        self._settings = settings
        self._on_change = on_change
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Collector(figures))
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)

    def start(self) -> None:
        """Begin to listen; returns at once. Once only."""
        self._thread.start()

    def close(self) -> None:
        """Listen no more, and leave those who are still reading. Within `CLOSE_TIMEOUT_S`."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join(CLOSE_TIMEOUT_S)

    def _run(self) -> None:
        wait_s = RETRY_S
        while not self._closing.is_set():
            try:
                server = _listen(self._settings, self._registry)
            except OSError as error:
                self._changed(self._explain(error))
                self._closing.wait(wait_s * random.uniform(0.75, 1.25))  # noqa: S311 - jitter
                wait_s = min(2 * wait_s, LONGEST_RETRY_S)
                continue
            self.port = server.server_port
            where = f"http://{_host(self._settings.address)}:{self.port}{PATH}"
            log.info("figures for Prometheus at %s", where, extra={"event": "metrics"})
            self._changed(None)
            try:
                while not self._closing.is_set():
                    server.handle_request()
            finally:
                self.port = None
                server.end()

    def _explain(self, error: OSError) -> str:
        where = f"{_host(self._settings.address)}:{self._settings.port}"
        return (
            f"metrics: {where}: {error.strerror or error}: choose another [metrics] address or port"
        )

    def _changed(self, problem: str | None) -> None:
        if problem == self.problem:
            return
        self.problem = problem
        if problem is not None:
            log.warning("%s", problem, extra={"event": "no-metrics"})
        if self._on_change is not None:
            self._on_change()


class _Collector(Collector):
    """Asks for the figures whenever somebody reads them."""

    def __init__(self, figures: Callable[[], Figures]) -> None:
        self._figures = figures
        self._lock = threading.Lock()

    def collect(self) -> Iterable[Metric]:
        with self._lock:
            figures = self._figures()
        return families(figures)


class _Handler(WSGIRequestHandler):
    """Of one connection."""

    timeout = READER_TIMEOUT_S  # of every wait for the socket, see socketserver

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        log.debug("metrics: %s", format % args)


class _Server(ThreadingMixIn, WSGIServer):
    """A thread for each of a few connections, all of which end with the server."""

    daemon_threads = True
    block_on_close = False
    timeout = POLL_S

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._room = threading.BoundedSemaphore(MOST_AT_ONCE)
        self._open: dict[socket.socket, threading.Thread] = {}
        self._guard = threading.Lock()
        super().__init__(*arguments, **options)

    def server_bind(self) -> None:
        """As the base does, but for asking name servers what this machine is called."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread, if there is room for one."""
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        thread = threading.Thread(
            target=self._answer, args=(request, client_address), name="metrics-reader", daemon=True
        )
        with self._guard:
            self._open[request] = thread
        thread.start()

    def _answer(self, request: socket.socket, client_address: Any) -> None:
        try:
            self.process_request_thread(request, client_address)
        finally:
            with self._guard:
                del self._open[request]
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """A reader went away, or figures could not be had: no reason for a traceback."""
        log.debug("metrics: an answer failed: %s", sys.exc_info()[1])

    def end(self) -> None:
        """Close the port and whatever is still being answered."""
        self.server_close()
        with self._guard:
            left = dict(self._open)
        for request, thread in left.items():
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)
            thread.join(CLOSE_TIMEOUT_S / MOST_AT_ONCE)


def _listen(settings: Metrics, registry: CollectorRegistry) -> _Server:
    """Raises `OSError`: the address cannot be had."""
    answer: Callable[[dict[str, Any], Any], Iterable[bytes]] = make_wsgi_app(registry)

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] != PATH:
            start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
            return [f"edged: the figures are at {PATH}\n".encode()]
        return answer(environ, start_response)

    kind, *_ = socket.getaddrinfo(
        settings.address, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    server_class = type("_Server", (_Server,), {"address_family": kind[0]})
    return make_server(
        str(kind[4][0]), settings.port, application, server_class, handler_class=_Handler
    )


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address
