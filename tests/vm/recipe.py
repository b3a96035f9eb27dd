"""What the virtual Pi is made of: Debian Trixie and what stands in for Raspberry Pi's parts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
GUEST = HERE / "guest"
SUITE = "trixie"

# A system as Raspberry Pi OS Lite is one: what edged itself needs, its installer installs.
SYSTEM = (
    "ca-certificates",
    "dbus",
    "iproute2",
    "iputils-ping",
    "kmod",
    "mosquitto",
    "mosquitto-clients",
    "procps",
    "python3",
    "python3-systemd",
    "python3-venv",
    "sudo",
    "systemd",
    "systemd-sysv",
    "systemd-timesyncd",
    "udev",
)
# A kernel with drivers, libcamera with its virtual camera, and a way in from the host.
MACHINE = (
    "initramfs-tools",
    "libcamera-ipa",
    "libcamera-tools",
    "linux-image-amd64",
    "python3-libcamera",
    "python3-numpy",
    "qemu-guest-agent",
)
# What an emulated arm64 root runs without an init.
PLAIN = ("ca-certificates", "python3", "python3-venv")

UNWANTED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")


@dataclass(frozen=True)
class Recipe:
    """A root file system: Debian's architecture, its packages, whether it is to boot."""

    architecture: str
    packages: tuple[str, ...]
    boots: bool

    def key(self) -> str:
        """Names the cache entry: another recipe, another key."""
        digest = hashlib.sha256(repr((self, SUITE, UNWANTED)).encode())
        ours = [HERE / name for name in ("recipe.py", "trees.py", "archive.py")]
        if self.boots:
            ours += sorted(path for path in GUEST.rglob("*") if path.is_file())
        for path in ours:
            digest.update(str(path.relative_to(HERE)).encode() + path.read_bytes())
        return f"{self.architecture}-{digest.hexdigest()[:12]}"


PI = Recipe("amd64", tuple(sorted(SYSTEM + MACHINE)), boots=True)
ARM64 = Recipe("arm64", PLAIN, boots=False)
