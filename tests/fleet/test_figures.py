"""What a simulation counts is what goes over the wire."""

from __future__ import annotations

import socket
import time

import pytest

from edged.fleet.figures import Meter, in_words
from edged.fleet.wire import Wire
from edged.messages.topics import Topics
from edged.mqtt.session import Protocol
from edged.sections import Mqtt

TOPICS = Topics("edged", "sim-0001")
CONNACK = {"5": bytes((0x20, 3, 0, 0, 0)), "3.1.1": bytes((0x20, 2, 0, 0))}


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
@pytest.mark.parametrize("size", [0, 80, 100, 1000, 16_300, 20_000])
def test_bytes_are_those_of_the_packets(protocol: Protocol, size: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings = Mqtt(port=server.getsockname()[1])
        wire = Wire(settings, TOPICS, protocol, None, lambda *_: None)
        wire.open()
        peer, _ = server.accept()
        with peer:
            peer.recv(4096)
            peer.sendall(CONNACK[protocol])
            while not wire.is_ready:
                wire.read()
                wire.check()  # which also ends it when it takes too long
            wire.stream(TOPICS.pose, b"{" * size)
            wire.tell(TOPICS.event_rep, b"{" * size, retain=False)
            wire.tell(TOPICS.status, b"online", retain=True)
            peer.settimeout(5.0)
            came = 0
            while came < wire.bytes:
                if wire.client.want_write():
                    wire.write()
                came += len(peer.recv(65_536))
            assert came == wire.bytes
            peer.settimeout(0.05)
            with pytest.raises(TimeoutError):
                peer.recv(1)
            assert wire.unacknowledged == 2
        wire.close()


def test_a_span_is_of_its_own_time_and_the_total_of_all() -> None:
    meter = Meter(2)
    meter.messages, meter.bytes, meter.poses = 1000, 500_000, 900
    meter.begin()
    meter.messages += 10
    meter.latency(3.0)
    time.sleep(0.05)  # there is no rate without a time
    first = meter.drain()
    assert first.messages_s * first.seconds == pytest.approx(10, rel=0.2)
    assert (first.puback_p50_ms, first.puback_p99_ms) == (3.0, 3.0)
    assert meter.drain().messages_s == 0
    total = meter.total()
    assert total.seconds >= first.seconds
    assert total.messages_s > 0


def test_errors_are_counted_by_their_text_and_not_without_end() -> None:
    meter = Meter(1)
    for number in range(100):
        meter.error(f"error {number}")
    meter.error("error 0")
    told = meter.total().errors
    assert told["error 0"] == 2
    assert len(told) <= 17
    assert sum(told.values()) == 101


def test_figures_are_a_line_for_a_person() -> None:
    meter = Meter(3)
    assert "0/3 connected" in in_words(meter.drain())
    assert "PUBACK p50 / p99 -" in in_words(meter.drain())
    meter.latency(1.25)
    time.sleep(0.01)
    assert "PUBACK p50 / p99 1.2 / 1.2 ms" in in_words(meter.drain())
