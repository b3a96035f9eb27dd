"""The whole examination: measures everything at once, then judges."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from edged.config import Config, credential_beside, device_name
from edged.doctor import (
    accelerator,
    broker,
    camera,
    clock,
    disk,
    memory,
    models,
    permissions,
    service,
    settings,
    temperature,
)
from edged.doctor.accelerator import AcceleratorFacts
from edged.doctor.disk import DiskFacts
from edged.doctor.finding import Finding, Level, problem, warning, worst
from edged.doctor.identity import Access, Identity, accesses, looked_for
from edged.doctor.machine import Machine
from edged.doctor.models import ModelsFacts
from edged.doctor.permissions import Need, PermissionFacts
from edged.doctor.probe import Probe, Unmeasured
from edged.doctor.service import ServiceFacts
from edged.messages.device import Info
from edged.messages.topics import Topics
from edged.sections import Camera, Inference

PROBE_S = 7.2
"""For a child process or a worker to answer; together with the rest less than 10 s."""
LIMIT_S = 8.0
SYSTEMD_S = 3.0
"""What systemd gets to tell whether the service has paused the camera; usually it takes 0.02 s."""
PERMISSIONS_S = 0.9
"""They come last: what is looked at depends on what was found."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Subject:
    """A part of the examination."""

    finding: Finding
    facts: Any
    """A dataclass of what was measured, with nothing secret in it; None: nothing was."""


@dataclass(frozen=True, slots=True)
class Report:
    """All of it."""

    subjects: Mapping[str, Subject]
    """In the order in which they are told."""

    @property
    def level(self) -> Level:
        """Of the worst finding."""
        return worst(subject.finding.level for subject in self.subjects.values())


def examine(config_file: Path | None, machine: Machine) -> Report:
    """Look at everything. Takes at most 10 s; changes nothing, and disturbs no running service."""
    until = time.monotonic() + LIMIT_S
    settings_facts, config = settings.measure(config_file)
    file = Path(settings_facts.file) if settings_facts.file else None
    judged = _Judgement(_Probes(config, file, machine), until, config, machine)
    found = Subject(settings.judge(settings_facts), settings_facts)
    others = judged.subjects(settings_facts.file)
    is_fine = all(one.finding.level is not Level.PROBLEM for one in (found, *others.values()))
    return Report({"config": found, "service": judged.service(is_rest_fine=is_fine), **others})


class _Probes:
    """Everything that is measured, at the same time."""

    def __init__(self, config: Config | None, file: Path | None, machine: Machine) -> None:
        self.service = Probe(lambda: service.measure(machine, file))
        inference = Inference() if config is None else config.inference
        self.accelerator = Probe(
            lambda: accelerator.measure(machine, file, inference.edgetpu_library, PROBE_S)
        )
        self.clock = Probe(lambda: clock.measure(tls=config is not None and config.mqtt.tls))
        self.temperature = Probe(lambda: temperature.measure(machine))
        self.disk = Probe(lambda: disk.measure(machine, machine.state))
        self.memory = Probe(lambda: memory.measure(machine))
        self.camera: Probe[camera.CameraFacts] | None = None
        self.models: Probe[ModelsFacts] | None = None
        self.broker: Probe[broker.BrokerFacts] | None = None
        if config is not None:
            topics = Topics(config.mqtt.prefix, device_name(config.device))
            self.camera = Probe(lambda: self._look(config.camera, machine, file))
            self.models = Probe(
                lambda: models.measure(
                    config,
                    service.model_places(file),  # what it will find, not what is our own
                    PROBE_S,
                    for_service=service.is_its(file) or os.geteuid() == 0,
                )
            )
            beside = None if file is None else credential_beside(file)
            self.broker = Probe(
                lambda: broker.measure(config.mqtt, topics, beside),
                late=f"no answer from broker {config.mqtt.host}:{config.mqtt.port} within "
                f"{LIMIT_S:g} s: is it well, and is a name server in reach (getent hosts "
                f"{config.mqtt.host})?",
            )

    def _look(self, settings: Camera, machine: Machine, file: Path | None) -> camera.CameraFacts:
        """At the camera, unless the running service keeps it closed."""
        begun = time.monotonic()
        found = None if settings.paused else self.service.result(begun + SYSTEMD_S)
        return camera.measure(
            settings,
            machine,
            file,
            PROBE_S - (time.monotonic() - begun),
            is_service_paused=isinstance(found, ServiceFacts) and found.is_paused,
        )


