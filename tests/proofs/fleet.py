"""What brokers of a fleet bear: `python fleet.py [mosquitto [N] [SECONDS]] [nats [N]] [bridge]`.

mosquitto: a Mosquitto under N simulated devices (1000) at 10 poses a second, JSON and MessagePack,
with a consumer of the events only and with one of everything. Prints the rows of the sizing table
in docs/fleet.md. nats: three nodes under N devices (100), one killed at a time: every event
arrives; poses go on within 20 s, for NATS takes its time to choose a leader, and within 5 s where
the devices talk to a site's Mosquitto. bridge: a site loses its centre; all events arrive
afterwards. NATS and bridge by the shipped files of config/fleet. Ends with 1 when something is
not so.
"""

from __future__ import annotations

import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psutil
import trustme

sys.path.insert(0, str(Path(__file__).parents[1]))

from brokers import free_port, program, until
from fleet_witnesses import Simulation, Witness, all_there, lost_of, until_heard
from fleets import Node, centre, mosquitto, nats_cluster, settled, site

from edged.fleet.figures import Figures

POSES_PER_S = 10.0
ENOUGH = 0.98
LEAST = 50
"""Devices: fewer are no fleet."""
BRIEF_S = 0.5
RESUME_S = 5.0
ELECTED_S = 20.0
"""NATS chooses another leader 4 to 9 s after the old one has died (constants of its Raft). Until
then it takes neither CONNECT nor QoS 1, and gives up either after 4 s."""
DOWN_S = 12.0
PASSWORD = "of-a-device"  # noqa: S105 - of brokers that are gone with the proof


@dataclass(frozen=True, slots=True)
class End:
    """Of a node."""

    name: str
    how: signal.Signals
    led: tuple[str, ...]
    """What of JetStream it was the leader of."""
    at: float

    def __str__(self) -> str:
        return f"{self.name} {'killed' if self.how is signal.SIGKILL else 'stopped in order'}"


def main(words: Sequence[str]) -> int:
    """Run what is asked for, else all. Returns 1 when something is not as it should be."""
    parts: dict[str, list[float]] = {}
    for word in words:
        if word in ("mosquitto", "nats", "bridge"):
            parts[word] = []
        else:
            parts[list(parts)[-1]].append(float(word))
    parts = parts or {"mosquitto": [], "nats": [], "bridge": []}
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f} before\n")
    problems: list[str] = []
    if "mosquitto" in parts:
        problems += prove_mosquitto(*parts["mosquitto"])
    if "nats" in parts:
        if shutil.which("nats-server", path=f"{os.environ['PATH']}:/usr/sbin") is None:
            print("left out: nats, since there is no nats-server (apt install nats-server)\n")
        else:
            problems += prove_nats(*parts["nats"])
    if "bridge" in parts:
        problems += prove_bridge()
    for problem in problems:
        print(f"FAILED: {problem}")
    return int(bool(problems))


@dataclass(frozen=True, slots=True)
class Row:
    """Of the sizing table."""

    devices: int
    encoding: str
    who: str
    told: Figures
    broker: float
    """CPU of Mosquitto, in cores; so is what follows."""
    machine: float
    load: float

    @property
    def is_carried(self) -> bool:
        """Whether all that was to be sent was sent, by connections that stay."""
        told = self.told
        wanted = self.devices * POSES_PER_S
        is_all = told.connected == self.devices and told.acknowledged == told.events
        return is_all and not told.lost and told.poses_s > ENOUGH * wanted and told.unsent < 100

    @property
    def limit(self) -> str:
        """What has the least to spare."""
        cores = os.cpu_count() or 1
        if self.machine > ENOUGH * cores:
            return "all cores"
        return "simulator" if self.told.cpu > self.broker else "Mosquitto"

    def __str__(self) -> str:
        told = self.told
        return (
            f"| {self.devices} | {self.encoding} | {self.who} | {told.messages_s:.0f} "
            f"| {told.bytes_s / 1e6:.2f} "
            f"| {self.broker:.0%} | {self.broker * 100 / self.devices:.1%} "
            f"| {told.cpu:.0%} | {self.machine:.0%} | {told.puback_p50_ms} / {told.puback_p99_ms} "
            f"| {told.unsent} | {told.late} | {self.load:.1f} "
            f"| {'yes' if self.is_carried else f'no: {self.limit}'} |"
        )


