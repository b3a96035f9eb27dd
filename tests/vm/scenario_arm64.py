"""edged on the Pi's processor architecture: Debian for arm64, each instruction emulated."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from vm import host, recipe, roots, trees
from vm.checkout import FRAMES, PLACE, copy_checkout, put_frames
from vm.foreign import NSPAWN, arm64_programs
from vm.rig import Rig

Figure = Callable[[str, object], None]

EDGED, MODEL = "/opt/try/bin/edged", "movenet-lightning"


@pytest.fixture(scope="module")
def root(rig: Rig) -> Iterator[Path]:
    host.provide(host.EMULATION)
    with arm64_programs():
        tree = trees.tree(recipe.ARM64)
        with roots.private_copy(tree, rig.directory("arm64")) as root:
            roots.write(root, {k: v for k, v in host.files().items() if k != "etc/resolv.conf"})
            copy_checkout(root)
            put_frames(root)
            yield root


def inside(root: Path, *command: str, alone: bool = False, timeout_s: float = 600) -> str:
    return roots.inside(root, *command, options=NSPAWN, alone=alone, timeout_s=timeout_s)


def scenario_installs(root: Path, figure: Figure) -> None:
    started = time.monotonic()
    assert inside(root, "uname", "-m").strip() == "aarch64"
    inside(root, "python3", "-m", "venv", "/opt/try")
    inside(root, "/opt/try/bin/pip", "-q", "install", f"/{PLACE}[demo]", timeout_s=1500)
    figure("installed s", time.monotonic() - started)
    figure("packages", inside(root, "/opt/try/bin/pip", "freeze").replace("\n", " "))


def scenario_infers(rig: Rig, root: Path, figure: Figure) -> None:
    mirror = f"EDGED_MODELS_URL={rig.mirror.url('127.0.0.1')}"
    inside(root, "env", mirror, EDGED, "models", "pull", MODEL)
    started = time.monotonic()
    command = (EDGED, "infer", "--json", "--model", MODEL, f"/{FRAMES}/0.jpg")
    said = inside(root, *command).splitlines()
    figure("infer s", time.monotonic() - started)
    poses = json.loads(next(line for line in said if line.startswith("{")))["poses"]
    assert len(poses) == 1
    assert len(poses[0]["keypoints"]) == 17


def scenario_demo(root: Path, figure: Figure) -> None:
    command = (EDGED, "demo", "--model", MODEL, "--seconds", "20")
    said = inside(root, *command, alone=True)
    found = re.search(r"^frames +([0-9]+),.*\n(?:age|accuracy).*", said, re.MULTILINE)
    assert found, said
    figure("demo", found[0].replace("\n", ", "))
    assert int(found[1]) > 5
    assert " there (" in said
