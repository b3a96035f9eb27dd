"""Real brokers that run the shipped files of `config/fleet`, with ports and places of their own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pytest
from brokers import DEADLINE_S, free_port, program, until

FLEET = Path(__file__).parents[1] / "config" / "fleet"


def shipped(name: str, changes: Mapping[str, str]) -> str:
    """The text of a shipped file with other words in it, each of which has to be there."""
    text = (FLEET / name).read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text, f"{name} has no {old!r}"
        text = text.replace(old, new)
    return text


def nats_server() -> str:
    """The path of NATS's server, or the test is skipped."""
    path = shutil.which("nats-server", path=f"{os.environ['PATH']}:/usr/sbin")
    if path is None:
        pytest.skip("needs nats-server: apt install nats-server")
    return path


class Server:
    """A server process with a log; it is there when its port answers."""

    def __init__(
        self,
        directory: Path,
        command: Sequence[str],
        port: int,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.port = port
        self._command = command
        self._environment = dict(environment or {})
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start, or start again; returns when its port answers."""
        self.launch()
        until(self.answers, f"{self._command[0]}: {self.log()[-2000:]}")
        return self

    def launch(self) -> None:
        """Start, and do not wait."""
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env={**os.environ, **self._environment},
            )

    def answers(self) -> bool:
        """Whether its port is open."""
        assert self.process is not None
        assert self.process.poll() is None, self.log()[-2000:]
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def log(self) -> str:
        """What it wrote."""
        with contextlib.suppress(FileNotFoundError):
            return (self.directory / "log").read_text(errors="replace")
        return ""

    def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it: at once, unless asked otherwise."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(DEADLINE_S)
            self.process = None

    def close(self) -> None:
        """End it however it is."""
        self.end()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()


def passwords(path: Path, users: Mapping[str, str]) -> Path:
    """A file of Mosquitto's with these users."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{user}:{password}\n" for user, password in users.items()))
    path.chmod(0o600)
    subprocess.run([program("mosquitto_passwd"), "-U", path], check=True, timeout=60)
    return path


def mosquitto(directory: Path, config: str, port: int) -> Server:
    """A Mosquitto of this configuration, not yet started."""
    directory.mkdir(parents=True, exist_ok=True)
    user = "user root\n" if os.geteuid() == 0 else ""
    (directory / "mosquitto.conf").write_text(user + config)
    command = [program("mosquitto"), "-v", "-c", str(directory / "mosquitto.conf")]
    return Server(directory, command, port)


def site(
    directory: Path,
    users: Mapping[str, str],
    centre: tuple[int, Path] | None = None,
    cluster: Sequence[int] = (),
    password: str = "change-me",  # noqa: S107 - as shipped
) -> Server:
    """A Mosquitto of the shipped site's file.

    `centre` is the port and the authority's file, or `cluster` the ports of NATS; neither: there is
    nobody at the other end. `password` is that of the bridge.
    """
    port = free_port()
    centre_port, authority = centre or (free_port(), Path("/etc/ssl/certs/ca-certificates.crt"))
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "devices.acl").write_text(shipped("devices.acl", {}))
    changes = {
        "listener 1883": f"listener {port} 127.0.0.1",
        "/etc/mosquitto/devices.passwd": str(passwords(directory / "devices.passwd", users)),
        "/etc/mosquitto/devices.acl": str(directory / "devices.acl"),
        "/var/lib/mosquitto/": f"{directory}/",
        "centre.example:8883": f"127.0.0.1:{centre_port}",
        "/etc/ssl/certs/ca-certificates.crt": str(authority),
        "restart_timeout 1 30": "restart_timeout 1 2",
        "remote_password change-me": f"remote_password {password}",
    }
    if cluster:
        nodes = " ".join(f"127.0.0.1:{one}" for one in cluster)
        changes |= {
            "address centre.example:8883\n": "",
            "bridge_protocol_version mqttv50\n": "",
            "bridge_cafile /etc/ssl/certs/ca-certificates.crt\n": "",
            "#addresses nats-1.example:8883 nats-2.example:8883 nats-3.example:8883": (
                f"addresses {nodes}"
            ),
            "#bridge_protocol_version mqttv311": "bridge_protocol_version mqttv311",
        }
        del changes["centre.example:8883"], changes["/etc/ssl/certs/ca-certificates.crt"]
    return mosquitto(directory, shipped("mosquitto-site.conf", changes), port)


