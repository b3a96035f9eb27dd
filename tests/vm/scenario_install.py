"""install.sh in a container: a broker, upgrades good and bad, kills at any moment, the end.

The scenarios follow each other, as in the life of a device.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from vm.checkout import PLACE
from vm.guests import Ended, Guest
from vm.product import CONFIG, UNIT, accounts, names_on_disk, state_of_disk, units
from vm.rig import Rig

Figure = Callable[[str, object], None]

SHARED = Path(os.environ.get("EDGED_SHARED", Path(__file__).parents[3] / "shared")) / "models"
WHEELS = "/root/wheels"
MIRROR = "http://127.0.0.1:8000"
PASSWORD = "/etc/edged/credentials/mqtt_password"  # noqa: S105 - the file of it
LONG_S = 900.0
STAND_IN = """\
Package: libedgetpu1-std
Version: 16.0
Architecture: amd64
Maintainer: nobody <nobody@example.org>
Description: what is installed here in the place of the Coral's library
"""


@dataclass
class Device:
    """A guest and the checkouts in it."""

    guest: Guest
    before: dict[str, frozenset[str]]
    options: str = f"--wheels {WHEELS}"

    def install(self, checkout: str = PLACE, *options: str) -> Ended:
        """Run a checkout's installer to its end."""
        return self.guest.ask(self.command(checkout, *options), LONG_S)

    def command(self, checkout: str, *options: str) -> str:
        """The shell line for it."""
        words = " ".join((self.options, *options))
        return (
            f"EDGED_MODELS_URL={MIRROR} EDGED_START_S=60 /{checkout}/install.sh {words} </dev/null"
        )

    def checkout(self, version: str, amend: str = "true") -> str:
        """Make a checkout of another version, changed by a shell line that runs in it."""
        place = f"root/edged-{version}"
        self.guest.run(
            f"cp -a /{PLACE} /{place} && cd /{place} && "
            f"sed -i 's/^version = .*/version = \"{version}\"/' pyproject.toml && {amend}"
        )
        return place

    def current(self) -> str:
        """The version of the release that is in use."""
        return self.guest.run("basename $(readlink /opt/edged/current)").partition("-")[0]

    def releases(self) -> list[str]:
        """The versions of those that are there."""
        return sorted(
            name.partition("-")[0] for name in self.guest.run("ls /opt/edged/releases").split()
        )

    def is_active(self) -> bool:
        """Whether the service runs."""
        return self.guest.ask(f"systemctl is-active {UNIT}", 30).status == 0

    def look(self) -> dict[str, frozenset[str]]:
        """What a machine has that an installation could leave behind."""
        return {
            "files": names_on_disk(self.guest),
            "accounts": accounts(self.guest),
            "units": units(self.guest),
            "log": frozenset(
                self.guest.run("ls -d /var/log/edged* /var/cache/edged* 2>/dev/null; :").split()
            ),
        }


@pytest.fixture(scope="module")
def device(rig: Rig) -> Device:
    """A clean guest with Python packages in a directory and a mirror of the models."""
    guest = rig.container(rig.root())
    guest.wait_booted(60)
    for model in sorted(SHARED.glob("movenet_single_pose_lightning_*.tflite")):
        guest.put(f"/srv/models/{model.name}", model.read_bytes())
    guest.run("mkdir -p /srv/models && systemd-run -q python3 -m http.server -d /srv/models 8000")
    guest.run(
        "python3 -m venv /tmp/wheels && /tmp/wheels/bin/pip wheel -q --disable-pip-version-check "
        f"-w {WHEELS} /{PLACE} hatchling && rm {WHEELS}/edged-* && rm -rf /tmp/wheels",
        LONG_S,
    )
    device = Device(guest, {})
    device.before.update(device.look())
    return device


def scenario_a_dry_run_plans_and_changes_nothing(device: Device) -> None:
    disk = state_of_disk(device.guest)
    ended = device.install(PLACE, "--dry-run", "--with-broker")
    assert ended.status == 0
    assert "plan Adding the user edged\n" in ended.output
    assert sorted(state_of_disk(device.guest) ^ disk) == []
    assert device.look() == device.before


def scenario_with_a_broker(device: Device, figure: Figure) -> None:
    ended = device.install(PLACE, "--with-broker")
    assert ended.status == 0, str(ended)
    figure("first installation s", ended.seconds)
    guest = device.guest
    topic = "-t 'edged/+/status' -C 1 -W 10"
    assert guest.run(f"mosquitto_sub -u edged -P $(cat {PASSWORD}) {topic}") == "online"
    (line,) = re.findall(r"(?m)^==> To listen: (.*)$", ended.output)
    assert "/status online" in guest.run(f"{line.replace('sudo ', '')} -C 1 -W 10")
    assert "not authorised" in guest.ask(f"mosquitto_sub {topic}", 30).output
    assert "9001" in guest.run("ss -ltn")
    assert guest.run(f"stat -c '%a %U' {PASSWORD} {CONFIG}") == "600 root\n640 root"
    assert guest.ask(f"grep -F -f {PASSWORD} /var/log/edged-install.log", 30).status == 1
    # A container has no memory for the Pi's camera, which is told without the library's own words.
    journal = guest.run(f"journalctl -u {UNIT} --no-pager")
    assert "picamera: no memory for pictures: there is no /dev/dma_heap/*" in journal
    assert "Traceback" not in journal


