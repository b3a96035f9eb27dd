"""`edged fleet`: what a broker, or a cluster of them, has to bear."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from edged.commands.address import broker_settings
from edged.config import load
from edged.errors import BrokerError, EdgedError
from edged.fleet.device import Load
from edged.fleet.figures import Figures, in_words
from edged.fleet.swarm import Swarm
from edged.messages.encoding import Encoding
from edged.mqtt.brokers import places
from edged.view.screen import clean
from edged.view.terminal import Ending

TELL_S = 5.0
"""Between two lines."""


def simulate(
    devices: int,
    brokers: Sequence[str],
    *,
    poses_per_s: float,
    events_per_min: float,
    config_file: Path | None,
    encoding: Encoding | None,
    connects_per_s: float,
    patience_s: float,
    seconds: float | None,
    json: bool,
) -> int:
    """Simulate devices until a signal, or for some seconds from when all are connected.

    Returns the exit code.

    Raises:
        UsageError: an address cannot be right.
        ConfigError: the configuration file cannot be used.
        BrokerError: no device was ever connected.
        EdgedError: something is not as it should be in the end, such as an event without
            an acknowledgement.
    """
    settings = load(config_file).mqtt
    if encoding is not None:
        settings = msgspec.structs.replace(settings, encoding=encoding)
    addresses = [broker_settings(settings, one) for one in brokers] or places(settings)
    each = Load(poses_per_s, events_per_min)
    swarm = Swarm(devices, addresses, each, connects_per_s=connects_per_s)
    ending = Ending()
    with ending.noted():
        try:
            _run(swarm, ending, seconds, devices / connects_per_s + patience_s, is_quiet=json)
            total = swarm.meter.total()
            swarm.drain()
            unforgotten = swarm.say_goodbye()
        finally:
            swarm.close()
    # The figures are those of the load; what came of the events is known after it.
    meter = swarm.meter
    total = msgspec.structs.replace(
        total, acknowledged=meter.acknowledged, refused=meter.refused, errors=dict(meter.errors)
    )
    print(msgspec.json.encode(total).decode() if json else f"total  {in_words(total)}", flush=True)
    if not json:
        for text, count in total.errors.items():
            print(f"error  {count} x {clean(text)}")
    if ending.code is None:
        _judge(swarm, total, unforgotten)
    return ending.code or 0


def _run(
    swarm: Swarm, ending: Ending, seconds: float | None, patience_s: float, *, is_quiet: bool
) -> None:
    """Until the end; a line now and then. Not all need be connected after `patience_s`."""
    began = time.monotonic()
    told = began
    until: float | None = None
    is_measured = False

    def is_over() -> bool:
        nonlocal told, until, is_measured
        now = time.monotonic()
        is_late = now > began + patience_s
        if not is_measured and (swarm.meter.connected == swarm.meter.devices or is_late):
            is_measured = True
            swarm.meter.begin()
            if seconds is not None:
                until = now + seconds if swarm.meter.connected else now
        if now - told >= TELL_S:
            told = now
            figures = swarm.meter.drain()
            if not is_quiet:
                print(f"{now - began:4.0f} s  {in_words(figures)}", flush=True)
        return ending.is_noted() or (until is not None and now >= until)

    swarm.run(is_over)


def _judge(swarm: Swarm, total: Figures, unforgotten: int) -> None:
    """Raise what is not as it should be."""
    why = f": {clean(swarm.problem)}" if swarm.problem else ""
    if swarm.never_connected == total.devices:
        raise BrokerError(clean(swarm.problem or "no broker has answered yet"))
    wrong = []
    if swarm.never_connected:
        wrong.append(f"{swarm.never_connected} of {total.devices} devices were never connected")
    if total.refused:
        wrong.append(f"{total.refused} of {total.events} events were refused")
    if swarm.unacknowledged:
        wrong.append(f"{swarm.unacknowledged} of {total.events} events were not acknowledged")
    if unforgotten:
        wrong.append(f"what {unforgotten} devices have told is still retained")
    if wrong:
        raise EdgedError("; ".join(wrong) + why)
