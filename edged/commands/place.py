"""Where a demo's messages go: to the broker that is there, or to one of its own."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import shlex
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import msgspec

from edged.commands.child import Child
from edged.commands.needs import own_command
from edged.config import SYSTEM_FILE, load
from edged.errors import BrokerError, ConfigError
from edged.messages.topics import Topics
from edged.mqtt.subscriber import Subscriber
from edged.sections import Mqtt
from edged.view.screen import clean
from edged.view.terminal import Ending

Take: TypeAlias = Callable[[str, bytes], None]
"""Takes the topic and the payload of a message."""

BROKER_S = 3.0
"""What a broker gets to answer in, and to forget."""
POLL_S = 0.02
INSTALL = "apt install mosquitto gives one that stays"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


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
    hint: str = ""
    """How to have one that stays."""

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
    service: Path = SYSTEM_FILE,
) -> Place | None:
    """Connect to the broker, or to one of our own where the usual one does not take us.

    `take` gets every message. `undo` closes what is started. `service`: the configuration of the
    service, whose name and password a broker that wants some is given. None: the user wants an end.

    Raises:
        BrokerError: the broker that the user named takes nobody, or ours does not start.
    """
    hint = "" if is_named else _login_hint(settings, service)
    used, subscriber = settings, Subscriber(settings, take, login_hint=hint)
    undo.callback(subscriber.close)
    _start(subscriber, ending)
    login = None if is_named or not subscriber.is_login_wanted else _login(settings, service)
    if login is not None:
        subscriber.close()
        used, subscriber = login, Subscriber(login, take, login_hint=hint)
        undo.callback(subscriber.close)
        _start(subscriber, ending)
    if ending.is_noted():
        return None
    if subscriber.connected:
        return Place(used, device, "(it was there)", subscriber, None)
    subscriber.close()
    problem = subscriber.problem or f"no answer from broker {subscriber.address}"
    if is_named:
        raise BrokerError(f"{problem}; without --broker, the demo starts one of its own")
    stays = problem if subscriber.is_login_wanted else INSTALL
    if importlib.util.find_spec("amqtt") is not None:
        words = f"(the demo's own: {clean(problem)})"
        return _own(settings, device, take, ending, undo=undo, words=words, hint=stays)
    if subscriber.is_login_wanted:
        raise BrokerError(problem)
    raise BrokerError(
        f"{problem}; start one (apt install mosquitto), or install the demo's own: "
        "pip install 'edged[demo]'"
    )


def _own(
    settings: Mqtt,
    device: str,
    take: Take,
    ending: Ending,
    *,
    undo: contextlib.ExitStack,
    words: str,
    hint: str,
) -> Place | None:
    """A broker of our own. See `connect` and `Place`."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        its = listening.fileno()
        child = Child(["-m", "edged.mqtt.broker", f"{its}"], fds=(its,))
    undo.enter_context(child)
    ours = msgspec.structs.replace(settings, host="127.0.0.1", port=port)
    subscriber = Subscriber(ours, take, protocols=("3.1.1",))
    undo.callback(subscriber.close)
    _start(subscriber, ending)
    if ending.is_noted():
        return None
    if not subscriber.connected:
        raise BrokerError(f"the demo's own broker does not start: {child.last_words}")
    return Place(ours, device, words, subscriber, child, hint)


def _login(settings: Mqtt, service: Path) -> Mqtt | None:
    """The settings with the service's name and password; None: none that we may read."""
    try:
        its = load(service).mqtt
    except ConfigError:
        return None
    is_same = its.host in (settings.host, *LOOPBACK) and its.port == settings.port
    if not (is_same and its.username):
        return None
    return msgspec.structs.replace(settings, username=its.username, password=its.password)


def _login_hint(settings: Mqtt, service: Path) -> str:
    """Where a name and password may come from."""
    if service.is_file() and not os.access(service, os.R_OK, effective_ids=True):
        return f"sudo {own_command()} demo takes the service's, from {service}"
    return f"--broker mqtt://USER:PASSWORD@{settings.host}:{settings.port} gives them"


def _start(subscriber: Subscriber, ending: Ending) -> None:
    """Start it, and wait until it is connected or knows why not."""
    subscriber.start()
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
