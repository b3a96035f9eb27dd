"""`edged config`: check a configuration file, show the configuration in force."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from edged.capture.source import is_live, open_source
from edged.config import Config, dump, load, masked
from edged.doctor import service
from edged.errors import ConfigError, EdgedError, ModelError, PullError
from edged.exercise_stage import ExerciseStage
from edged.gym import exercises_of
from edged.inference.catalog import FINDS_ONE, find, not_here, resolve
from edged.inference.engine import Engine
from edged.metrics import library
from edged.mqtt.tls import tls_context
from edged.pipeline import classifier_of
from edged.sections import Fitness, Inference, LabelModel, PoseModel


def check(file: Path, *, only_file: bool = False) -> None:
    """Say that the service can start with a file. It waits for a camera or broker that is away.

    `only_file`: what the file names may be missing.

    Raises:
        ConfigError: it cannot, as the service itself would say; a line for each thing.
    """
    config = load(file)
    unusable = [] if only_file else _unusable(config, file)
    if wrong := [f"{file}: {place}: not usable here: {why}" for place, why in unusable]:
        raise ConfigError("\n".join(wrong))
    print(f"{file}: ok")


def _unusable(config: Config, file: Path) -> Iterator[tuple[str, str]]:
    """Places of the file that name what the service ends for, and why."""
    camera, pose, labels = config.camera, config.pose, config.labels
    directories = service.model_places(file)
    things: dict[str, Callable[[], object]] = {"[mqtt]": lambda: tls_context(config.mqtt)}
    if not is_live(camera.source):
        things["[camera] source"] = lambda: open_source(camera).close()
    if pose.model:
        things["[pose] model"] = lambda: _use_pose(pose, directories)
    if labels.model:
        things["[labels] model"] = lambda: _use_labels(labels, directories)
    things["[metrics]"] = lambda: library.check(config.metrics)
    if config.fitness.enabled:
        things["[fitness]"] = lambda: exercises_of(config.fitness)
    if labels.labels:
        things["[labels] labels"] = lambda: Path(labels.labels).read_bytes()
    if classifier_of(pose, config.fitness):
        things["[fitness] classifier"] = lambda: _use_classifier(config.fitness, directories)
    for place, use in things.items():
        try:
            use()
        except PullError as error:
            for_service = service.is_its(file)
            yield place, f"{error.wrong}: {error.pull(error.model, for_service=for_service)}"
        except (EdgedError, OSError) as error:
            yield place, str(error).removeprefix(f"{place} ")


def _use_pose(settings: PoseModel, directories: Sequence[Path]) -> None:
    found = resolve(settings.model, directories)
    if settings.fit == "track" and found.entry and found.entry.decoder not in FINDS_ONE:
        raise ModelError(
            f"{found.name} finds several people and follows none: the fit is auto, letterbox or "
            "stretch, not track"
        )


def _use_labels(settings: LabelModel, directories: Sequence[Path]) -> None:
    found = resolve(settings.model, directories)
    known = found.entry.labels if found.entry else None
    if known is not None and not settings.labels and find(known, directories) is None:
        raise not_here(found.name, known)


def _use_classifier(settings: Fitness, directories: Sequence[Path]) -> None:
    """It is small: it is loaded, and so its input, output and labels are known to fit."""
    found = resolve(settings.classifier, directories)
    if found.cpu is None:
        return  # what it is, the accelerator would have to tell
    on_cpu = Inference(accelerators=("cpu",), threads=1)
    with contextlib.closing(Engine([found.cpu], on_cpu)) as engine:
        engine.start()
        ExerciseStage(found, engine.signatures[0], settings)


def show(file: Path | None) -> None:
    """Print the configuration in force as TOML, secrets masked.

    Raises:
        ConfigError: the file is wrong.
    """
    print(dump(masked(load(file))), end="")
