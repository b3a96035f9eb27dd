"""Stand-in for Picamera2 0.3.38: its calls, its rules for requests, its ways to fail.

A thread is the camera: it writes pictures into buffers of shared memory that are queued to it, and
into no other. `world` says which cameras there are and what goes wrong. The real library is proven
by `tests/proofs/pi_camera.py`, which compares the signatures too.
"""

from __future__ import annotations

import atexit
import mmap
import os
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from threading import Condition, Event, Lock, Thread
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from libcamera import ColorSpace, Transform

FAR_US = 120_000_000


class Device:
    """libcamera's camera: one user has it, and cannot let go of it while it runs."""

    def __init__(self) -> None:
        self._is_acquired = False
        self._is_running = False

    def acquire(self) -> None:
        """Have it."""
        if self._is_acquired or world.is_busy:
            raise RuntimeError("Failed to acquire camera: Device or resource busy")
        self._is_acquired = True

    def release(self) -> None:
        """Let go of it."""
        if self._is_running:
            raise RuntimeError("Failed to release camera: Device or resource busy")
        self._is_acquired = False

    def start(self) -> None:
        """Begin."""
        self._is_running = True

    def stop(self) -> None:
        """End."""
        self._is_running = False

    @property
    def is_free(self) -> bool:
        """Whether somebody else can have it."""
        return not self._is_acquired


@dataclass
class World:
    """What there is, and what goes wrong with it."""

    cameras: list[dict[str, Any]] = field(default_factory=list)
    formats: tuple[str, ...] = ("BGR888", "YUV420", "NV12")
    """The first is given where another one is asked for."""
    padding: int = 0
    """Bytes by which rows are longer than they need be."""
    most_buffers: int = 64
    can_mirror: bool = True
    is_raspberry: bool = True
    controls: dict[str, tuple[Any, Any, Any]] = field(default_factory=dict)
    modes: tuple[tuple[int, int], ...] = ((640, 480), (1640, 1232))
    picture: npt.NDArray[np.uint8] | None = None
    """RGB, of the size asked for; None: level n * 8 in picture n."""
    period_s: float = 0.01
    stalled: Event = field(default_factory=Event)
    """Nothing is completed; a camera that was so stays so."""
    held_back: Event = field(default_factory=Event)
    """Completed requests do not come out yet: they come all at once."""
    lost: Event = field(default_factory=Event)
    """Requests cannot be queued: the cable is out."""
    is_busy: bool = False
    refuses_buffers: bool = False
    """It begins, and then takes no buffer."""
    is_old: bool = False
    """Picamera2 up to 0.3.36: a camera is listened to before it has been opened."""
    is_sideways: bool = False
    """The sensor is said to be built in so, which no camera can make up for."""
    has_heap: bool = True
    """There is memory for pictures."""
    denied: str = ""
    """A file that may not be opened."""
    hangs_in: set[str] = field(default_factory=set)
    """Calls that come back when `goes_on` is set."""
    goes_on: Event = field(default_factory=Event)
    opened: list[Picamera2] = field(default_factory=list)
    device: Device = field(default_factory=Device)

    def hang(self, where: str) -> None:
        """As a driver that waits for its hardware."""
        if where in self.hangs_in:
            self.goes_on.wait(30)


world = World()


@dataclass(frozen=True)
class Plane:
    """A part of a buffer."""

    fd: int
    offset: int
    length: int


@dataclass(frozen=True, eq=False)
class FrameBuffer:
    """Shared memory for a picture."""

    memory: mmap.mmap
    planes: list[Plane]


@dataclass(eq=False)
class Request:
    """libcamera's."""

    buffers: dict[str, FrameBuffer]
    sequence: int = 0
    metadata: dict[str, Any] = field(default_factory=dict)


class Job:
    """What is done when a request completes."""

    def __init__(self) -> None:
        self._future: Future[CompletedRequest] = Future()

    def get_result(self, timeout: float | None = None) -> CompletedRequest:
        """Raises `TimeoutError`."""
        return self._future.result(timeout)

    def signal(self, result: CompletedRequest) -> None:
        """It is done."""
        self._future.set_result(result)

    def cancel(self) -> None:
        """It will not be done."""
        self._future.set_exception(CancelledError())


