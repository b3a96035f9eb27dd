"""Picamera2, the library of the Pi's cameras: how it is loaded, which camera is meant, why not.

The only module that imports it, and only when a camera of the Pi is asked for.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import logging
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from edged.capture.source import SourceStuckError
from edged.errors import SourceError

MEDIA_DEVICES = "/dev/media*"
"""Through them libcamera finds cameras, and the one in use is locked."""
LOCKS = Path("/proc/locks")
HEAPS = Path("/dev/dma_heap")
"""Where the memory of pictures comes from."""

_INSTALL = "sudo apt install python3-picamera2"
_NO_MEMORY = re.compile("dma_?heap|allocate", re.IGNORECASE)
"""In what Picamera2 and libcamera say when there are no buffers to be had."""
_LEVELS = "*:ERROR"
"""libcamera's log, which goes to stderr: else some lines at each attempt to open."""


@dataclass(frozen=True, slots=True)
class Library:
    """The two modules, which have no types."""

    camera: Any
    """The class `picamera2.Picamera2`."""
    libcamera: Any


@dataclass(frozen=True, slots=True)
class Found:
    """A camera that libcamera sees."""

    index: int
    """As `Picamera2` counts."""
    id: str
    model: str


def load(name: str) -> Library:
    """Import Picamera2.

    Args:
        name: of the source, for the message.

    Raises:
        SourceError: it is not there, or does not go with what else is there.
    """
    # Read by libcamera once, when it is loaded; what the user has set stays.
    os.environ.setdefault("LIBCAMERA_LOG_LEVELS", _LEVELS)
    try:
        import libcamera  # noqa: PLC0415
        import picamera2  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name in {"picamera2", "libcamera"}:
            raise SourceError(
                f"{name}: Python finds no {error.name}: {_INSTALL} (an environment of edged's own "
                "needs --system-site-packages)"
            ) from error
        raise SourceError(
            f"{name}: Picamera2 lacks {error.name}: {_INSTALL} --reinstall"
        ) from error
    except Exception as error:
        # Another libcamera, or extensions that were built for another NumPy: any error there is.
        raise SourceError(
            f"{name}: Picamera2 does not load ({_first_line(error)}); it has to match the system's "
            f"libcamera and NumPy: {_INSTALL} python3-libcamera python3-numpy --reinstall"
        ) from error
    # What it logs at ERROR it raises as well.
    logging.getLogger("picamera2").setLevel(logging.CRITICAL)
    _let_end_quietly(getattr(picamera2, "allocators", None))
    return Library(picamera2.Picamera2, libcamera)


def _let_end_quietly(allocators: Any) -> None:
    """Have an allocator that could not be made end without an error.

    The `__del__` of `DmaAllocator` wants what its `__init__` comes to only after a DMA heap is
    open. Without a heap, each attempt would print a traceback that nobody can catch.
    """
    allocator = getattr(allocators, "DmaAllocator", None)
    if allocator is not None:
        for name, nothing in (
            ("dmaHeap", None),
            ("mapped_buffers", MappingProxyType({})),
            ("open_fds", ()),
        ):
            if not hasattr(allocator, name):
                setattr(allocator, name, nothing)


def find(library: Library) -> list[Found]:
    """The cameras that are there, those on a ribbon cable before those on USB."""
    cameras = library.camera.global_camera_info()
    if not cameras:
        # The list is made once; a camera may have come since.
        manager: Any = getattr(library.camera, "_cm", None)
        if hasattr(manager, "reset"):
            manager.reset()
            cameras = library.camera.global_camera_info()
    return [
        Found(index, str(camera["Id"]), str(camera.get("Model", "")))
        for index, camera in enumerate(cameras)
    ]


def choose(cameras: Sequence[Found], address: str) -> Found:
    """The camera that `picamera`, `picamera:1` or `picamera:imx708` names.

    A name is a part of libcamera's id or of the model, of one camera only; case does not matter.

    Raises:
        SourceError: there is no such camera, or there are several.
    """
    if not cameras:
        raise SourceError(f"{address}: no camera found ({_why_none()})")
    wanted = address.partition(":")[2] or "0"
    there = ", ".join(f"{camera.index} ({camera.model or camera.id})" for camera in cameras)
    if wanted.isdecimal():
        if int(wanted) < len(cameras):
            return cameras[int(wanted)]
        raise SourceError(f"{address}: no such camera; there is {there}")
    named = [
        camera
        for camera in cameras
        if wanted.lower() in camera.id.lower() or wanted.lower() in camera.model.lower()
    ]
    if len(named) == 1:
        return named[0]
    amount = "several cameras are" if named else "no camera is"
    raise SourceError(f"{address}: {amount} called so; there is {there}")


def stop(camera: Any) -> None:
    """Have a `Picamera2` write no more pictures, whatever state it is in."""
    with contextlib.suppress(Exception):
        camera.stop_preview()  # its event loop, which `stop` would wait for without an end
    if getattr(camera, "is_open", False):
        camera.started = True  # it says no when it began in part, and would leave libcamera running
        with contextlib.suppress(Exception):
            camera.stop()


