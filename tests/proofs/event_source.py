"""Feeds events to a broker as the daemon does, and says which are safe: see `outbox.py`.

`python event_source.py PORT FILE FIRST LAST PAUSE_S`. Says on stdout, a line each, `> n` before
event n is handed over, `! t` when that took t microseconds, and `= n` when the file has it; at the
end of its input it ends in order.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Thread

import msgspec

from edged import sections
from edged.messages.ids import RANDOM_BITS, uuid7
from edged.messages.topics import Topics
from edged.mqtt.events import Event
from edged.mqtt.outbox import Outbox
from edged.mqtt.outbox_file import OutboxFile
from edged.mqtt.publisher import Publisher
from edged.mqtt.retry import Retry
from edged.sections import Mqtt

TOPICS = Topics("edged", "proof")
KEEPALIVE_S = 5
"""The shortest that the configuration allows: a black hole is noticed after twice of it."""
_commit = OutboxFile.change


def say(mark: str, numbers: Sequence[int]) -> None:
    """A line for each number, in one piece."""
    if numbers:
        os.write(1, "".join(f"{mark} {number}\n" for number in numbers).encode())


def number_of(payload: bytes) -> int:
    """Which event it is."""
    return int(msgspec.json.decode(payload)["n"])


def _change(file: OutboxFile, new: Sequence[Event], gone: Sequence[int]) -> list[int]:
    rows = _commit(file, new, gone)
    say("=", [number_of(event.payload) for event in new])
    return rows


def main(port: int, path: Path, first: int, last: int, pause_s: float) -> None:
    """Hand over the events, then wait for the end of the input."""
    OutboxFile.change = _change  # type: ignore[method-assign,assignment] # the real one, and it tells
    over: list[bytes] = []
    reader = Thread(target=lambda: over.append(sys.stdin.buffer.read()), daemon=True)
    reader.start()
    outbox = Outbox(path, sections.Outbox())
    outbox.start()
    soon = Retry(first_s=0.05, most_s=0.3)
    publisher = Publisher(
        Mqtt(port=port, keepalive_s=KEEPALIVE_S), TOPICS, outbox=outbox, retry=soon
    )
    publisher.start()
    try:
        for number in range(first, last):
            event_id = uuid7(time.time(), int.from_bytes(os.urandom(16)) % (1 << RANDOM_BITS))
            payload = msgspec.json.encode({"v": 1, "id": event_id, "n": number, "pad": "x" * 400})
            say(">", [number])
            began_ns = time.perf_counter_ns()
            publisher.event(TOPICS.event_rep, event_id, payload)
            os.write(1, f"! {(time.perf_counter_ns() - began_ns) / 1000}\n".encode())
            if over:
                break
            time.sleep(pause_s)
        while not over:
            health = outbox.health
            sys.stderr.write(f"{health.depth} {health.problem}\n")
            sys.stderr.flush()
            reader.join(0.2)
    finally:
        publisher.close()
        outbox.close()


if __name__ == "__main__":
    PORT, FILE, FIRST, LAST, PAUSE_S = sys.argv[1:]
    main(int(PORT), Path(FILE), int(FIRST), int(LAST), float(PAUSE_S))
