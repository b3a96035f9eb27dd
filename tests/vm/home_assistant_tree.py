"""Installs the real Home Assistant and keeps it: `python -m vm.home_assistant_tree` says where."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

from vm import host, roots, trees
from vm.ending import clears_away_on_sigterm
from vm.recipe import Recipe

VERSION = "2026.2.3"
"""The last that runs on Trixie's Python 3.13."""
DEBIAN = Recipe(
    "amd64",
    ("ca-certificates", "gcc", "libc6-dev", "python3", "python3-dev", "python3-venv"),
    boots=False,
)
PLACE = "ha"
INSTALL_S = 1200.0

# Home Assistant installs what an integration needs when that is set up. Here it is all there
# before, of the same versions, so that a start depends on no network.
NEEDED = """
import json, pathlib
from homeassistant import bootstrap, components
todo = [*bootstrap.CORE_INTEGRATIONS, *bootstrap.DEFAULT_INTEGRATIONS, "api", "config", "mqtt"]
seen, needed = set(), set()
while todo:
    if (name := todo.pop()) not in seen:
        seen.add(name)
        place = pathlib.Path(components.__path__[0], name, "manifest.json")
        manifest = json.loads(place.read_text())
        todo += manifest.get("dependencies", [])
        needed.update(manifest.get("requirements", []))
print("\\n".join(sorted(needed)))
"""
INSTALL = f"""
set -e
python3 -m venv /{PLACE}
pip() {{ /{PLACE}/bin/python -m pip -q --no-cache-dir install "$@"; }}
pip homeassistant=={VERSION}
cd /{PLACE}
bin/python -c '{NEEDED}' >needed.txt
pip -r needed.txt -c lib/python3*/site-packages/homeassistant/package_constraints.txt
"""


@dataclass(frozen=True, slots=True)
class Installed:
    """A root file system, and what to mount into it. Never write into either."""

    tree: Path
    home_assistant: Path
    """Belongs at /ha, where it was made."""


def installed() -> Installed:
    """Home Assistant and the Debian that it runs in, made unless they are cached.

    Raises:
        RuntimeError: a step failed; with its output.
    """
    tree = trees.tree(DEBIAN)
    key = hashlib.sha256(f"{tree}\n{INSTALL}".encode()).hexdigest()[:12]
    place = host.cache() / f"home-assistant-{key}"
    with (host.cache() / "home-assistant.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.is_dir():
            _install(tree, place)
        os.utime(place)
        for other in host.cache().glob("home-assistant-*"):
            if other.is_dir() and time.time() - other.stat().st_mtime > trees.UNUSED_S:
                roots.remove(other)
    return Installed(tree, place / PLACE)


def _install(tree: Path, place: Path) -> None:
    trees.say(f"installing Home Assistant {VERSION} (minutes)")
    started = time.monotonic()
    partial = host.cache() / "home-assistant.partial"
    roots.unmount(partial)  # of one that was killed
    roots.remove(partial)
    (partial / "kept").mkdir(parents=True)
    try:
        with roots.private_copy(tree, partial / "build") as root:
            # nspawn binds a resolv.conf of its own.
            roots.write(root, {k: v for k, v in host.files().items() if k != "etc/resolv.conf"})
            roots.inside(root, "sh", "-c", INSTALL, timeout_s=INSTALL_S)
            if not roots.works("cp", "-a", str(root / PLACE), str(partial / "kept")):
                raise RuntimeError(f"{partial}: no copy, is the disk full?")
        (partial / "kept").rename(place)
    finally:
        roots.unmount(partial)
        roots.remove(partial)
    trees.say(f"installed {place} in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    host.provide(host.PROGRAMS)
    with clears_away_on_sigterm():
        print(installed().home_assistant)
