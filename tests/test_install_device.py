"""install.sh as the installer of a service: what it refuses, what it plans, how it decides.

Nothing here changes the machine: what an installation does is run in containers, see tests/vm.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DEADLINE_S = 60
TRIXIE = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nID=debian\nVERSION_ID="13"\n'
BOOKWORM = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n'
RASPBIAN = 'PRETTY_NAME="Raspbian GNU/Linux 12 (bookworm)"\nID=raspbian\nVERSION_ID="12"\n'
UBUNTU = 'PRETTY_NAME="Ubuntu 24.04.1 LTS"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n'
BULLSEYE = 'PRETTY_NAME="Debian GNU/Linux 11 (bullseye)"\nID=debian\nVERSION_ID="11"\n'
SID = 'PRETTY_NAME="Debian GNU/Linux forky/sid"\nID=debian\n'

CALL = """
ROOT=$1 LOG=/dev/null BOLD= PLAIN=
die() { printf '%s\\n' "$*" >&2; exit 1; }
tell() { printf "$@" || true; }
say() { tell '%s\\n' "$*"; }
quietly() { "$@" >>"$LOG" 2>&1; }
source "$ROOT/systemd/install/device.sh"
shift
"$@"
"""
"""A part of the installer by itself."""


@dataclass(frozen=True)
class Machine:
    """A system to be looked at: its files, and programs that say what it is."""

    root: Path
    programs: Path
    names: dict[str, str] = field(default_factory=dict)

    def write(self, path: str, content: str) -> None:
        """Give the system a file."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    def is_a(self, os_release: str, architecture: str = "arm64", kernel: str = "aarch64") -> None:
        """Make it a system of this name, for this processor, with this kernel."""
        self.write("etc/os-release", os_release)
        self.write("run/systemd/system/here", "")
        script(self.programs / "dpkg", f"echo {architecture}")
        script(self.programs / "uname", f'[ "$1" = -s ] && echo Linux || echo {kernel}')

    def environment(self) -> dict[str, str]:
        """Ours, on this system."""
        path = f"{self.programs}:{os.environ['PATH']}"
        return {**os.environ, "EDGED_SYSTEM_ROOT": str(self.root), "PATH": path}

    def install(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run install.sh; a dry run, so that a test that fails changes nothing either."""
        return run([ROOT / "install.sh", *words, "--dry-run"], self.environment())

    def call(self, *words: str) -> str:
        """Call a function of the installer; what it prints."""
        done = run(["bash", "-c", CALL, "bash", ROOT, *words], self.environment())
        return done.stdout if done.returncode == 0 else f"failed {done.stderr}"

    def attach_usb(self, vendor: str, product: str) -> None:
        """Plug something in."""
        self.write("sys/bus/usb/devices/2-1/idVendor", f"{vendor}\n")
        self.write("sys/bus/usb/devices/2-1/idProduct", f"{product}\n")


def run(
    command: Sequence[str | Path], environment: Mapping[str, str], told: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env=environment,
        input=told,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "programs").mkdir()
    machine = Machine(tmp_path / "system", tmp_path / "programs")
    machine.is_a(TRIXIE)
    script(machine.programs / "apt-cache", "exit 0")  # an empty archive: reading a real one is slow
    return machine


# ---- systems that it does not know ------------------------------------------------------------


@pytest.mark.parametrize(
    ("os_release", "architecture", "kernel", "why"),
    [
        (RASPBIAN, "armhf", "armv7l", "this is a 32-bit system (Raspbian"),
        (RASPBIAN, "armhf", "aarch64", "the kernel is a 64-bit one, but this system (Raspbian"),
        (BOOKWORM, "armhf", "aarch64", "the kernel is a 64-bit one, but this system (Debian"),
        (TRIXIE, "i386", "i686", "this is a 32-bit system (Debian"),
        (TRIXIE, "riscv64", "riscv64", "this is Debian for riscv64, which is not supported"),
        (UBUNTU, "amd64", "x86_64", "this is Ubuntu 24.04.1 LTS, which is not supported"),
        (BULLSEYE, "arm64", "aarch64", "this is Debian GNU/Linux 11 (bullseye), which is not"),
        (SID, "amd64", "x86_64", "this is Debian GNU/Linux forky/sid, which is not supported"),
        ("", "amd64", "x86_64", "this is an unknown system, which is not supported"),
    ],
)
def test_an_unsupported_system_is_told_in_a_line(
    machine: Machine, os_release: str, architecture: str, kernel: str, why: str
) -> None:
    machine.is_a(os_release, architecture, kernel)
    done = machine.install()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"install.sh: {why}")
    assert done.stderr.count("\n") == 1


def test_a_container_without_systemd_is_refused(machine: Machine) -> None:
    shutil.rmtree(machine.root / "run")
    done = machine.install()
    assert done.returncode == 1
    assert done.stderr.startswith("install.sh: systemd does not run here")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("install", "--frobnicate"), 'install does not know "--frobnicate"'),
        (("uninstall", "--with-broker"), 'uninstall does not know "--with-broker"'),
        (("install", "--purge"), 'install does not know "--purge"'),
        (("--edgetpu", "fast"), '--edgetpu is std, max or none, not "fast"'),
        (("--with-broker=world",), '--with-broker is local or lan, not "world"'),
        (("--wheels", "/no/such/place"), "--wheels: there is no directory /no/such/place"),
    ],
)
def test_wrong_options_are_told_in_a_line(
    machine: Machine, words: tuple[str, ...], why: str
) -> None:
    done = machine.install(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"install.sh: {why} (see ./install.sh --help)\n"


def test_help_tells_the_options(machine: Machine) -> None:
    done = run([ROOT / "install.sh", "install", "--help"], machine.environment())
    assert (done.returncode, done.stderr) == (0, "")
    options = ("--dry-run", "--with-broker", "--edgetpu", "--wheels", "--purge")
    assert all(f"\n  {option} " in done.stdout for option in options)


def test_an_option_without_its_value_is_told(machine: Machine) -> None:
    done = run([ROOT / "install.sh", "--edgetpu"], machine.environment())
    assert done.returncode == 2
    assert "the last option lacks its value" in done.stderr


@pytest.fixture
def as_nobody(tmp_path: Path) -> Iterator[list[str | Path]]:
    """Without root, whoever runs the tests."""
    for path in (tmp_path, *tmp_path.parents):
        if path.stat().st_uid == os.geteuid() and path != Path("/tmp"):  # noqa: S108
            path.chmod(0o755)
    if os.geteuid() == 0:
        yield ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    else:
        yield []


@pytest.mark.parametrize("words", [[], ["install", "--with-broker"], ["uninstall", "--purge"]])
def test_without_root_it_says_so_in_a_line(
    machine: Machine, as_nobody: list[str | Path], words: list[str]
) -> None:
    done = run([*as_nobody, ROOT / "install.sh", *words], machine.environment())
    assert (done.returncode, done.stdout) == (1, "")
    assert "needs root: sudo ./install.sh" in done.stderr
    assert done.stderr.count("\n") == 1


# ---- plans ------------------------------------------------------------------------------------


def test_a_dry_run_tells_each_step_and_needs_no_root(
    machine: Machine, as_nobody: list[str | Path]
) -> None:
    done = run([*as_nobody, ROOT / "install.sh", "--dry-run"], machine.environment())
    assert done.returncode == 0
    assert done.stderr == ""
    begin, *steps, end = done.stdout.splitlines()
    assert begin == "==> edged on Debian GNU/Linux 13 (trixie), arm64"
    assert end.startswith("==> Nothing was changed: this was a dry run")
    assert len(steps) >= 8
    assert all(step.startswith(("plan ", "  ok ")) for step in steps)


def test_a_pi_is_called_by_its_name(machine: Machine) -> None:
    machine.write("etc/rpi-issue", "Raspberry Pi reference\n")
    machine.write("proc/device-tree/model", "Raspberry Pi 5 Model B Rev 1.0\0")
    told = machine.install().stdout
    assert told.startswith(
        "==> edged on Raspberry Pi OS on Debian GNU/Linux 13 (trixie), arm64, "
        "Raspberry Pi 5 Model B Rev 1.0\n"
    )


@pytest.mark.parametrize("ids", [("1a6e", "089a"), ("18d1", "9302")])
def test_a_coral_brings_its_library_before_and_after_its_firmware(
    machine: Machine, ids: tuple[str, str]
) -> None:
    assert "ok no Coral is attached" in machine.install().stdout
    machine.attach_usb(*ids)
    assert "plan Installing libedgetpu1-std from " in machine.install().stdout
    assert "plan Installing libedgetpu1-max from " in machine.install("--edgetpu=max").stdout
    assert "ok no Edge TPU library, as asked" in machine.install("--edgetpu", "none").stdout


def test_a_pcie_coral_without_driver_is_told(machine: Machine) -> None:
    machine.write("sys/bus/pci/devices/0000:01:00.0/vendor", "0x1ac1\n")
    machine.write("sys/bus/pci/devices/0000:01:00.0/device", "0x089a\n")
    told = machine.install().stdout
    assert "note the PCIe Coral has no driver" in told
    assert "plan Installing libedgetpu1-std" in told


def test_who_stops_listening_does_not_stop_it(machine: Machine) -> None:
    said = f"{ROOT}/install.sh --dry-run | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = run(["bash", "-c", said], machine.environment())
    assert done.stdout == "==> edged on Debian GNU/Linux 13 (trixie), arm64\n0\n"
    assert done.stderr == ""


# ---- decisions --------------------------------------------------------------------------------


def test_a_webcam_is_told_from_the_nodes_of_codecs_and_metadata(
    machine: Machine, tmp_path: Path
) -> None:
    usb = tmp_path / "devices" / "usb1" / "1-1"
    codec = tmp_path / "devices" / "platform" / "codec"
    for name, device, index in (
        ("video0", codec, 0),
        ("video1", usb, 1),
        ("video2", usb, 0),
        ("video10", usb, 0),
    ):
        device.mkdir(parents=True, exist_ok=True)
        machine.write(f"sys/class/video4linux/{name}/index", f"{index}\n")
        (machine.root / f"sys/class/video4linux/{name}/device").symlink_to(device)
    assert machine.call("usb_webcam") == "/dev/video2\n"


def test_no_webcam_is_found_where_there_is_none(machine: Machine) -> None:
    assert machine.call("usb_webcam").startswith("failed")


TEMPLATE = (ROOT / "config" / "edged.toml").read_text()


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("camera", "source", "picamera"),
        ("pose", "model", "athlete-pose"),
        ("mqtt", "username", "edged"),
        ("mqtt", "host", 'with "quotes" \\ and & signs'),
    ],
)
def test_a_key_is_set_in_its_section_and_nowhere_else(
    machine: Machine, section: str, key: str, value: str
) -> None:
    quoted = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    words = ["toml_set", section, key, quoted]
    made = run(["bash", "-c", CALL, "bash", ROOT, *words], machine.environment(), TEMPLATE).stdout
    before, after = tomllib.loads(TEMPLATE), tomllib.loads(made)
    assert after[section][key] == value
    assert after == {**before, section: {**before[section], key: value}}
    changed = set(TEMPLATE.splitlines()) ^ set(made.splitlines())
    assert len(changed) == 2


def test_a_release_is_named_by_what_it_is_made_from(machine: Machine, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    ignored = shutil.ignore_patterns(".git", ".venv", "__pycache__", "tests")
    shutil.copytree(ROOT, checkout, ignore=ignored)

    def name() -> str:
        words = ["bash", "-c", CALL, "bash", str(checkout), "release_name"]
        return run(words, machine.environment()).stdout.strip()

    first = name()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert first.startswith(project["version"] + "-")
    (checkout / "docs" / "more.md").write_text("what is not installed changes nothing")
    (checkout / "edged" / "__pycache__").mkdir()
    (checkout / "edged" / "__pycache__" / "x.pyc").touch()
    assert name() == first
    (checkout / "edged" / "more.py").write_text("# more\n")
    second = name()
    (checkout / "edged" / "more.py").unlink()
    with (checkout / "config" / "edged.toml").open("a") as file:
        file.write("# more\n")
    assert len({first, second, name()}) == 3


@pytest.mark.parametrize(
    ("before", "after", "new"),
    [
        ("ok camera fine", "ok camera fine", ""),
        ("problem camera gone", "problem camera gone", ""),
        ("ok camera fine", "warning camera dark", ""),
        ("ok camera fine\nproblem broker away", "problem camera gone\nok broker here", "camera"),
    ],
)
def test_only_new_problems_are_the_new_releases(
    machine: Machine, before: str, after: str, new: str
) -> None:
    old, now = (set(machine.call("problems", told).split()) for told in (before, after))
    assert " ".join(now - old) == new


# ---- faults -----------------------------------------------------------------------------------


def test_a_log_without_room_is_told_at_the_start_and_stops_nothing_later(machine: Machine) -> None:
    told = machine.call("eval", "DEVICE_LOG=/dev/full; (open_log) 2>&1 || true")
    assert told.startswith("cannot write into /dev/full: is its disk full")
    assert machine.call("eval", "LOG=/dev/full LOGGING=yes; fine x; echo on") == "  ok x\non\n"


def test_a_full_disk_is_told_where_it_is(machine: Machine, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("ERROR: [Errno 28] No space left on device\n")
    (function,) = re.findall(r"(?ms)^explain_pip\(\) .*?^}", (ROOT / "install.sh").read_text())
    told = machine.call(
        "eval", f"{function}\nLOG={log} ROOM_IN=$OPT ROOM_MB=6; explain_pip 2>&1 || :"
    )
    assert told == "The disk is full: make room in /opt/edged (6 MB in all) and run this again\n"


def test_another_apt_is_noticed(machine: Machine, tmp_path: Path) -> None:
    asked = """source "$ROOT/systemd/install/apt.sh"
        as_root() { "$@"; }
        apt_is_busy && echo busy || echo free"""
    asked = asked.replace("as_root()", f"DPKG_LOCK={tmp_path}/lock\nas_root()")
    assert machine.call("eval", asked) == "free\n", "no dpkg here"
    with (tmp_path / "lock").open("w") as file:
        assert machine.call("eval", asked) == "free\n"
        fcntl.lockf(file, fcntl.LOCK_EX)
        assert machine.call("eval", asked) == "busy\n"


def test_a_release_that_is_not_whole_takes_no_room(machine: Machine, tmp_path: Path) -> None:
    for name, is_whole in (("now", True), ("anew", True), ("cut-off", False)):
        (tmp_path / "releases" / name).mkdir(parents=True)
        if is_whole:
            (tmp_path / "releases" / name / "edged-release").touch()
    machine.call("eval", f"OPT={tmp_path} RELEASE=$OPT/releases/anew; remove_unfinished")
    assert [path.name for path in (tmp_path / "releases").iterdir()] == ["now"]


def test_nothing_secret_of_an_interrupted_run_stays(machine: Machine, tmp_path: Path) -> None:
    for name in ("password", "broker.conf", "edged.toml", "edged.toml.part", "pending.part"):
        (tmp_path / name).touch()
    machine.call("eval", f"OPT={tmp_path}; prune now before")
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


def test_a_release_is_made_anew_once_the_system_has_a_numpy(
    machine: Machine, tmp_path: Path
) -> None:
    names = set()
    for option in ("", "-S"):  # with the packages of this Python and without
        script(tmp_path / "python", f'exec {sys.executable} {option} "$@"')
        names.add(machine.call("eval", f"PYTHON3={tmp_path}/python; release_name"))
    assert len(names) == 2
    assert all(name.startswith("0.") for name in names)


SOMEBODY = "edged:x:1000:1000:Edwina Gedney:/home/edged:/bin/bash"
OURS = "edged:x:999:999:edged:/var/lib/edged:/usr/sbin/nologin"


def test_a_person_who_is_called_edged_is_left_alone(machine: Machine) -> None:
    script(machine.programs / "getent", f"echo '{SOMEBODY}'")
    told = machine.call("eval", "DRY=yes; (step_user) 2>&1 || true")
    assert told.startswith("there is a user edged already, whose home is /home/edged,")
    told = machine.call("eval", "DRY=yes; purge")
    assert "The user edged is somebody else, and stays" in told
    assert "Removing the" not in told.partition("The user edged")[2]


def test_the_users_own_is_known_by_its_home(machine: Machine) -> None:
    script(machine.programs / "getent", f"echo '{OURS}'")
    told = machine.call("eval", "DRY=yes; purge")
    assert "Removing the user edged" in told
    assert "Removing the group edged" in told


@pytest.mark.parametrize("os_release", [SID, UBUNTU])
def test_a_system_that_became_another_one_can_be_cleaned(machine: Machine, os_release: str) -> None:
    machine.is_a(os_release)
    done = machine.install("uninstall", "--purge")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (
        0,
        "==> Nothing was changed: this was a dry run",
    )


def test_every_camera_has_to_fit_before_anything_is_switched(
    machine: Machine, tmp_path: Path
) -> None:
    script(machine.programs / "systemctl", "echo 'edged@door.service loaded active running edged'")
    (tmp_path / "bin").mkdir()
    # What it names may be missing: that is no reason against this release.
    refuse = '[ "$3 $4" = "/etc/edged/edged.toml --only-file" ]'
    script(tmp_path / "bin" / "edged", f'echo "$3: no such key"; {refuse}')
    told = machine.call("eval", f"RELEASE={tmp_path}; (config_fits) 2>&1 || true")
    assert told.startswith("/etc/edged/door.toml: no such key: mend it and run this again; nothing")


# ---- an installed one, and its model ---------------------------------------------------------


@dataclass(frozen=True)
class Installed:
    """A machine with a release of ours, whose programs are scripts; nothing outside `root`."""

    machine: Machine
    root: Path

    def __post_init__(self) -> None:
        """With a service that is enabled and active."""
        (self.root / "units").mkdir(parents=True)
        (self.root / "units" / "edged.service").touch()
        release = self.root / "opt" / "releases" / "0.1.0-a"
        (release / "system").mkdir(parents=True)
        (release / "bin").mkdir()
        (release / "edged-release").touch()
        (self.root / "opt" / "current").symlink_to("releases/0.1.0-a")
        (self.root / "etc").mkdir()
        (self.root / "log").touch()
        script(self.machine.programs / "systemctl", "exit 0")

    def configure(self, text: str) -> None:
        """Write the configuration."""
        (self.root / "etc" / "edged.toml").write_text(text)

    def edged(self, body: str) -> None:
        """What the release's `edged` does, in sh."""
        script(self.root / "opt/releases/0.1.0-a/bin/edged", body)

    def call(self, words: str) -> str:
        """Call functions of the installer here."""
        places = (
            "OPT=$R/opt UNITS=$R/units ETC=$R/etc STATE=$R/state LOG=$R/log CACHE=$R/cache "
            "COMMAND=$R/command CONFIG=$R/etc/edged.toml PASSWORD_FILE=$R/etc/mqtt_password "
            "BROKER_CONFIG=$R/broker.conf BROKER_PASSWORDS=$R/edged.passwd "
            "DEVICE_LOG=$R/device.log RULES=$R/udev/60-edged-coral.rules "
            "RELEASE=$R/opt/releases/0.1.0-a NAME=0.1.0-a"
        )
        return self.machine.call("eval", f"R={self.root}; {places}; {words}")


@pytest.fixture
def installed(machine: Machine, tmp_path: Path) -> Installed:
    script(machine.programs / "getent", "exit 1")
    return Installed(machine, tmp_path / "installed")


CANNOT_PULL = """case "$2 $3" in
"path athlete-pose") ;;
"pull movenet-lightning") echo "edged: no network" >&2; exit 1 ;;
*) exit 1 ;;
esac"""


def test_without_a_network_the_model_that_takes_its_place_is_told_for_what_it_is(
    installed: Installed,
) -> None:
    installed.edged(CANNOT_PULL)
    told = installed.call("step_models; echo $MODEL")
    assert told.splitlines()[-1] == "athlete-pose"
    assert "note movenet-lightning could not be pulled (no network). " in told
    assert "knows drawn athletes only" in told
    assert "sees no people" in told
    assert "sudo edged models pull movenet-lightning, model = " in told
    assert "sudo systemctl restart edged" in told


def test_a_configuration_that_waits_for_the_model_is_not_told_of_another_one(
    installed: Installed,
) -> None:
    installed.edged(CANNOT_PULL)
    installed.configure('[pose]\nmodel = "movenet-lightning"\n')
    told = installed.call("step_models")
    assert "without a model edged sees nothing: sudo edged models pull movenet-lightning" in told
    assert "athlete" not in told


@pytest.mark.parametrize("model", ["athlete-pose", "/var/lib/edged/mine.tflite"])
def test_a_model_that_the_configuration_does_not_name_is_not_pulled(
    installed: Installed, model: str
) -> None:
    installed.edged(f'echo "$@" >>{installed.root}/called; exit 1')
    installed.configure(f'[pose]\nmodel = "{model}"\n')
    told = installed.call("step_models")
    assert told.startswith("  ok ")
    assert model in told
    assert ("drawn athletes only" in told) == (model == "athlete-pose")
    assert not (installed.root / "called").exists()


# ---- the broker -------------------------------------------------------------------------------


def test_after_a_broker_of_ours_it_is_told_how_to_listen(installed: Installed) -> None:
    assert installed.call("tell_how_to_listen") == ""
    assert installed.call("BROKER=local BROKER_USER=edged; tell_how_to_listen") == ""
    password = installed.root / "etc" / "mqtt_password"
    password.write_text("secret\n")
    installed.configure('[mqtt]\nprefix = "home/cameras"\n')
    told = installed.call("BROKER=local BROKER_USER=edged; tell_how_to_listen")
    assert told == (
        f"To listen: mosquitto_sub -u edged -P \"$(sudo cat {password})\" -v -t 'home/cameras/#'\n"
    )


# ---- a service that somebody has disabled -----------------------------------------------------

ENABLED = 'case "$*" in *is-enabled*) exit 0 ;; *ActiveState*) echo active ;; esac'
DISABLED = 'case "$*" in *is-enabled*) exit 1 ;; *ActiveState*) echo inactive ;; esac'
STARTED_BY_HAND = 'case "$*" in *is-enabled*) exit 1 ;; *ActiveState*) echo active ;; esac'
DECIDE = "if is_disabled; then echo disabled; fi; if is_stopped; then echo stopped; fi"


@pytest.mark.parametrize(
    ("systemctl", "pending", "decided"),
    [
        (ENABLED, None, []),
        (DISABLED, None, ["disabled", "stopped"]),
        (STARTED_BY_HAND, None, ["disabled"]),
        (DISABLED, "0.0.9-b\n", ["disabled", "stopped"]),  # an upgrade that was interrupted
        (DISABLED, "", ["stopped"]),  # a first installation that was: it is enabled now
    ],
)
def test_what_the_administrator_has_disabled_is_known(
    installed: Installed, systemctl: str, pending: str | None, decided: list[str]
) -> None:
    script(installed.machine.programs / "systemctl", systemctl)
    if pending is not None:
        (installed.root / "opt" / "pending").write_text(pending)
    assert installed.call(DECIDE).split() == decided


def test_before_the_first_installation_nothing_is_disabled(installed: Installed) -> None:
    script(installed.machine.programs / "systemctl", DISABLED)
    (installed.root / "units" / "edged.service").unlink()
    assert installed.call(DECIDE).split() == ["stopped"]


def test_an_upgrade_leaves_a_disabled_service_disabled_and_stopped(installed: Installed) -> None:
    called = installed.root / "called"
    script(installed.machine.programs / "systemctl", f'echo "$@" >>{called}\n{DISABLED}')
    installed.edged("exit 0")
    installed.configure("")
    new = installed.root / "opt" / "releases" / "0.2.0-b"
    shutil.copytree(installed.root / "opt" / "releases" / "0.1.0-a", new)
    told = installed.call(
        "RELEASE=$R/opt/releases/0.2.0-b NAME=0.2.0-b; "
        "step_service; echo $RUNS; readlink $R/opt/current $R/opt/previous"
    )
    assert "edged.service is disabled and stopped, and stays so: sudo systemctl enable" in told
    assert told.splitlines()[-3:] == [
        "not running, as edged.service is disabled and stopped",
        "releases/0.2.0-b",
        "releases/0.1.0-a",
    ]
    assert not (installed.root / "opt" / "pending").exists()
    asked = called.read_text().splitlines()
    assert not [line for line in asked if line.startswith(("enable", "--no-block", "start"))]


# ---- the end ----------------------------------------------------------------------------------


def test_a_purge_has_the_broker_forget_the_devices_while_it_can(installed: Installed) -> None:
    python = installed.root / "opt/releases/0.1.0-a/bin/python"
    script(python, 'echo "ok forgotten by $*"; echo "note not by the other"; exit 1')
    installed.configure("")
    (installed.root / "etc" / "door.toml").touch()
    (installed.root / "etc" / "edged.toml.new").touch()
    files = f"{installed.root}/etc/door.toml {installed.root}/etc/edged.toml"
    told = installed.call("DRY=yes; forget_devices")
    assert f"plan Having the broker forget the devices of {files} (" in told
    assert "forgotten by" not in told
    told = installed.call("forget_devices")
    assert f"  ok forgotten by -P -m edged.commands.forget {files}\n" in told
    assert "note not by the other\n" in told
    python.unlink()
    assert "note the broker may still list the devices of " in installed.call("forget_devices")


def test_the_plan_of_a_purge_names_each_thing_once_and_the_log_too(installed: Installed) -> None:
    for name in ("broker.conf", "edged.passwd", "device.log"):
        (installed.root / name).touch()
    told = installed.call("DRY=yes PURGE=yes; uninstall_device").splitlines()
    removed = [line for line in told if line.startswith("plan Removing ")]
    assert len(set(removed)) == len(removed)
    for name in ("broker.conf", "edged.passwd", "device.log", "etc", "opt"):
        assert f"plan Removing {installed.root}/{name}" in removed


def test_what_an_uninstallation_keeps_is_told_the_second_time_too(installed: Installed) -> None:
    kept = f"What stays: {installed.root}/etc; uninstall --purge removes that too"
    first, second = (installed.call("uninstall_device").splitlines()[-1] for _ in range(2))
    assert first == f"Removed. {kept}"
    assert second == f"There was nothing more to remove. {kept}"
    shutil.rmtree(installed.root / "etc")
    assert installed.call("uninstall_device") == "There was nothing to remove\n"