def scenario_a_second_run_changes_nothing(device: Device, figure: Figure) -> None:
    disk, pid = state_of_disk(device.guest), device.guest.unit(UNIT, "MainPID")
    ended = device.install()
    figure("second run s", ended.seconds)
    assert re.search(
        r"\n==> Nothing had to be changed: \S+ is installed and running\n", ended.output
    )
    assert sorted(state_of_disk(device.guest) ^ disk) == []
    assert device.guest.unit(UNIT, "MainPID") == pid


def scenario_killed_anywhere_and_finished_by_the_next_run(device: Device, figure: Figure) -> None:
    guest, place = device.guest, device.checkout("0.2.0")
    moments = (
        "Making the release",
        "Building wheel",
        "Installing collected packages",
        "Switching from",
        "Restarting the service",
        "Checking the service",
    )
    for number, moment in enumerate(moments):
        said = f"/root/killed-{number}"
        run = f"{device.command(place)} >{said} 2>&1"
        guest.run(
            "truncate -s 0 /var/log/edged-install.log; "
            f"systemd-run -q --collect --unit=killed-{number} sh -c '{run}'"
        )
        came = f"grep -q '{moment}' {said} /var/log/edged-install.log"
        guest.until(moment, f"{came} || ! systemctl -q is-active killed-{number}", LONG_S)
        guest.run(f"{came} && systemctl kill -s KILL killed-{number}")
        guest.until("its end", f"! systemctl -q is-active killed-{number}", 30)
        assert "Done" not in guest.run(f"cat {said}")
    ended = device.install(place)
    assert ended.status == 0, str(ended)
    assert (device.current(), device.releases()) == ("0.2.0", ["0.1.0", "0.2.0"])
    assert device.is_active()
    assert guest.run("ls -A /opt/edged").split() == ["current", "previous", "releases"]
    left = "find /etc /opt/edged -name '*.part' -o -name '*edged-part'"
    assert guest.run(left) == ""
    figure("moments of a kill", len(moments))


def scenario_two_runs_at_once(device: Device) -> None:
    place = device.checkout("0.3.0", "rm -f /root/first")
    run = device.command(place)
    both = f"{run} >/root/first 2>&1 & {run}; wait $! && cat /root/first"
    ended = device.guest.ask(both, LONG_S)
    assert ended.status == 0, str(ended)
    assert "==> Another run is installing edged: waiting for it\n" in ended.output
    assert ended.output.count("==> Switching from ") == 1
    assert (device.current(), device.releases()) == ("0.3.0", ["0.2.0", "0.3.0"])


@pytest.mark.parametrize(
    ("version", "amend", "why"),
    [
        ("0.4.0", "echo 'raise RuntimeError(0)' >>edged/daemon.py", "ends again and again"),
        ("0.5.0", "echo 'raise RuntimeError(0)' >>edged/commands/check.py", "does not work"),
        (
            "0.6.0",
            "sed -i 's/^import os$/import os, time; time.sleep(3600)/' edged/daemon.py",
            "not active within 60 s",
        ),
    ],
    ids=["ends at once", "its check breaks", "is never ready"],
)
def scenario_back_to_the_release_before(device: Device, version: str, amend: str, why: str) -> None:
    unit = device.guest.run(f"sha256sum /etc/systemd/system/{UNIT}")
    place = device.checkout(version, f"{amend} && echo '# another' >>systemd/{UNIT}")
    ended = device.install(place)
    assert ended.status == 1, str(ended)
    assert why in ended.output
    assert re.search(
        rf"install\.sh: the release {version}\S+ does not work here: "
        r"0\.3\.0\S+ is back and running",
        ended.output,
    )
    assert (device.current(), device.releases()) == ("0.3.0", ["0.2.0", "0.3.0"])
    assert device.is_active()
    assert device.guest.run(f"sha256sum /etc/systemd/system/{UNIT}") == unit


def scenario_the_configuration_is_the_administrators(device: Device) -> None:
    guest = device.guest
    guest.run(f"echo '# mine' >>{CONFIG}")
    mine = guest.run(f"sha256sum {CONFIG}")
    ended = device.install(device.checkout("0.7.0", "echo '# more to choose' >>config/edged.toml"))
    assert ended.status == 0, str(ended)
    assert guest.run(f"sha256sum {CONFIG}") == mine
    assert guest.run(f"tail -n 1 {CONFIG}.new") == "# more to choose"
    assert 'username = "edged"' in guest.run(f"cat {CONFIG}.new")


