"""The subscriber of `edged bench`, a process of its own: when does which message arrive?

Run as `python -m edged.bench.subscriber HOST PORT`. Prints `ready` when it is subscribed,
`first TIME` at the first frame (monotonic seconds, which all processes of a machine share), and
once its standard input closes, one JSON line with an `Arrivals`.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from edged.messages.device import HealthMessage
from edged.messages.encoding import Reader
from edged.messages.topics import Topics

TOPICS = Topics("bench", "bench")


class Arrivals(msgspec.Struct):
    """What came, in the order of arrival."""

    at: list[float] = []
    """Monotonic seconds of each frame's message."""
    age_ms: list[float] = []
    """By the wall clock, which is all that a payload carries, and which the machine shares."""
    clock_shift_ms: float = 0.0
    """How far the wall clock was set meanwhile, which spoils the ages."""
    health: list[HealthMessage] = []


class _Stamped(msgspec.Struct):
    ts: float


def main() -> None:
    """Listen until the standard input closes."""
    arrivals = Arrivals()
    frame = Reader(_Stamped)

    def on_message(_client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        wall, now = time.time(), time.monotonic()
        if message.topic == TOPICS.health:
            arrivals.health.append(msgspec.json.decode(message.payload, type=HealthMessage))
        elif message.topic in {TOPICS.pose, TOPICS.labels}:
            if not arrivals.at:
                print(f"first {now}", flush=True)
            arrivals.at.append(now)
            arrivals.age_ms.append((wall - frame.decode(bytes(message.payload)).ts) * 1e3)

    offset = time.time() - time.monotonic()
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.on_message = on_message
    client.on_subscribe = lambda *_: print("ready", flush=True)
    client.connect(sys.argv[1], int(sys.argv[2]))
    client.subscribe(TOPICS.everything)
    client.loop_start()
    sys.stdin.read()
    client.disconnect()
    client.loop_stop()
    arrivals.clock_shift_ms = (time.time() - time.monotonic() - offset) * 1e3
    print(msgspec.json.encode(arrivals).decode(), flush=True)


if __name__ == "__main__":
    main()
