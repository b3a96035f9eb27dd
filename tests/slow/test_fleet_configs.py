"""The shipped files of `config/fleet`, run by real brokers: who may do what, and what survives."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import paho.mqtt.publish
import pytest
import trustme
from brokers import Broker, program, until
from fleet_witnesses import Witness
from fleets import FLEET, Server, centre, nats_cluster, nats_server, shipped, site

from edged.messages.topics import Topics
from edged.mqtt.homeassistant import discovery_topic

PASSWORD = "of-one"  # noqa: S105 - of a broker that is gone with the test
USERS = dict.fromkeys(("gym-1", "gym-2", "dashboard", "coach", "home-assistant"), PASSWORD)
SITE_USERS = {
    "berlin": "change-me",
    "paris": PASSWORD,
    "warehouse": PASSWORD,
    "operations": PASSWORD,
}
WAREHOUSE = ("warehouse", PASSWORD)
MARK = "the end"


def say(port: int, user: str, *said: tuple[str, str], password: str = PASSWORD, **tls: str) -> None:
    """Publish (topic, payload) by QoS 1, in order, as a user."""
    paho.mqtt.publish.multiple(
        [{"topic": topic, "payload": payload, "qos": 1} for topic, payload in said],
        "127.0.0.1",
        port,
        auth={"username": user, "password": password},
        tls={"ca_certs": tls["ca"]} if tls else None,
    )


def heard(witness: Witness) -> list[tuple[str, str]]:
    return [(topic, payload.decode()) for _, topic, payload in list(witness.messages)]


def until_marked(witness: Witness) -> list[tuple[str, str]]:
    """All that came before the mark, which comes last."""
    until(lambda: any(said == MARK for _, said in heard(witness)), f"the mark in {heard(witness)}")
    return [(topic, said) for topic, said in heard(witness) if said != MARK]


class NatsQueue:
    """One of those who share the events of a cluster: a queue group, by NATS's own protocol."""

    def __init__(self, port: int) -> None:
        self._wire = socket.create_connection(("127.0.0.1", port), 10)
        self._lines = self._wire.makefile("rb")
        self._lines.readline()  # INFO
        login = '{"user": "dashboard", "pass": "change-me-too", "verbose": false}'
        self._wire.sendall(
            f"CONNECT {login}\r\nSUB edged.*.event.> warehouse 1\r\nPING\r\n".encode()
        )
        assert self._lines.readline().strip() == b"PONG"
        self.told: list[str] = []
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    def _take(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            for line in self._lines:
                if line.startswith((b"MSG", b"HMSG")):
                    size = int(line.split()[-1])
                    headers = int(line.split()[-2]) if line.startswith(b"H") else 0
                    self.told.append(self._lines.read(size + 2)[headers:size].decode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._wire.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._lines.close()
        self._wire.close()


@pytest.fixture
def at_site(tmp_path: Path) -> Iterator[Server]:
    with site(tmp_path / "site", USERS) as server:
        yield server


def test_a_device_writes_below_its_own_name_only(at_site: Server) -> None:
    with Witness("all", [at_site.port], "#", login=("dashboard", PASSWORD)) as witness:
        say(
            at_site.port,
            "gym-1",
            ("edged/gym-1/event/rep", "mine"),
            ("edged/gym-2/event/rep", "not mine"),
            ("edged/gym-2/set/pause", "not mine"),
            ("edged", "not mine"),
            ("gym-1/pose", "not mine"),
            ("edged/gym-1/status", MARK),
        )
        assert until_marked(witness) == [("edged/gym-1/event/rep", "mine")]


def test_a_device_is_discovered_as_itself_only(at_site: Server) -> None:
    own, other = (
        discovery_topic(Topics("edged", name), "homeassistant") for name in ("gym-1", "gym-2")
    )
    with Witness("home", [at_site.port], "#", login=("home-assistant", PASSWORD)) as witness:
        say(at_site.port, "gym-1", (own, "mine"), (other, "not mine"), ("edged/gym-1/status", MARK))
        assert until_marked(witness) == [(own, "mine")]


def test_a_device_hears_what_it_is_told_and_nobody_else_is(at_site: Server) -> None:
    with Witness("gym-1", [at_site.port], "edged/#", login=("gym-1", PASSWORD)) as witness:
        say(
            at_site.port,
            "coach",
            ("edged/gym-2/set/pause", "for another"),
            ("edged/gym-1/set/pause", "for it"),
            ("edged/gym-1/status", "not a coach's"),
        )
        say(at_site.port, "gym-1", ("edged/gym-1/check", MARK))
        assert until_marked(witness) == [("edged/gym-1/set/pause", "for it")]


def test_who_only_listens_says_nothing(at_site: Server) -> None:
    with Witness("all", [at_site.port], "edged/#", login=("coach", PASSWORD)) as witness:
        say(at_site.port, "dashboard", ("edged/gym-1/set/pause", "no"))
        say(at_site.port, "coach", ("edged/gym-1/set/pause", MARK))
        assert until_marked(witness) == []


def test_without_a_name_nobody_comes_in(at_site: Server) -> None:
    said = subprocess.run(
        [program("mosquitto_pub"), "-p", str(at_site.port), "-t", "edged/x", "-m", "x"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "not authorised" in said.stderr.lower()


@pytest.fixture
def authority(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Files of an authority, and of 127.0.0.1's certificate and key."""
    made = trustme.CA()
    ours = made.issue_cert("127.0.0.1")
    files = tmp_path / "ca.pem", tmp_path / "centre.crt", tmp_path / "centre.key"
    made.cert_pem.write_to_path(files[0])
    ours.cert_chain_pems[0].write_to_path(files[1])
    ours.private_key_pem.write_to_path(files[2])
    return files


@pytest.fixture
def middle(tmp_path: Path, authority: tuple[Path, Path, Path]) -> Iterator[Server]:
    with centre(tmp_path / "centre", SITE_USERS, *authority[1:]) as server:
        yield server


def test_a_site_writes_below_its_own_name_only(
    middle: Server, authority: tuple[Path, Path, Path]
) -> None:
    ca = str(authority[0])
    with Witness("all", [middle.port], "#", login=WAREHOUSE, authority=authority[0]) as witness:
        say(
            middle.port,
            "paris",
            ("edged/berlin/gym-1/event/rep", "not its own"),
            ("edged/paris/gym-1/event/rep", MARK),
            ca=ca,
        )
        assert until_marked(witness) == []


def test_events_of_a_time_without_the_centre_come_later_and_commands_come_back(
    tmp_path: Path, middle: Server, authority: tuple[Path, Path, Path]
) -> None:
    ca = authority[0]
    events = "$share/warehouse/edged/+/+/event/#"
    with (
        site(tmp_path / "site", USERS, (middle.port, ca)) as at_site,
        Witness("warehouse", [middle.port], events, login=WAREHOUSE, authority=ca) as witness,
    ):
        rep = "edged/gym-1/event/rep"
        say(at_site.port, "gym-1", (rep, "before"))
        until(lambda: len(witness.messages) == 1, "the first event")
        middle.end(signal.SIGTERM)
        told = [f"meanwhile {number}" for number in range(50)]
        say(at_site.port, "gym-1", *((rep, text) for text in told))
        middle.start()
        until(lambda: len(witness.messages) >= 51, "the events")
        assert heard(witness) == [
            ("edged/berlin/gym-1/event/rep", text) for text in ("before", *told)
        ]
        login = ("gym-1", PASSWORD)
        with Witness("gym-1", [at_site.port], "edged/gym-1/set/#", login=login) as device:
            told_to = ("edged/berlin/gym-1/set/pause", "on")
            say(middle.port, "operations", told_to, ca=str(ca))
            until(lambda: len(device.messages) == 1, "the command")
            assert heard(device) == [("edged/gym-1/set/pause", "on")]


def test_consumers_share_what_comes(broker: Broker) -> None:
    """`$share/NAME/FILTER`: each message goes to one of a group. As docs/fleet.md has it."""
    filters = "$share/warehouse/edged/+/event/#"
    with (
        Witness("one", [broker.port], filters) as one,
        Witness("two", [broker.port], filters) as two,
        Witness("alone", [broker.port], "edged/+/event/#") as alone,
    ):
        for number in range(40):
            topic = f"edged/gym-{number % 4}/event/rep"
            paho.mqtt.publish.single(topic, str(number), 1, port=broker.port)
        until(lambda: len(alone.messages) == 40, "all at who is alone")
        until(lambda: len(one.messages) + len(two.messages) == 40, "all at the group")
        assert len(one.messages) > 0
        assert len(two.messages) > 0
        shared = sorted(int(said) for _, said in heard(one) + heard(two))
        assert shared == list(range(40))


def test_a_nats_cluster_keeps_devices_apart_and_shares_by_queues(tmp_path: Path) -> None:
    with nats_cluster(tmp_path, shipped("nats-users.conf", {})) as cluster:
        first, second, third = (node.port for node in cluster)
        dashboard = ("dashboard", "change-me-too")
        with Witness("all", [first], "edged/#", login=dashboard) as witness:
            assert not witness.refused
            say(
                second,
                "gym-1",
                ("edged/gym-1/event/rep", "mine"),
                ("edged/gym-2/event/rep", "not mine"),
                ("edged/gym-1/status", MARK),
                password="change-me-1",  # noqa: S106
            )
            assert until_marked(witness) == [("edged/gym-1/event/rep", "mine")]
            with NatsQueue(cluster[1].nats_port) as one, NatsQueue(cluster[2].nats_port) as two:
                said = [("edged/gym-1/event/rep", str(number)) for number in range(20)]

                def both_hear() -> bool:
                    say(third, "gym-1", ("edged/gym-1/event/x", "probe"), password="change-me-1")  # noqa: S106
                    return bool(one.told and two.told)

                until(both_hear, "both are known to the third node")
                say(third, "gym-1", *said, password="change-me-1")  # noqa: S106

                def shared() -> list[int]:
                    return sorted(int(text) for text in one.told + two.told if text != "probe")

                until(lambda: len(shared()) >= len(said), "all at the queue")
                assert shared() == list(range(20))
        with Witness("gym-2", [third], "edged/gym-1/#", login=("gym-2", "change-me-2")) as spy:
            assert spy.refused


def test_the_loop_of_the_page_makes_users_that_nats_takes(tmp_path: Path) -> None:
    page = (FLEET.parents[1] / "docs" / "fleet.md").read_text(encoding="utf-8")
    (loop,) = [
        block.partition("```")[0] for block in page.split("```sh\n") if "while read" in block
    ]
    (tmp_path / "devices.passwords").write_text("gym-1 a/b+c==\nhall_2 x\n")
    subprocess.run(["/bin/bash", "-euc", loop], cwd=tmp_path, check=True, timeout=30)
    shipped_conf = shipped("nats.conf", {"/var/lib/nats": str(tmp_path)})
    (tmp_path / "nats.conf").write_text(shipped_conf)
    done = subprocess.run(
        [nats_server(), "-t", "-c", str(tmp_path / "nats.conf")],
        env={"NATS_NAME": "nats-1"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "is valid" in done.stdout + done.stderr
    assert 'user: "hall_2"' in (tmp_path / "nats-users.conf").read_text()
