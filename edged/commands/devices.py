"""`edged devices`: which accelerators are here, and what keeps edged from using them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.text import Text

from edged.commands.check import TroubleLine, trouble_line
from edged.config import Config
from edged.doctor import accelerator, service, settings
from edged.doctor.accelerator import AcceleratorFacts, UsedTpu
from edged.doctor.identity import Access, accesses, looked_for
from edged.doctor.machine import Machine
from edged.errors import ConfigError, EdgedError
from edged.inference.accelerators import Accelerator, in_order
from edged.inference.libedgetpu import ListedDevice
from edged.inference.worker import RUNTIMES
from edged.sections import Inference
from edged.view.screen import clean

LIBRARY_S = 10.0
"""For libedgetpu to list its devices; those at USB take some tenths of a second."""


class DeviceLine(msgspec.Struct, frozen=True, kw_only=True):
    """An Edge TPU that is plugged in, for programs."""

    kind: str
    """`USB` or `PCIe`."""
    place: str
    node: str
    """Empty: it has no driver."""
    is_ready: bool
    """USB: its firmware is loaded, which the first use does. PCIe: a driver has it."""
    may_open: bool | None
    """Whether `user` may; null: there is no node here."""
    group: str
    """Whose the node is."""
    megabits: int | None
    temperature_c: float | None
    trip_points_c: list[float]
    holders: list[str]


class LibraryLine(msgspec.Struct, frozen=True, kw_only=True):
    """libedgetpu, for programs."""

    name: str
    version: str
    """Empty: it cannot be used."""
    problem: str
    devices: dict[str, str]
    """What it lists: `edgetpu:usb:0` and the path."""


class RuntimeLine(msgspec.Struct, frozen=True, kw_only=True):
    """A TensorFlow Lite runtime, for programs."""

    name: str
    version: str
    """Empty: it is not installed."""
    is_used: bool


class AcceleratorLine(msgspec.Struct, frozen=True, kw_only=True):
    """A configured accelerator, for programs."""

    name: str
    is_here: bool | None
    """null: only loading its library would tell."""


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, for programs."""

    v: int = 1
    user: str
    """Whose permissions are told."""
    devices: list[DeviceLine]
    library: LibraryLine
    runtimes: list[RuntimeLine]
    accelerators: list[AcceleratorLine]
    """As they are configured, best first."""
    troubles: list[TroubleLine]


def run(config_file: Path | None, *, json: bool, machine: Machine = Machine()) -> int:  # noqa: B008
    """Look and print. Returns the exit code: 1 when something here cannot be used, or nothing is.

    Raises:
        ConfigError: the configuration cannot be used.
        EdgedError: the system lets no process start.
    """
    facts, config = settings.measure(config_file)
    if config is None:
        raise ConfigError("\n".join(facts.wrong))
    inventory = _inventory(config, Path(facts.file) if facts.file else None, machine)
    if json:
        print(msgspec.json.encode(inventory).decode())
    else:
        _print(inventory)
    can_run = any(one.is_here is not False for one in inventory.accelerators)
    return int(bool(inventory.troubles) or not can_run)


def _inventory(config: Config, file: Path | None, machine: Machine) -> Inventory:
    inference = config.inference
    try:
        facts = accelerator.measure(
            machine, file, inference.edgetpu_library, LIBRARY_S, even_without_coral=True
        )
        who, _ = looked_for(service.USER, is_its=service.is_its(file))
        mays = accesses([tpu.node for tpu in facts.tpus if tpu.node], who)
    except OSError as error:
        raise EdgedError(f"cannot look for devices: {error}") from error
    finding = accelerator.judge(facts, mays, user=who.name, used="")
    return Inventory(
        user=who.name,
        devices=[_device(tpu, mays.get(tpu.node)) for tpu in facts.tpus],
        library=LibraryLine(
            name=facts.library_name,
            version=facts.library,
            problem=facts.library_problem,
            devices=_names(facts.listed),
        ),
        runtimes=_runtimes(inference),
        accelerators=[
            AcceleratorLine(name=one.name, is_here=_is_here(one, facts))
            for one in in_order(inference)
        ],
        troubles=[trouble_line(one) for one in finding.troubles],
    )


