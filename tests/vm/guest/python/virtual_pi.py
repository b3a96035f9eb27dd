"""Waits for the library picamera2 to be imported and has `virtual_camera` change it then.

A .pth file imports this at every start of a Python that sees Debian's packages, so it is cheap.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

NAME = "picamera2.picamera2"


class _Changing(Loader):
    """Loads the module as its own loader does, then changes it."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        import_module("virtual_camera").change(module)  # not before: it needs picamera2


class _Finder(MetaPathFinder):
    """Finds that one module, once."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if fullname != NAME:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Changing(spec.loader)
        return spec


sys.meta_path.insert(0, _Finder())
