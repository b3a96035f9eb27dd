"""Makes guests from the cached trees: everything a run writes is in one directory, then gone."""

from __future__ import annotations

import itertools
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from vm import host, recipe, roots, trees
from vm.checkout import copy_checkout, put_frames
from vm.container import Container
from vm.emulator import Emulator, make_disk
from vm.guests import Guest
from vm.mirror import Mirror


class Rig:
    """Roots, containers and emulated machines of one run. Use as a context manager."""

    def __init__(self) -> None:
        host.provide(host.PROGRAMS)
        self.tree = trees.tree(recipe.PI)
        runs = host.cache() / "runs"
        roots.sweep(runs)
        self._directory = runs / str(os.getpid())
        self._directory.mkdir(parents=True)
        self._numbers = itertools.count(1)
        self._guests: list[Guest] = []
        self._stack = ExitStack()
        self._stack.callback(roots.remove, self._directory)
        self.mirror = self._stack.enter_context(Mirror())

    def root(self) -> Path:
        """A new root file system with this checkout and pictures for its camera in it."""
        copy = roots.private_copy(self.tree, self.directory("root"))
        root = self._stack.enter_context(copy)
        roots.write(root, host.files())
        copy_checkout(root)
        put_frames(root)
        return root

    def container(self, root: Path) -> Container:
        """Boots a root file system as a container."""
        log = self.directory("container")
        log.mkdir()
        guest = Container(root, log / "console")
        self._guests.append(guest)
        self._stack.callback(guest.close)
        return guest

    def disk(self, root: Path) -> Path:
        """A disk made from a root file system that is not running."""
        directory = self.directory("disk")
        directory.mkdir()
        return make_disk(root, directory / "disk.img")

    def emulator(self, disk: Path) -> Emulator:
        """Boots an emulated machine from a disk, which stays as it is."""
        directory = self.directory("emulator")
        directory.mkdir()
        guest = Emulator(disk, self.tree, directory)
        self._guests.append(guest)
        self._stack.callback(guest.close)
        return guest

    def last_words(self) -> str:
        """What the guests that run have to say, for a scenario that failed."""
        return "\n\n".join(guest.last_words() for guest in self._guests if guest.is_running())

    def directory(self, name: str) -> Path:
        """The path of a directory that there is not yet."""
        return self._directory / f"{next(self._numbers)}-{name}"

    def close(self) -> None:
        """Ends every guest, unmounts and deletes what this run wrote."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
