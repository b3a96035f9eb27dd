"""The real Picamera2 on a real libcamera, on a Pi or in the virtual one: `python pi_camera.py`.

Frames, what they cost, what is left open, late releases, a second user, a pause; and that the
stand-in of the tests has the library's signatures. In the virtual Pi, which can take its camera
away (`/run/virtual-pi`), a stall and an unplugged camera too. Python has to see the library: run it
with the environment that edged is installed in. A container can have the virtual camera without a
virtual machine: see `dma_heap.c`.
"""

from __future__ import annotations

import gc
import importlib.util
import inspect
import logging
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event
from types import ModuleType
from typing import Any

import numpy as np
from msgspec.structs import replace

sys.path.insert(0, str(Path(__file__).parents[2]))

from edged.capture import controls
from edged.capture.capture import PAUSED, Capture
from edged.capture.picamera import PiCamera
from edged.capture.slot import LatestFrame
from edged.cv import cv2
from edged.errors import SourceError
from edged.processes import resident_mb
from edged.sections import Camera

ROOT = Path(__file__).parents[2]
FAULTS = Path("/run/virtual-pi")
PLAYED = Path("/usr/share/virtual-pi/frames")
"""By the virtual camera. It says that it mirrors, and does not: quarter turns are compared."""
CALLS = (
    *("global_camera_info", "__init__", "create_video_configuration", "configure"),
    *("camera_configuration", "set_controls", "start", "capture_request"),
    *("cancel_all_and_flush", "stop_preview", "stop", "close"),
)
SETTINGS = Camera(source="picamera", fps=30)


def same_signatures() -> str:
    """The stand-in is called as the library is."""
    import picamera2  # noqa: PLC0415 - the real one

    folder = ROOT / "tests" / "capture" / "pi_stand_in"
    sys.path.insert(0, str(folder))
    real = sys.modules.pop("libcamera")
    try:
        stand_in = _module("stand_in", folder / "picamera2.py")
    finally:
        sys.modules["libcamera"] = real
        sys.path.remove(str(folder))
    for name in CALLS:
        ours = list(inspect.signature(getattr(stand_in.Picamera2, name)).parameters)
        theirs = list(inspect.signature(getattr(picamera2.Picamera2, name)).parameters)
        assert ours == theirs, (name, ours, theirs)
    for name in ("acquire", "release", "get_metadata"):
        assert hasattr(picamera2.CompletedRequest, name), name
    return f"{len(CALLS)} calls"


