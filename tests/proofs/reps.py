"""How well reps are counted: `python tests/proofs/reps.py [MODE...]`, default: all but pixels.

real: the clips of real people in ../shared/keypoints, as they come and thinned to 10 frames/s.
perturbed: those made worse in ways that leave the number of reps as it is.
athletes: rendered ones whose true keypoints are made worse, five views and three tempos.
idle: ten minutes each of people and noise that do nothing to be counted.
pixels: rendered athletes as models see them, painted and decoded; --model NAME, again for more.

--quick takes a part of `athletes`, `idle` and `pixels`. Exit code 1: clearly worse than documented.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import athletes  # noqa: E402
import idlers  # noqa: E402
import perturbations  # noqa: E402
import pixel_athletes  # noqa: E402

from edged.capture.athlete.athlete import HELD_OUT  # noqa: E402
from edged.capture.athlete.exercises import Exercise  # noqa: E402
from edged.capture.athlete.script import TEMPOS, Course, Script, Set, Tempo  # noqa: E402
from edged.capture.athlete.style import Style  # noqa: E402
from edged.commands.clips import Seen, from_keypoints  # noqa: E402
from edged.commands.reps import Tally, told  # noqa: E402
from edged.config import model_directories  # noqa: E402
from edged.errors import EdgedError  # noqa: E402
from edged.fitness.crew import Crew  # noqa: E402
from edged.fitness.exercises import AUTO, built_in  # noqa: E402
from edged.inference.catalog import resolve  # noqa: E402

T = TypeVar("T")
R = TypeVar("R")

MODES = ("real", "perturbed", "athletes", "idle", "pixels")
VIEWS = (0, 45, 90, 135, 180)
PACES = (0.6, 1.0, 1.8)
COUNTED: tuple[Exercise, ...] = (
    "squat",
    "push-up",
    "biceps-curl",
    "shoulder-press",
    "jumping-jack",
    "lunge",
    "sit-up",
    "deadlift",
    "pull-up",
    "triceps-extension",
    "front-raise",
    "lateral-raise",
    "high-knees",
)
LEARNT = 8
"""So many of them, the first ones, `athlete-pose` has learnt from."""
_ONE_SIDED = {"biceps-curl", "shoulder-press", "front-raise"}
"""Some people do these with one arm after the other."""
REPS, FIRST_SEED, BAD = 6, 101, 4
THINNED_FPS = 10.0
IDLE_S, QUICK_IDLE_S = 600.0, 120.0
TROUBLES = {
    "small noise": athletes.Trouble(noise=0.003),
    "noise": athletes.Trouble(),
    "noise, 10 frames/s": athletes.Trouble(every=3),
    "noise, left arm hidden": athletes.Trouble(hidden_arm=True),
    "noise, somebody passes by": athletes.Trouble(passer_by=True),
}
WAYS = {
    "given": (True, False),
    "given, 10/s": (True, True),
    "auto": (False, False),
    "auto, 10/s": (False, True),
}
"""Whether the exercise is given, and whether frames are left out."""
LEAST_GIVEN, LEAST_AUTO = 18, 16
"""Of 19 clips."""
LEAST_EXACT = 0.88
"""Of rendered sets with noise, and of those on pixels as much as `LEAST_SEEN` says."""
LEAST_SEEN = {"athlete-pose": 0.75, "movenet-lightning": 0.60}


class Clip(msgspec.Struct, frozen=True):
    """What a manifest says of a clip."""

    name: str
    exercise: str
    reps_accept: tuple[int, int]
    rep_frames: tuple[int, ...]
    width: int
    height: int

    @property
    def known_as(self) -> str:
        """`biceps curl (one arm)` is a biceps-curl."""
        return self.exercise.partition(" (")[0].replace(" ", "-")


def at_once(work: Callable[[T], R], jobs: Iterable[T]) -> Iterator[R]:
    """The results in the order of the jobs, by as many processes as there are cores."""
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        yield from pool.map(work, jobs)


def row(*cells: object) -> None:
    """Of a table."""
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def head(*cells: str) -> None:
    """Of a table."""
    row(*cells)
    print("|" + "---|" * len(cells))


def counted(frames: Iterable[Seen], wanted: str) -> tuple[str | None, int]:
    """Of which exercise there is most, and how many reps."""
    tally = Tally(Crew(built_in(), wanted))
    for seen in frames:
        tally.add(seen)
    tally.finish()
    line = told("", tally, wanted)
    return line.exercise, line.reps


def thinned(frames: Iterable[Seen], fps: float) -> Iterator[Seen]:
    """At most so many a second."""
    due_s: float | None = None
    for seen in frames:
        if due_s is None or seen.t_s >= due_s - 1e-4:
            due_s = (seen.t_s if due_s is None else due_s) + 1.0 / fps
            yield seen


def manifest(directory: Path) -> list[Clip]:
    """The clips of a directory."""
    return msgspec.json.decode((directory / "manifest.json").read_bytes(), type=list[Clip])


def in_ways(frames: Sequence[Seen], known_as: str) -> dict[str, tuple[str | None, int]]:
    """What is counted with the exercise given and without, at both rates."""
    return {
        name: counted(
            thinned(frames, THINNED_FPS) if is_thinned else frames, known_as if is_given else AUTO
        )
        for name, (is_given, is_thinned) in WAYS.items()
    }


def _of_clip(directory: Path, clip: Clip) -> dict[str, tuple[str | None, int]]:
    return in_ways(list(from_keypoints(directory / f"{clip.name}.npz")), clip.known_as)


def real(directory: Path) -> bool:
    """A row a clip. Returns whether enough of them are right."""
    clips = manifest(directory)
    right = dict.fromkeys(WAYS, 0)
    head("clip", "reps", *WAYS)
    for clip, found in zip(clips, at_once(partial(_of_clip, directory), clips), strict=True):
        least, most = clip.reps_accept
        cells = []
        for name, (exercise, reps) in found.items():
            right[name] += least <= reps <= most
            cells.append(
                f"{reps}{'' if least <= reps <= most else ' !'}"
                + ("" if exercise == clip.known_as else f" ({exercise})")
            )
        row(clip.name, least if least == most else f"{least}-{most}", *cells)
    row(f"right of {len(clips)}", "", *right.values())
    print()
    needed = [LEAST_GIVEN if is_given else LEAST_AUTO for is_given, _ in WAYS.values()]
    return all(one >= least for one, least in zip(right.values(), needed, strict=True))


def films(directory: Path, which: str) -> dict[str, perturbations.Film]:
    """By name. `which` is `keypoints`, or `keypoints_full_frame` for those without a crop."""
    found = {}
    for clip in manifest(directory):
        with np.load(directory / f"{clip.name}.npz") as data:
            times_s = data["t_s"].astype(np.float64)
            found[clip.name] = perturbations.Film(
                times_s,
                data[which].astype(np.float64),
                clip.width / clip.height,
                clip.known_as,
                tuple(times_s[np.minimum(clip.rep_frames, len(times_s) - 1)].tolist()),
                clip.reps_accept,
            )
    return found


def _of_change(directory: Path, job: tuple[str, str]) -> tuple[int, dict[str, int], list[str]]:
    name, which = job
    right, count, wrong = dict.fromkeys(WAYS, 0), 0, []
    for clip, film in films(directory, which).items():
        made = perturbations.CHANGES[name](film, np.random.default_rng([7, len(name)]))
        if made is None:
            continue
        count += 1
        least, most = made.accepted
        for way, (exercise, reps) in in_ways(made.frames(), film.exercise).items():
            right[way] += least <= reps <= most
            if not least <= reps <= most:
                wrong.append(f"  {name}: {clip}, {way}: {reps} {exercise}, not {least}-{most}")
    return count, right, wrong


def perturbed(directory: Path) -> None:
    """A row for each way in which clips are made worse."""
    head("clips", "of", *WAYS)
    jobs = [(name, "keypoints") for name in perturbations.CHANGES]
    jobs.append(("as they are", "keypoints_full_frame"))
    told_wrong = []
    for (name, which), found in zip(
        jobs, at_once(partial(_of_change, directory), jobs), strict=True
    ):
        count, right, wrong = found
        row(name if which == "keypoints" else "without a tracking crop", count, *right.values())
        told_wrong += wrong
    print("\n".join(["", *told_wrong, ""]))


@dataclass(frozen=True, slots=True)
class Plan:
    """A set of the grid."""

    exercise: str
    script: Script
    view: int

    @property
    def is_one_sided(self) -> bool:
        """Whether one arm after the other works."""
        style = Style.of((HELD_OUT + self.script.workout.seed) * 1009)
        return style.one_sided and self.exercise in _ONE_SIDED


def plans(*, quick: bool, exercises: Sequence[Exercise] = COUNTED) -> list[Plan]:
    """Each exercise in each view at each pace; half of the sets have a rep that goes half-way."""
    found = []
    for number, (exercise, view, pace) in enumerate(product(exercises, VIEWS, PACES)):
        if quick and number % len(PACES) != number // len(PACES) % len(PACES):
            continue
        seed, usual = FIRST_SEED + number, TEMPOS[exercise]
        tempo = Tempo(
            max(0.2, usual.down_s * pace),
            usual.bottom_s * pace,
            max(0.2, usual.up_s * pace),
            usual.top_s * pace,
        )
        one = Set(exercise=exercise, reps=REPS, tempo=tempo, bad=(BAD,) if seed % 2 else ())
        found.append(Plan(exercise, Script(workout=Course(seed=seed), set=(one,)), view))
    return found


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of a set."""

    plan: Plan
    reps: int
    given: int
    auto: int
    exercise: str | None

    @classmethod
    def of(cls, plan: Plan, reps: int, frames: Sequence[Seen]) -> Outcome:
        """Count it both ways."""
        exercise, auto = counted(frames, AUTO)
        return cls(plan, reps, counted(frames, plan.exercise)[1], auto, exercise)


