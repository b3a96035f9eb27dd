"""The figures that edged is held to, beside those measured here and now: `python targets.py`.

Each pace runs several times, edged and its peers in turn, and medians are told: machines are noisy.
Takes about five minutes; needs Mosquitto and the real MoveNet Lightning of the folder `shared`
beside the checkout (or EDGED_SHARED). Exits with 0 whatever it finds, 1 when it cannot measure.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
MODEL = "models/movenet_single_pose_lightning_ptq.tflite"


class Target(NamedTuple):
    """One line of the table."""

    what: str
    limit: str
    measured: float
    met: bool
    unit: str


def at_most(what: str, measured: float, limit: float, unit: str) -> Target:
    return Target(what, f"<= {limit:.2f}", measured, measured <= limit, unit)


def at_least(what: str, measured: float, limit: float, unit: str) -> Target:
    return Target(what, f">= {limit:.2f}", measured, measured >= limit, unit)


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
        at_most("start to first message", median(paced, "startup_s"), 0.8, "s"),
        at_most("all processes, PSS", median(fast, "pss_mb"), 130.0, "MB"),
    ]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--long", type=float, default=60, help="seconds of the overload")
    options = parser.parse_args()
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
        verdict = "met" if target.met else "MISSED"
        print(
            f"{target.what:54} {target.limit:>10} {target.measured:10.2f} {target.unit:3} {verdict}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
