"""Builds the root file systems and keeps them: `python -m vm.trees` prints where they are."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vm import archive, host, recipe, roots
from vm.ending import clears_away_on_sigterm
from vm.foreign import NoEmulationError, arm64_programs
from vm.recipe import Recipe

BOOTSTRAP_S = 2400.0
END_S = 20.0
UNUSED_S = 86400.0
"""A tree of another recipe that nobody has taken for so long is deleted."""


def tree(wanted: Recipe = recipe.PI) -> Path:
    """The pristine root file system of a recipe, built unless it is cached. Never write into it.

    Raises:
        RuntimeError: A step failed; with its output.
    """
    place = host.cache() / wanted.key()
    with _lock(host.cache() / f"{wanted.architecture}.lock"):
        if not place.is_dir():
            started = time.monotonic()
            partial = host.cache() / f"{wanted.architecture}.partial"
            roots.unmount(partial)  # of a build that was killed
            roots.remove(partial)
            partial.mkdir()
            try:
                _bootstrap(wanted, partial / "tree")
                if wanted.boots:
                    _bring_picamera2(partial)
                    (partial / "tree/etc/machine-id").write_text(f"{uuid.uuid4().hex}\n")
            except BaseException:
                roots.unmount(partial)
                roots.remove(partial)
                raise
            partial.rename(place)
            say(f"built {place} in {time.monotonic() - started:.0f} s")
        os.utime(place)
        for other in host.cache().glob(f"{wanted.architecture}-*"):
            if other.is_dir() and time.time() - other.stat().st_mtime > UNUSED_S:
                roots.remove(other)
    return place / "tree"


def say(text: str) -> None:
    """Tells a person what takes so long."""
    print(f"rig: {text}", file=sys.stderr, flush=True)


def _bootstrap(wanted: Recipe, target: Path) -> None:
    say(f"building a Debian {recipe.SUITE} for {wanted.architecture} (minutes)")
    command = ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--format=directory"]
    command += [f"--architectures={wanted.architecture}", "--components=main"]
    settings = ['Acquire::Languages "none";', 'APT::Install-Recommends "false";']
    command += [f"--aptopt={setting}" for setting in settings + host.apt_settings()]
    command += [f"--dpkgopt=path-exclude={pattern}" for pattern in recipe.UNWANTED]
    command += [f"--include={','.join(wanted.packages)}"]
    if wanted.boots:
        # Before the kernel comes, which makes its initial file system as these say.
        command += [f'--essential-hook=cp -r "{recipe.GUEST}/root/." "$1/"']
        python = "usr/lib/python3/dist-packages"
        command += [
            f'--customize-hook=cp "{recipe.GUEST}/python/"* "$1/{python}/"',
            '--customize-hook=echo virtual-pi >"$1/etc/hostname"',
            '--customize-hook=echo "127.0.0.1 localhost virtual-pi" >"$1/etc/hosts"',
            '--customize-hook=chroot "$1" systemctl enable -q systemd-networkd',
        ]
    command += [recipe.SUITE, str(target), host.mirror()]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            said, _ = process.communicate(timeout=BOOTSTRAP_S)
        except BaseException:
            process.terminate()  # it unmounts what it has mounted
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
            raise
    if process.returncode:
        end = "\n".join(said.splitlines()[-20:])
        raise RuntimeError(f"mmdebstrap: exit code {process.returncode}\n{end}")


def _bring_picamera2(place: Path) -> None:
    say("building picamera2 for it")
    wheels = place / "wheels"
    wheels.mkdir()
    with roots.private_copy(place / "tree", place / "build") as root:
        roots.write(root, {k: v for k, v in host.files().items() if k != "etc/resolv.conf"})
        archive.build_wheels(root, wheels)
    target = place / "tree"
    archive.build_archive(wheels, target / archive.PLACE)
    (target / "etc/apt/sources.list.d/archive.list").write_text(archive.SOURCE)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _all() -> None:
    host.provide(host.PROGRAMS | host.EMULATION)
    print(tree())
    try:
        with arm64_programs():
            print(tree(recipe.ARM64))
    except NoEmulationError as error:
        say(f"no tree for arm64: {error}")


if __name__ == "__main__":
    with clears_away_on_sigterm():
        _all()
