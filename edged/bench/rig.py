"""What a benchmark stands on: a broker, a clip, a program and the subscriber that watches it."""

from __future__ import annotations

import contextlib
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import msgspec
import numpy as np

from edged import processes
from edged.bench.subscriber import Arrivals
from edged.cv import cv2
from edged.errors import BrokerError, EdgedError

WARMUP_S = 1.0
"""After the first message; caches, clocks and sockets settle."""
PATIENCE_S = 30.0
STOP_S = 5.0
CLIP_FRAMES, CLIP_FPS, CLIP_WIDTH, CLIP_HEIGHT = 90, 30.0, 640, 480


@contextlib.contextmanager
def broker(directory: Path) -> Iterator[int]:
    """A Mosquitto of our own on a free port of the loopback. Yields the port.

    Raises:
        BrokerError: Mosquitto is not installed or does not start.
    """
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        raise BrokerError("no mosquitto to measure with: install it (apt install mosquitto)")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    settings = directory / "mosquitto.conf"
    settings.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nlog_dest none\n"
    )
    with running([program, "-c", str(settings)], subprocess.DEVNULL) as process:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise BrokerError(f"{program} does not start with {settings.read_text()!r}")
            time.sleep(0.02)
        yield port


@contextlib.contextmanager
def running(command: Sequence[str], output: int | IO[str]) -> Iterator[subprocess.Popen[str]]:
    """A child process, asked to stop at the end and killed if it does not."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()


def clip(path: Path) -> Path:
    """A 640x480 video, 30 frames a second: a moving pattern that compresses like a room does."""
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter.fourcc(*"MJPG"), CLIP_FPS, (CLIP_WIDTH, CLIP_HEIGHT)
    )
    noise = np.random.default_rng(1).integers(0, 255, (12, 16, 3), np.uint8)
    room = cv2.resize(noise, (CLIP_WIDTH * 2, CLIP_HEIGHT), interpolation=cv2.INTER_CUBIC)
    for step in range(CLIP_FRAMES):
        left = CLIP_WIDTH * step // CLIP_FRAMES
        writer.write(np.ascontiguousarray(room[:, left : left + CLIP_WIDTH]))
    writer.release()
    return path


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen of one program in the seconds after it had warmed up."""

    seconds: float
    age_ms: list[float]
    """Of each message, in order."""
    arrivals: Arrivals
    """From the start to the end."""
    cpu_s: float
    pss_mb: float
    startup_s: float


def observe(name: str, command: Sequence[str], port: int, seconds: float) -> Observation:
    """Run a program that publishes to the broker, and watch it for some seconds.

    Raises:
        EdgedError: no message came from it, or it ended early.
    """
    watch = [sys.executable, "-m", "edged.bench.subscriber", "127.0.0.1", str(port)]
    with (
        tempfile.TemporaryFile("w+") as words,
        running(watch, subprocess.PIPE) as subscriber,
    ):
        _next_line(subscriber)
        started = time.monotonic()
        with running(command, words) as program:
            try:
                first = float(_next_line(subscriber, program).split()[1])
                begin = first + WARMUP_S
                time.sleep(max(0.0, begin - time.monotonic()))
                cpu_before = processes.cpu_s(processes.family(program.pid))
                time.sleep(max(0.0, begin + seconds - time.monotonic()))
                family = processes.family(program.pid)
                cpu_s = processes.cpu_s(family) - cpu_before
                pss_mb = processes.pss_mb(family)
                _demand_running(program)
            except EdgedError as error:
                words.seek(0)
                said = words.read().strip().rsplit("\n", 1)[-1]
                raise EdgedError(f"{name}: {error}: {said}") from None
        told, _ = subscriber.communicate(timeout=PATIENCE_S)
    arrivals = msgspec.json.decode(told, type=Arrivals)
    ages = [
        age
        for at, age in zip(arrivals.at, arrivals.age_ms, strict=True)
        if begin <= at < begin + seconds
    ]
    return Observation(seconds, ages, arrivals, cpu_s, pss_mb, first - started)


def _demand_running(program: subprocess.Popen[str]) -> None:
    if program.poll() is not None:
        raise EdgedError(f"ended early with code {program.returncode}")


def _next_line(
    subscriber: subprocess.Popen[str], program: subprocess.Popen[str] | None = None
) -> str:
    """What the subscriber says next; at the first frame it does.

    Raises:
        EdgedError: it says nothing, or the program that it waits for has ended.
    """
    deadline = time.monotonic() + PATIENCE_S
    words = cast("IO[str]", subscriber.stdout)
    while not select.select([words], [], [], 0.1)[0]:
        if program is not None:
            _demand_running(program)
        if time.monotonic() > deadline:
            raise EdgedError(f"no message within {PATIENCE_S:.0f} s")
    return words.readline()
