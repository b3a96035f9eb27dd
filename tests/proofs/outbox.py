"""Events under random faults: `python outbox.py [EVENTS] [FAULTS] [SEED]`.

A process hands events over as the daemon does (`event_source.py`: the real publisher and outbox) to
a real Mosquitto, through a proxy. At random, the broker is killed (SIGKILL), the network is cut
(reset, or a black hole, in which nothing comes and nothing ends), the process is killed, or both.

An event counts when its commit has returned: then the process says so. It has to arrive at a
subscriber, with a session of its own, after the last fault: all of them, in order once repetitions
are left out. An event that was neither committed nor sent when SIGKILL came may be lost, and only
such a one: it is printed as cut.

Mosquitto acknowledges first and saves then (within a turn of its loop, `autosave_on_changes`). So
that the broker's promise is worth something, it is killed only while the subscriber is connected,
to whom it has written a message before it acknowledges it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from brokers import ANYBODY, Broker, until
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from proofs.event_source import TOPICS, number_of

PAUSE_S = 0.012
"""Between two events."""
CALM_S = (0.2, 1.6)
"""Between two faults."""
OUTAGE_S = (0.05, 1.5)
LONG_HOLE_S, LONG_HOLE_EVERY = 12.0, 5
"""Long enough for the keep-alive to notice; TCP itself repairs the others."""
CUT_S = 1.0
"""An event that is cut was handed over no longer before SIGKILL, as far as we can see it."""
END_S = 90.0
PERSISTENT = ["persistence true", "autosave_on_changes true", "autosave_interval 1"]
LINGER = struct.pack("ii", 1, 0)
"""Close with RST."""


class Proxy:
    """A TCP proxy on the loopback whose wire can be cut."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.is_hole = threading.Event()
        self._ends = threading.Event()
        self._cut = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def reset(self) -> None:
        """End every connection at once."""
        self._cut.set()

    def close(self) -> None:
        self._ends.set()
        self._thread.join()

    def _serve(self) -> None:
        twins: dict[socket.socket, socket.socket] = {}
        while not self._ends.is_set():
            if self._cut.is_set():
                self._cut.clear()
                for one in list(twins):
                    self._drop(twins, one)
            if self.is_hole.is_set():
                time.sleep(0.01)
                continue
            for one in select.select([self._listener, *twins], [], [], 0.02)[0]:
                if one is self._listener:
                    self._accept(twins)
                elif one in twins:
                    self._pass_on(twins, one)
        for one in list(twins):
            self._drop(twins, one)
        self._listener.close()

    def _accept(self, twins: dict[socket.socket, socket.socket]) -> None:
        ours, _ = self._listener.accept()
        try:
            theirs = socket.create_connection(("127.0.0.1", self._target), 1)
        except OSError:
            ours.close()
            return
        for one in (ours, theirs):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        twins[ours], twins[theirs] = theirs, ours

    def _pass_on(self, twins: dict[socket.socket, socket.socket], one: socket.socket) -> None:
        try:
            data = one.recv(65536)
            if data:
                twins[one].sendall(data)
                return
        except OSError:
            pass
        self._drop(twins, one)

    def _drop(self, twins: dict[socket.socket, socket.socket], one: socket.socket) -> None:
        other = twins.pop(one, None)
        if other is not None:
            twins.pop(other, None)
            for end in (one, other):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
                end.close()


class Listener:
    """A subscriber whose session the broker keeps."""

    def __init__(self, port: int) -> None:
        self.got: list[tuple[int, float]] = []
        self.repeated = 0
        """By the broker, which had no answer of ours or forgot it when it was killed."""
        self.is_subscribed = threading.Event()
        self._client = client = Client(
            CallbackAPIVersion.VERSION2, client_id="proof-listener", clean_session=False
        )
        client.on_connect = self._subscribe
        client.on_subscribe = lambda *_: self.is_subscribed.set()
        client.on_disconnect = lambda *_: self.is_subscribed.clear()
        client.on_message = self._take
        client.reconnect_delay_set(1, 1)
        client.connect("127.0.0.1", port)
        client.loop_start()

    def _subscribe(self, client: Client, *_: Any) -> None:
        client.subscribe(TOPICS.everything, qos=1)

    def _take(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        if message.topic == TOPICS.event_rep:
            self.repeated += message.dup
            self.got.append((number_of(bytes(message.payload)), time.monotonic()))

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@dataclass
class Told:
    """What the processes have said, over all of them."""

    handed: dict[int, float] = field(default_factory=dict)
    kept: set[int] = field(default_factory=set)
    cost: list[float] = field(default_factory=list)
    """Microseconds of the caller's thread, of each event."""


class Source:
    """The process that hands events over, started again where the last one was cut."""

    def __init__(self, port: int, path: Path, events: int, told: Told) -> None:
        self._told = told
        first = max(told.handed, default=-1) + 1
        words = [port, path, first, events, PAUSE_S]
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("event_source.py")), *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            mark, *numbers = line.split()
            if mark == b">":
                self._told.handed[int(numbers[0])] = time.monotonic()
            elif mark == b"=" and line.endswith(b"\n"):
                self._told.kept.add(int(numbers[0]))
            elif mark == b"!":
                self._told.cost.append(float(numbers[0]))

    def kill(self) -> float:
        """At whatever instruction it is. Returns when."""
        self._process.kill()
        at = time.monotonic()
        self._reap()
        return at

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._reap()

    def _reap(self) -> None:
        self._process.wait(30)
        self._thread.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


