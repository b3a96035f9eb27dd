"""Root file systems: private copies in no time, commands in them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# nspawn's own --private-network makes another /sys, over which options have no say.
ALONE = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")


def inside(
    root: Path,
    *command: str,
    timeout_s: float = 900,
    options: tuple[str, ...] = (),
    alone: bool = False,
) -> str:
    """Runs a command in a root file system, without an init.

    Args:
        root: The root file system.
        command: The program and its arguments.
        timeout_s: Until it is killed.
        options: Of systemd-nspawn.
        alone: With a loopback of its own, in place of this machine's network.

    Returns:
        What it printed.

    Raises:
        RuntimeError: It failed, or took too long; with the end of its output.
    """
    nspawn = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--pipe"]
    nspawn += ["--resolv-conf=bind-host", "--setenv=DEBIAN_FRONTEND=noninteractive"]
    line = [*(ALONE if alone else ()), *nspawn, *options, "-D", str(root), *command]
    try:
        done = subprocess.run(
            line,
            stdin=subprocess.DEVNULL,
            capture_output=True,  # apart: nspawn has something to say as well
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"{' '.join(command)}: not done after {timeout_s:g} s") from error
    if done.returncode:
        end = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}\n{end}")
    return done.stdout


@contextmanager
def private_copy(tree: Path, directory: Path) -> Iterator[Path]:
    """A root file system to write into, over one that stays as it is.

    Args:
        tree: The one to copy.
        directory: An empty directory for what is written.

    Yields:
        The root of the copy. It is gone afterwards.
    """
    upper, work, root = (directory / name for name in ("upper", "work", "root"))
    for path in (upper, work, root):
        path.mkdir(parents=True)
    options = f"lowerdir={tree},upperdir={upper},workdir={work}"
    mounted = works("mount", "-t", "overlay", "overlay", "-o", options, str(root))
    if not mounted:  # a kernel or a file system that has no overlays: seconds instead of none
        root.rmdir()
        if not works("cp", "-a", "--reflink=auto", str(tree), str(root)):
            raise RuntimeError(f"{directory}: no copy of {tree}, is the disk full?")
    try:
        yield root
    finally:
        if mounted:
            works("umount", "-R", str(root)) or works("umount", "-R", "-l", str(root))
        remove(directory)


def remove(directory: Path) -> None:
    """Deletes a directory, unless something is still mounted in it."""
    mounts = Path("/proc/self/mounts").read_text()
    if f" {directory}/" in mounts or f" {directory} " in mounts:
        raise RuntimeError(f"{directory}: something is still mounted there, so it stays")
    shutil.rmtree(directory, ignore_errors=True)


def write(root: Path, files: dict[str, bytes]) -> None:
    """Writes files into a root file system, readable for all."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            path.unlink()
        path.write_bytes(content)
        path.chmod(0o644)


def sweep(directory: Path) -> None:
    """Cleans up after runs that were killed: each has a directory named by its process id."""
    if not directory.is_dir():
        return
    for left in directory.iterdir():
        if left.name.isdigit() and not _alive(int(left.name)):
            end_processes(left)
            unmount(left)
            remove(left)


def end_processes(directory: Path) -> None:
    """Ends those who live below a directory: nobody else's processes.

    Containers with their root file system there, and programs that were given a file from there.
    """
    for arguments in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if f"{directory}/" in arguments.read_text(errors="replace"):
                os.kill(int(arguments.parent.name), signal.SIGKILL)
    for mounts in Path("/proc").glob("[0-9]*/mountinfo"):
        with suppress(OSError):
            for line in mounts.read_text().splitlines():
                source, point = line.split()[3:5]
                if point == "/" and (
                    f"upperdir={directory}/" in line or source.startswith(f"{directory}/")
                ):
                    os.kill(int(mounts.parent.name), signal.SIGKILL)


def unmount(directory: Path) -> None:
    """Unmounts everything below a directory."""
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    points = [line.split()[1] for line in mounts if line.split()[1].startswith(f"{directory}/")]
    for point in sorted(points, reverse=True):
        works("umount", "-l", point)


def works(*command: str) -> bool:
    """Whether a command succeeds; what it says is not wanted."""
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
