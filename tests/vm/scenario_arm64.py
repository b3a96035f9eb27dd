"""edged on the Pi's processor architecture: Debian for arm64, each instruction emulated."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from vm import host, recipe, roots, trees
from vm.checkout import FRAMES, PLACE, copy_checkout, put_frames
from vm.foreign import NSPAWN, NoEmulationError, arm64_programs
from vm.rig import Rig

Figure = Callable[[str, object], None]

EDGED = "/opt/try/bin/edged"
PULLED, SHIPPED = "movenet-lightning", "athlete-pose"


@pytest.fixture(scope="module")
def root(rig: Rig) -> Iterator[Path]:
    host.provide(host.EMULATION)
    with ExitStack() as stack:
        try:
            stack.enter_context(arm64_programs())
        except NoEmulationError as error:
            pytest.skip(str(error))
        tree = trees.tree(recipe.ARM64)
        root = stack.enter_context(roots.private_copy(tree, rig.directory("arm64")))
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


@pytest.mark.parametrize("model", [SHIPPED, PULLED])
def scenario_infers(rig: Rig, root: Path, figure: Figure, model: str) -> None:
    if model == PULLED:
        pull(rig, root)
    started = time.monotonic()
    command = (EDGED, "infer", "--json", "--model", model, f"/{FRAMES}/0.jpg")
    said = inside(root, *command).splitlines()
    figure("infer s", time.monotonic() - started)
    poses = json.loads(next(line for line in said if line.startswith("{")))["poses"]
    assert len(poses) == 1
    assert len(poses[0]["keypoints"]) == 17


@pytest.mark.parametrize("options", [(), ("--model", PULLED)], ids=[SHIPPED, PULLED])
def scenario_demo(rig: Rig, root: Path, figure: Figure, options: tuple[str, ...]) -> None:
    if options:
        pull(rig, root)
    said = inside(root, EDGED, "demo", *options, "--seconds", "20", alone=True)
    found = re.search(r"^frames +([0-9]+),.*\n(?:age|accuracy).*", said, re.MULTILINE)
    assert found, said
    figure("demo", found[0].replace("\n", ", "))
    assert int(found[1]) > 5
    assert " there (" in said


def pull(rig: Rig, root: Path) -> None:
    """Gets the model that is not shipped, where this machine has it or reaches its address."""
    mirror = f"EDGED_MODELS_URL={rig.mirror.url('127.0.0.1')}"
    try:
        inside(root, "env", mirror, EDGED, "models", "pull", PULLED)
    except RuntimeError:
        if rig.mirror.has_models():
            raise
        pytest.skip(f"no shared folder with {PULLED}, and its address is not reached from here")
