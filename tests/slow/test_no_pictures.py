"""Pictures never leave the device: everything that a real daemon sends, byte by byte.

Its only way out is a wire that remembers all of it. What it watches is noise that is known: no part
of it, as bytes, base64, hexadecimal or decimal numbers, is on the wire. And whatever is on a topic is
its struct of the contract, with nothing besides, and short.
"""  # noqa: E501 - a whole line

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import msgspec
import numpy as np
import numpy.typing as npt
import psutil
import pytest
import scrapes
import tiny_models
from brokers import Broker, Received, Subscriber, free_port, until
from daemons import TOPICS, Daemon, configuration
from taps import Tap

from edged.messages.catalogue import CHANNELS, Channel, Text
from edged.sections import Camera, Metrics, PoseModel

MOST_BYTES = 4096
"""Of a payload; a person is 700, `info` 1500."""
MOST_DISCOVERY_BYTES = 16384
"""Of what Home Assistant is told once: names, topics and templates of fifty entities."""
LONGEST_TEXT = 200
"""In a payload."""
LONGEST_TEMPLATE = 600
"""Among what Home Assistant is told."""
DISCOVERY = "homeassistant/device/edged_gym/config"
"""All that is not below the prefix."""
WINDOW = 8
"""Bytes of a picture that are found by no chance: one in 10^9 tests of this size."""
PICTURES = {
    "JPEG": b"\xff\xd8\xff",
    "PNG": b"\x89PNG",
    "GIF": b"GIF8",
    "TIFF": b"II*\x00",
    "WebP": b"WEBP",
    "AVIF or HEIC": b"ftyp",
    "JPEG in base64": b"/9j/",
    "PNG in base64": b"iVBORw",
    "BMP in base64": b"Qk0",
    "data URL": b"data:image",
}


@dataclass(frozen=True, slots=True)
class Heard:
    """All that left a daemon."""

    wire: bytes
    """To and from the broker."""
    messages: list[Received]
    figures: bytes
    """What Prometheus read."""


def write_noise(path: Path, size: tuple[int, int] = (96, 72)) -> npt.NDArray[np.uint8]:
    """A picture whose pixels are random, without loss: (height, width, 3) RGB."""
    width, height = size
    pixels = np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)
    cv2.imwrite(str(path), pixels[:, :, ::-1])
    return pixels


def windows(data: bytes, size: int) -> Iterator[bytes]:
    """Every part of so many bytes."""
    return (data[begin : begin + size] for begin in range(len(data) - size + 1))


def orders(pixels: npt.NDArray[np.uint8]) -> Iterator[bytes]:
    """The bytes of a picture as somebody might have sent them."""
    for picture in (pixels, pixels[:, ::-1], cv2.cvtColor(pixels, cv2.COLOR_RGB2YUV_I420)):
        yield picture.tobytes()
    yield pixels[:, :, ::-1].tobytes()
    yield np.moveaxis(pixels, 2, 0).tobytes()
    yield cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).tobytes()


