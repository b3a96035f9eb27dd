"""The figures that edged is held to, beside those measured here and now: `python targets.py`.

Each pace runs several times, edged and its peers in turn, and medians are told: machines are noisy.
Takes about five minutes; needs Mosquitto and the real MoveNet Lightning of the folder `shared`
beside the checkout (or EDGED_SHARED). Exits with 1 when it cannot measure, or when a figure is off
by more than `FAR_OFF` times, which no noise explains.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from edged.capture.athlete.address import script_of
from edged.capture.athlete.athlete import Athlete
from edged.errors import EngineError
from edged.inference.engine import Engine
from edged.sections import Inference
from edged.types import Pixels

HERE = Path(__file__).parent
MODEL = "models/movenet_single_pose_lightning_ptq.tflite"


FAR_OFF = 3.0
FAULTS = 10
PEOPLE = 12
FRAMES = 400
WARM = 20
"""Of them, which do not count."""


class Target(NamedTuple):
    """One line of the table."""

    what: str
    limit: str
    measured: float
    unit: str
    excess: float
    """How many times the limit; up to 1 it is met."""

    @property
    def verdict(self) -> str:
        return "met" if self.excess <= 1 else "MISSED"


def at_most(what: str, measured: float, limit: float, unit: str) -> Target:
    return Target(what, f"<= {limit:.2f}", measured, unit, measured / limit)


def at_least(what: str, measured: float, limit: float, unit: str) -> Target:
    return Target(what, f">= {limit:.2f}", measured, unit, limit / max(measured, 1e-9))


def recovery_s(model: Path, fault: signal.Signals, deadline_ms: int) -> float:
    """From a fault of the worker to the next answer, in the median."""
    seconds = []
    engine = Engine([model], Inference(threads=1, deadline_ms=deadline_ms))
    try:
        engine.start()
        for _ in range(FAULTS):
            assert engine.worker_pid is not None
            os.kill(engine.worker_pid, fault)
            start = time.monotonic()
            with contextlib.suppress(EngineError):
                engine.invoke(0)
            while not engine.wait_ready(0.1):
                pass
            engine.invoke(0)
            seconds.append(time.monotonic() - start)
    finally:
        engine.close()
    return statistics.median(seconds)


def isolation_ms(model: Path, frames: int = FRAMES) -> tuple[float, float]:
    """Milliseconds of a frame in this process and in a worker, in turn, in the median.

    Each time the input is filled, the model invoked on one thread of the CPU, the output read.
    """
    interpreter = Interpreter(model_path=str(model), num_threads=1)
    interpreter.allocate_tensors()
    entry, end = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    picture = np.random.default_rng(1).integers(0, 255, entry["shape"]).astype(entry["dtype"])
    here, there = [], []
    engine = Engine([model], Inference(threads=1, accelerators=("cpu",)))
    try:
        engine.start()
        for _ in range(frames):
            begin = time.perf_counter_ns()
            interpreter.set_tensor(entry["index"], picture)
            interpreter.invoke()
            interpreter.get_tensor(end["index"])
            here.append(time.perf_counter_ns() - begin)
            begin = time.perf_counter_ns()
            engine.wait_ready(0.0)
            (loaded,) = engine.models
            loaded.inputs[0][...] = picture
            engine.invoke(0)
            np.copy(loaded.outputs[0])
            there.append(time.perf_counter_ns() - begin)
    finally:
        engine.close()
    return statistics.median(here[WARM:]) / 1e6, statistics.median(there[WARM:]) / 1e6


def painting_ms(repeats: int = 5) -> tuple[float, float]:
    """CPU time of one 640x480 frame of the athlete, and of the truth about it, in the median."""
    pixels: Pixels = np.empty((480, 640, 3), np.uint8)
    paints, truths = [], []
    for seed in range(PEOPLE):
        athlete = Athlete(script_of(None, seed=seed, reps=1, repeat=False), 640, 480)
        moments = [athlete.at(athlete.duration_s * n / repeats) for n in range(repeats)]
        athlete.paint(moments[0], pixels, 0)  # the first touches fresh memory
        for number, moment in enumerate(moments):
            begin = time.process_time()
            athlete.paint(moment, pixels, number)
            painted = time.process_time()
            athlete.truth(moment)
            paints.append((painted - begin) * 1e3)
            truths.append((time.process_time() - painted) * 1e3)
    return statistics.median(paints), statistics.median(truths)


def bench(model: Path, pace: str, seconds: float, peer: str) -> dict[str, Any]:
    """One run of edged and one of a peer."""
    command = [sys.executable, "-m", "edged", "bench", "--json", "--model", str(model)]
    options = ["--pace", pace, "--seconds", f"{seconds}", "--against", str(HERE / "peers" / peer)]
    done = subprocess.run([*command, *options], stdout=subprocess.PIPE, check=True)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def median(runs: list[dict[str, Any]], *path: str) -> float:
    """Of one figure over the runs, by its place in the report."""
    values: list[Any] = list(runs)
    for name in path:
        values = [value[name] for value in values]
    return float(statistics.median(values))


def targets(model: Path, rounds: int, seconds: float, long_s: float) -> list[Target]:
    paint_ms, truth_ms = painting_ms()
    isolation = [there - here for here, there in (isolation_ms(model) for _ in range(rounds))]
    fast = [bench(model, "fast", seconds, "script.py") for _ in range(rounds)]
    paced = [bench(model, "realtime", seconds, "script.py") for _ in range(rounds)]
    overload = [bench(model, "overload", long_s, "queue_script.py")]
    ratios = [run["fps"] / run["peers"]["script"]["fps"] for run in fast]
    invoke = median(paced, "invoke_ms", "p50")
    cpu = [run["cpu_ms_per_frame"] / run["peers"]["script"]["cpu_ms_per_frame"] for run in paced]
    busy = median(overload, "invoke_ms", "p50")
    queue = median(overload, "peers", "queue_script", "age_growth_ms")
    return [
        at_least(
            "saturated, frames/s against the tutorial's script", statistics.median(ratios), 1.0, "x"
        ),
        at_most(
            "saturated, a frame's critical path but for the invoke",
            median(fast, "frame_ms") - median(fast, "invoke_ms", "p50"),
            0.6,
            "ms",
        ),
        at_most(
            "a frame in a worker against one in this process",
            statistics.median(isolation),
            0.3,
            "ms",
        ),
        at_most("30 frames/s, age p50", median(paced, "age_ms", "p50"), invoke + 2, "ms"),
        at_most("30 frames/s, age p99", median(paced, "age_ms", "p99"), invoke + 4, "ms"),
        at_most("30 frames/s, CPU a frame against the script", statistics.median(cpu), 1.25, "x"),
        at_most(
            f"10x overload, {long_s:g} s, age p99",
            median(overload, "age_ms", "p99"),
            2 * busy + 5,
            "ms",
        ),
        at_most("10x overload, growth of the age", median(overload, "age_growth_ms"), 1.0, "ms"),
        at_least("the same with a queue (the script's)", queue, 1000.0, "ms"),
        at_most(
            "worker killed, until the next answer",
            recovery_s(model, signal.SIGKILL, 0),
            1.0,
            "s",
        ),
        at_most(
            "worker hung, from the deadline (0.5 s) until the next answer",
            recovery_s(model, signal.SIGSTOP, 500) - 0.5,
            1.0,
            "s",
        ),
        at_most("start to first message", median(paced, "startup_s"), 0.8, "s"),
        at_most("all processes, PSS", median(fast, "pss_mb"), 130.0, "MB"),
        at_most("the athlete, CPU of a frame of 640x480", paint_ms, 8.0, "ms"),
        at_most("the truth about it, CPU", truth_ms, 2.0, "ms"),
    ]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--long", type=float, default=60, help="seconds of the overload")
    options = parser.parse_args()
    logging.disable()  # the faults are ours
    shared = Path(os.environ.get("EDGED_SHARED", HERE.parents[2] / "shared"))
    if not (shared / MODEL).is_file():
        print(f"skipped: no {shared / MODEL} to measure with")
        return 0
    try:
        found = targets(shared / MODEL, options.rounds, options.seconds, options.long)
    except subprocess.CalledProcessError as error:
        print(f"edged bench ended with code {error.returncode}")
        return 1
    for target in found:
        figures = f"{target.limit:>10} {target.measured:10.2f} {target.unit:3}"
        print(f"{target.what:61} {figures} {target.verdict}")
    return int(any(target.excess > FAR_OFF for target in found))


if __name__ == "__main__":
    sys.exit(main())
