"""A day of a device in minutes: `python soak.py [FRAMES] [EVENTS]`, 1,000,000 and 10,000 unless told.

The real daemon is shown pictures in which a tiny model sees an athlete who does set after set. They
count as taken 11.5 times a second, so that a million of them are a day, and are shown as fast as they
are answered. Every rep is counted from poses by the real counter. The broker is restarted 20 times, in
order and by SIGKILL in turn, and Prometheus reads the figures all the time.

Printed: memory, descriptors, threads and queues after the warm-up and at the end, and what a straight
line through all samples grows by. Returns 1 when something grew, leaked or was lost.
"""  # noqa: E501 - the first line is one sentence

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import msgspec
import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

import films
import scrapes
import tiny_models
from brokers import ANYBODY, Broker, Subscriber, free_port, until
from daemons import TOPICS, Daemon, configuration

from edged import processes
from edged.config import Config
from edged.sections import Camera, Fitness, Metrics

FPS = 11.5
"""Of the day that passes: a million frames are 24.2 hours."""
RESTARTS = 20
FRAMES_EACH = 20_000
"""At least, between two of them: a short soak has fewer."""
SAMPLE_S = 1.0
WARM_UP = 0.2
"""The part of all frames after which nothing may grow any more."""
MOST_GROWTH_MB = 5.0
MOST_UNSENT_BYTES = 64 * 1024
"""That wait in the kernel for the broker, in the end."""
MOST_FAILED = 1e-5
"""The part of all frames that may have no answer: others use this machine too, and a worker that is
not let run in time is replaced."""
STALL_S = 120.0
"""No frame for so long: it is given up."""
ACCELERATED = (str(Path(__file__).parents[1] / "accelerated_edged.py"),)
EVENTS = ("edged_reps_total", "edged_sets_total", "edged_workouts_total")

Figures: TypeAlias = Mapping[tuple[str, tuple[str, ...]], float]


class _Named(msgspec.Struct, frozen=True):
    id: str


@dataclass(frozen=True, slots=True)
class Sample:
    """How the daemon was at one moment."""

    frames: float
    events: float
    memory_mb: float
    """Of the daemon and its worker, as `own_mb`."""
    descriptors: float
    threads: float
    send_queue: float
    """Bytes in the kernel on their way to the broker."""
    outbox: float
    """Events that the broker has not acknowledged."""


def sample(daemon: Daemon, broker: Broker, figures: Figures) -> Sample:
    """Now."""
    process = psutil.Process(daemon.process.pid)
    return Sample(
        frames=figures["edged_frames_total", ()],
        events=sum(value for (name, _), value in figures.items() if name in EVENTS),
        memory_mb=own_mb(processes.family(process.pid)),
        descriptors=process.num_fds(),
        threads=process.num_threads(),
        send_queue=send_queue(process.pid, broker.port),
        outbox=figures["edged_outbox_events", ()],
    )


def own_mb(pids: Sequence[int]) -> float:
    """Memory that processes have filled, in MB, swapped out or not.

    Without the pages of files, whose share changes with every other Python on the machine.
    """
    kibibytes = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(("Pss_Anon:", "Pss_Shmem:", "SwapPss:")):
                kibibytes += int(line.split()[1])
    return kibibytes * 1024 / processes.MEGABYTE


def send_queue(pid: int, port: int) -> int:
    """Bytes that wait on connections to a port, see proc_net_tcp in the kernel's documentation."""
    waiting = 0
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        _, _, remote, _, queues, *_ = line.split()
        if int(remote.rpartition(":")[2], 16) == port:
            waiting += int(queues.partition(":")[0], 16)
    return waiting


