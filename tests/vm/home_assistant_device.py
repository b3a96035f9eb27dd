"""The daemon that Home Assistant is to find: `edged run` here, before somebody who squats."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import msgspec
from brokers import Broker, Subscriber
from daemons import Daemon, configuration

from edged.sections import Camera, Fitness, HomeAssistant, PoseModel

PREFIX = "homeassistant"
SOON_S = 30.0

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


def retain(subscriber: Subscriber, topic: str, payload: bytes) -> None:
    """Says what stays true."""
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
        self._daemon: Daemon | None = None

    @property
    def daemon(self) -> Daemon:
        """The process."""
        assert self._daemon is not None
        return self._daemon

    def start(self) -> None:
        """Starts it, or starts it again."""
        self._daemon = Daemon(self._directory, self._config)

    def announce(self, *, enabled: bool) -> None:
        """Has it tell Home Assistant of itself, or not any more, by a reload."""
        config = msgspec.structs.replace(self._config, homeassistant=HomeAssistant(enabled=enabled))
        self.daemon.configure(config)
        self.daemon.process.send_signal(signal.SIGHUP)

    def forget(self) -> str:
        """Has it forgotten, as the uninstallation does.

        Returns:
            What edged said.
        """
        command = [sys.executable, "-m", "edged.commands.forget", str(self.daemon.file)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout + done.stderr

    def close(self) -> None:
        """Ends it, however it is."""
        if self._daemon is not None:
            self._daemon.__exit__()
