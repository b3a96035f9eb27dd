"""`edged fleet simulate` as a person gives it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
from brokers import Broker, Subscriber, free_port, retained, until
from commanded import command
from fleet_witnesses import Simulation

from edged.fleet.figures import Figures

SIMULATE = ("fleet", "simulate", "-n", "3", "--connects-per-s", "100")


def test_it_tells_figures_and_leaves_nothing(broker: Broker, tmp_path: Path) -> None:
    at = f"127.0.0.1:{broker.port}"
    words = ("--seconds", "1", "--poses-per-s", "20", "--events-per-min", "120")
    done = command(*SIMULATE, "--broker", at, *words, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    assert line.startswith("total  3/3 connected, ")
    assert retained(broker) == []


def test_figures_are_there_for_programs_and_a_file_has_the_rest(
    broker: Broker, tmp_path: Path
) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text(f'[mqtt]\nport = {broker.port}\nprefix = "gym/1"\nencoding = "msgpack"\n')
    with Subscriber(broker.port) as subscriber:
        done = command(*SIMULATE, "--seconds", "1", "--config", file, "--json", cwd=tmp_path)
        assert done.returncode == 0
        assert subscriber.of("gym/1/sim-0001/pose")[0].content_type == "application/msgpack"
    told = msgspec.convert(json.loads(done.stdout), Figures)
    assert (told.devices, told.connected, told.unsent, told.lost) == (3, 3, 0, 0)
    assert told.errors == {}
    assert told.poses_s > 0
    assert told.bytes_s > 100 * told.poses_s
    assert told.cpu > 0


def test_ctrl_c_ends_it_in_order(broker: Broker, tmp_path: Path) -> None:
    with (
        Subscriber(broker.port) as subscriber,
        Simulation(tmp_path, [f"127.0.0.1:{broker.port}"], "-n", "3") as simulation,
    ):
        until(lambda: bool(subscriber.of("edged/sim-0003/pose")), "a pose of the last")
        assert simulation.stop().devices == 3
        assert simulation.process.returncode == 130
    assert retained(broker) == []


def test_no_broker_is_told_in_a_line(tmp_path: Path) -> None:
    port = free_port()
    words = ("fleet", "simulate", "-n", "1", "--connects-per-s", "10000", "--patience", "0.5")
    done = command(*words, "--seconds", "1", "--broker", f"127.0.0.1:{port}", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"edged: no broker 127.0.0.1:{port}: connection refused\n"


def test_who_is_refused_is_told(make_broker: Callable[[str], Broker], tmp_path: Path) -> None:
    (tmp_path / "nobody").write_text("")
    (tmp_path / "acl").write_text("topic write edged/sim-0001/#\n")
    broker = make_broker(f"allow_anonymous true\nacl_file {tmp_path}/acl")
    broker.start()
    words = ("-n", "2", "--seconds", "1", "--events-per-min", "240")
    done = command("fleet", "simulate", *words, "-b", f"127.0.0.1:{broker.port}", cwd=tmp_path)
    assert done.returncode == 1
    assert "events were refused" in done.stderr
    assert "not authorized" in done.stdout


def test_an_address_that_is_none_is_wrong_use(tmp_path: Path) -> None:
    done = command("fleet", "simulate", "--broker", "http://x", cwd=tmp_path)
    assert done.returncode == 2
    assert "--broker: http:// is not MQTT" in done.stderr