def soak(
    daemon: Daemon, broker: Broker, port: int, frames: int, events: int
) -> tuple[list[Sample], Figures]:
    """Until there were so many of both: samples, and the last figures."""
    samples: list[Sample] = []
    wanted = min(RESTARTS, frames // FRAMES_EACH)
    restarts, begun, moved = 0, time.monotonic(), time.monotonic()
    while True:
        figures = scrapes.scrape(port)
        now = sample(daemon, broker, figures)
        if not samples or now.frames > samples[-1].frames:
            moved = time.monotonic()
        assert time.monotonic() - moved < STALL_S, f"it stands still: {daemon.log()[-2000:]}"
        if not samples or int(now.frames * 10 / frames) > int(samples[-1].frames * 10 / frames):
            rate = now.frames / (time.monotonic() - begun + 1e-9)
            print(f"  {now.frames:9.0f} frames, {rate:5.0f}/s, {now.memory_mb:.1f} MB", flush=True)
        samples.append(now)
        is_back = figures["edged_broker_reconnects_total", ()] >= restarts
        if now.frames >= frames and now.events >= events and restarts == wanted and is_back:
            return samples, figures
        is_due = now.frames > (restarts + 1) * frames / (wanted + 1) and restarts < wanted
        if is_due and is_back:
            (broker.kill if restarts % 2 else broker.stop)()
            broker.start()
            restarts += 1
        time.sleep(SAMPLE_S)


def judged(samples: Sequence[Sample]) -> list[str]:
    """A table of what could grow; returns what did."""
    settled = [one for one in samples if one.frames >= WARM_UP * samples[-1].frames]
    fifth = max(1, len(settled) // 5)
    frames = np.array([one.frames for one in settled])
    limits = {
        "memory_mb": MOST_GROWTH_MB,
        "descriptors": 0.0,
        "threads": 0.0,
        "send_queue": float(MOST_UNSENT_BYTES),
        "outbox": 10.0,
    }
    wrong = []
    print(f"{len(settled)} samples after the warm-up of {frames[0]:.0f} frames:")
    for name, limit in limits.items():
        values = np.array([float(getattr(one, name)) for one in settled])
        first, last = np.median(values[:fifth]), np.median(values[-fifth:])
        slope = np.polyfit(frames, values, 1)[0] if len(settled) > 1 else 0.0
        line = slope * (frames[-1] - frames[0])
        print(
            f"{name:12} {first:10.1f} at first {last:10.1f} at last {values.max():10.1f} at most, "
            f"the line grows by {line:8.2f}; limit {limit:g}"
        )
        is_even = name in {"descriptors", "threads"}  # a reader or a connection that comes and goes
        if last - first > limit or (line > limit and not is_even):
            wrong.append(f"{name} grew by {max(last - first, line):.1f}")
    return wrong


def print_events(subscriber: Subscriber, count: float) -> None:
    """What came of the events. This listener has no session: it misses some at each restart."""
    decode = msgspec.json.Decoder(_Named).decode
    ids = [decode(message.payload).id for message in subscriber.messages]
    print(f"events: {count:.0f} told, {len(ids)} came, {len(set(ids))} of them different")


def settings(directory: Path, broker: Broker, port: int) -> Config:
    """Of a device that watches the film."""
    film, model = directory / "film", directory / "pose.tflite"
    film.mkdir()
    pictures = films.write_workout(film, FPS)
    print(f"a set and its rest in {pictures} pictures, {pictures / FPS:.0f} s")
    model.write_bytes(tiny_models.pose_model(films.SIZE, films.DIVISOR))
    return msgspec.structs.replace(
        configuration(film, model, broker.port),
        camera=Camera(
            source=str(film), width=films.SIZE, height=films.SIZE, fps=FPS, pace="fast", loop=True
        ),
        fitness=Fitness(set_ends_s=5.0, workout_ends_s=10.0),
        metrics=Metrics(enabled=True, port=port),
    )


def main() -> int:
    """Returns 1 when something grew, leaked or was lost."""
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    events = int(sys.argv[2]) if len(sys.argv) > 2 else frames // 100
    port, begun = free_port(), time.monotonic()
    with tempfile.TemporaryDirectory() as name, Broker(Path(name), ANYBODY) as broker:
        config = settings(Path(name), broker, port)
        with (
            Subscriber(broker.port, f"{TOPICS.prefix}/{TOPICS.device}/event/#") as subscriber,
            Daemon(Path(name), config, program=ACCELERATED) as daemon,
        ):
            daemon.until_logged("figures for Prometheus at")
            until(lambda: scrapes.scrape(port)["edged_frames_total", ()] > 0, "frames")
            samples, figures = soak(daemon, broker, port, frames, events)
            code = daemon.stop()
            took_s = time.monotonic() - begun
            print(
                f"{samples[-1].frames:.0f} frames ({samples[-1].frames / FPS / 3600:.1f} h of a "
                f"camera) and {samples[-1].events:.0f} events in {took_s:.0f} s; "
                f"{figures['edged_broker_reconnects_total', ()]:.0f} reconnects, "
                f"{figures['edged_frames_failed_total', ()]:.0f} frames without an answer, "
                f"{figures['edged_worker_restarts_total', ()]:.0f} workers replaced"
            )
            wrong = judged(samples)
            print_events(subscriber, samples[-1].events)
            if figures["edged_events_dropped_total", ()]:
                wrong.append("events were given up")
            if code != 0 or "Traceback" in daemon.log():
                wrong.append(f"exit code {code}: {daemon.log()[-2000:]}")
            if figures["edged_frames_failed_total", ()] > MOST_FAILED * frames:
                wrong.append("frames had no answer")
            if figures["edged_broker_reconnects_total", ()] < min(RESTARTS, frames // FRAMES_EACH):
                wrong.append("the broker was not found again after each restart")
    for what in wrong:
        print(f"FAILED: {what}")
    return int(bool(wrong))


if __name__ == "__main__":
    os.environ.setdefault("EDGED_DEBUG", "")
    sys.exit(main())
