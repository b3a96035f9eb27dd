"""The models: are their files here and right, and do they run?"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edged.config import Config
from edged.doctor.finding import Finding, Trouble, problem, warning
from edged.errors import EdgedError, EngineError, ModelError, PullError
from edged.exercise_stage import ExerciseStage
from edged.inference import store
from edged.inference.assignment import lacks_twin
from edged.inference.catalog import ModelFile, resolve
from edged.inference.engine import Engine
from edged.inference.process import Signature
from edged.inference.specs import describe
from edged.inference.store import State
from edged.pipeline import classifier_of

POLL_S = 0.1
OLD_RUNTIME = "tflite_runtime"
"""Runs int8 models about 14 times slower than its successor on x86-64; never without need."""


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A file of a model against the catalog."""

    path: str
    role: str
    """`cpu`, `edgetpu` or `labels`."""
    state: State


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """One model of the configuration."""

    name: str
    section: str
    """`pose`, `labels` or `fitness`."""
    files: tuple[CheckedFile, ...]
    """As far as the catalog knows them."""
    problem: str
    """Why it cannot be used; empty: it can."""
    todo: str
    """What mends that, where the problem itself does not say it."""
    shortcoming: str
    """What is missing all the same."""
    invoke_ms: float | None
    """The second invoke, bare; None: it was not run."""


@dataclass(frozen=True, slots=True)
class ModelsFacts:
    """All of the configuration."""

    models: tuple[ModelFacts, ...]
    accelerator: str
    """What they ran on; empty: they did not."""
    runtime: str
    paths: tuple[str, ...]
    """Of every file that the service has to read."""
    problem: str
    """Why none was run, though every file can be used."""


def measure(
    config: Config, directories: Sequence[Path], timeout_s: float, *, for_service: bool = True
) -> ModelsFacts:
    """Check the files, then load all of them in a worker and invoke each.

    `for_service`: it is the service that has to find them, so that root has to pull them.
    """
    found: list[tuple[str, str, ModelFile | None, _Wrong]] = []
    for section, name in _named(config):
        found.append((section, name, *_resolved(name, directories, for_service=for_service)))
    files = [file for _, _, file, _ in found if file is not None]
    run = _Run(for_service=for_service)
    if len(files) == len(found) and all(file.cpu is not None for file in files):
        run.invoke(files, config, timeout_s)
    facts = []
    for section, name, file, trouble in found:
        index = files.index(file) if file is not None else -1
        wrong = trouble if trouble.what else run.problems.get(index, _FINE)
        facts.append(
            ModelFacts(
                name=name if file is None else file.name,
                section=section,
                files=() if file is None else tuple(_checked(file)),
                problem=wrong.what,
                todo=wrong.todo,
                shortcoming=lacks_twin(file) if file is not None and file.cpu is None else "",
                invoke_ms=run.invoke_ms.get(index),
            )
        )
    paths = [path for file in files for path in (file.path, file.edgetpu, file.labels) if path]
    return ModelsFacts(
        models=tuple(facts),
        accelerator=run.accelerator,
        runtime=run.runtime,
        paths=tuple(str(path.absolute()) for path in dict.fromkeys(paths) if path.exists()),
        problem=run.problem,
    )


@dataclass(frozen=True, slots=True)
class _Wrong:
    """Why a model cannot be used, and what mends that; both empty: it can."""

    what: str
    todo: str = ""


_FINE = _Wrong("")


def _wrong(error: Exception, *, for_service: bool) -> _Wrong:
    if isinstance(error, PullError):
        return _Wrong(error.wrong, error.pull(error.model, for_service=for_service))
    return _Wrong(str(error))


def _named(config: Config) -> Iterator[tuple[str, str]]:
    """Sections that name a model, in the order in which the service holds them, and which."""
    if config.pose.model:
        yield "pose", config.pose.model
    if config.labels.model:
        yield "labels", config.labels.model
    if second := classifier_of(config.pose, config.fitness):
        yield "fitness", second


