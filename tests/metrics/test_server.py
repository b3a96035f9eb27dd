"""The endpoint: real sockets, readers that behave and some that do not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest
import scrapes
from brokers import free_port, until
from scrapes import figures

from edged.metrics import server as module
from edged.metrics.server import MOST_AT_ONCE, MetricsServer
from edged.sections import Metrics


@contextmanager
def serving(port: int = 0, address: str = "127.0.0.1") -> Iterator[MetricsServer]:
    settings = Metrics(enabled=True, address=address, port=port or free_port())
    with closing(MetricsServer(settings, figures)) as server:
        server.start()
        yield server


def port_of(server: MetricsServer) -> int:
    until(lambda: server.port is not None, "a port")
    assert server.port is not None
    return server.port


def threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("metrics")]


def test_prometheus_reads_the_figures() -> None:
    with serving() as server:
        status, kind, body = scrapes.get(port_of(server))
        assert (status, kind.partition(";")[0]) == (200, "text/plain")
        assert scrapes.parsed(body.decode())["edged_uptime_seconds", ()] == 12.5
        accept = "application/openmetrics-text; version=1.0.0"
        status, kind, body = scrapes.get(port_of(server), accept=accept)
        assert kind.startswith("application/openmetrics-text")
        assert body.endswith(b"# EOF\n")
        assert server.problem is None


def test_nothing_else_is_there() -> None:
    with serving() as server:
        assert scrapes.get(port_of(server), "/")[0] == 404
        assert scrapes.get(port_of(server), "/metrics/../etc/passwd")[0] == 404


def test_it_ends_with_its_port_and_its_threads() -> None:
    before = threads()
    with serving() as server:
        port = port_of(server)
        with ExitStack() as connections:
            silent = socket.create_connection(("127.0.0.1", port), scrapes.DEADLINE_S)
            connections.enter_context(silent)
            until(lambda: "metrics-reader" in threads(), "a reader")
            later = connections.pop_all()
    with later:
        assert silent.recv(1) == b"", "the reader is let go"
    until(lambda: threads() == before, "no thread is left")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_one_that_never_started_can_be_closed() -> None:
    MetricsServer(Metrics(enabled=True, port=free_port()), figures).close()


def test_a_port_in_use_is_a_problem_until_it_is_free(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.05)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with serving(port) as server:
            until(lambda: server.problem is not None, "a problem")
            told = server.problem
            assert told == (
                f"metrics: 127.0.0.1:{port}: Address already in use: "
                "choose another [metrics] address or port"
            )
            other.close()
            assert port_of(server) == port
            assert server.problem is None
            assert scrapes.get(port)[0] == 200
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        told
    ]


@pytest.mark.parametrize("address", ["192.0.2.1", "no.such.host.invalid"])
def test_an_address_of_another_machine_is_a_problem(address: str) -> None:
    with serving(address=address) as server:
        until(lambda: server.problem is not None, "a problem")
        assert f"metrics: {address}:" in str(server.problem)
        assert "[metrics] address" in str(server.problem)


def test_readers_are_few_at_once() -> None:
    with serving() as server, ExitStack() as connections:
        port = port_of(server)
        for _ in range(MOST_AT_ONCE):
            connections.enter_context(socket.create_connection(("127.0.0.1", port)))
        until(lambda: threads().count("metrics-reader") == MOST_AT_ONCE, "readers")
        with socket.create_connection(("127.0.0.1", port), scrapes.DEADLINE_S) as one_more:
            assert one_more.recv(1) == b""
        connections.close()
        until(lambda: "metrics-reader" not in threads(), "they have gone")
        assert scrapes.get(port)[0] == 200


def test_a_reader_who_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module._Handler, "timeout", 0.1)
    with serving() as server:
        port = port_of(server)
        with socket.create_connection(("127.0.0.1", port), scrapes.DEADLINE_S) as silent:
            assert silent.recv(1) == b""


def test_figures_that_cannot_be_had_cost_an_answer_and_no_more() -> None:
    is_broken = True

    def broken() -> object:
        if is_broken:
            raise RuntimeError("no chain")
        return figures()

    settings = Metrics(enabled=True, port=free_port())
    with closing(MetricsServer(settings, broken)) as server:  # type: ignore[arg-type]
        server.start()
        assert scrapes.get(port_of(server))[0] == 500
        is_broken = False
        assert scrapes.get(port_of(server))[0] == 200
