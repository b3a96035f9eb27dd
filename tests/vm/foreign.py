"""An emulated arm64 processor: programs of a Debian for the Pi's architecture, on this machine.

Only programs are emulated (qemu-user): there is no second kernel, no init, no device.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vm.roots import works

BINFMT = Path("/proc/sys/fs/binfmt_misc")
NAME = "edged-rig-aarch64"
MAGIC = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"


@contextmanager
def arm64_programs() -> Iterator[None]:
    """Has the kernel hand arm64 programs to QEMU, as `update-binfmts` does it; afterwards no more.

    Raises:
        RuntimeError: The kernel does not take it.
    """
    if not (BINFMT / "register").exists():
        works("mount", "-t", "binfmt_misc", "binfmt_misc", str(BINFMT))
    if any("aarch64" in path.name for path in BINFMT.glob("*")):
        yield  # somebody else's, or that of another run
        return
    qemu = shutil.which("qemu-aarch64-static")
    # F: opened now, so that it is there in every root file system.
    try:
        (BINFMT / "register").write_text(f":{NAME}:M::{MAGIC}:{MASK}:{qemu}:OCF")
    except OSError as error:
        raise RuntimeError(f"{BINFMT}: the kernel emulates no arm64 programs: {error}") from error
    try:
        yield
    finally:
        (BINFMT / NAME).write_text("-1")