class CompletedRequest:
    """A picture that is ours until every holder has released it."""

    def __init__(self, request: Request, picam2: Picamera2) -> None:
        self.request: Request | None = request
        self.picam2 = picam2
        self.ref_count = 1
        self.stop_count = picam2.stop_count
        self.stream_map = {"main": "main"}

    def acquire(self) -> None:
        """Another holder."""
        with self.picam2.request_lock:
            self.ref_count += 1

    def release(self) -> None:
        """The last one queues it again, unless the camera was stopped since."""
        camera = self.picam2
        with camera.request_lock:
            self.ref_count -= 1
            if self.ref_count < 0:
                raise RuntimeError("CompletedRequest: lock now has negative ref_count")
            if self.ref_count == 0:
                request, self.request = self.request, None
                if camera.is_open and self.stop_count == camera.stop_count and camera.started:
                    if world.lost.is_set():
                        raise RuntimeError("Failed to queue request: No such device")
                    assert request is not None
                    camera.queue(request)

    def get_metadata(self) -> dict[str, Any]:
        """Of the exposure."""
        assert self.request is not None
        return dict(self.request.metadata)


class _Manager:
    def __init__(self) -> None:
        self.cameras: dict[int, Picamera2] = {}

    def reset(self) -> None:
        """Look again for cameras."""

    def add(self, index: int, camera: Picamera2) -> None:
        """Listen to one, in a thread that ends with the last of them."""
        self.cameras[index] = camera

    def cleanup(self, index: int) -> None:
        """Listen to it no more."""
        del self.cameras[index]


class _Allocator:
    def __init__(self, camera: Picamera2) -> None:
        self._camera = camera

    def buffers(self, stream: str) -> list[FrameBuffer]:
        """Of a stream."""
        assert stream == "main"
        return self._camera.buffers


class DmaAllocator:
    """What the library makes of every camera: half of it where there is no memory for pictures."""

    def __init__(self) -> None:
        if not world.has_heap:
            raise RuntimeError("Could not open any dmaHeap device")
        self.dmaHeap: object = None
        self.mapped_buffers: dict[FrameBuffer, mmap.mmap] = {}
        self.open_fds: list[int] = []

    def close(self) -> None:
        """Let go of it."""
        for memory in self.mapped_buffers.values():
            memory.close()
        for file in self.open_fds:
            os.close(file)
        self.open_fds = []
        if self.dmaHeap is not None:
            raise NotImplementedError

    def __del__(self) -> None:
        self.close()


allocators = SimpleNamespace(DmaAllocator=DmaAllocator)


