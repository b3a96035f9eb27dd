"""Permissions: may the service's user do what the service has to?"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from edged.doctor.finding import Finding, Level, Trouble
from edged.doctor.identity import Access, Identity

Kind: TypeAlias = Literal["file", "model", "source", "state", "device"]


@dataclass(frozen=True, slots=True)
class Need:
    """Something that the service opens."""

    path: str
    kind: Kind
    may: Literal["r", "rw"]
    level: Level = Level.PROBLEM
    """Of not being able to."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What the service needs, and what the user may."""

    need: Need
    access: Access


@dataclass(frozen=True, slots=True)
class PermissionFacts:
    """What a user may do."""

    user: str
    groups: tuple[str, ...]
    is_service: bool
    """They are whom the service runs as; else it is somebody who cannot ask for that user."""
    service_user: str
    """Empty: there is none on this machine."""
    checked: tuple[Checked, ...]
    hidden: tuple[str, ...] = ()
    """Directories whose content the unit keeps from the service."""


def facts_of(
    who: Identity,
    service: Identity | None,
    needs: Sequence[Need],
    accesses: Mapping[str, Access],
    hidden: Sequence[str] = (),
) -> PermissionFacts:
    """Put what was measured together; `hidden` from the service by its unit."""
    return PermissionFacts(
        user=who.name,
        groups=tuple(sorted(who.groups)),
        is_service=service is not None and service.uid == who.uid,
        service_user="" if service is None else service.name,
        checked=tuple(Checked(need, accesses[need.path]) for need in needs),
        hidden=tuple(hidden),
    )


def judge(facts: PermissionFacts, *, unit: str) -> Finding:
    """What to say of it."""
    troubles = []
    for one in facts.checked:
        if one.need.kind in _TO_COPY and (where := _hidden(one.need.path, facts.hidden)):
            wrong = f"the service does not see {one.need.path}, since its unit hides {where}"
            troubles.append(Trouble(one.need.level, wrong, _copy(one.need)))
        elif _lacks(one.need, one.access):
            troubles.append(_trouble(one.need, one.access, facts, unit))
    here = [one for one in facts.checked if one.access.exists and one.access.is_known]
    groups = {one.access.group for one in facts.checked if one.need.kind == "device"}
    mine = sorted(groups.intersection(facts.groups))
    things = "1 file or device" if len(here) == 1 else f"{len(here)} files and devices"
    member = f", by group {' and '.join(mine)}" if mine else ""
    found = f"{facts.user} may open all that edged needs ({things}{member})"
    unknown = [one.need.path for one in facts.checked if not one.access.is_known]
    if unknown:
        found = f"{facts.user} may open what can be seen from here ({things}{member})"
        found += f"; only root sees the rest, such as {unknown[0]}: sudo edged check"
    elif facts.service_user and not facts.is_service:
        found += f"; sudo edged check asks for {facts.service_user}, the service's user"
    return Finding("" if troubles else found, tuple(troubles))


def _lacks(need: Need, access: Access) -> bool:
    """What is not there is the business of others, but for what we cannot even see."""
    return access.exists and access.is_known and not set(need.may) <= set(access.may)


_TO_COPY = {"model": "/var/lib/edged/models", "source": "/var/lib/edged"}
"""Where the service sees them."""


def _hidden(path: str, directories: Sequence[str]) -> str:
    """The directory by which a path is hidden; empty: it is not."""
    real = Path(os.path.realpath(path))
    return next((one for one in directories if real.is_relative_to(one)), "")


def _copy(need: Need) -> str:
    path, there = shlex.quote(need.path), _TO_COPY[need.kind]
    if Path(need.path).is_dir():
        return f"sudo cp -r {path} {there}, and name it there"
    named = f"{there}/{Path(need.path).name}"
    return f"sudo install -D -m 644 -t {there} {path}, and name it {shlex.quote(named)}"


def _trouble(need: Need, access: Access, facts: PermissionFacts, unit: str) -> Trouble:
    path, user = shlex.quote(access.path), facts.user
    verb = {"r": "read", "rw": "open" if need.kind == "device" else "write to"}[need.may]
    wrong = f"{user} may not {verb} {access.path}"
    if need.kind == "device":
        can_by_group = set(need.may) <= set(access.group_may) and access.group != "root"
        if can_by_group and access.group not in facts.groups:
            again = (
                f"then sudo systemctl restart {unit}" if facts.is_service else "then log in again"
            )
            return Trouble(need.level, wrong, f"sudo usermod -aG {access.group} {user}, {again}")
        return Trouble(need.level, wrong, "sudo ./install.sh adds udev rules and groups")
    group = user if facts.is_service else "edged"
    if need.kind in _TO_COPY:
        todo = _copy(need)
    elif need.kind == "state":
        todo = f"sudo chown -R {user}: {path}"
    else:
        todo = f"sudo chown root:{group} {path} && sudo chmod 640 {path}"
    if not facts.is_service and need.kind == "file":
        todo = "run this as root: sudo edged check"
    return Trouble(need.level, wrong, todo)
