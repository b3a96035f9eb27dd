"""Has Home Assistant find this device by itself, or forget it where that is switched off."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from edged.messages.device import Info
from edged.messages.topics import Topics
from edged.mqtt.homeassistant import (
    REMOVED,
    Description,
    birth_topic,
    discovery,
    discovery_topic,
    encoded,
    is_birth,
)
from edged.mqtt.publisher import Publisher
from edged.sections import HomeAssistant


def listened(
    settings: HomeAssistant, topics: Topics, publisher: Callable[[], Publisher]
) -> Mapping[str, Callable[[bytes], None]]:
    """What a publisher has to listen to, and what is then done.

    Switched on, Home Assistant's birth: all states are told again. Switched off, what is retained
    from before: it is removed, and only then, since Home Assistant complains about the removal of
    what it never knew.
    """
    prefix = settings.discovery_prefix
    birth, found = birth_topic(prefix), discovery_topic(topics, prefix)

    def was_born(payload: bytes) -> None:
        if is_birth(birth, payload, prefix):
            publisher().tell_again()

    def is_there(payload: bytes) -> None:
        if payload:
            publisher().state(found, REMOVED)

    return {birth: was_born} if settings.enabled else {found: is_there}


class Herald:
    """Tells of the device. Belongs to the main thread."""

    def __init__(self) -> None:
        self._told: tuple[Publisher, str, bytes] | None = None

    def tell(
        self,
        publisher: Publisher,
        topics: Topics,
        settings: HomeAssistant,
        info: Info,
        *,
        sensors: Sequence[str],
        health_interval_s: float,
    ) -> None:
        """Tell it where it is wanted and something is new."""
        if not settings.enabled:
            self._told = None
            return
        described = Description(
            version=info.version,
            name=topics.device,
            model=", ".join(model.name for model in info.models),
            exercises=info.exercises,
            sensors=tuple(sorted(sensors)),
            health_interval_s=health_interval_s,
        )
        topic = discovery_topic(topics, settings.discovery_prefix)
        told = (publisher, topic, encoded(discovery(topics, described)))
        if told != self._told:
            self._told = told
            publisher.state(topic, told[2])
