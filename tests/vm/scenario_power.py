"""Power cuts while edged's files are written: the guest is killed, boots, and everything is whole.

What the guest's kernel has not handed to its disk yet is lost with it, as on a board.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable

import pytest
from file_servers import FileServer, partly, silence
from vm.checkout import PLACE, ROOT
from vm.emulator import Emulator
from vm.mirror import HOST
from vm.product import CONFIG, EDGED, UNIT, Edged
from vm.rig import Rig

Figure = Callable[[str, object], None]

NEXT, VERSION = "root/edged-next", "0.2.0"
SAID = "/root/upgrade.said"
MODELS = "/var/lib/edged/models"
MODEL = (ROOT / "models/athlete-pose.tflite").read_bytes()
SHA256 = hashlib.sha256(MODEL).hexdigest()
CATALOG = f"""\
address = "http://nowhere.invalid/"

[models.newcomer]
title = "to be pulled"
decoder = "heatmaps"
width = 192
height = 192
fit = "track"
mean = 0
std = 255
licence = "Apache-2.0"
file = {{ path = "newcomer.tflite", bytes = {len(MODEL)}, sha256 = "{SHA256}" }}
"""
HALF = len(MODEL) // 2


def start_upgrade(edged: Edged) -> None:
    """Runs the next checkout's installer beside."""
    command = f"{edged.command(NEXT)} >{SAID} 2>&1"
    edged.guest.run(
        f"rm -f {SAID}; systemd-run -q --collect --unit=upgrade sh -c {shlex.quote(command)}"
    )


def until_said(edged: Edged, words: str) -> None:
    """Waits for words of that installer."""
    ended = "! systemctl -q is-active upgrade"
    edged.guest.until(words, f"grep -qF {shlex.quote(words)} {SAID} || {ended}", 400)
    edged.guest.run(f"cat {SAID}; grep -qF {shlex.quote(words)} {SAID}")


def boot_again(edged: Edged) -> None:
    """After a cut: it boots without a complaint, edged runs, and its files are whole."""
    guest = machine(edged)
    guest.power_on()
    assert guest.wait_booted(600) == "running"
    assert guest.ask("journalctl -k -b --no-pager | grep 'EXT4-fs error'", 60).status == 1
    assert guest.run(f"systemctl is-active {UNIT}") == "active"
    edged.until_poses(300)
    guest.run(f"{EDGED} models verify", 180)
    guest.run("test -s /opt/edged/current/edged-release")


def machine(edged: Edged) -> Emulator:
    """The guest, with its power switch."""
    assert isinstance(edged.guest, Emulator)
    return edged.guest


@pytest.fixture(scope="module")
def edged(rig: Rig) -> Edged:
    """Installed, with the next release made by a real processor and not switched to."""
    root = rig.root()
    with rig.container(root) as container:
        container.wait_booted(60)
        edged = Edged(container, rig.mirror.url())
        edged.install()
        container.run(
            f"cp -a /{PLACE} /{NEXT} && cd /{NEXT} && echo '# more to choose' >>config/edged.toml"
            f" && sed -i 's/^version = .*/version = \"{VERSION}\"/' pyproject.toml"
        )
        start_upgrade(edged)
        until_said(edged, "Checking the release")
        container.run("systemctl kill -s KILL upgrade")
        container.run(f"rm {CONFIG}.new {CONFIG}.dist && sync")  # to be written once more
        container.power_off()
    guest = rig.emulator(rig.disk(root))
    assert guest.wait_booted(600) == "running"
    edged = Edged(guest, rig.mirror.url())
    edged.until_poses(300)
    return edged


@pytest.mark.parametrize("written", [False, True], ids=["not on the disk", "half on the disk"])
def scenario_the_power_is_cut_while_a_model_is_pulled(
    edged: Edged, figure: Figure, *, written: bool
) -> None:
    guest = machine(edged)
    part = f"{MODELS}/newcomer.tflite.part"
    guest.run(f"mkdir -p {MODELS}; {EDGED} models remove newcomer || true", 120)
    guest.put(f"{MODELS}/catalog.toml", CATALOG.encode())
    guest.run("sync")
    with FileServer({"newcomer.tflite": MODEL}, answers=[partly(HALF, silence)]) as server:
        address = server.address.replace("127.0.0.1", HOST)
        pull = f"EDGED_MODELS_URL={address} {EDGED} models pull newcomer"
        guest.run(f"systemd-run -q --unit=pull sh -c '{pull}'")
        guest.until("half of it", f"test $(stat -c %s {part}) -ge {HALF}", 180)
        if written:
            guest.run("sync")
        guest.cut_power()
        boot_again(edged)
        assert guest.ask(f"test -e {MODELS}/newcomer.tflite", 30).status == 1
        guest.run(pull, 180)
    assert not written or server.ranges[-1] == f"bytes={HALF}-"
    figure("asked for afterwards", server.ranges[-1] or "all of it")
    guest.run(f"{EDGED} models verify newcomer", 180)
    assert guest.ask(f"test -e {part}", 30).status == 1


@pytest.mark.parametrize(
    "moment", [f"Writing {CONFIG}.new", "Switching from", "Checking the service"]
)
@pytest.mark.limit(1200)
def scenario_the_power_is_cut_during_an_upgrade(edged: Edged, figure: Figure, moment: str) -> None:
    guest = machine(edged)
    config = guest.run(f"sha256sum {CONFIG}; sync")
    start_upgrade(edged)
    until_said(edged, moment)
    guest.cut_power()
    boot_again(edged)
    figure("release after it", guest.run("readlink /opt/edged/current"))
    assert guest.run(f"sha256sum {CONFIG}") == config


@pytest.mark.limit(1200)
def scenario_the_next_run_finishes_the_upgrade(edged: Edged, figure: Figure) -> None:
    guest = machine(edged)
    ended = guest.ask(edged.command(NEXT), 900)
    assert ended.status == 0, str(ended)
    figure("upgrade on an emulated machine s", ended.seconds)
    assert guest.run("readlink /opt/edged/current").startswith(f"releases/{VERSION}-")
    assert guest.run(f"tail -n 1 {CONFIG}.new") == "# more to choose"
    assert guest.ask("ls /opt/edged/pending", 30).status
    edged.until_poses(300)