WRITINGS: dict[str, tuple[Callable[[bytes], bytes], int]] = {
    "bytes": (bytes, WINDOW),
    "base64": (base64.b64encode, WINDOW // 3 * 4 + 4),
    "base64, other letters": (base64.urlsafe_b64encode, WINDOW // 3 * 4 + 4),
    "hexadecimal": (lambda data: data.hex().encode(), 2 * WINDOW),
    "numbers": (lambda data: b",".join(b"%d" % value for value in data), 3 * WINDOW),
    "spaced numbers": (lambda data: b", ".join(b"%d" % value for value in data), 4 * WINDOW),
}
"""How bytes may be written, and how long a part of that is found by no chance."""


def leaks(pixels: npt.NDArray[np.uint8], told: bytes) -> list[str]:
    """How parts of a picture are written in what was told; nothing: they are not."""
    found = []
    for name, (write, size) in WRITINGS.items():
        texts = [told.lower() if name == "hexadecimal" else told]
        said = {part for text in texts for part in windows(text, size)}
        shifts = range(3) if "base64" in name else range(1)
        for order, shift in itertools.product(orders(pixels), shifts):
            if any(part in said for part in windows(write(order[shift:]), size)):
                found.append(name)
                break
    return found


def channel_of(topic: str) -> Channel:
    below = topic.removeprefix(f"{TOPICS.prefix}/{TOPICS.device}/")
    (channel,) = (one for one in CHANNELS if one.topic == below)
    return channel


def texts(part: object) -> Iterator[str]:
    """All that is written in a payload."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        yield from itertools.chain.from_iterable(map(texts, (*part, *part.values())))
    elif isinstance(part, list):
        yield from itertools.chain.from_iterable(map(texts, part))


def listen(directory: Path, broker: Broker, camera: Camera, *topics: str) -> Heard:
    """What leaves a daemon until there was something on all of the topics."""
    things = directory / "things.tflite"
    things.write_bytes(tiny_models.classifier(classes=4))
    with Tap(broker.port) as tap, Subscriber(broker.port) as subscriber:
        config = msgspec.structs.replace(
            configuration(Path("unused"), Path("unused"), tap.port, labels=things),
            camera=camera,
            pose=PoseModel(model="athlete-pose", min_score=0.0),
            metrics=Metrics(enabled=True, port=free_port()),
        )
        with Daemon(directory, config) as daemon:
            for topic in topics:
                until(lambda topic=topic: len(subscriber.of(topic)) >= 3, topic)  # type: ignore[misc]
            family = [psutil.Process(daemon.process.pid), *daemon.workers()]
            ways = {
                one.raddr.port if one.raddr else one.laddr.port
                for process in family
                for one in process.net_connections("inet")
            }
            assert ways == {tap.port, config.metrics.port}, "there is another way out"
            figures = scrapes.get(config.metrics.port)[2]
            assert daemon.stop() == 0
        subscriber.until(TOPICS.status, b"offline")
        return Heard(bytes(tap.sent + tap.answered), list(subscriber.messages), figures)


def check(heard: Heard) -> None:
    """Everything is the contract, and nothing else."""
    for message in heard.messages:
        payload = message.payload
        if message.topic == DISCOVERY:
            assert len(payload) <= MOST_DISCOVERY_BYTES
            written = list(texts(msgspec.json.decode(payload)))
            assert max(map(len, written)) <= LONGEST_TEMPLATE
            assert all(word.isascii() and word.isprintable() for word in written)
            continue
        assert len(payload) <= MOST_BYTES, message.topic
        channel = channel_of(message.topic)
        if isinstance(channel.payload, Text):
            assert re.fullmatch(channel.payload.pattern, payload.decode())
            continue
        struct = msgspec.json.decode(payload, type=channel.payload)
        assert msgspec.json.encode(struct) == payload, "something besides the contract"
        written = list(texts(msgspec.json.decode(payload)))
        assert max(map(len, written)) <= LONGEST_TEXT
        assert all(word.isascii() and word.isprintable() for word in written)
    for name, magic in PICTURES.items():
        assert magic not in heard.wire, name
        assert magic not in heard.figures, name
    # Besides payloads, the wire has topics, properties and acknowledgements only.
    told = sum(len(message.payload) + len(message.topic) + 64 for message in heard.messages)
    assert len(heard.wire) <= told + MOST_BYTES


def test_of_a_camera_full_of_noise_nothing_is_on_the_wire(tmp_path: Path, broker: Broker) -> None:
    film = tmp_path / "noise.png"
    pixels = write_noise(film)
    camera = Camera(source=str(film), width=96, height=72, fps=30.0, loop=True)
    heard = listen(tmp_path, broker, camera, TOPICS.pose, TOPICS.labels, TOPICS.health)
    check(heard)
    assert TOPICS.pose.encode() in heard.wire, "the wire is the one"
    assert leaks(pixels, heard.wire) == []
    assert leaks(pixels, heard.figures) == []


def test_of_an_athlete_the_contract_is_told_and_nothing_else(
    tmp_path: Path, broker: Broker
) -> None:
    script = tmp_path / "script.toml"
    script.write_text(
        "[workout]\nseed = 5\n[[set]]\nexercise = 'squat'\nreps = 60\n"
        "tempo = [0.6, 0.1, 0.5, 0.2]\n"
    )
    camera = Camera(source=f"athlete:{script}", width=320, height=240)
    heard = listen(tmp_path, broker, camera, *(f"{TOPICS.prefix}/gym/{t}" for t in SEEN))
    check(heard)
    told = {channel_of(m.topic).topic for m in heard.messages if m.topic != DISCOVERY}
    assert scrapes.parsed(heard.figures.decode())["edged_reps_total", ("squat", "true")] >= 3
    assert told == {one.topic for one in CHANNELS if one.kind in {"state", "stream", "event"}}


SEEN = ("pose", "labels", "health", "exercise", "event/rep")
"""Until they were told; `info`, a set and a workout come with the end at the latest."""


@pytest.mark.parametrize("name", WRITINGS)
@pytest.mark.parametrize("order", range(6))
def test_a_leak_would_be_found(tmp_path: Path, name: str, order: int) -> None:
    pixels = write_noise(tmp_path / "noise.png", (16, 12))
    data = list(orders(pixels))[order]
    write, _ = WRITINGS[name]
    leak = write(data[len(data) // 2 :][:24])
    told = b'{"v":1,"poses":[' + leak + b"]}" * 20
    assert name in leaks(pixels, told)
    assert leaks(write_other(pixels), told) == []


def write_other(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Another noise."""
    return np.random.default_rng(8).integers(0, 256, pixels.shape, np.uint8)


def test_the_wire_remembers_both_ways(broker: Broker) -> None:
    with Tap(broker.port) as tap:
        with Subscriber(tap.port) as subscriber:
            subscriber.publish("secret/topic", b"a secret payload")
            subscriber.until("secret/topic", b"a secret payload")
        assert b"a secret payload" in tap.sent
        assert b"a secret payload" in tap.answered