HEAD = (
    "| devices | streams | who listens | messages/s | MB/s | Mosquitto, of a core "
    "| per 100 devices | simulator | machine | PUBACK p50 / p99, ms | unsent | late "
    "| load before | carried |\n" + "|---" * 14 + "|"
)


def prove_mosquitto(devices: float = 1000, seconds: float = 15) -> list[str]:
    """Measure what one Mosquitto takes for so many devices, or for as many as there can be."""
    print(f"## Mosquitto and its devices on {os.cpu_count()} cores, 10 poses/s, 12 events/min\n")
    print(HEAD, flush=True)
    count = int(devices)
    for topic, who in (("edged/+/event/#", "events"), ("edged/#", "everything")):
        for encoding in ("json", "msgpack"):
            while True:
                row = _measured(count, seconds, topic, who, encoding)
                print(row, flush=True)
                if row.is_carried or count < LEAST:
                    break
                count = count * 3 // 4
    print()
    return [] if row.is_carried else [f"Mosquitto does not carry {count} devices: {row.told}"]


def _measured(devices: int, seconds: float, topic: str, who: str, encoding: str) -> Row:
    """Run so many devices at a Mosquitto with a consumer that drops what it hears."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        directory = Path(name)
        port = free_port()
        config = f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n"
        broker = mosquitto(directory, f"{config}log_dest none\nmax_connections -1\n", port)
        load = os.getloadavg()[0]
        stack.enter_context(broker)
        assert broker.process is not None
        process = psutil.Process(broker.process.pid)
        listen = [program("mosquitto_sub"), "-p", str(port), "-t", topic, "-q", "1"]
        listener = stack.enter_context(subprocess.Popen(listen, stdout=subprocess.DEVNULL))
        stack.callback(listener.kill)
        time.sleep(0.5)
        before_fds = process.num_fds()
        words = ["-n", str(devices), "--encoding", encoding, "--connects-per-s", "200"]
        simulation = Simulation(directory, [f"127.0.0.1:{port}"], *words)
        stack.enter_context(simulation)
        until(lambda: process.num_fds() >= before_fds + devices, "all connected", 120)
        time.sleep(2.0)
        psutil.cpu_percent()
        before, began = sum(process.cpu_times()[:2]), time.monotonic()
        time.sleep(seconds)
        machine = psutil.cpu_percent() / 100 * (os.cpu_count() or 1)
        cpu = (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - began)
        return Row(devices, encoding, who, simulation.stop(), cpu, machine, load)


def prove_nats(devices: float = 100) -> list[str]:
    """End one node after the other under a fleet, which talks to them or to a site's Mosquitto."""
    count = int(devices)
    names = [f"sim-{number:04d}" for number in range(1, count + 1)]
    with (
        tempfile.TemporaryDirectory() as name,
        nats_cluster(Path(name), nats_users(names)) as cluster,
    ):
        ports = [node.port for node in cluster]
        print(f"## NATS, three nodes, {count} devices at them, 10 poses/s and 60 events/min each\n")
        addresses = [f"mqtt://{{device}}:{PASSWORD}@127.0.0.1:{port}" for port in ports]
        ends = (signal.SIGKILL, signal.SIGTERM)
        problems = _under_ends(Path(name), cluster, addresses, count, ends, is_behind_site=False)
    with (
        tempfile.TemporaryDirectory() as name,
        nats_cluster(Path(name), nats_users([])) as cluster,
        site(
            Path(name) / "site",
            dict.fromkeys((*names, "dashboard"), PASSWORD),
            cluster=[node.port for node in cluster],
            password=PASSWORD,
        ) as edge,
    ):
        print(f"## NATS, three nodes, {count} devices at a site's Mosquitto before them\n")
        addresses = [f"mqtt://{{device}}:{PASSWORD}@127.0.0.1:{edge.port}"]
        return problems + _under_ends(
            Path(name), cluster, addresses, count, (signal.SIGKILL,), is_behind_site=True
        )


