"""A small Debian archive for the guest, in the place of Raspberry Pi's.

Raspberry Pi's archive has `python3-picamera2`, Debian's has not. So the package is made from the
library's own release, for the guest's Python, and put where apt finds it: an installer that asks
apt for it gets the real library.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from vm.roots import inside

PLACE = "srv/archive"
SOURCE = f"deb [trusted=yes] file:/{PLACE} ./\n"
PICAMERA2 = "0.3.38"
# From the Python package index; the rest is Debian's.
WHEELS = (f"picamera2=={PICAMERA2}", "PiDNG", "simplejpeg", "videodev2", "OpenEXR")
DEPENDS = (
    "python3-jsonschema",
    "python3-libarchive-c",
    "python3-libcamera",
    "python3-numpy",
    "python3-pil",
    "python3-piexif",
    "python3-prctl",
    "python3-tqdm",
)
BUILD = ("gcc", "libc6-dev", "python3-dev", "python3-setuptools", "python3-wheel")


def build_wheels(root: Path, wheels: Path) -> None:
    """Builds the wheels in a root file system that is thrown away afterwards.

    Args:
        root: A private copy of the guest's root, with networking.
        wheels: Where they go.
    """
    inside(root, "apt-get", "-qq", "update")
    inside(root, "apt-get", "-qq", "-y", "install", "--no-install-recommends", *BUILD)
    inside(root, "python3", "-m", "venv", "/wheels")
    inside(root, "/wheels/bin/pip", "-q", "wheel", "--no-deps", "-w", "/wheels/out", *WHEELS)
    for wheel in (root / "wheels/out").iterdir():
        shutil.copy(wheel, wheels)


def build_archive(wheels: Path, archive: Path) -> None:
    """Makes the package and the index that apt reads."""
    archive.mkdir(parents=True, exist_ok=True)
    control = _control()
    name = f"python3-picamera2_{PICAMERA2}_amd64.deb"
    with tempfile.TemporaryDirectory() as scratch:
        package = Path(scratch)
        package.chmod(0o755)
        place = package / "usr/lib/python3/dist-packages"
        place.mkdir(parents=True)
        for wheel in wheels.glob("*.whl"):
            shutil.unpack_archive(wheel, place, "zip")
        (package / "DEBIAN").mkdir()
        (package / "DEBIAN/control").write_text(control)
        command = [
            "dpkg-deb",
            "--root-owner-group",
            "-Zgzip",
            "-b",
            str(package),
            str(archive / name),
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=300)
    content = (archive / name).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    index = f"{control}Filename: ./{name}\nSize: {len(content)}\nSHA256: {digest}\n\n"
    (archive / "Packages").write_text(index)


def _control() -> str:
    return (
        "Package: python3-picamera2\n"
        f"Version: {PICAMERA2}\n"
        "Architecture: amd64\n"
        f"Depends: {', '.join(DEPENDS)}\n"
        "Maintainer: the rig of edged <root@localhost>\n"
        "Description: The library of the Pi's cameras, for a virtual Pi\n"
    )
