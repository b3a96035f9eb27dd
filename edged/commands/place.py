"""Where a demo's messages go: to the broker that is there, or to one of its own."""

from __future__ import annotations

import contextlib
import importlib.util
import secrets
import shlex
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from edged.commands.child import Child
from edged.config import Mqtt
from edged.errors import BrokerError
from edged.messages import Topics
from edged.mqtt.subscriber import Subscriber
from edged.view.screen import clean
from edged.view.terminal import Ending

Take: TypeAlias = Callable[[str, bytes], None]
"""Takes the topic and the payload of a message."""

BROKER_S = 3.0
"""What a broker gets to answer in, and to forget."""
POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Place:
    """Where the demo's messages go."""

    settings: Mqtt
    device: str
    """Of the demo."""
    words: str
    """How the address came about."""
    subscriber: Subscriber
    broker: Child | None
    """Ours; None: it was there before."""

    def clean_up(self) -> None:
        """Leave nothing retained in a broker that stays, also where the daemon could not."""
        if self.broker is None:
            topics = Topics(self.settings.prefix, self.device)
            self.subscriber.forget((topics.status, topics.info), BROKER_S)


def connect(
    settings: Mqtt,
    device: str,
    take: Take,
    ending: Ending,
    *,
    is_named: bool,
    undo: contextlib.ExitStack,
) -> Place | None:
    """Connect to the broker, or to one of our own where the usual one does not take us.

    `take` gets every message. `undo` closes what is started. None: the user wants an end.

    Raises:
        BrokerError: the broker that the user named takes nobody, or ours does not start.
    """
    subscriber = Subscriber(settings, take)
    undo.callback(subscriber.close)
    subscriber.start()
    _wait(subscriber, ending)
    if ending.is_noted():
        return None
    if subscriber.connected:
        return Place(settings, device, "(it was there)", subscriber, None)
    problem = subscriber.problem or f"no answer from broker {subscriber.address}"
    if is_named:
        raise BrokerError(f"{problem}; without --broker, the demo starts one of its own")
    subscriber.close()
    if importlib.util.find_spec("amqtt") is None:
        raise BrokerError(
            f"{problem}; start one (apt install mosquitto), or install the demo's own: "
            "pip install 'edged[demo]'"
        )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        its = listening.fileno()
        child = Child(["-m", "edged.mqtt.broker", f"{its}"], fds=(its,))
    undo.enter_context(child)
    ours = msgspec.structs.replace(settings, host="127.0.0.1", port=port)
    subscriber = Subscriber(ours, take, protocols=("3.1.1",))
    undo.callback(subscriber.close)
    subscriber.start()
    _wait(subscriber, ending)
    if ending.is_noted():
        return None
    if not subscriber.connected:
        raise BrokerError(f"the demo's own broker does not start: {child.last_words}")
    return Place(
        ours, device, f"(one of the demo's own, since there is {clean(problem)})", subscriber, child
    )


def _wait(subscriber: Subscriber, ending: Ending) -> None:
    """Until it is connected, or knows why not."""
    until = time.monotonic() + BROKER_S
    while time.monotonic() < until and not ending.is_noted():
        if subscriber.connected or subscriber.problem is not None:
            return
        time.sleep(POLL_S)


def new_device() -> str:
    """A name of its own: two demos on one broker must not be taken for one device."""
    return f"demo-{secrets.token_hex(2)}"


def subscribe_line(settings: Mqtt, device: str) -> str:
    """For a shell. The password is not told: who has one knows it."""
    words = ["mosquitto_sub", "-h", settings.host]
    if settings.port != Mqtt().port:
        words += ["-p", f"{settings.port}"]
    if settings.tls:
        words += ["--tls-use-os-certs"]
    if settings.username:
        words += ["-u", settings.username, "-P", "PASSWORD"]
    return shlex.join([*words, "-v", "-t", Topics(settings.prefix, device).everything])