class _Judgement:
    """What to say, once everything is measured or late."""

    def __init__(
        self, looking: _Probes, until: float, config: Config | None, machine: Machine
    ) -> None:
        self._looking = looking
        self._until = until
        self._config = config
        self._machine = machine
        self._service = looking.service.result(until)
        self._accelerator = looking.accelerator.result(until)
        self._camera: camera.CameraFacts | Unmeasured = _result(looking.camera, until)
        self._models: ModelsFacts | Unmeasured = _result(looking.models, until)
        self._broker: broker.BrokerFacts | Unmeasured = _result(looking.broker, until)

    def service(self, *, is_rest_fine: bool) -> Subject:
        """The service itself, by what it and all others say."""
        return _subject(self._service, lambda one: service.judge(one, is_rest_fine=is_rest_fine))

    def subjects(self, config_file: str) -> dict[str, Subject]:
        """All but the configuration and the service."""
        looking, until, facts = self._looking, self._until, self._service
        name, user, is_running = "edged", service.USER, False
        if not isinstance(facts, Unmeasured):
            name, user, is_running = facts.name, facts.user, bool(facts.running)
        told = self._told
        is_root = os.geteuid() == 0
        file = Path(config_file) if config_file else None
        who, service_user = looked_for(user, is_its=service.is_its(file))
        checked = Probe(lambda: self._permissions(who, service_user, config_file)).result(
            time.monotonic() + PERMISSIONS_S
        )
        mays = {} if isinstance(checked, Unmeasured) else _devices(checked)
        used = "" if isinstance(self._models, Unmeasured) else self._models.accelerator
        return {
            "camera": _subject(
                self._camera,
                lambda one: camera.judge(
                    one,
                    told=None if told is None else told.camera,
                    is_hidden=is_running and not is_root,
                    name=name,
                ),
                is_vital=True,
            ),
            "models": _subject(self._models, models.judge, is_vital=True),
            "accelerator": _subject(
                self._accelerator,
                lambda one: accelerator.judge(one, mays, user=who.name, used=used),
            ),
            "broker": _subject(
                self._broker, lambda one: broker.judge(one, is_root=is_root), is_vital=True
            ),
            "permissions": _subject(checked, lambda one: permissions.judge(one, unit=name)),
            "clock": _subject(looking.clock.result(until), clock.judge),
            "temperature": _subject(looking.temperature.result(until), temperature.judge),
            "disk": _subject(looking.disk.result(until), disk.judge),
            "memory": _subject(
                looking.memory.result(until),
                lambda one: memory.judge(one, is_running=is_running),
            ),
        }

    @property
    def _told(self) -> Info | None:
        """What the service tells of itself, if it is connected."""
        facts = self._broker
        if isinstance(facts, Unmeasured) or not facts.is_online:
            return None
        return facts.trip.info

    def _permissions(
        self, who: Identity, service_user: Identity | None, config_file: str
    ) -> PermissionFacts:
        is_its = service.is_its(Path(config_file))
        is_service = service_user is not None and service_user.uid == who.uid
        needs = list(self._needs(config_file, is_service=is_service))
        found = accesses([need.path for need in needs], who)
        facts = self._service
        hidden = () if isinstance(facts, Unmeasured) or not is_its else facts.hidden
        return permissions.facts_of(who, service_user, needs, found, hidden)

    def _needs(self, config_file: str, *, is_service: bool) -> list[Need]:
        """Everything that the service opens, as far as it is known; or somebody else in its place.

        The service's own directory is nobody else's.
        """
        needs = []
        if config_file:
            needs.append(Need(config_file, "file", "r"))
        disk_facts = self._looking.disk.result(self._until)
        is_fixed = isinstance(disk_facts, DiskFacts) and disk_facts.read_only
        if is_service and self._machine.state.exists() and not is_fixed:
            needs.append(Need(str(self._machine.state), "state", "rw", Level.WARNING))
        if isinstance(self._models, ModelsFacts):
            needs += [Need(path, "model", "r") for path in self._models.paths]
        if self._config is not None:
            mqtt = self._config.mqtt
            files = (mqtt.password_file, mqtt.ca_file, mqtt.cert_file, mqtt.key_file)
            needs += [Need(path, "file", "r") for path in files if path]
            read = camera.file_of(self._config.camera.source)
            needs += [Need(str(read), "source", "r")] if read is not None else []
            used = camera.nodes(self._config.camera.source, self._machine)
            needs += [Need(str(path), "device", "rw") for path in used]
        if isinstance(self._accelerator, AcceleratorFacts):
            needs += [
                Need(tpu.node, "device", "rw", Level.WARNING)
                for tpu in self._accelerator.tpus
                if tpu.node
            ]
        return needs


def _devices(facts: PermissionFacts) -> dict[str, Access]:
    return {one.need.path: one.access for one in facts.checked if one.need.kind == "device"}


def _result(probe: Probe[T] | None, until: float) -> T | Unmeasured:
    if probe is None:
        return Unmeasured("not looked at, since the configuration cannot be used")
    return probe.result(until)


def _subject(
    facts: T | Unmeasured, judge: Callable[[T], Finding], *, is_vital: bool = False
) -> Subject:
    """`is_vital`: the service does not work without."""
    if isinstance(facts, Unmeasured):
        trouble = problem(facts.why) if is_vital and facts.is_late else warning(facts.why)
        return Subject(Finding("", (trouble,)), None)
    return Subject(judge(facts), facts)
