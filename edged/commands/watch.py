"""`edged watch`: a live view of a device in the terminal, or a line a second."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from edged.commands.address import broker_settings
from edged.config import SYSTEM_FILE, load
from edged.errors import BrokerError, EdgedError, UsageError
from edged.mqtt.subscriber import PASSWORD_HINT, Subscriber
from edged.view.screen import Row, clean, compose, line
from edged.view.state import Link, Note, Watched
from edged.view.terminal import TICK_S, Ending, open_display

HINT = "q ends"
HINT_OTHERS = "q ends, --device NAME watches another"


def run(
    config_file: Path | None, broker: str | None, device: str | None, seconds: float | None
) -> int:
    """Watch until the user ends it, or for some seconds. Returns the exit code.

    Where neither a file nor a broker is named, it is the service's file, if we may read that.

    Raises:
        UsageError: the address or the name cannot be right.
        ConfigError: the configuration file cannot be used.
        BrokerError: `seconds` are over, and there never was a connection.
        EdgedError: `seconds` are over, and the device was never there.
    """
    if device is not None and not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", device):
        raise UsageError('--device: a name has at most 64 letters, digits, "_" and "-"')
    hint = PASSWORD_HINT
    if config_file is None and broker is None and SYSTEM_FILE.is_file():
        if os.access(SYSTEM_FILE, os.R_OK, effective_ids=True):
            config_file = SYSTEM_FILE
        else:
            hint = "sudo edged watch has them"
    settings = broker_settings(load(config_file).mqtt, broker)
    watched = Watched(settings.prefix, device)
    subscriber = Subscriber(settings, watched.take, login_hint=hint)
    ending = Ending()
    until = None if seconds is None else time.monotonic() + seconds
    with ending.noted():
        subscriber.start()
        try:
            follow(
                watched,
                subscriber,
                ending,
                is_over=lambda: until is not None and time.monotonic() >= until,
            )
        finally:
            subscriber.close()
    if until is not None and ending.code is None and not watched.is_heard:
        raise _unheard(watched, subscriber.problem, subscriber.address)
    return ending.code or 0


def follow(
    watched: Watched,
    subscriber: Subscriber,
    ending: Ending,
    *,
    is_over: Callable[[], bool],
    hint: str | None = None,
    notes: Callable[[], Sequence[Note]] = tuple,
) -> None:
    """Show what is heard until `is_over`, a signal or a key says that it is enough.

    A key is noted in `ending`, as a signal is. `notes` are told beside what is heard.
    """

    def link() -> Link:
        return Link(subscriber.address, subscriber.connected, subscriber.problem)

    def rows(width: int, height: int) -> list[Row]:
        sight = watched.sight(time.monotonic())
        told = (HINT_OTHERS if sight.others else HINT) if hint is None else hint
        return compose(sight, link(), width, height, told, notes())

    def words() -> str:
        return line(watched.sight(time.monotonic()), link(), notes())

    display = open_display(rows, words)
    with display:
        while not ending.is_noted() and not is_over():
            watched.choose(time.monotonic())
            subscriber.follow(watched.filters)
            display.show()
            if display.is_quit(TICK_S):
                ending.code = 0
            if ending.suspend:
                ending.suspend = False
                display.suspend()


def _unheard(watched: Watched, problem: str | None, address: str) -> EdgedError:
    """Why there was nothing to see."""
    if problem is not None:
        return BrokerError(clean(problem))
    sight = watched.sight(time.monotonic())
    others = f" (others: {', '.join(sight.others)})" if sight.others else ""
    if sight.device is None:
        return EdgedError(f"no device tells of itself to broker {address} under {watched.prefix}/")
    if sight.online is None:
        return EdgedError(f"broker {address} knows no device {sight.device}{others}")
    return EdgedError(f"{sight.device} is offline{others}")
