"""What a chain holds, and what of it another configuration exchanges."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import msgspec

from edged.capture.capture import Capture
from edged.capture.slot import LatestFrame
from edged.config import Config, model_directories
from edged.errors import ModelError
from edged.inference.engine import Engine
from edged.pipeline import ModelFiles, Pipeline, find_models
from edged.sections import Camera

CAMERA_STOP_S = 1.0
"""How long a camera's driver may do so: libcamera takes 0.5 s to stop as it should."""

States: TypeAlias = tuple[tuple[Path, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Models:
    """Models that are loaded, and the files that they are of."""

    files: ModelFiles
    states: States
    """Of the files, when they were loaded: a file may be replaced under its name."""
    engine: Engine
    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class CameraInUse:
    """A source that is being read, and the slot that it is read into."""

    slot: LatestFrame
    capture: Capture

    def close(self) -> None:
        """Stop reading. The frame that nobody took is given back."""
        self.capture.close(CAMERA_STOP_S)
        self.slot.close()
        self.slot.discard()


def told_by(config: Config) -> tuple[object, ...]:
    """What a publisher depends on."""
    return config.mqtt, config.device, config.homeassistant, config.outbox


def is_gym_wanted(config: Config) -> bool:
    """Whether anything is made of poses."""
    return config.fitness.enabled and bool(config.pose.model)


def files_of(config: Config) -> ModelFiles:
    """The model files that are asked for. Raises `ModelError`."""
    return find_models(config.pose, config.labels, model_directories(), config.fitness)


def is_other_camera(new: Camera, old: Camera) -> bool:
    """Whether another source has to be opened; one that is paused is none."""
    return msgspec.structs.replace(new, paused=old.paused) != old


def states_of(files: ModelFiles) -> States:
    """What tells a file from another one under its name."""
    try:
        stats = [(path, path.stat()) for path in files.paths]
    except OSError as error:
        raise ModelError(f"{error.filename}: {error.strerror}") from error
    return tuple((path, stat.st_mtime_ns, stat.st_size, stat.st_ino) for path, stat in stats)
