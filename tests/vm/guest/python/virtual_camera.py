"""What makes the unmodified library picamera2 take libcamera's virtual camera for a Pi's.

- The virtual camera has no raw role, which picamera2 asks every camera for.
- It allocates its own buffers, and reports 0 bytes used in each.
- While the file `/run/virtual-pi/stalled` exists, frames arrive nowhere, as when a Pi's camera
  cable comes loose. While `/run/virtual-pi/unplugged` does, there is no camera to be opened either.
  A camera that was in use then gives nothing until it is opened again.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

from picamera2.allocators import LibcameraAllocator

FAULTS = Path("/run/virtual-pi")
STALLED, UNPLUGGED = FAULTS / "stalled", FAULTS / "unplugged"


class Mapping:
    """A buffer's memory, mapped once and for all, as picamera2 has it on a Pi."""

    def __init__(self, allocator: VirtualAllocator, buffer: Any, write: bool) -> None:  # noqa: FBT001
        del write
        self._memory = allocator.memory(buffer)

    def __enter__(self) -> mmap.mmap:
        return self._memory

    def __exit__(self, *_: object) -> None:
        pass


class VirtualAllocator(LibcameraAllocator):  # type: ignore[misc]
    """libcamera's own buffers, readable although each reports that it is empty."""

    needs_sync = False

    def __init__(self) -> None:
        super().__init__(None)
        self.sync = Mapping
        self._mapped: dict[int, mmap.mmap] = {}

    def allocate(self, libcamera_config: Any, use_case: Any) -> None:
        self._mapped = {}
        super().allocate(libcamera_config, use_case)

    def memory(self, buffer: Any) -> mmap.mmap:
        descriptor = buffer.planes[0].fd
        if descriptor not in self._mapped:
            size = max(plane.offset + plane.length for plane in buffer.planes)
            self._mapped[descriptor] = mmap.mmap(descriptor, size)
        return self._mapped[descriptor]


def change(module: Any) -> None:
    """Changes the module `picamera2.picamera2`."""
    module.Picamera2.__init__ = _constructing(module.Picamera2.__init__)
    module.Picamera2._get_raw_modes = _raw_modes
    module.Picamera2.global_camera_info = staticmethod(
        _informing(module.Picamera2.global_camera_info)
    )
    module.CameraManager.handle_request = _delivering(module.CameraManager.handle_request)


def _constructing(original: Any) -> Any:
    def construct(
        self: Any,
        camera_num: int = 0,
        verbose_console: Any = None,
        tuning: Any = None,
        allocator: Any = None,
    ) -> None:
        original(self, camera_num, verbose_console, tuning, allocator or VirtualAllocator())
        if isinstance(self.allocator, VirtualAllocator):
            self.allocator.camera = self.camera

    return construct


def _raw_modes(self: Any) -> list[dict[str, Any]]:
    del self
    return [{"format": "NV12", "size": (640, 480)}]


def _informing(original: Any) -> Any:
    return lambda: [] if UNPLUGGED.exists() else original()


def _delivering(original: Any) -> Any:
    def handle_request(self: Any, flushid: Any = None) -> None:
        if flushid is None and (STALLED.exists() or UNPLUGGED.exists()):
            self.cms.get_ready_requests()  # lost, as those that libcamera cancels
        else:
            original(self, flushid)

    return handle_request
