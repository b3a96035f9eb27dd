"""Who listens to a fleet in tests and proofs, and writes down what comes and when."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import msgspec
from brokers import DEADLINE_S, until
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edged.fleet.figures import Figures


class Witness:
    """A subscriber with a session of its own, which goes to the next of its ports when it is lost.

    MQTT 3.1.1, since NATS has no other. Each message is noted with the monotonic time.
    """

    def __init__(
        self,
        name: str,
        ports: Sequence[int],
        topic: str,
        *,
        qos: int = 1,
        login: tuple[str, str] | None = None,
        authority: Path | None = None,
    ) -> None:
        """Returns when subscribed. A `qos` of 0 has no session that lasts."""
        self.messages: list[tuple[float, str, bytes]] = []
        self.refused = False
        self._name, self._ports, self._topic, self._qos = name, list(ports), topic, qos
        self._login, self._authority = login, authority
        self._subscribed = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._subscribed.wait(DEADLINE_S), f"{name} is not subscribed"

    def _run(self) -> None:
        turn = 0
        while not self._closing.is_set():
            client = self._client()
            try:
                client.connect("127.0.0.1", self._ports[turn % len(self._ports)], 5)
                while not self._closing.is_set() and client.loop(0.1) == 0:
                    pass
            except OSError:
                pass
            finally:
                if self._closing.is_set():
                    client.disconnect()
                elif isinstance(wire := client.socket(), socket.socket):
                    wire.close()
            turn += 1
            self._closing.wait(0.2)

    def _client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            self._name,
            clean_session=self._qos == 0,
            protocol=MQTTProtocolVersion.MQTTv311,
        )
        if self._login is not None:
            client.username_pw_set(*self._login)
        if self._authority is not None:
            client.tls_set_context(ssl.create_default_context(cafile=self._authority))
        client.on_connect = lambda one, *_: one.subscribe(self._topic, self._qos)
        client.on_subscribe = self._take_answer
        client.on_message = self._take
        return client

    def _take_answer(
        self, _client: Client, _data: Any, _mid: int, answers: list[Any], _props: Any
    ) -> None:
        self.refused = any(answer.is_failure for answer in answers)
        self._subscribed.set()

    def _take(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self.messages.append((time.monotonic(), message.topic, bytes(message.payload)))

    def topics(self) -> set[str]:
        """Of what came."""
        return {topic for _, topic, _ in list(self.messages)}

    def close(self) -> None:
        """Leave."""
        self._closing.set()
        self._thread.join(DEADLINE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Rep(msgspec.Struct):
    id: str
    count: int


def events_of(witness: Witness) -> dict[str, list[int]]:
    """By topic the counts of all rep events, each id once, in the order of their arrival."""
    seen: set[str] = set()
    told: dict[str, list[int]] = defaultdict(list)
    for _, topic, payload in list(witness.messages):
        rep = msgspec.json.decode(payload, type=_Rep)
        if rep.id not in seen:
            seen.add(rep.id)
            told[topic].append(rep.count)
    return dict(told)


def lost_of(told: dict[str, list[int]]) -> list[str]:
    """What is not there, or not in order; the simulated devices count their events from 1."""
    return [
        f"{topic}: {counts}"
        for topic, counts in told.items()
        if counts != list(range(1, len(counts) + 1))
    ]


class Simulation:
    """`edged fleet simulate --json` as a process."""

    def __init__(self, directory: Path, addresses: Sequence[str], *words: str) -> None:
        brokers = [word for address in addresses for word in ("--broker", address)]
        self._errors = (directory / "simulate.err").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edged", "fleet", "simulate", "--json", *brokers, *words],
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, "EDGED_DEBUG": ""},
            text=True,
        )

    def stop(self) -> Figures:
        """Have it end as Ctrl-C does. Returns its figures."""
        self.process.send_signal(signal.SIGINT)
        return self.figures()

    def figures(self) -> Figures:
        """What it tells at its end, which is waited for."""
        told, _ = self.process.communicate(timeout=600)
        self._errors.seek(0)
        errors = self._errors.read()
        assert told, errors
        return msgspec.convert(json.loads(told), Figures)

    def close(self) -> None:
        """End it however it is."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        self._errors.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def all_there(witness: Witness, total: int, deadline_s: float = DEADLINE_S) -> dict[str, list[int]]:
    """Wait until so many different events have come, or the time is over; those that have."""
    end = time.monotonic() + deadline_s
    while sum(map(len, events_of(witness).values())) < total and time.monotonic() < end:
        time.sleep(0.2)
    return events_of(witness)


def until_heard(witness: Witness, count: int, what: str) -> None:
    """Wait until so many more messages have come."""
    before = len(witness.messages)
    until(lambda: len(witness.messages) >= before + count, what)
