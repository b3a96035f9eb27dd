"""What Home Assistant has to be told to find this device by itself: MQTT device discovery.

https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload. Nothing is sent from
here: these are the topics and the payloads. What appears there is in `entities`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from edged.messages.topics import OFFLINE, ONLINE, Topics
from edged.mqtt.components import Component, Removed, removed
from edged.mqtt.entities import Maker

MANUFACTURER = "edged"
BIRTH = ONLINE
"""What Home Assistant says on the birth topic when it has started."""
REMOVED = b""
"""On the discovery topic, retained: the device and all its entities go. Only to be sent where
something is retained there: Home Assistant complains about the removal of what it never knew."""


class DeviceInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The device's page."""

    identifiers: tuple[str, ...]
    name: str
    manufacturer: str = ""
    model: str = ""
    sw_version: str = ""
    configuration_url: str = ""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Who tells: stands in Home Assistant's log."""

    name: str
    sw_version: str


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    """The payload of the discovery topic, retained."""

    device: DeviceInfo
    origin: Origin
    availability_topic: str
    payload_available: str
    payload_not_available: str
    components: dict[str, Component | Removed]


@dataclass(frozen=True, slots=True)
class Description:
    """What Home Assistant is told of this device beyond its topics."""

    version: str
    """Of edged."""
    name: str
    """For people; it becomes the first part of each entity's name."""
    model: str = ""
    """What it is, in a few words: the models, the accelerator, the camera."""
    exercises: tuple[str, ...] = ()
    """That are counted; empty: none are, and what belongs to them is removed."""
    sensors: tuple[str, ...] = ()
    """Of the temperatures in `health`, as far as they are known now."""
    health_interval_s: float = 10.0
    """Seconds between two health messages."""
    url: str = ""
    """Of a page about this device, http:// or https://; empty: none."""


def device_id(topics: Topics) -> str:
    """Names the device for ever: letters, digits, `_` and `-`, the same for the same topics."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", f"{topics.prefix}_{topics.device}")


def discovery_topic(topics: Topics, discovery_prefix: str) -> str:
    """Where `discovery` belongs, retained; and `REMOVED`, when it is switched off."""
    return f"{discovery_prefix}/device/{device_id(topics)}/config"


def birth_topic(discovery_prefix: str) -> str:
    """Where Home Assistant says `BIRTH`: then discovery and all states are told again."""
    return f"{discovery_prefix}/status"


def is_birth(topic: str, payload: bytes, discovery_prefix: str) -> bool:
    """Whether a message says that Home Assistant has just started."""
    return topic == birth_topic(discovery_prefix) and payload == BIRTH


def discovery(topics: Topics, described: Description) -> Discovery:
    """All entities of the device. The same arguments give the same bytes."""
    maker = Maker(topics, device_id(topics), expire_after_s(described.health_interval_s))
    counting = maker.fitness(described.exercises)
    device = maker.device() | maker.temperatures(described.sensors)
    return Discovery(
        device=DeviceInfo(
            identifiers=(device_id(topics),),
            name=described.name,
            manufacturer=MANUFACTURER,
            model=described.model,
            sw_version=described.version,
            configuration_url=described.url,
        ),
        origin=Origin(name="edged", sw_version=described.version),
        availability_topic=topics.status,
        payload_available=ONLINE.decode(),
        payload_not_available=OFFLINE.decode(),
        components={**(counting if described.exercises else removed(counting)), **device},
    )


def expire_after_s(health_interval_s: float) -> int:
    """Seconds without a health message after which its figures are unknown.

    Three may be lost, and one may be late by half: they are sent at QoS 0.
    """
    return max(30, round(3.5 * health_interval_s))


def encoded(found: Discovery) -> bytes:
    """The payload, JSON."""
    return msgspec.json.encode(found)
