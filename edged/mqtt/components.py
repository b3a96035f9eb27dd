"""The kinds of entities that Home Assistant makes of what is told over MQTT.

The keys are Home Assistant's: https://www.home-assistant.io/integrations/mqtt/.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

Category: TypeAlias = Literal["", "diagnostic", "config"]


class Component(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every entity has."""

    unique_id: str
    name: str
    default_entity_id: str
    entity_category: Category = ""
    device_class: str = ""
    icon: str = ""
    enabled_by_default: bool = True


class Shown(Component, frozen=True, kw_only=True, omit_defaults=True):
    """One that has a state."""

    state_topic: str
    value_template: str = ""
    qos: Literal[0, 1] = 0


class Sensor(
    Shown, frozen=True, kw_only=True, omit_defaults=True, tag="sensor", tag_field="platform"
):
    """A number, a time or a word."""

    unit_of_measurement: str = ""
    state_class: Literal["", "measurement", "total_increasing"] = ""
    suggested_display_precision: int | None = None
    options: tuple[str, ...] = ()
    expire_after: int = 0


class BinarySensor(
    Shown, frozen=True, kw_only=True, omit_defaults=True, tag="binary_sensor", tag_field="platform"
):
    """Yes or no."""

    expire_after: int = 0
    json_attributes_topic: str = ""
    json_attributes_template: str = ""


class Event(
    Shown, frozen=True, kw_only=True, omit_defaults=True, tag="event", tag_field="platform"
):
    """Something that happens."""

    event_types: tuple[str, ...]


class Switch(
    Shown, frozen=True, kw_only=True, omit_defaults=True, tag="switch", tag_field="platform"
):
    """On and off."""

    command_topic: str


class Select(
    Shown, frozen=True, kw_only=True, omit_defaults=True, tag="select", tag_field="platform"
):
    """One of several."""

    command_topic: str
    options: tuple[str, ...]


class Number(
    Shown, frozen=True, kw_only=True, omit_defaults=True, tag="number", tag_field="platform"
):
    """A number that can be set."""

    command_topic: str
    min: float
    max: float
    step: float
    mode: Literal["box", "slider"]
    unit_of_measurement: str = ""


class Button(
    Component, frozen=True, kw_only=True, omit_defaults=True, tag="button", tag_field="platform"
):
    """Something to press."""

    command_topic: str
    qos: Literal[0, 1] = 0


class Removed(msgspec.Struct, frozen=True):
    """An entity that is no more: leaving it out would not be enough."""

    platform: str


def platform(kind: type[Component]) -> str:
    """What Home Assistant calls a kind of entity: `binary_sensor`."""
    return str(kind.__struct_config__.tag)


def removed(found: Mapping[str, Component]) -> dict[str, Removed]:
    """What makes entities disappear that may have been told earlier."""
    return {key: Removed(platform(type(component))) for key, component in found.items()}