class Picamera2:
    """The camera."""

    _cm = _Manager()

    @staticmethod
    def global_camera_info() -> list[dict[str, Any]]:
        """Of every camera."""
        return [camera | {"Num": number} for number, camera in enumerate(world.cameras)]

    def __init__(
        self,
        camera_num: int = 0,
        verbose_console: object = None,  # noqa: ARG002
        tuning: object = None,  # noqa: ARG002
        allocator: object = None,  # noqa: ARG002
    ) -> None:
        self.notifyme_r, self.notifyme_w = os.pipe2(os.O_NONBLOCK)
        self.notifymeread = os.fdopen(self.notifyme_r, "rb")
        self.is_open = False
        self._thread: Thread | None = None
        if camera_num >= len(self.global_camera_info()):
            raise RuntimeError(f"No camera number {camera_num} found")
        self.lock, self.request_lock = Lock(), Lock()
        self._queued: deque[Request] = deque()
        self._changed = Condition()
        self._jobs: list[Job] = []
        self.completed_requests: list[CompletedRequest] = []
        self.started, self.stop_count, self._sequence = False, 0, 0
        self._buffers: list[FrameBuffer] = []
        self.allocator, self.stream_map = _Allocator(self), {"main": "main"}
        self.told: dict[str, Any] = {}
        self.camera_idx, self.camera = camera_num, world.device
        if world.is_old:
            self._cm.add(camera_num, self)
        world.hang("open")
        try:
            self.camera.acquire()
        except RuntimeError as error:
            raise RuntimeError("Camera __init__ sequence did not complete.") from error
        self.is_open = True
        self._cm.add(camera_num, self)
        atexit.register(self.close)
        DmaAllocator()
        if world.denied:
            raise PermissionError(13, "Permission denied", world.denied)
        world.opened.append(self)

    @property
    def camera_controls(self) -> dict[str, tuple[Any, Any, Any]]:
        """Least, most and default by name."""
        return dict(world.controls)

    def create_video_configuration(
        self,
        main: dict[str, Any] = {},  # noqa: B006
        lores: Any = None,
        raw: Any = {},  # noqa: B006
        transform: Transform = Transform(),  # noqa: B008
        colour_space: ColorSpace | None = None,
        buffer_count: int = 6,
        controls: dict[str, Any] = {},  # noqa: B006
        display: str | None = "main",
        encode: str | None = "main",
        queue: bool = True,  # noqa: FBT001, FBT002
        sensor: Any = {},  # noqa: B006
        use_case: str = "video",
    ) -> dict[str, Any]:
        """A configuration with everything in it."""
        given = locals().copy()
        del given["self"]
        width, height = main["size"]
        given["main"] = {**main, "size": (width - width % 2, height - height % 2)}
        given["sensor"] = sensor if world.is_raspberry else None
        return given

    def configure(self, camera_config: Any = None) -> None:
        """Take what can be taken of a configuration."""
        stream, sensor = dict(camera_config["main"]), camera_config["sensor"]
        if stream["format"] not in world.formats:
            stream["format"] = world.formats[0]
        bytes_a_pixel = {"BGR888": 3, "RGB888": 3, "XBGR8888": 4, "XRGB8888": 4}
        bytes_a_pixel |= dict.fromkeys(("YUYV", "YVYU", "UYVY"), 2)
        width, height = stream["size"]
        stream["stride"] = width * bytes_a_pixel.get(stream["format"], 1) + world.padding
        rows = height if stream["format"] in bytes_a_pixel else height * 3 // 2
        transform = camera_config["transform"] if world.can_mirror else Transform()
        if world.is_sideways:
            transform = Transform(transpose=1, vflip=1)
        if sensor is not None:
            size = sensor.get("output_size", (width, height))
            sensor = {"output_size": min(world.modes, key=lambda m: abs(m[0] - size[0]))}
            sensor["bit_depth"] = 10
        self._config = {**camera_config, "main": stream, "transform": transform, "sensor": sensor}
        for _ in range(min(camera_config["buffer_count"], world.most_buffers)):
            file = os.memfd_create("buffer")
            os.ftruncate(file, stream["stride"] * rows)
            plane = Plane(file, 0, stream["stride"] * rows)
            self._buffers.append(FrameBuffer(mmap.mmap(file, plane.length), [plane]))

    def camera_configuration(self) -> dict[str, Any]:
        """What was taken."""
        return self._config

    def set_controls(self, controls: dict[str, Any]) -> None:
        """Tell the camera."""
        for name in controls:
            if name not in world.controls:
                raise RuntimeError(f"Control {name} is not advertised by libcamera")
        self.told |= controls

    def start(self, config: Any = None, show_preview: Any = False) -> None:  # noqa: ARG002, FBT002
        """Queue every buffer, and begin."""
        self.camera.start()
        for buffer in self._buffers:
            if world.refuses_buffers:
                raise RuntimeError("Failed to queue request: Invalid argument")
            self.queue(Request({"main": buffer}))
        self.started = True
        self._thread = Thread(target=self._run, name="stand-in camera", daemon=True)
        self._thread.start()

    def queue(self, request: Request) -> None:
        """Give the camera a buffer."""
        with self._changed:
            self._queued.append(request)

    @property
    def buffers(self) -> list[FrameBuffer]:
        """Of the pictures."""
        return self._buffers

    def _run(self) -> None:
        done: list[CompletedRequest] = []
        due, was_stalled = time.monotonic(), False
        while self.started:
            due += world.period_s
            time.sleep(max(0.0, due - time.monotonic()))
            was_stalled = was_stalled or world.stalled.is_set()
            if was_stalled:
                continue
            with self._changed:
                request = self._queued.popleft() if self._queued else None
            if request is not None:
                self._expose(request)
                done.append(CompletedRequest(request, self))
            if done and not world.held_back.is_set():
                batch, done = done, []
                self._process(batch)

    def _expose(self, request: Request) -> None:
        stream, transform = self._config["main"], self._config["transform"]
        width, height = stream["size"]
        picture = world.picture
        if picture is None:
            level = self._sequence * 8 % 256
            picture = np.full((height, width, 3), level, np.uint8)
        if transform.transpose:  # it does nothing
            transform = Transform()
        picture = picture[:, :: -1 if transform.hflip else 1][:: -1 if transform.vflip else 1]
        rows = as_format(np.ascontiguousarray(picture), stream["format"])
        memory = np.frombuffer(request.buffers["main"].memory, np.uint8)
        target = memory.reshape(-1, stream["stride"])
        if stream["format"] in {"YUV420", "YVU420"}:
            _write_planes(rows, target, width, height)
        else:
            target[:, : rows.shape[1]] = rows
        request.sequence, self._sequence = self._sequence, self._sequence + 1
        stamp_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        request.metadata = {
            "SensorTimestamp": stamp_ns,
            "FrameDuration": round(world.period_s * 1e6),
        }

    def _process(self, batch: list[CompletedRequest]) -> None:
        """As `process_requests`: the jobs take from the front, then all but the newest go back."""
        finished: list[tuple[Job, CompletedRequest]] = []
        with self.lock:
            self.completed_requests += batch
            while self._jobs and self.completed_requests:
                finished.append((self._jobs.pop(0), self.completed_requests.pop(0)))
            while len(self.completed_requests) > int(self._config["queue"]):
                self.completed_requests.pop(0).release()
        for job, request in finished:
            job.signal(request)

    def capture_request(
        self,
        wait: Any = None,
        signal_function: Callable[[Job], None] | None = None,  # noqa: ARG002
        flush: Any = None,  # noqa: ARG002
    ) -> Any:
        """The next completed request, or a job that will have it."""
        job = Job()
        with self.lock:
            waiting = self.completed_requests.pop(0) if self.completed_requests else None
            if waiting is None:
                self._jobs.append(job)
        if waiting is not None:
            job.signal(waiting)
        if wait is False:
            return job
        return job.get_result(None if wait in {None, True} else wait)

    def cancel_all_and_flush(self) -> None:
        """Forget who waits."""
        with self.lock:
            for job in self._jobs:
                job.cancel()
            self._jobs = []

    def stop_preview(self) -> None:
        """End the event loop."""

    def stop(self) -> None:
        """End the exposures."""
        if not self.started:
            return
        world.hang("stop")
        self.stop_count += 1
        self.camera.stop()
        self.started = False
        if self._thread is not None:
            self._thread.join()
        while self.completed_requests:
            self.completed_requests.pop(0).release()

    def close(self) -> None:
        """Let go of the camera. The buffers are closed, as the real ones: not while in use."""
        atexit.unregister(self.close)
        if not self.is_open:
            return
        self.stop()
        self.camera.release()
        self._cm.cleanup(self.camera_idx)
        self.is_open = False
        self.notifymeread.close()
        os.close(self.notifyme_w)
        for buffer in self._buffers:
            buffer.memory.close()
            os.close(buffer.planes[0].fd)
        self._buffers = []
        DmaAllocator()


