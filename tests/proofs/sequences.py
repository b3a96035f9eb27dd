"""How well reps are counted when one exercise follows another: `python sequences.py [DEGREES...]`.

Every ordered pair of eight exercises, five reps each, by rendered athletes whose true keypoints
have little noise, recognized by itself, with a short rest between them and with a long one. Ends
with 1 when it is clearly worse than docs/fitness.md says.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import athletes  # noqa: E402

from edged.capture.athlete.exercises import Exercise  # noqa: E402
from edged.capture.athlete.script import Course, Script, Set  # noqa: E402
from edged.fitness import sets  # noqa: E402
from edged.fitness.crew import Crew  # noqa: E402
from edged.fitness.exercises import built_in  # noqa: E402

DONE: tuple[Exercise, ...] = (
    *("squat", "push-up", "biceps-curl", "shoulder-press"),
    *("jumping-jack", "lunge", "sit-up", "deadlift"),
)
REPS, SEED = 5, 7
VIEWS = (30.0, 120.0)
RESTS_S = (5.0, 20.0)
NOISE = athletes.Trouble(noise=0.003)
LEAST_KNOWN, LEAST_NEAR = 0.85, 0.80
"""Shares of both exercises recognized, and of both counted to within one rep."""


def counted(one: Exercise, other: Exercise, view: float, rest_s: float) -> list[tuple[str, int]]:
    """The sets that are told, with their reps."""
    both = (Set(exercise=one, reps=REPS, rest_s=rest_s), Set(exercise=other, reps=REPS))
    truth = athletes.truths(Script(workout=Course(seed=SEED), set=both), view)
    crew, log = Crew(built_in()), sets.Log()
    ended: list[sets.Ended] = []
    for t_s, poses in athletes.seen(truth, NOISE):
        log, over = sets.told(log, crew.update(t_s, list(poses), athletes.ASPECT))
        ended += over
    log, over = sets.finished(log)
    done = [end.set for end in (*ended, *over) if isinstance(end, sets.SetEnded)]
    return [(each.exercise, each.reps) for each in done if each.reps]


def _job(job: tuple[Exercise, Exercise, float, float]) -> list[tuple[str, int]]:
    return counted(*job)


def main(words: Sequence[str]) -> int:
    """Print a row for each rest; the exit code."""
    views = tuple(map(float, words)) or VIEWS
    code = 0
    print("| rest | pairs | exact | within one rep | both recognized |\n|---|---|---|---|---|")
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for rest_s in RESTS_S:
            jobs = [(*pair, v, rest_s) for pair in itertools.permutations(DONE, 2) for v in views]
            exact = near = known = 0
            for (one, other, _, _), got in zip(
                jobs, pool.map(_job, jobs, chunksize=4), strict=True
            ):
                names = [name for name, _ in got]
                is_known = names == [one, other]
                known += is_known
                near += is_known and all(abs(reps - REPS) <= 1 for _, reps in got)
                exact += got == [(one, REPS), (other, REPS)]
            shares = [value / len(jobs) for value in (exact, near, known)]
            row = " | ".join(f"{share:.1%}" for share in shares)
            print(f"| {rest_s:g} s | {len(jobs)} | {row} |", flush=True)
            code |= shares[2] < LEAST_KNOWN or shares[1] < LEAST_NEAR
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
