"""Home Assistant is told of the device, at its birth again, and of its end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from brokers import Broker, Subscriber, until
from daemons import TOPICS, Daemon, configuration, info, write_clip

from edged.config import Config
from edged.mqtt.homeassistant import birth_topic, discovery_topic
from edged.sections import HomeAssistant

PREFIX = "homeassistant"
DISCOVERY = discovery_topic(TOPICS, PREFIX)


@pytest.fixture
def config(tmp_path: Path, pose_file: Path, broker: Broker) -> Config:
    return configuration(write_clip(tmp_path / "clip.avi"), pose_file, broker.port)


@pytest.fixture
def subscriber(broker: Broker) -> Iterator[Subscriber]:
    with Subscriber(broker.port, topic="#") as subscriber:
        yield subscriber


def off(config: Config) -> Config:
    return msgspec.structs.replace(config, homeassistant=HomeAssistant(enabled=False))


def is_told(subscriber: Subscriber) -> bool:
    return bool(subscriber.last(DISCOVERY))


def test_it_is_told_at_the_start_and_all_again_when_it_is_born(
    tmp_path: Path, config: Config, subscriber: Subscriber
) -> None:
    with Daemon(tmp_path, config) as daemon:
        until(lambda: is_told(subscriber) and info(subscriber) is not None, "the discovery")
        told = {topic: len(subscriber.of(topic)) for topic in (DISCOVERY, TOPICS.info)}
        subscriber.publish(birth_topic(PREFIX), b"offline")
        subscriber.publish(birth_topic(PREFIX), b"online")
        for topic, times in told.items():
            until(lambda topic=topic, times=times: len(subscriber.of(topic)) > times, topic)  # type: ignore[misc]
        assert daemon.stop() == 0
    assert TOPICS.set("pause") in (subscriber.last(DISCOVERY) or b"").decode()


def test_switched_off_at_a_reload_it_is_removed(
    tmp_path: Path, config: Config, subscriber: Subscriber
) -> None:
    with Daemon(tmp_path, config) as daemon:
        until(lambda: is_told(subscriber), "the discovery")
        daemon.configure(off(config))
        daemon.process.send_signal(signal.SIGHUP)
        until(lambda: subscriber.last(DISCOVERY) == b"", "the removal")


def test_switched_off_what_an_earlier_start_told_is_removed_and_nothing_else_is_said(
    tmp_path: Path, config: Config, subscriber: Subscriber
) -> None:
    with Daemon(tmp_path, config) as daemon:
        until(lambda: is_told(subscriber), "the discovery")
        assert daemon.stop() == 0
    for removals in (1, 1):
        with Daemon(tmp_path, off(config)) as daemon:
            until(lambda: subscriber.last(DISCOVERY) == b"", "the removal")
            subscriber.until(TOPICS.status, b"online")
            assert daemon.stop() == 0
        assert len([one for one in subscriber.of(DISCOVERY) if not one.payload]) == removals