def let_go(camera: Any, name: str) -> None:
    """Close a `Picamera2` that has been stopped, or was made in part, with all that it has open.

    Its own `close` ends where something fails, and leaves a pipe open when the camera is not.

    Args:
        camera: a `Picamera2`, perhaps one whose `__init__` has failed.
        name: of the source, for the message.

    Raises:
        SourceStuckError: libcamera keeps the camera.
    """
    was_open = getattr(camera, "is_open", False)
    with contextlib.suppress(Exception):
        camera.close()
    if was_open and camera.is_open:
        try:
            camera.camera.release()
        except Exception as error:
            raise SourceStuckError(
                f"{name}: libcamera keeps the camera: restart edged, or the Pi"
            ) from error
        camera.is_open = was_open = False
    if not was_open:
        _let_go_of_parts(camera)
    # It has references to itself, and files open until it is collected.
    gc.collect()


def _let_go_of_parts(camera: Any) -> None:
    """What `close` does not come to when it fails, or when the camera is not open."""
    with contextlib.suppress(Exception):
        # It may be listened to though it has not been opened.
        manager: Any = getattr(camera, "_cm", None)
        if manager.cameras.get(camera.camera_idx) is camera:
            manager.cleanup(camera.camera_idx)
    with contextlib.suppress(Exception):
        camera.notifymeread.close()
    with contextlib.suppress(Exception):
        os.close(camera.notifyme_w)


def _why_none() -> str:
    closed = [path for path in _media_devices() if not os.access(path, os.R_OK | os.W_OK)]
    if closed:
        return f"no permission for {closed[0]}: is the user in the group `video`?"
    return "is the ribbon cable in at both ends, the right way round? rpicam-hello --list-cameras"


def refusal(name: str, error: Exception) -> SourceError:
    """Why a camera does not open, for a person."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, PermissionError) and not _is_of_heaps(cause):
            return SourceError(
                f"{name}: no permission for {cause.filename} (is the user in the group `video`?)"
            )
    if any(map(_is_of_heaps, causes)):
        return SourceError(f"{name}: no memory for pictures: {_why_no_memory(causes[-1])}")
    innermost = causes[-1]
    if any("busy" in str(cause).lower() for cause in causes):
        return SourceError(f"{name}: in use by {holder(_media_devices()) or 'another program'}")
    return SourceError(f"{name}: does not open: {_first_line(innermost)}")


def _is_of_heaps(error: BaseException) -> bool:
    """Whether it tells that there are no buffers to be had."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM or str(error.filename or "").startswith("/dev/dma_heap")
    return isinstance(error, RuntimeError) and bool(_NO_MEMORY.search(str(error)))


def _why_no_memory(error: BaseException) -> str:
    heaps = sorted(HEAPS.glob("*")) if HEAPS.is_dir() else []
    if not heaps:
        return f"there is no {HEAPS}/* (a container, or a kernel without DMA heaps?)"
    if not any(os.access(heap, os.R_OK | os.W_OK) for heap in heaps):
        return (
            f"no permission for {heaps[0]} (is the user in the group `video`? "
            "a service also needs DeviceAllow=char-dma_heap rw)"
        )
    return (
        f"{' and '.join(map(str, heaps))} gave none ({_first_line(error)}): ask for less in "
        "[camera] width and height (CmaFree in /proc/meminfo tells what is left)"
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what it came from, and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _first_line(error: BaseException) -> str:
    text = " ".join(str(error).splitlines()[:1]).strip()
    return text or type(error).__name__


def _media_devices() -> list[Path]:
    return sorted(Path("/").glob(MEDIA_DEVICES.removeprefix("/")))


def holder(files: Sequence[Path], locks: Path = LOCKS) -> str | None:
    """The other program that has one of the files locked; None: none, or nobody may know.

    libcamera takes a POSIX lock of the media device (`lockf`), and anybody may read `/proc/locks`:
    `1: POSIX  ADVISORY  WRITE 1234 00:05:678 0 EOF`.
    """
    wanted = set()
    for file in files:
        try:
            stat = file.stat()
        except OSError:
            continue
        device = f"{os.major(stat.st_dev):02x}:{os.minor(stat.st_dev):02x}"
        wanted.add(f"{device}:{stat.st_ino}")  # inodes alone are the same in other file systems
    try:
        lines = locks.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    for line in lines:
        words = line.split()
        if len(words) < 6 or words[1] != "POSIX":  # noqa: PLR2004 - up to the inode
            continue
        pid, file_id = words[4], words[5]
        if file_id in wanted and pid not in {"0", "-1"}:
            return _called(int(pid))
    return None


def _called(pid: int) -> str:
    if pid == os.getpid():
        return "edged itself"
    try:
        name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return f"process {pid}"
    return f"{name} (process {pid})"