def _resolved(
    name: str, directories: Sequence[Path], *, for_service: bool
) -> tuple[ModelFile | None, _Wrong]:
    """Its files, or why it has none."""
    try:
        return resolve(name, directories), _FINE
    except (EdgedError, OSError) as error:
        return None, _wrong(error, for_service=for_service)


def _checked(file: ModelFile) -> list[CheckedFile]:
    if file.entry is None:
        return []
    paths = {"cpu": file.cpu, "edgetpu": file.edgetpu, "labels": file.labels}
    return [
        CheckedFile(str(path), role, store.state(path, known))
        for role, known in file.entry.files.items()
        if (path := paths[role]) is not None
    ]


class _Run:
    """What came of running models."""

    def __init__(self, *, for_service: bool) -> None:
        self._for_service = for_service
        self.accelerator = self.runtime = self.problem = ""
        self.problems: dict[int, _Wrong] = {}
        self.invoke_ms: dict[int, float] = {}

    def invoke(self, files: Sequence[ModelFile], config: Config, timeout_s: float) -> None:
        """Load them and invoke each twice: the first one is slower."""
        if not files:
            return
        # Not on a Coral, which belongs to the service while that runs.
        on_cpu = msgspec.structs.replace(config.inference, accelerators=("cpu",))
        engine = Engine(files, on_cpu)
        try:
            until = time.monotonic() + timeout_s
            while not engine.poll_start(POLL_S):
                if time.monotonic() > until:
                    self.problem = f"they are not loaded within {timeout_s:g} s"
                    return
            self.accelerator, self.runtime = engine.accelerator, engine.runtime
            sections = [section for section, _ in _named(config)]
            loaded = zip(sections, files, engine.signatures, strict=True)
            for index, (section, file, signature) in enumerate(loaded):
                self.invoke_ms[index] = round(engine.invoke(index) / 1e6, 2)
                try:
                    _fit(section, file, signature, config)
                except ModelError as error:
                    self.problems[index] = _wrong(error, for_service=self._for_service)
        except (ModelError, EngineError) as error:
            self.problem = str(error)
        finally:
            engine.close()


def _fit(section: str, file: ModelFile, signature: Signature, config: Config) -> None:
    """Raises `ModelError` when the service could not use a model in its section."""
    if section == "fitness":
        ExerciseStage(file, signature, config.fitness)
        return
    given = Path(config.labels.labels) if config.labels.labels else None
    describe(file, signature.inputs, signature.outputs, given)


def judge(facts: ModelsFacts) -> Finding:
    """What to say of them."""
    ran = [
        f"{model.name} {model.invoke_ms:.1f} ms"
        for model in facts.models
        if model.invoke_ms is not None
    ]
    found = ""
    if ran:
        found = f"{', '.join(ran)} an invoke on {facts.accelerator.upper()} ({facts.runtime})"
    troubles = [problem(one.problem, one.todo) for one in facts.models if one.problem]
    if facts.problem:
        troubles.append(problem(facts.problem))
    for model in facts.models:
        troubles += _damages(model)
        if model.shortcoming:
            troubles.append(warning(model.shortcoming))
    if facts.runtime.startswith(OLD_RUNTIME):
        todo = "pip install ai-edge-litert, where there is a wheel for this Python"
        troubles.append(warning(f"{OLD_RUNTIME} is the old library, and slow", todo))
    return Finding(found, tuple(troubles))


def _damages(model: ModelFacts) -> list[Trouble]:
    """A file that is not the catalog's. Whether it runs does not tell that it is right."""
    mend = PullError.pull(model.name, for_service=True)
    words = {
        State.WRONG: "is not the catalog's, by its checksum",
        State.TRUNCATED: "is not whole",
        State.UNREADABLE: "cannot be read",
        State.MISSING: "is not there",
    }
    return [
        warning(f"{file.path} {words[file.state]}", mend)
        if file.role == "edgetpu"
        else problem(f"{file.path} {words[file.state]}", mend)
        for file in model.files
        if file.state not in store.FINE
    ]
