"""What the guests take over from this machine: package mirror, proxies, certificates.

Read when the rig runs, written into guests only: nothing of it belongs into the repository.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ARCHIVE = "http://deb.debian.org/debian"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
PROXIES = ("http_proxy", "https_proxy", "no_proxy")

# Debian's package of each program that the rig calls.
PROGRAMS = {
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "slirp4netns": "slirp4netns",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "mke2fs": "e2fsprogs",
    "git": "git",
    "gpg": "gpg",  # mmdebstrap's
    "ip": "iproute2",
}
EMULATION = {"qemu-aarch64-static": "qemu-user-static", "arch-test": "arch-test"}


def cache() -> Path:
    """The rig's directory for what may be kept between runs, made if needed."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    directory = Path(base) / "edged-vm"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def provide(programs: dict[str, str]) -> None:
    """Installs the Debian packages of those programs that this machine has not."""
    missing = sorted({package for name, package in programs.items() if not shutil.which(name)})
    if not CERTIFICATES.exists():
        missing.append("ca-certificates")
    if not Path("/usr/share/keyrings/debian-archive-keyring.gpg").exists():
        missing.append("debian-archive-keyring")
    if not missing:
        return
    apt = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300"]
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([*apt, "update"], check=True, env=quiet, timeout=300)
    install = [*apt, "install", "--no-install-recommends", *missing]
    subprocess.run(install, check=True, env=quiet, timeout=900)


def mirror() -> str:
    """Where this machine's apt gets Debian from; Debian's own address where it has another."""
    form = "$(LABEL)|$(REPO_URI)"
    command = ["apt-get", "indextargets", "--format", form, "Created-By: Packages"]
    for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split():
        label, _, address = line.partition("|")
        if label == "Debian" and address.startswith("http"):
            return address.rstrip("/")
    return ARCHIVE


def apt_settings() -> list[str]:
    """This machine's proxies, as lines of `apt.conf`."""
    command = ["apt-config", "dump"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    wanted = ("Acquire::http", "Acquire::https", "Acquire::ftp", "Acquire::Check-")
    return [line for line in lines if line.startswith(wanted) and not line.endswith(' "";')]


def files() -> dict[str, bytes]:
    """What a guest has to have to reach the package indexes: path in the guest -> content."""
    found: dict[str, bytes] = {
        "etc/resolv.conf": b"nameserver 10.0.2.3\n",  # of the user-mode networks of both levels
        "etc/apt/apt.conf.d/90host": ("\n".join(apt_settings()) + "\n").encode(),
        "etc/environment": environment().encode(),
    }
    pip = next(
        (p for p in (Path("/etc/pip.conf"), Path("/etc/xdg/pip/pip.conf")) if p.exists()), None
    )
    if pip:
        found["etc/pip.conf"] = pip.read_bytes()
    if CERTIFICATES.exists():
        found[str(CERTIFICATES).lstrip("/")] = CERTIFICATES.read_bytes()
    return found


def environment() -> str:
    """Proxies of this process, for programs in the guest."""
    pairs = ((name, os.environ.get(name) or os.environ.get(name.upper())) for name in PROXIES)
    return "".join(f"{name}={value}\n" for name, value in pairs if value)