def _device(tpu: UsedTpu, access: Access | None) -> DeviceLine:
    return DeviceLine(
        kind=tpu.kind,
        place=tpu.place,
        node=tpu.node,
        is_ready=tpu.is_ready,
        may_open=access.may == "rw" if access is not None and access.exists else None,
        group="" if access is None else access.group,
        megabits=tpu.megabits,
        temperature_c=tpu.temperature_c,
        trip_points_c=list(tpu.trip_points_c),
        holders=[str(one) for one in tpu.holders],
    )


def _names(listed: Sequence[ListedDevice]) -> dict[str, str]:
    """What a configuration calls those that libedgetpu lists, and their paths."""
    seen: dict[str, int] = {}
    names = {}
    for device in listed:
        index = seen[device.kind] = seen.get(device.kind, -1) + 1
        names[f"edgetpu:{device.kind}:{index}"] = device.path
    return names


def _runtimes(inference: Inference) -> list[RuntimeLine]:
    versions = {name: _version(name) for name in RUNTIMES}
    wanted = RUNTIMES if inference.runtime == "auto" else (inference.runtime,)
    used = next((name for name in wanted if versions[name]), "")
    return [
        RuntimeLine(name=name, version=version, is_used=name == used)
        for name, version in versions.items()
    ]


def _version(package: str) -> str:
    """Of an installed package, which is not imported; empty: it is not installed."""
    if importlib.util.find_spec(package) is None:
        return ""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # as of a Debian package
        return "without a version"


def _is_here(one: Accelerator, facts: AcceleratorFacts) -> bool | None:
    if one.kind == "cpu":
        return True
    if one.kind == "delegate":
        is_path = one.library is not None and "/" in one.library
        return Path(one.library or "").exists() if is_path else None
    if not facts.library:
        return False
    kind, _, index = dict(one.options)["device"].partition(":")
    fitting = [device for device in facts.listed if kind in ("", device.kind)]
    return len(fitting) > int(index or 0)


def _print(inventory: Inventory) -> None:
    """Whatever devices and libraries call themselves stays harmless."""
    console = Console(highlight=False, soft_wrap=True)
    lines = [
        *(("device", _told(one, inventory.user)) for one in inventory.devices),
        *([] if inventory.devices else [("device", "no Coral here")]),
        ("library", _told_library(inventory.library)),
        *(("runtime", _told_runtime(one)) for one in inventory.runtimes),
        *(("accelerator", _told_accelerator(one)) for one in inventory.accelerators),
    ]
    width = max(len(subject) for subject, _ in lines)
    for subject, words in lines:
        console.print(Text(f"{subject:{width}}  {clean(words)}"))
    for trouble in inventory.troubles:
        line = Text(f"{'warning':{width}}", "yellow")
        line.append(f"  {clean(trouble.wrong)}: {clean(trouble.todo)}", "")
        console.print(line)


def _told(device: DeviceLine, user: str) -> str:
    words = [f"{device.kind} Coral at {device.place}"]
    if device.node:
        words.append(device.node)
    if device.megabits is not None:
        words.append(f"{device.megabits} Mbit/s")
    if device.kind == "USB" and not device.is_ready:
        words.append("its firmware comes with the first use")
    if device.temperature_c is not None:
        limits = [f" (slowed down from {limit:.0f} C on)" for limit in device.trip_points_c[:1]]
        words.append(f"{device.temperature_c:.0f} C{''.join(limits)}")
    if device.may_open is not None:
        words.append(f"{user} {'may' if device.may_open else 'may not'} open it")
    words += [f"in use by {one}" for one in device.holders]
    return ", ".join(words)


def _told_library(library: LibraryLine) -> str:
    if library.problem:
        return f"{library.name} {library.problem}"
    found = ", ".join(f"{name} ({path})" for name, path in library.devices.items())
    return f"{library.name}, {library.version}, finds {found or 'no device'}"


def _told_runtime(runtime: RuntimeLine) -> str:
    if not runtime.version:
        return f"{runtime.name} is not installed"
    return f"{runtime.name} {runtime.version}" + (", in use" if runtime.is_used else "")


def _told_accelerator(one: AcceleratorLine) -> str:
    how = {True: "is here", False: "is not here", None: "is a library that was not loaded"}
    return f"{one.name} {how[one.is_here]}"