def centre(
    directory: Path, users: Mapping[str, str], certificate: Path, key: Path, port: int = 0
) -> Server:
    """A Mosquitto of the shipped centre's file."""
    port = port or free_port()
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "centre.acl").write_text(shipped("centre.acl", {}))
    changes = {
        "listener 8883": f"listener {port} 127.0.0.1",
        "/etc/mosquitto/certs/centre.crt": str(certificate),
        "/etc/mosquitto/certs/centre.key": str(key),
        "/etc/mosquitto/centre.passwd": str(passwords(directory / "centre.passwd", users)),
        "/etc/mosquitto/centre.acl": str(directory / "centre.acl"),
        "/var/lib/mosquitto/": f"{directory}/",
    }
    return mosquitto(directory, shipped("mosquitto-centre.conf", changes), port)


class Node(Server):
    """A NATS server of the shipped cluster's file."""

    def __init__(
        self, directory: Path, name: str, nodes: Mapping[str, Sequence[int]], users: str
    ) -> None:
        """`nodes`: of each its ports of MQTT, NATS, the cluster and HTTP; `users`: that file."""
        mqtt, self.nats_port, cluster, self.http_port = nodes[name]
        self.name = name
        changes = {
            '"0.0.0.0:4222"': f'"127.0.0.1:{self.nats_port}"',
            '"127.0.0.1:8222"': f'"127.0.0.1:{self.http_port}"',
            '"0.0.0.0:6222"': f'"127.0.0.1:{cluster}"',
            '"0.0.0.0:1883"': f'"127.0.0.1:{mqtt}"',
            "/var/lib/nats": f"{directory}/store",
            **{
                f"nats-{number}.example:6222": f"127.0.0.1:{ports[2]}"
                for number, ports in enumerate(nodes.values(), 1)
            },
        }
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "nats.conf").write_text(shipped("nats.conf", changes))
        (directory / "nats-users.conf").write_text(users)
        command = [nats_server(), "-c", str(directory / "nats.conf")]
        super().__init__(directory, command, mqtt, {"NATS_NAME": name})

    def is_member(self) -> bool:
        """Whether it is part of the cluster.

        Not whether all of JetStream is current: 2.9 says for minutes after a restart that some
        idle consumer of its own is not.
        """
        return bool(self._ask("healthz?js-server-only=true").get("status") == "ok")

    def streams(self) -> dict[str, dict[str, Any]]:
        """What it knows of the streams of JetStream: `leader` and `replicas`, by name."""
        accounts = self._ask("jsz?accounts=1&streams=1").get("account_details", [])
        streams = (one for account in accounts for one in account.get("stream_detail", []))
        return {one["name"]: one.get("cluster", {}) for one in streams}

    def leads(self) -> list[str]:
        """What of JetStream it is the leader of: `meta`, and streams."""
        meta = self._ask("jsz").get("meta_cluster", {}).get("leader")
        leaders = {"meta": meta} | {name: one.get("leader") for name, one in self.streams().items()}
        return sorted(what for what, leader in leaders.items() if leader == self.name)

    def _ask(self, what: str) -> dict[str, Any]:
        """By HTTP; empty: no answer."""
        address = f"http://127.0.0.1:{self.http_port}/{what}"
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return dict(json.load(answer))
        except (OSError, ValueError):
            return {}


@contextlib.contextmanager
def nats_cluster(directory: Path, users: str) -> Iterator[list[Node]]:
    """Three nodes that are there and agree."""
    nodes = {f"nats-{n}": [free_port() for _ in range(4)] for n in (1, 2, 3)}
    with contextlib.ExitStack() as stack:
        cluster = [Node(directory / name, name, nodes, users) for name in nodes]
        for node in cluster:
            stack.callback(node.close)
            node.launch()
        for node in cluster:
            until(node.answers, f"{node.name} answers")
            until(node.is_member, f"{node.name} is part of the cluster")
        yield cluster


def behind(cluster: Sequence[Node]) -> list[str]:
    """What does not yet survive the end of a node: a stream with a copy that is not current."""
    wrong = [node.name for node in cluster if not node.is_member()]
    known = [(node, node.streams()) for node in cluster]
    for name in {name for _, streams in known for name in streams}:
        # The leader alone knows how the others are.
        told = [streams[name] for node, streams in known if name in node.leads()]
        current = sum(one["current"] for one in told[0].get("replicas", [])) if told else -1
        if current < len(cluster) - 1:
            wrong.append(name)
    return wrong


def settled(cluster: Sequence[Node], deadline_s: float = DEADLINE_S) -> float:
    """Wait until all nodes have caught up. Returns the seconds that it took."""
    began = time.monotonic()
    while wrong := behind(cluster):
        assert time.monotonic() < began + deadline_s, f"not in {deadline_s} s: {wrong}"
        time.sleep(0.1)
    return time.monotonic() - began
