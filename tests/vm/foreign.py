"""An emulated arm64 processor: programs of a Debian for the Pi's architecture, on this machine.

Only programs are emulated (qemu-user): there is no second kernel, no init, no device.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vm import host
from vm.roots import works

PROCESSOR = "cortex-a72"
"""Of a Pi 4. QEMU's own choice has everything that there is, which is slow, such as its signed
pointers, and makes the models' runtime crash."""
# This machine's own processors, of another kind, confuse the models' runtime.
NSPAWN = (f"--setenv=QEMU_CPU={PROCESSOR}", "--tmpfs=/sys/devices/system/cpu")
BINFMT = Path("/proc/sys/fs/binfmt_misc")
NAME = "edged-rig-aarch64"
MAGIC = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"


class NoEmulationError(Exception):
    """This machine's kernel runs no programs of other processors."""


@contextmanager
def arm64_programs() -> Iterator[None]:
    """Has the kernel hand arm64 programs to QEMU, as `update-binfmts` does it.

    The last one to need it takes it back.

    Raises:
        NoEmulationError: The kernel does not take it.
    """
    os.environ["QEMU_CPU"] = PROCESSOR  # for what mmdebstrap runs
    with (host.cache() / "binfmt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (BINFMT / "register").exists():
            works("mount", "-t", "binfmt_misc", "binfmt_misc", str(BINFMT))
        if not any("aarch64" in path.name for path in BINFMT.glob("*")):
            _register()
        fcntl.flock(lock, fcntl.LOCK_SH)
        try:
            yield
        finally:
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if (BINFMT / NAME).exists():
                    (BINFMT / NAME).write_text("-1")


def _register() -> None:
    qemu = shutil.which("qemu-aarch64-static")
    # F: opened now, so that it is there in every root file system.
    try:
        (BINFMT / "register").write_text(f":{NAME}:M::{MAGIC}:{MASK}:{qemu}:OCF")
    except OSError as error:
        raise NoEmulationError(
            f"{BINFMT}: the kernel emulates no arm64 programs: {error}"
        ) from error