def _under_ends(
    directory: Path,
    cluster: Sequence[Node],
    addresses: Sequence[str],
    count: int,
    hows: Sequence[signal.Signals],
    *,
    is_behind_site: bool,
) -> list[str]:
    """Run the fleet, end each node in turn, and print what came of it. Returns what is wrong."""
    login = ("dashboard", PASSWORD)
    ports = [node.port for node in cluster]
    watched = [int(addresses[0].rpartition(":")[2])] if is_behind_site else ports
    topic = "edged/berlin/+/event/#" if is_behind_site else "edged/+/event/#"
    with ExitStack() as stack:
        events = stack.enter_context(Witness("warehouse", ports, topic, login=login))
        watchers = [
            stack.enter_context(
                Witness(f"watch-{port}", [port], "edged/+/pose", qos=0, login=login)
            )
            for port in watched
        ]
        simulation = Simulation(directory, addresses, "-n", str(count), "--events-per-min", "60")
        stack.enter_context(simulation)
        until(lambda: len(_devices(watchers)) == count, "poses of all devices", 120)
        time.sleep(5.0)
        ends = [_end(node, how, cluster) for how in hows for node in cluster]
        told = simulation.stop()
        heard = all_there(events, told.events, 60)
        pauses = [_pauses(watchers, end.at) for end in ends]
        messages = len(events.messages)
    came = sum(map(len, heard.values()))
    print(
        f"\n{told.events} events made, {told.acknowledged} acknowledged, {came} came, "
        f"{messages - came} of them more than once; {told.lost} connections lost, {told.unsent} "
        f"stream messages unsent; PUBACK p50 / p99 {told.puback_p50_ms} / {told.puback_p99_ms} ms\n"
    )
    print("| what | it led | devices whose poses paused > 0.5 s | > 5 s | median, s | longest, s |")
    print("|---|---|---|---|---|---|")
    problems = lost_of(heard)
    for end, longest in zip(ends, pauses, strict=True):
        hit = [pause for pause in longest if pause > BRIEF_S] or [0.0]
        late = sum(pause > RESUME_S for pause in longest)
        print(
            f"| {end} | {', '.join(end.led) or '-'} | {sum(p > BRIEF_S for p in longest)} | {late} "
            f"| {statistics.median(hit):.1f} | {max(longest):.1f} |"
        )
        limit_s = RESUME_S if is_behind_site else ELECTED_S
        if max(longest) > limit_s:
            problems.append(f"{end}: poses did not go on within {limit_s} s")
    print(flush=True)
    if came != told.events or told.acknowledged != told.events:
        problems.append(f"{told.events} events were made, {came} came: {told.errors}")
    return problems


def _end(node: Node, how: signal.Signals, cluster: Sequence[Node]) -> End:
    """End a node, start it again, and wait until the cluster is whole."""
    end = End(node.name, how, tuple(node.leads()), time.monotonic())
    node.end(how)
    time.sleep(DOWN_S)
    node.start()
    print(f"{end}, {DOWN_S:.0f} s away, caught up {settled(cluster, 60):.1f} s later", flush=True)
    time.sleep(6.0)
    return end


