"""Real people, as a model saw them, at their own rate and thinned to 10 frames a second."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from edged.commands.clips import Seen, from_keypoints
from edged.commands.reps import Tally, told
from edged.fitness.crew import Crew
from edged.fitness.exercises import AUTO, built_in


class Clip(msgspec.Struct, frozen=True):
    """What the manifest says."""

    name: str
    exercise: str
    reps_accept: tuple[int, int]

    @property
    def known_as(self) -> str:
        return self.exercise.partition(" (")[0].replace(" ", "-")


@pytest.fixture(scope="module")
def clips(shared: Path) -> list[tuple[Clip, list[Seen]]]:
    folder = shared / "keypoints"
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}")
    manifest = msgspec.json.decode((folder / "manifest.json").read_bytes(), type=list[Clip])
    return [(one, list(from_keypoints(folder / f"{one.name}.npz"))) for one in manifest]


def thinned(frames: list[Seen]) -> list[Seen]:
    kept: list[Seen] = []
    for seen in frames:
        if seen.t_s >= frames[0].t_s + 0.1 * len(kept) - 1e-4:
            kept.append(seen)
    return kept


def right(clips: list[tuple[Clip, list[Seen]]], *, given: bool, thin: bool) -> int:
    good = 0
    for clip, frames in clips:
        wanted = clip.known_as if given else AUTO
        tally = Tally(Crew(built_in(), wanted))
        for seen in thinned(frames) if thin else frames:
            tally.add(seen)
        tally.finish()
        least, most = clip.reps_accept
        good += least <= told(clip.name, tally, wanted).reps <= most
    return good


@pytest.mark.parametrize("thin", [False, True])
def test_nearly_all_are_right_where_the_exercise_is_given(
    clips: list[tuple[Clip, list[Seen]]], *, thin: bool
) -> None:
    assert right(clips, given=True, thin=thin) >= len(clips) - 1


def test_most_are_right_where_it_is_recognized(clips: list[tuple[Clip, list[Seen]]]) -> None:
    """Thinned only; tests/proofs/reps.py has all four."""
    assert right(clips, given=False, thin=True) >= len(clips) - 3