KINDS = ("broker killed", "reset", "black hole", "daemon killed", "both killed")


def _shuffled(chance: random.Random) -> Iterator[str]:
    """All kinds in random order, again and again."""
    while True:
        yield from chance.sample(KINDS, len(KINDS))


def _cut(proxy: Proxy, kind: str, hole_s: float) -> None:
    """What the wire goes through; a killed broker is away for as long as a short hole."""
    if kind == "reset":
        proxy.reset()
    elif kind == "black hole":
        proxy.is_hole.set()
        time.sleep(hole_s)
        proxy.is_hole.clear()
    elif kind != "daemon killed":
        time.sleep(min(hole_s, OUTAGE_S[1]))


def torment(directory: Path, events: int, faults: int, seed: int) -> int:
    """Prints figures; returns the exit code."""
    chance = random.Random(seed)
    told, kills, mended, kinds = Told(), [], [], Counter[str]()
    broker = Broker(directory, ANYBODY + "\nmax_inflight_messages 0\nmax_queued_messages 0")
    broker.persistence = [*PERSISTENT, f"persistence_location {directory}/"]
    began = time.monotonic()
    with contextlib.ExitStack() as undo:
        undo.enter_context(broker)
        listener = Listener(broker.port)
        undo.callback(listener.close)
        until(listener.is_subscribed.is_set, "a subscription")
        until((directory / "mosquitto.db").exists, "a session that is saved")
        proxy = Proxy(broker.port)
        undo.callback(proxy.close)
        path = directory / "outbox.sqlite"
        source = Source(proxy.port, path, events, told)
        undo.callback(lambda: source.end())  # noqa: PLW0108 - the one of that moment
        for kind in itertools.islice(_shuffled(chance), faults):
            time.sleep(chance.uniform(*CALM_S))
            kinds[kind] += 1
            if "killed" in kind and kind != "daemon killed":
                until(listener.is_subscribed.is_set, "the subscriber is back")
                broker.kill()
            if kind in ("daemon killed", "both killed"):
                kills.append(source.kill())
                source = Source(proxy.port, path, events, told)
            is_long = kinds[kind] % LONG_HOLE_EVERY == 0
            _cut(proxy, kind, LONG_HOLE_S if is_long else chance.uniform(*OUTAGE_S))
            if not broker.is_running:
                broker.start()
            mended.append(time.monotonic())

        def is_there() -> bool:
            return len(told.handed) >= events and told.kept.union([events - 1]) <= {
                number for number, _ in listener.got
            }

        with contextlib.suppress(AssertionError):
            until(is_there, "all events", END_S + PAUSE_S * events)
        source.end()
        time.sleep(0.5)
    print(f"repeated    {listener.repeated} times by the broker to its subscriber")
    return report(told, listener.got, kills, mended, kinds, time.monotonic() - began)


def report(
    told: Told,
    got: list[tuple[int, float]],
    kills: list[float],
    mended: list[float],
    kinds: Counter[str],
    took_s: float,
) -> int:
    """Print what came of it; returns the exit code."""
    first: dict[int, float] = {}
    for number, at in got:
        first.setdefault(number, at)
    arrived = list(first)
    lost = told.kept - first.keys()
    absent = sorted(told.handed.keys() - first.keys() - told.kept)
    unexplained = [
        number
        for number in absent
        if not any(0 <= kill - told.handed[number] <= CUT_S for kill in kills)
    ]
    is_ordered = arrived == sorted(arrived)
    catch_up_s = 0.0
    for at in mended:
        newest = max(
            (n for n, handed in told.handed.items() if handed <= at and n in first), default=0
        )
        catch_up_s = max(catch_up_s, first.get(newest, at) - at)
    late = sorted(at - told.handed[number] for number, at in first.items())
    print(
        f"events      {len(told.handed)} handed over in {took_s:.0f} s, {len(told.kept)} committed"
    )
    print(f"faults      {kinds.total()}: " + ", ".join(f"{n} {kind}" for kind, n in kinds.items()))
    print(f"arrived     {len(first)}, with {len(got) - len(first)} repetitions")
    print(f"order       {'kept' if is_ordered else 'BROKEN'}")
    print(f"lost        {len(lost)} of those committed {sorted(lost)[:10] or ''}")
    print(f"cut         {len(absent)} by SIGKILL before their commit, {len(unexplained)} otherwise")
    print(f"on the way  p50 {late[len(late) // 2] * 1000:.1f} ms, longest {late[-1]:.1f} s")
    print(f"catching up {catch_up_s:.1f} s at most after a fault")
    costs = sorted(told.cost)
    if costs:
        half_us, nearly_all_us = costs[len(costs) // 2], costs[len(costs) * 99 // 100]
        print(
            f"hand-over   p50 {half_us:.0f} us, p99 {nearly_all_us:.0f} us of the caller's thread"
        )
    return 0 if is_ordered and not lost and not unexplained else 1


def main() -> int:
    """See above."""
    numbers = [int(word) for word in sys.argv[1:]]
    events, faults, seed = (*numbers, *(10_000, 100, random.randrange(10**6))[len(numbers) :])
    print(f"seed        {seed}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory() as directory:
        return torment(Path(directory), events, faults, seed)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
