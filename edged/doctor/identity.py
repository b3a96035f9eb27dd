"""Who the service runs as, and what they may do with files."""

from __future__ import annotations

import grp
import os
import pwd
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

# As that user: only the kernel knows what modes, groups, access lists and read-only file systems
# come to. A shell is there for every user, while our own interpreter may lie where only we may go.
_SHELL = "/bin/sh"
_ASK = """
for path; do
    may=
    [ -r "$path" ] && may=r
    [ -w "$path" ] && may=${may}w
    echo "-$may"
done
"""
_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Identity:
    """A user."""

    name: str
    uid: int
    gid: int
    groups: dict[str, int]
    """All that they are in, by name."""
    home: str = "/"


@dataclass(frozen=True, slots=True)
class Access:
    """What a user may do with a file or device."""

    path: str
    exists: bool
    may: str
    """`r`, `w`, `rw` or empty."""
    is_known: bool = True
    """False: only root could tell."""
    group: str = ""
    """That it belongs to."""
    group_may: str = ""
    """As `may`, by its mode."""


def named(name: str) -> Identity | None:
    """The user of that name; None: there is none."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    gids = os.getgrouplist(name, entry.pw_gid)
    return replace(_identity(name, entry.pw_uid, gids), home=entry.pw_dir)


def ourselves() -> Identity:
    """Who we are now."""
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = f"user {uid}"
    return _identity(name, uid, [os.getegid(), *os.getgroups()])


def looked_for(service_user: str, *, is_its: bool) -> tuple[Identity, Identity | None]:
    """Whose permissions are looked at, and who the service's user is.

    The service's user for root, and for anybody where `is_its`: it is the service's configuration.
    With one of their own, people look with their own rights.
    """
    user = named(service_user)
    return (user if user is not None and (is_its or os.geteuid() == 0) else ourselves()), user


def _identity(name: str, uid: int, gids: Sequence[int]) -> Identity:
    return Identity(name, uid, gids[0], {_group(gid): gid for gid in gids})


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return f"group {gid}"


def accesses(names: Sequence[str], who: Identity) -> dict[str, Access]:
    """What a user may do with each of these, by path.

    Root asks the kernel for another user; anybody else goes by modes and groups, as far as seen.

    Raises:
        OSError: the system does not let us ask.
    """
    is_us = who.uid == os.geteuid()
    mays: Sequence[str | None]
    if is_us:
        mays = [_may(name) for name in names]
    elif os.geteuid() == 0:
        mays = _asked(names, who)
    else:
        mays = [_by_modes(Path(name), who) for name in names]
    return {name: _access(name, may) for name, may in zip(names, mays, strict=True)}


def _by_modes(path: Path, who: Identity) -> str | None:
    """As `_may` for another user; None: it cannot be told."""
    try:
        real = path.resolve(strict=True)
        way = [_rights(directory, who) for directory in real.parents]
        rights = _rights(real, who)
    except OSError:
        return None
    if rights is None or None in way:
        return None
    return rights.replace("x", "") if all("x" in (one or "") for one in way) else ""


def _rights(path: Path, who: Identity) -> str | None:
    """`r`, `w` and `x` as the mode gives them; None: there is an access list, see acl(5)."""
    told = path.stat()
    if "system.posix_acl_access" in os.listxattr(path):
        return None
    shift = 6 if told.st_uid == who.uid else 3 if told.st_gid in who.groups.values() else 0
    bits = told.st_mode >> shift
    return "".join(sign for sign, bit in (("r", 4), ("w", 2), ("x", 1)) if bits & bit)


def _may(path: str) -> str:
    can = {"r": os.R_OK, "w": os.W_OK}
    return "".join(sign for sign, how in can.items() if os.access(path, how, effective_ids=True))


def _asked(names: Sequence[str], who: Identity) -> list[str]:
    done = subprocess.run(
        [_SHELL, "-c", _ASK, _SHELL, *names],
        user=who.uid,
        group=who.gid,
        extra_groups=list(who.groups.values()),
        cwd="/",
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    mays = [line.removeprefix("-") for line in done.stdout.splitlines()]
    if len(mays) != len(names):
        raise OSError(f"cannot ask what {who.name} may do: {done.stderr.strip()}")
    return mays


def _access(name: str, may: str | None) -> Access:
    try:
        told = Path(name).stat()
    except PermissionError:
        return Access(name, exists=True, may=may or "", is_known=may is not None)
    except OSError:
        return Access(name, exists=False, may="")
    if may is None:
        return Access(name, exists=True, may="", is_known=False)
    mode = told.st_mode
    signs = (("r", stat.S_IRGRP), ("w", stat.S_IWGRP))
    group_may = "".join(sign for sign, bit in signs if mode & bit)
    return Access(name, exists=True, may=may, group=_group(told.st_gid), group_may=group_may)