def shares(outcomes: Sequence[Outcome]) -> list[float]:
    """Exact, off by one, worse, exact in auto, recognized."""
    off = [abs(one.given - one.reps) for one in outcomes]
    each = (
        [one == 0 for one in off],
        [one == 1 for one in off],
        [one > 1 for one in off],
        [one.auto == one.reps and one.exercise == one.plan.exercise for one in outcomes],
        [one.exercise == one.plan.exercise for one in outcomes],
    )
    return [sum(one) / max(1, len(outcomes)) for one in each]


OUTCOMES = ("sets", "exact", "off by one", "worse", "auto: exact", "auto: recognized")


def outcome_row(name: object, outcomes: Sequence[Outcome]) -> None:
    """Of the table that `OUTCOMES` heads."""
    row(name, len(outcomes), *(f"{share:.1%}" for share in shares(outcomes)))


def _of_plan(plan: Plan) -> dict[str, Outcome]:
    truth = athletes.truths(plan.script, plan.view)
    (reps,) = truth.reps
    found = {}
    for name, trouble in TROUBLES.items():
        # Nobody can count what the only arm that works does behind something.
        if not (trouble.hidden_arm and plan.is_one_sided):
            frames = [
                Seen(t_s, poses, athletes.ASPECT) for t_s, poses in athletes.seen(truth, trouble)
            ]
            found[name] = Outcome.of(plan, reps, frames)
    return found