def _write_planes(
    rows: npt.NDArray[np.uint8], target: npt.NDArray[np.uint8], width: int, height: int
) -> None:
    """Colour planes have half the stride."""
    stride = target.shape[1]
    target[:height, :width] = rows[:height]
    halves = target[height:].reshape(-1, stride // 2)
    halves[:, : width // 2] = rows[height:].reshape(-1, width // 2)


def as_format(picture: npt.NDArray[np.uint8], name: str) -> npt.NDArray[np.uint8]:
    """An RGB picture in rows as libcamera's format of this name has them."""
    height, width, _ = picture.shape
    packed = {
        "BGR888": None,
        "RGB888": cv2.COLOR_RGB2BGR,
        "XBGR8888": cv2.COLOR_RGB2RGBA,
        "XRGB8888": cv2.COLOR_RGB2BGRA,
    }
    if name in packed:
        code = packed[name]
        converted = picture if code is None else cv2.cvtColor(picture, code)
        return np.asarray(converted, np.uint8).reshape(height, -1)
    planes = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420), np.uint8)
    if name == "YUV420":
        return planes
    u, v = planes[height:].reshape(2, height // 2, width // 2)
    if name == "YVU420":
        return np.concatenate([planes[:height], np.stack([v, u]).reshape(height // 2, width)])
    if name in {"NV12", "NV21"}:
        pair = (u, v) if name == "NV12" else (v, u)
        return np.concatenate([planes[:height], np.stack(pair, 2).reshape(height // 2, width)])
    chroma = np.repeat(np.stack([u, v], 2), 2, axis=0).reshape(height, width)
    y = planes[:height]
    order = {"YUYV": (y, chroma), "UYVY": (chroma, y)}.get(name)
    if order is None:
        swapped = chroma.reshape(height, -1, 2)[:, :, ::-1].reshape(height, width)
        order = (y, swapped)
    return np.stack(order, 2).reshape(height, width * 2)
