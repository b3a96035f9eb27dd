"""The daemon that Home Assistant is to find: `edged run` here, before somebody who squats."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from brokers import Broker, Subscriber, until
from daemons import TOPICS, Daemon, configuration, healths, info

from edged.config import Config
from edged.mqtt.homeassistant import (
    Description,
    birth_topic,
    discovery,
    discovery_topic,
    encoded,
)
from edged.sections import Camera, Fitness, PoseModel

PREFIX = "homeassistant"
SOON_S = 30.0
IS_WIRED = "homeassistant" in Config.__struct_fields__
"""The daemon tells of itself; until it does, `Herald` tells from what the daemon says."""

SCRIPT = """
[workout]
seed = 5
repeat = true
[[set]]
exercise = "squat"
reps = 5
tempo = [0.8, 0.1, 0.7, 0.2]
rest_s = 14.0
"""


class Herald:
    """Tells Home Assistant of the daemon, from what the daemon tells everybody, and at its birth.

    Args:
        broker: Where all of them meet.
    """

    def __init__(self, broker: Broker) -> None:
        self._subscriber = Subscriber(broker.port)
        self._births = 0
        self._told = b""

    def tell(self) -> None:
        """Tells, if there is something new."""
        device, last = info(self._subscriber), healths(self._subscriber)
        births = len(self._subscriber.of(birth_topic(PREFIX)))
        if device is None or not last:
            return
        described = Description(
            version=device.version,
            name=TOPICS.device,
            model=", ".join(model.name for model in device.models),
            exercises=device.exercises,
            sensors=tuple(last[-1].temperatures),
            health_interval_s=0.5,
        )
        payload = encoded(discovery(TOPICS, described))
        if (payload, births) != (self._told, self._births):
            self._told, self._births = payload, births
            retain(self._subscriber, discovery_topic(TOPICS, PREFIX), payload)

    def close(self) -> None:
        """Hangs up."""
        self._subscriber.close()


def retain(subscriber: Subscriber, topic: str, payload: bytes) -> None:
    subscriber._client.publish(topic, payload, qos=1, retain=True)


class Device:
    """The daemon, as `edged run` on this machine, with an athlete for a camera."""

    def __init__(self, directory: Path, broker: Broker) -> None:
        directory.mkdir()
        self._directory = directory
        script = directory / "script.toml"
        script.write_text(SCRIPT)
        self._config = msgspec.structs.replace(
            configuration(Path("unused"), Path("unused"), broker.port),
            camera=Camera(source=f"athlete:{script}", width=320, height=240, fps=15, loop=True),
            pose=PoseModel(model="athlete-pose"),
            fitness=Fitness(set_ends_s=5.0, workout_ends_s=10.0, gone_s=5.0),
        )
        if IS_WIRED:
            sections = msgspec.to_builtins(self._config) | {"homeassistant": {"enabled": True}}
            self._config = msgspec.convert(sections, Config)
        self._daemon: Daemon | None = None
        self._herald = None if IS_WIRED else Herald(broker)

    @property
    def daemon(self) -> Daemon:
        """The process."""
        assert self._daemon is not None
        return self._daemon

    def start(self) -> None:
        """Starts it, or starts it again."""
        self._daemon = Daemon(self._directory, self._config)

    def until(self, what: str, condition: Callable[[], bool], timeout_s: float = SOON_S) -> float:
        """Waits; meanwhile the herald does its work.

        Returns:
            The seconds it took.
        """
        started = time.monotonic()

        def look() -> bool:
            if self._herald is not None:
                self._herald.tell()
            time.sleep(0.05)
            return condition()

        until(look, what, timeout_s)
        return time.monotonic() - started

    def close(self) -> None:
        """Ends it, however it is."""
        if self._herald is not None:
            self._herald.close()
        if self._daemon is not None:
            self._daemon.__exit__()