def rendered(*, quick: bool) -> bool:
    """A row for each trouble. Returns whether enough sets are exact."""
    found = list(at_once(_of_plan, plans(quick=quick)))
    head("athletes", *OUTCOMES)
    exact = []
    for name in TROUBLES:
        mine = [one[name] for one in found if name in one]
        outcome_row(name, mine)
        exact.append(shares(mine)[0])
    print()
    breakdown("noise", [one["noise"] for one in found])
    return sum(exact) / len(exact) >= LEAST_EXACT


def breakdown(name: str, outcomes: Sequence[Outcome]) -> None:
    """Where it goes wrong."""
    head(name, *OUTCOMES)
    for exercise in dict.fromkeys(one.plan.exercise for one in outcomes):
        outcome_row(exercise, [one for one in outcomes if one.plan.exercise == exercise])
    for view in VIEWS:
        outcome_row(f"from {view} degrees", [one for one in outcomes if one.plan.view == view])
    print()


def _on_pixels(job: tuple[Sequence[str], Sequence[Plan]]) -> list[dict[str, Outcome]]:
    names, mine = job
    watched = pixel_athletes.watched(names, [(plan.script, plan.view) for plan in mine])
    return [
        {name: Outcome.of(plan, reps, frames) for name, frames in seen.items()}
        for plan, (reps, seen) in zip(mine, watched, strict=True)
    ]


