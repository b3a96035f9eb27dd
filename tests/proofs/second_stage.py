"""What a second stage changes and costs: `python tests/proofs/second_stage.py`.

A network is trained on rendered athletes (`tests/pose_classifiers.py`) and asked about others,
whose sets are counted without and with it: of exercises that it knows, and of those that it does
not.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import athletes  # noqa: E402
import pose_classifiers  # noqa: E402

from edged.capture.athlete.exercises import Exercise  # noqa: E402
from edged.commands.clips import Seen  # noqa: E402
from edged.commands.reps import Tally, told  # noqa: E402
from edged.commands.second_stage import SecondStage  # noqa: E402
from edged.exercise_stage import INTERVAL_NS  # noqa: E402
from edged.fitness.crew import Crew  # noqa: E402
from edged.fitness.exercises import AUTO, built_in  # noqa: E402
from edged.sections import Fitness  # noqa: E402

VIEWS = (0, 30, 90, 180, 330)
SEEDS = range(20, 32)
REPS, NOISE = 4, 0.02
UNKNOWN: tuple[Exercise, ...] = ("push-up", "shoulder-press", "sit-up", "deadlift")
LEARNED_FROM, ASKED = range(8), 5000


def counted(frames: list[Seen], second: SecondStage | None) -> tuple[str | None, int]:
    """Of which exercise there is most, and how many reps."""
    tally = Tally(Crew(built_in()))
    for seen in frames:
        tally.add(seen)
        if second is not None:
            second.tell(tally.crew, seen)
    tally.finish()
    line = told("", tally, AUTO)
    return line.exercise, line.reps


def row(exercises: tuple[Exercise, ...], second: SecondStage) -> str:
    """Sets, and how many are recognized and counted exactly: by looks alone, and with it."""
    sets, right, exact = 0, [0, 0], [0, 0]
    for exercise in exercises:
        for view in VIEWS:
            for seed in SEEDS:
                sets += 1
                frames = list(
                    pose_classifiers.seen(exercise, view, seed=seed, reps=REPS, noise=NOISE)
                )
                for way, model in enumerate((None, second)):
                    name, reps = counted(frames, model)
                    right[way] += name == exercise
                    exact[way] += (name, reps) == (exercise, REPS)
    shares = (f"{of[way] / sets:.1%}" for way in (0, 1) for of in (right, exact))
    return f"{sets} | {' | '.join(shares)}"


def costs(second: SecondStage) -> str:
    """Microseconds of one answer: the way to the worker and back, and what is made of it."""
    pose = next(pose_classifiers.seen("squat", 0.0, seed=3)).poses[0].keypoints
    crew = Crew(built_in())
    asked, hinted = [], []
    for turn in range(ASKED):
        t_ns = turn * INTERVAL_NS
        second.engine.wait_ready(0.0)
        began = time.perf_counter_ns()
        answer = second.pipeline.recognize(pose, athletes.SIZE, t_ns)
        between = time.perf_counter_ns()
        if answer is not None:
            crew.hint(t_ns / 1e9, answer)
        asked.append(between - began)
        hinted.append(time.perf_counter_ns() - between)
    parts = [
        f"{name} {np.percentile(times, 50) / 1e3:.0f} us (p99 {np.percentile(times, 99) / 1e3:.0f})"
        for name, times in (("asked", asked), ("averaged", hinted))
    ]
    return f"an answer, of which there are at most {1e9 / INTERVAL_NS:.0f} a second: " + ", ".join(
        parts
    )


def main() -> None:
    """Print the table and the costs."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as undo:
        model, labels = pose_classifiers.write(Path(folder), LEARNED_FROM)
        second = SecondStage(undo, Fitness(classifier=str(model), classifier_labels=str(labels)))
        print("| athletes | sets | recognized | exact | with it: recognized | exact |")
        print("|---|---|---|---|---|---|")
        print(f"| that it knows | {row(pose_classifiers.EXERCISES, second)} |", flush=True)
        print(f"| that it does not | {row(UNKNOWN, second)} |\n", flush=True)
        print(costs(second))


if __name__ == "__main__":
    main()