def _module(name: str, file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def same_numbers() -> str:
    """The numbers of modes are libcamera's."""
    from libcamera import controls as real  # noqa: PLC0415

    for enum, ours in (
        (real.AfModeEnum, controls._AF_MODES),
        (real.AwbModeEnum, controls._AWB_MODES),
        ({"Start": real.AfTriggerEnum.Start}, {"Start": controls._START}),
    ):
        for name, number in ours.items():
            value = enum[name] if isinstance(enum, dict) else getattr(enum, name.title())
            assert int(value) == number, (enum, name)
    hdr = real.HdrModeEnum
    named = {"off": hdr.Off, "multi": hdr.MultiExposure, "single": hdr.SingleExposure}
    assert {name: int(value) for name, value in named.items()} | {"night": int(hdr.Night)} == (
        controls._HDR_MODES
    )
    return "as libcamera's"


def frames() -> str:
    """Frames come, new ones, and cost little."""
    ages_ms, seqs = [], []
    with closing(PiCamera(SETTINGS, Event())) as source:
        count, began, cpu = 100, time.monotonic(), time.process_time()
        for _ in range(count):
            frame = source.read(2.0)
            assert frame is not None
            ages_ms.append((time.monotonic_ns() - frame.sensor_ns) / 1e6)
            seqs.append(frame.seq)
            assert frame.pixels.shape == (source.info.height, source.info.width, 3)
            frame.release()
        took_s, cpu_s = time.monotonic() - began, time.process_time() - cpu
    assert seqs == sorted(set(seqs))
    return (
        f"{source.info.width}x{source.info.height}, said {source.info.fps:g}/s, came "
        f"{count / took_s:.0f}/s; age {statistics.median(ages_ms):.1f} ms, "
        f"CPU {cpu_s / count * 1e3:.2f} ms a frame"
    )


def late_releases() -> str:
    """Requests that are given back after the camera is closed, from another thread."""
    lent = []
    with closing(PiCamera(SETTINGS, Event())) as source:
        running = source._running
        assert running
        for _ in range(3):
            request = source._newest(running, 5.0)
            rows = source._layout.rows(source._memory.of(request))
            lent.append((rows, running.loans.lend(request) or request.release))
        for _ in range(30):  # the camera goes on with what is left
            frame = source.read(5.0)
            assert frame
            frame.release()
    for rows, give_back in lent:
        assert rows.sum() > 0
        thread = threading.Thread(target=give_back)
        thread.start()
        thread.join(10)
        assert not thread.is_alive()
    return f"{len(lent)} lent over the end of the camera"


def nothing_left() -> str:
    """Opened again and again."""
    times_s: list[list[float]] = [[], []]
    sizes: list[tuple[int, int, float]] = []
    for _ in range(20):
        began = time.monotonic()
        source = PiCamera(SETTINGS, Event())
        frame = source.read(5.0)
        assert frame
        middle = time.monotonic()
        source.close()
        frame.release()
        del source, frame
        times_s[0].append(middle - began)
        times_s[1].append(time.monotonic() - middle)
        gc.collect()
        files = len(list(Path("/proc/self/fd").iterdir()))
        sizes.append((files, threading.active_count(), resident_mb([os.getpid()])))
    assert sizes[-1][:2] <= sizes[3][:2], sizes
    assert sizes[-1][2] < sizes[3][2] + 5, sizes
    first, closed = (statistics.median(times) for times in times_s)
    return (
        f"{sizes[-1]} files, threads, MB; first frame after {first:.2f} s, closed in {closed:.2f} s"
    )


def half_started() -> str:
    """A start that fails when libcamera has begun leaves nothing that runs, and nothing open."""
    from picamera2 import Picamera2  # noqa: PLC0415 - the real one

    whole = Picamera2._make_requests

    def some(camera: Any) -> Iterator[Any]:
        yield from whole(camera)[:2]
        raise RuntimeError("the third")

    files, told = [], set()
    for _ in range(5):
        Picamera2._make_requests = some
        try:
            PiCamera(SETTINGS, Event())
        except SourceError as error:
            told.add(str(error))
        finally:
            Picamera2._make_requests = whole
        files.append(len(list(Path("/proc/self/fd").iterdir())))
    assert told == {"picamera: does not open: the third"}, told
    assert files[-1] <= files[1], files
    with closing(PiCamera(SETTINGS, Event())) as source:
        frame = source.read(5.0)
        assert frame
        frame.release()
    return f"{len(files)} times, then a frame"


def pictures() -> str:
    """Of the right colours and the right way round, where the camera plays what we can read too."""
    played = [
        image for image in map(cv2.imread, map(str, PLAYED.glob("*.jpg"))) if image is not None
    ]
    if not played:
        return f"nothing in {PLAYED} to compare with"
    worst = 0.0
    for rotate in (0, 90, 270):
        turned = [np.rot90(image[:, :, ::-1], -rotate // 90).astype(int) for image in played]
        with closing(PiCamera(replace(SETTINGS, rotate=rotate), Event())) as source:
            frame = source.read(5.0)
            assert frame
            worst = max(worst, min(np.abs(frame.pixels - image).mean() for image in turned))
            frame.release()
    assert worst < 12, worst  # it stretches the contrast a little
    return f"{worst:.1f} of 255 off"


def second_user() -> str:
    """Who comes second is told so, and leaves nothing open; the first has its frames."""
    told = ""
    with closing(PiCamera(SETTINGS, Event())) as source:
        for _ in range(20):  # every buffer is mapped when it comes first
            frame = source.read(5.0)
            assert frame
            frame.release()
        files = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(3):
            try:
                PiCamera(SETTINGS, Event())
            except SourceError as error:
                told = str(error)
        gc.collect()
        assert "in use by" in told, told
        assert len(list(Path("/proc/self/fd").iterdir())) <= files
        frame = source.read(5.0)
        assert frame
        frame.release()
    return told


@contextmanager
def capturing() -> Iterator[tuple[Capture, LatestFrame]]:
    """The capture thread with the camera, from its first frame."""
    with LatestFrame() as slot:
        capture = Capture(SETTINGS, slot, lambda: None)
        capture.start()
        try:
            until(lambda: capture.info is not None, "frames")
            yield capture, slot
        finally:
            capture.close()
        assert not capture._thread.is_alive()


def until(condition: Callable[[], bool], what: str, deadline_s: float = 40.0) -> float:
    """Wait; how long that was, in seconds."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < deadline_s, what
        time.sleep(0.01)
    return time.monotonic() - began


def pause() -> str:
    """While it is paused the camera is free for somebody else."""
    with capturing() as (capture, slot):
        began = time.monotonic()
        assert capture.pause(10)
        took_s = time.monotonic() - began
        assert capture.problem == PAUSED
        with closing(PiCamera(SETTINGS, Event())) as other:
            assert other.read(5.0)
        try:
            slot.take(0.2)
        except TimeoutError:
            capture.resume()
        until(lambda: capture.info is not None, "frames again")
    return f"closed after {took_s:.2f} s"


def fault(name: str) -> Callable[[], str]:
    """The virtual Pi's camera fails in one of its ways, and comes back."""

    def prove() -> str:
        file = FAULTS / name
        with capturing() as (capture, _):
            file.touch()
            try:
                noticed_s = until(lambda: capture.problem is not None, "the problem")
                first = capture.problem
                time.sleep(1.5)
                later, beat_s = capture.problem, (time.monotonic_ns() - capture.beat_ns) / 1e9
            finally:
                file.unlink()
            back_s = until(lambda: capture.info is not None, "frames again")
            assert noticed_s < 3, noticed_s
            assert beat_s < 15, beat_s
        return (
            f"noticed after {noticed_s:.2f} s ({first}; {later}), back {back_s:.1f} s after its end"
        )

    return prove


def main() -> int:
    """Prove one after the other, print what was found. Returns 1 when something was not proven."""
    logging.basicConfig(level=logging.ERROR)
    proofs: dict[str, Callable[[], str]] = {
        "frames": frames,
        "signatures": same_signatures,
        "numbers": same_numbers,
        "late releases": late_releases,
        "nothing left": nothing_left,
        "half started": half_started,
        "pictures": pictures,
        "second user": second_user,
        "pause": pause,
    }
    if FAULTS.is_dir():
        proofs |= {"stalled": fault("stalled"), "unplugged": fault("unplugged")}
    failed = 0
    for name, prove in proofs.items():
        try:
            print(f"{name}: {prove()}", flush=True)
        except (AssertionError, SourceError) as error:
            failed += 1
            print(f"{name}: NOT PROVEN: {type(error).__name__} {error}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