def pixels(models: Sequence[str], *, quick: bool) -> bool:
    """A row for each model. Returns whether enough sets are exact."""
    grid = plans(quick=quick, exercises=COUNTED[:LEARNT])
    cores = os.cpu_count() or 1
    jobs = [(models, grid[first::cores]) for first in range(cores)]
    found = [one for part in at_once(_on_pixels, jobs) for one in part]
    head("models, on pixels", *OUTCOMES)
    for name in models:
        outcome_row(name, [one[name] for one in found])
    print()
    for name in models:
        breakdown(name, [one[name] for one in found])
    exact = {name: shares([one[name] for one in found])[0] for name in models}
    return all(share >= LEAST_SEEN.get(name, 0.0) for name, share in exact.items())


def _of_idler(seconds: float, job: tuple[str, float]) -> int:
    kind, fps = job
    return counted((Seen(t, poses, 4 / 3) for t, poses in idlers.idle(kind, seconds, fps)), AUTO)[1]


def idle(*, quick: bool) -> bool:
    """A row for each way to do nothing. Returns whether nothing was counted."""
    seconds = QUICK_IDLE_S if quick else IDLE_S
    jobs = list(product(idlers.KINDS, (10.0, 30.0)))
    found = dict(zip(jobs, at_once(partial(_of_idler, seconds), jobs), strict=True))
    head(f"{seconds / 60:.0f} minutes of", "reps, auto, 10 / 30 frames/s")
    for kind in idlers.KINDS:
        row(kind, f"{found[kind, 10.0]} / {found[kind, 30.0]}")
    print()
    return not any(found.values())


def known_models(wanted: Sequence[str]) -> list[str]:
    """Those that are there of what is asked for, or of the two that are documented."""
    found = []
    for name in wanted or LEAST_SEEN:
        try:
            resolve(name, model_directories())
        except EdgedError as error:
            print(f"skipped: {error}")
            continue
        found.append(name)
    return found


def main(words: Sequence[str]) -> int:
    """Tell what was asked for."""
    parser = argparse.ArgumentParser(description="How well reps are counted.")
    parser.add_argument("modes", nargs="*", choices=(*MODES, []), metavar="MODE")
    parser.add_argument("--model", action="append", default=[])
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args(words)
    modes = asked.modes or MODES[:-1]
    shared = Path(os.environ.get("EDGED_SHARED") or ROOT.parent / "shared")
    os.environ.setdefault("EDGED_MODELS", str(shared / "models"))
    clips = shared / "keypoints"
    good = True
    if {"real", "perturbed"} & set(modes) and not clips.is_dir():
        print(f"skipped: {clips} is not there")
    else:
        if "real" in modes:
            good &= real(clips)
        if "perturbed" in modes:
            perturbed(clips)
    if "athletes" in modes:
        good &= rendered(quick=asked.quick)
    if "idle" in modes:
        good &= idle(quick=asked.quick)
    if "pixels" in modes:
        good &= pixels(known_models(asked.model), quick=asked.quick)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
