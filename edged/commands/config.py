"""`edged config`: check a configuration file, show the configuration in force."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from edged.capture.source import files_at, is_athlete, is_live
from edged.config import Camera, Config, dump, load, masked, model_directories
from edged.errors import EdgedError
from edged.inference.catalog import resolve
from edged.mqtt.tls import tls_context


def check(file: Path) -> None:
    """Say that a file is fine, and what it names that cannot be used on this machine.

    Raises:
        ConfigError: the file is wrong; a line for each thing.
    """
    config = load(file)
    for place, problem in _not_there(config):
        print(f"{file}: {place}: not usable here: {problem}", file=sys.stderr)
    print(f"{file}: ok")


def _not_there(config: Config) -> Iterator[tuple[str, str]]:
    """Places of the file that name what cannot be used on this machine now, and why not."""
    camera, pose, labels = config.camera, config.pose, config.labels
    things: dict[str, Callable[[], object]] = {"[mqtt]": lambda: tls_context(config.mqtt)}
    if is_athlete(camera.source):
        things["[camera] source"] = lambda: _open_athlete(camera)
    elif not is_live(camera.source):
        things["[camera] source"] = lambda: files_at(camera.source)
    if pose.model:
        things["[pose] model"] = lambda: resolve(pose.model, model_directories())
    if labels.model:
        things["[labels] model"] = lambda: resolve(labels.model, model_directories())
    if labels.labels:
        things["[labels] labels"] = lambda: Path(labels.labels).read_bytes()
    for place, use in things.items():
        try:
            use()
        except (EdgedError, OSError) as error:
            yield place, str(error).removeprefix(f"{place} ")


def _open_athlete(camera: Camera) -> None:
    from edged.capture.athlete.source import open_athlete  # noqa: PLC0415 - loads OpenCV

    open_athlete(camera)


def show(file: Path | None) -> None:
    """Print the configuration in force as TOML, secrets masked.

    Raises:
        ConfigError: the file is wrong.
    """
    print(dump(masked(load(file))), end="")
