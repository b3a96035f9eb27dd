"""How well reps are counted: `python tests/proofs/reps.py [real] [athletes] [idle]`, default: all.

real: the clips of real people in ../shared/keypoints, as they come and thinned to 10 frames/s.
athletes: rendered ones whose true keypoints are made worse, five views and three tempos.
idle: ten minutes each of people and noise that do nothing to be counted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import athletes  # noqa: E402
import idlers  # noqa: E402
import numpy as np  # noqa: E402
import perturbations  # noqa: E402

from edged.capture.athlete.athlete import HELD_OUT  # noqa: E402
from edged.capture.athlete.exercises import Exercise  # noqa: E402
from edged.capture.athlete.script import TEMPOS, Course, Script, Set, Tempo  # noqa: E402
from edged.capture.athlete.style import Style  # noqa: E402
from edged.commands.clips import Seen, from_keypoints  # noqa: E402
from edged.commands.reps import Tally, told  # noqa: E402
from edged.fitness.crew import Crew  # noqa: E402
from edged.fitness.exercises import AUTO, built_in  # noqa: E402

VIEWS = (0, 45, 90, 135, 180)
PACES = (0.6, 1.0, 1.8)
COUNTED: tuple[Exercise, ...] = (
    "squat",
    "push-up",
    "biceps-curl",
    "shoulder-press",
    "jumping-jack",
    "lunge",
)
COUNTED_TOO: tuple[Exercise, ...] = (
    *("sit-up", "deadlift"),
    *("pull-up", "triceps-extension", "front-raise", "lateral-raise", "high-knees"),
)
_ONE_SIDED = {"biceps-curl", "shoulder-press", "front-raise"}
"""Some people do these with one arm after the other."""
REPS, FIRST_SEED, BAD = 6, 101, 4
THINNED_FPS = 10.0
IDLE_S = 600.0
TROUBLES = {
    "small noise": athletes.Trouble(noise=0.003),
    "noise": athletes.Trouble(),
    "noise, 10 frames/s": athletes.Trouble(every=3),
    "noise, left arm hidden": athletes.Trouble(hidden_arm=True),
    "noise, somebody passes by": athletes.Trouble(passer_by=True),
}


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


def real(directory: Path) -> None:
    """A row a clip."""
    clips = manifest(directory)
    ways: dict[str, tuple[bool, Callable[[Iterable[Seen]], Iterable[Seen]]]] = {
        "given": (True, iter),
        "given, 10/s": (True, lambda frames: thinned(frames, THINNED_FPS)),
        "auto": (False, iter),
        "auto, 10/s": (False, lambda frames: thinned(frames, THINNED_FPS)),
    }
    right = dict.fromkeys(ways, 0)
    print(f"| clip | reps | {' | '.join(ways)} |\n|---|---|{'---|' * len(ways)}")
    for clip in clips:
        row = []
        for name, (is_given, change) in ways.items():
            frames = from_keypoints(directory / f"{clip.name}.npz")
            exercise, reps = counted(change(frames), clip.known_as if is_given else AUTO)
            least, most = clip.reps_accept
            right[name] += least <= reps <= most
            row.append(
                f"{reps}{'' if least <= reps <= most else ' !'}"
                + ("" if exercise == clip.known_as else f" ({exercise})")
            )
        least, most = clip.reps_accept
        accepted = f"{least}" if least == most else f"{least}-{most}"
        print(f"| {clip.name} | {accepted} | {' | '.join(row)} |", flush=True)
    print(f"| right of {len(clips)} | | {' | '.join(map(str, right.values()))} |\n")


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


def perturbed(directory: Path, only: str = "") -> None:
    """A row for each way in which clips are made worse."""
    ways = ("given", "given, 10/s", "auto", "auto, 10/s")
    print(f"| clips | of | {' | '.join(ways)} | wrong |\n|---|---|{'---|' * len(ways)}---|")
    for which, changes in (
        ("keypoints", perturbations.CHANGES),
        ("keypoints_full_frame", {"without a tracking crop": perturbations.CHANGES["as they are"]}),
    ):
        clips = films(directory, which)
        for name, change in changes.items():
            if only not in name:
                continue
            right, count, wrong = dict.fromkeys(ways, 0), 0, []
            for clip, film in clips.items():
                made = change(film, np.random.default_rng([7, len(name)]))
                if made is None:
                    continue
                count += 1
                frames = made.frames()
                for way in ways:
                    wanted = film.exercise if "given" in way else AUTO
                    mine = thinned(frames, THINNED_FPS) if "10/s" in way else frames
                    exercise, reps = counted(mine, wanted)
                    if made.accepted[0] <= reps <= made.accepted[1]:
                        right[way] += 1
                    else:
                        wrong.append(f"{clip} {way}: {reps} {exercise} of {made.accepted}")
            print(f"| {name} | {count} | {' | '.join(map(str, right.values()))} |", flush=True)
            for line in wrong:
                print("    ", line)
    print()


@dataclass(frozen=True, slots=True)
class Workout:
    """A set of the grid."""

    exercise: str
    truth: athletes.Truths
    is_one_sided: bool


def workouts() -> Iterator[Workout]:
    """Each exercise in each view at each pace; half of the sets have a rep that goes half-way."""
    seed = FIRST_SEED - 1
    for exercise in (*COUNTED, *COUNTED_TOO):
        for view in VIEWS:
            for pace in PACES:
                seed += 1
                usual = TEMPOS[exercise]
                tempo = Tempo(
                    max(0.2, usual.down_s * pace),
                    usual.bottom_s * pace,
                    max(0.2, usual.up_s * pace),
                    usual.top_s * pace,
                )
                bad = (BAD,) if seed % 2 else ()
                one = Set(exercise=exercise, reps=REPS, tempo=tempo, bad=bad)
                script = Script(workout=Course(seed=seed), set=(one,))
                style = Style.of((HELD_OUT + seed) * 1009)
                one_sided = style.one_sided and exercise in _ONE_SIDED
                yield Workout(exercise, athletes.truths(script, view), one_sided)


def rendered() -> None:
    """A row for each trouble."""
    sets = list(workouts())
    print("| athletes | sets | exact | off by one | worse | auto: exact | auto: recognized |")
    print("|---|---|---|---|---|---|---|")
    for name, trouble in TROUBLES.items():
        # Nobody can count what the only arm that works does behind something.
        mine = [one for one in sets if not (trouble.hidden_arm and one.is_one_sided)]
        off = [0, 0, 0]
        exact = recognized = 0
        for one in mine:
            frames = [
                Seen(t_s, poses, athletes.ASPECT)
                for t_s, poses in athletes.seen(one.truth, trouble)
            ]
            (reps,) = one.truth.reps
            _, found = counted(frames, one.exercise)
            off[min(2, abs(found - reps))] += 1
            exercise, found = counted(frames, AUTO)
            exact += found == reps
            recognized += exercise == one.exercise
        count = len(mine)
        shares = " | ".join(f"{value / count:.1%}" for value in (*off, exact, recognized))
        print(f"| {name} | {count} | {shares} |", flush=True)
    print()


def idle() -> None:
    """A row for each way to do nothing."""
    print("| ten minutes of | reps, auto, 10 / 30 frames/s |\n|---|---|")
    for kind in idlers.KINDS:
        reps = [
            counted((Seen(t, poses, 4 / 3) for t, poses in idlers.idle(kind, IDLE_S, fps)), AUTO)[1]
            for fps in (10.0, 30.0)
        ]
        print(f"| {kind} | {reps[0]} / {reps[1]} |", flush=True)
    print()


def main(words: list[str]) -> int:
    """Tell what was asked for."""
    shared = Path(os.environ.get("EDGED_SHARED", str(ROOT.parent / "shared"))) / "keypoints"
    if not words or "real" in words:
        if shared.is_dir():
            real(shared)
        else:
            print(f"skipped: {shared} is not there")
    if not words or "perturbed" in words:
        perturbed(shared, words[1] if len(words) > 1 else "")
    if not words or "athletes" in words:
        rendered()
    if not words or "idle" in words:
        idle()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
