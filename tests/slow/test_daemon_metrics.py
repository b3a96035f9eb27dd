"""The daemon's figures for Prometheus: what it tells, and that it never costs more than itself."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest
import scrapes
from brokers import Broker, Subscriber, free_port, until
from daemons import Daemon, configuration, healths, info, poses, write_clip

from edged.config import Config
from edged.sections import Metrics


@pytest.fixture
def config(tmp_path: Path, pose_file: Path, broker: Broker) -> Config:
    config = configuration(write_clip(tmp_path / "clip.avi"), pose_file, broker.port)
    return with_metrics(config, free_port())


@pytest.fixture
def subscriber(broker: Broker) -> Iterator[Subscriber]:
    with Subscriber(broker.port) as subscriber:
        yield subscriber


def with_metrics(config: Config, port: int) -> Config:
    return msgspec.structs.replace(config, metrics=Metrics(enabled=True, port=port))


def reload(daemon: Daemon, to: Config) -> None:
    reloads = daemon.log().count("configuration reloaded")
    daemon.configure(to)
    daemon.process.send_signal(signal.SIGHUP)
    until(lambda: daemon.log().count("configuration reloaded") > reloads, "the reload")


def listening(daemon: Daemon) -> set[tuple[str, int]]:
    """Addresses that it listens at."""
    connections = psutil.Process(daemon.process.pid).net_connections("inet")
    found = (one.laddr for one in connections if one.status == psutil.CONN_LISTEN)
    return {(address.ip, address.port) for address in found if address}


def test_it_tells_what_health_tells(tmp_path: Path, config: Config, subscriber: Subscriber) -> None:
    with Daemon(tmp_path, config) as daemon:
        until(lambda: len(poses(subscriber)) > 10 and len(healths(subscriber)) > 1, "health")
        health, told = healths(subscriber)[-1], scrapes.scrape(config.metrics.port)
        described = info(subscriber)
        assert listening(daemon) == {("127.0.0.1", config.metrics.port)}
        more = scrapes.scrape(config.metrics.port)
        assert daemon.stop() == 0
    assert described is not None
    assert told["edged_info", ("cpu", "gym", described.runtime, described.version)] == 1
    assert told["edged_model", ("pose", "pose")] == 1
    assert told["edged_accelerator", ("cpu", "serving")] == 1
    assert told["edged_broker_connected", ()] == 1
    assert told["edged_problems", ()] == told["edged_camera_paused", ()] == 0
    assert told["edged_frames_total", ()] >= health.frames
    assert told["edged_frames_failed_total", ()] == 0
    assert told["edged_uptime_seconds", ()] > 0
    assert told["edged_memory_resident_bytes", ()] == pytest.approx(health.rss_mb * 1e6, rel=0.3)
    assert {key[1][0] for key in told if key[0] == "edged_temperature_celsius"} == set(
        health.temperatures
    )
    assert told["edged_age_seconds_count", ()] == told["edged_frames_total", ()]
    assert told["edged_age_seconds_sum", ()] > told["edged_invoke_seconds_sum", ()] > 0
    growing = [key for key in told if key[0].endswith(("_total", "_bucket", "_sum", "_count"))]
    assert all(more[key] >= told[key] for key in growing)


def test_a_reload_switches_it_on_and_off_and_moves_it(tmp_path: Path, config: Config) -> None:
    first, second = config.metrics.port, free_port()
    off = msgspec.structs.replace(config, metrics=Metrics())
    with Daemon(tmp_path, off) as daemon:
        daemon.until_logged("connected to")
        assert listening(daemon) == set()
        reload(daemon, config)
        until(lambda: listening(daemon) == {("127.0.0.1", first)}, "it listens")
        until(lambda: scrapes.scrape(first)["edged_frames_total", ()] > 0, "frames")
        frames = scrapes.scrape(first)["edged_frames_total", ()]
        reload(daemon, with_metrics(config, second))
        until(lambda: listening(daemon) == {("127.0.0.1", second)}, "it has moved")
        assert scrapes.scrape(second)["edged_age_seconds_count", ()] >= frames
        reload(daemon, off)
        until(lambda: listening(daemon) == set(), "nobody listens")
        assert daemon.stop() == 0


def test_a_port_in_use_is_a_problem_and_no_more(
    tmp_path: Path, config: Config, subscriber: Subscriber
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with Daemon(tmp_path, with_metrics(config, port)) as daemon:
            until(
                lambda: any(
                    "Address already in use" in str(h.problems) for h in healths(subscriber)
                ),
                "a problem",
            )
            until(lambda: bool(poses(subscriber)), "poses all the same")
            other.close()
            until(lambda: listening(daemon) == {("127.0.0.1", port)}, "it listens")
            until(lambda: healths(subscriber)[-1].state == "ok", "no problem")
            assert daemon.stop() == 0
    assert daemon.log().count("Address already in use") == 1


def test_without_the_library_it_says_what_to_install(tmp_path: Path, config: Config) -> None:
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    (nothing / "prometheus_client.py").write_text("raise ModuleNotFoundError('not installed')")
    environment = {"PYTHONPATH": str(nothing)}
    with Daemon(tmp_path, config, environment=environment) as daemon:
        assert daemon.process.wait(30) == 78
        assert "sudo apt install python3-prometheus-client" in daemon.log()
        assert "Traceback" not in daemon.log()
    off = msgspec.structs.replace(config, metrics=Metrics())
    with Daemon(tmp_path, off, environment=environment) as daemon:
        daemon.until_logged("connected to")
        daemon.configure(config)
        daemon.process.send_signal(signal.SIGHUP)
        daemon.until_logged("not reloaded, the old configuration stays in force: [metrics]")
        assert daemon.stop() == 0