def scenario_a_wrong_configuration_is_told_before_anything_is_switched(device: Device) -> None:
    guest = device.guest
    guest.run(f"cp -a {CONFIG} /root/kept && echo '[nonsense]' >>{CONFIG}")
    pid = guest.unit(UNIT, "MainPID")
    ended = device.install(device.checkout("0.8.0"))
    guest.run(f"cp -a /root/kept {CONFIG}")
    assert ended.status == 1
    assert re.search(r"install\.sh: /etc/edged/edged\.toml: .*nothing was switched", ended.output)
    assert device.current() == "0.7.0"
    assert guest.unit(UNIT, "MainPID") == pid


def scenario_a_disabled_service_is_not_started_by_an_upgrade(device: Device) -> None:
    guest, place = device.guest, "root/edged-0.7.0"
    guest.run(f"systemctl disable -q --now {UNIT}", 60)
    guest.run(f"echo '# more' >>/{place}/edged/errors.py")
    before = guest.run("readlink /opt/edged/current")
    assert "edged.service is disabled and stopped" in device.install(place, "--dry-run").output
    ended = device.install(place)
    assert ended.status == 0, str(ended)
    assert "edged.service is disabled and stopped, and stays so" in ended.output
    assert re.search(r"\n==> Done: \S+ is installed and not running", ended.output)
    assert guest.run("readlink /opt/edged/current") != before
    assert not device.is_active()
    assert guest.ask(f"systemctl is-enabled {UNIT}", 30).status == 1
    guest.run(f"systemctl enable -q --now {UNIT}", 120)
    assert "Nothing had to be changed" in device.install(place).output


def scenario_the_edge_tpu_library_is_taken_or_told(device: Device) -> None:
    guest = device.guest
    file = "libedgetpu1-std_16.0tf2.19.1-1.trixie_amd64.deb"
    guest.put("/tmp/deb/DEBIAN/control", STAND_IN.encode())  # noqa: S108 - in the guest
    guest.run(f"dpkg-deb --build /tmp/deb /srv/models/{file}")
    missing = device.guest.ask(
        f"EDGED_EDGETPU_URL={MIRROR}/none {device.command('root/edged-0.7.0', '--edgetpu std')}",
        LONG_S,
    )
    assert missing.status == 0
    assert "cannot be downloaded" in missing.output
    there = device.guest.ask(
        f"EDGED_EDGETPU_URL={MIRROR} {device.command('root/edged-0.7.0', '--edgetpu std')}", LONG_S
    )
    assert there.status == 0, str(there)
    assert "is not known here" in there.output
    assert "install ok installed" in guest.run("dpkg -s libedgetpu1-std")
    again = device.install("root/edged-0.7.0", "--edgetpu std")
    assert "Nothing had to be changed" in again.output
    guest.run("dpkg --purge libedgetpu1-std")


def scenario_uninstalled_and_installed_again_it_is_the_same_device(device: Device) -> None:
    guest, place = device.guest, "root/edged-0.7.0"
    guest.run("systemctl start edged@edged.service || true", 120)
    kept = guest.run(f"sha256sum {CONFIG} {PASSWORD}")
    guest.run(f"/{place}/install.sh uninstall", 120)
    assert not device.is_active()
    assert guest.ask("ls -d /opt/edged /usr/local/bin/edged /etc/systemd/system/edged*", 30).status
    assert guest.run(f"sha256sum {CONFIG} {PASSWORD}") == kept
    assert device.install(place).status == 0
    assert device.is_active()
    assert guest.run(f"sha256sum {CONFIG} {PASSWORD}") == kept


def scenario_purged_without_a_trace(device: Device) -> None:
    login = f"-u edged -P $(cat {PASSWORD})"
    device.guest.run(f"mosquitto_pub {login} -r -t gate/status -m online")
    told = device.guest.run(f"mosquitto_sub {login} -t '#' -v --retained-only -W 5; :", 60)
    assert re.search(r"(?m)^edged/\S+/status online$", told)
    ended = device.guest.run(f"/{PLACE}/install.sh uninstall --purge", 120)
    assert re.search(r"ok broker 127\.0\.0\.1:1883 has forgotten edged/\S+/status ", ended)
    told = device.guest.run("mosquitto_sub -t '#' -v --retained-only -W 5; :", 60)
    assert told.splitlines()[0] == "gate/status online"
    assert "edged/" not in told
    after = device.look()
    ours = {what: sorted(after[what] - names) for what, names in device.before.items()}
    ours["files"] = [name for name in ours["files"] if not name.startswith("/srv/models")]
    assert ours == {"files": [], "accounts": [], "units": [], "log": []}
    assert device.guest.run(f"/{PLACE}/install.sh uninstall --purge 2>&1", 60).endswith(
        "There was nothing to remove"
    )
