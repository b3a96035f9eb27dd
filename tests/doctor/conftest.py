"""A machine of files: what the kernel would say, written down."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from machines import AddProgram, Write

from edged.doctor.machine import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    root = tmp_path / "machine"
    for name in ("sys", "proc", "dev", "state"):
        (root / name).mkdir(parents=True)
    return Machine(
        sys=root / "sys",
        proc=root / "proc",
        dev=root / "dev",
        state=root / "state",
    )


@pytest.fixture
def write(machine: Machine) -> Write:
    def write(files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = machine.sys.parent / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text.startswith("->"):
                path.symlink_to(text.removeprefix("->"))
            else:
                path.write_text(text)

    return write


@pytest.fixture
def add_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AddProgram:
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def add(name: str, script: str) -> None:
        program = folder / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    return add