def nats_users(names: Sequence[str]) -> str:
    """A `nats-users.conf` as docs/fleet.md makes it: a line for each device."""
    lines = [_user(one, f'"edged.{one}.>"', f'"edged.{one}.>"') for one in names]
    lines.append(_user("dashboard", '{ deny: ">" }', '"edged", "edged.>"'))
    lines.append(_user("berlin", '"edged.berlin.>"', '"edged.berlin.*.set.>"'))
    return "authorization { users: [\n" + "\n".join(lines) + "\n] }\n"


def _user(name: str, publish: str, subscribe: str) -> str:
    may = f'publish: {publish}, subscribe: [{subscribe}, "$MQTT.sub.>"]'
    return f'{{ user: "{name}", password: "{PASSWORD}", permissions: {{ {may} }} }}'


def _devices(watchers: Sequence[Witness]) -> set[str]:
    return set().union(*(watcher.topics() for watcher in watchers))


def _pauses(watchers: Sequence[Witness], kill: float) -> list[float]:
    """The longest pause of each device's poses that begins in the seconds around a kill.

    Any watcher will do: the one at the killed node hears nothing.
    """
    came = defaultdict(list)
    for watcher in watchers:
        for at, topic, _ in watcher.messages:
            if kill - 1.0 < at < kill + DOWN_S + 6.0:
                came[topic].append(at)
    longest = []
    for times in came.values():
        times.sort()
        longest.append(max(b - a for a, b in pairwise(times)))
    missing = len(_devices(watchers)) - len(came)
    return longest + [DOWN_S + 6.0] * missing


def prove_bridge(devices: int = 20) -> list[str]:
    """A site loses its centre twice: it is stopped, and it hangs."""
    print(f"## A site's Mosquitto with {devices} devices, bridged to the centre by TLS\n")
    users = {f"sim-{number:04d}": PASSWORD for number in range(1, devices + 1)}
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        directory = Path(name)
        authority, certificate, key = certificates(directory)
        logins = {"berlin": "change-me", "warehouse": PASSWORD}
        middle = stack.enter_context(centre(directory / "centre", logins, certificate, key))
        edge = stack.enter_context(site(directory / "site", users, (middle.port, authority)))
        login = ("warehouse", PASSWORD)
        events = Witness(
            "warehouse", [middle.port], "edged/+/+/event/#", login=login, authority=authority
        )
        stack.enter_context(events)
        address = f"mqtt://{{device}}:{PASSWORD}@127.0.0.1:{edge.port}"
        words = ("-n", str(devices), "--events-per-min", "60")
        simulation = stack.enter_context(Simulation(directory, [address], *words))
        until_heard(events, 3 * devices, "events at the centre")
        middle.end(signal.SIGTERM)
        time.sleep(DOWN_S)
        middle.start()
        until_heard(events, 3 * devices, "events after the centre is back")
        assert middle.process is not None
        middle.process.send_signal(signal.SIGSTOP)
        time.sleep(DOWN_S)
        middle.process.send_signal(signal.SIGCONT)
        until_heard(events, 3 * devices, "events after the centre goes on")
        told = simulation.stop()
        heard = all_there(events, told.events, 60)
    came = sum(map(len, heard.values()))
    print(
        f"{told.events} events made, {told.acknowledged} acknowledged by the site, {came} came to"
    )
    print(f"the centre, in order: {not lost_of(heard)}\n", flush=True)
    problems = lost_of(heard)
    if came != told.events:
        problems.append(f"bridge: {told.events} events were made, {came} came")
    return problems


def certificates(directory: Path) -> tuple[Path, Path, Path]:
    """Of an authority, and of 127.0.0.1 with its key."""
    authority = trustme.CA()
    ours = authority.issue_cert("127.0.0.1")
    files = directory / "authority.pem", directory / "centre.crt", directory / "centre.key"
    authority.cert_pem.write_to_path(files[0])
    ours.cert_chain_pems[0].write_to_path(files[1])
    ours.private_key_pem.write_to_path(files[2])
    return files


if __name__ == "__main__":
    os.environ.setdefault("EDGED_DEBUG", "")
    sys.exit(main(sys.argv[1:]))
