"""What made the frames of a directory: noted beside them, so that two sets never mix.

`set.json` is written before the first shard. It holds the set and a checksum of the sources that
paint it: frames of another set, or of an athlete who looks different by now, are refused.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from edged.capture import athlete
from edged.commands.files import write_bytes
from models.training.frames import Frames, FramesError, shards

NOTE = "set.json"

SHARD = 250
"""Frames of a file."""

SOURCES = (
    *sorted(Path(athlete.__file__).parent.glob("*.py")),
    Path(__file__).with_name("render.py"),
)
"""What decides how a seed's frames look."""


@dataclass(frozen=True, slots=True)
class Set:
    """Frames that belong together."""

    name: str
    first_seed: int
    frames: int
    looks: int
    """Frames of each seed, with as many postures."""
    size: tuple[int, int]
    """Width and height that are kept."""

    @property
    def lengths(self) -> dict[int, int]:
        """How many frames each shard holds."""
        return {
            number: min(SHARD, self.frames - number * SHARD)
            for number in range(-(-self.frames // SHARD))
        }


class Made(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `set.json` says."""

    what: Set
    shard: int
    """`SHARD`."""
    sources: str
    """`fingerprint`."""


def fingerprint() -> str:
    """SHA-256, in hex, of the names and bytes of `SOURCES`."""
    sums = hashlib.sha256()
    for path in SOURCES:
        content = path.read_bytes()
        sums.update(f"{path.name} {len(content)}\n".encode() + content)
    return sums.hexdigest()


def begin(directory: Path, what: Set) -> list[int]:
    """Note what a directory is for, or see that it is for that.

    Frames from before there were such notes may be used as they are, with a warning, if they are
    whole; nothing is added to them.

    Returns:
        The shards that are missing.

    Raises:
        FramesError: there are frames of something else, or shards that are not whole.
        EdgedError: the note cannot be written.
    """
    made = Made(what=what, shard=SHARD, sources=fingerprint())
    before = _read(directory)
    there = _lengths(directory)
    missing = [number for number in what.lengths if number not in there]
    if not there:
        write_bytes(directory / NOTE, msgspec.json.encode(made) + b"\n")
        return missing
    if before is not None and before != made:
        raise _refusal(directory, _difference(before, made))
    wrong = _not_whole(there, what)
    if before is None and (wrong or missing):
        told = wrong or f"{len(missing)} of {len(what.lengths)} shards are missing"
        raise _refusal(directory, f"there is no {NOTE} that tells what made it, and {told}")
    if wrong:
        raise _refusal(directory, wrong)
    if before is None:
        _warn_of_old(directory)
    return missing


def open_whole(directory: Path) -> Frames:
    """The frames of a set, all of them. Warns where it is not known what made them.

    Raises:
        FramesError: there are none, or not all that its note tells of.
    """
    made = _read(directory)
    frames = Frames(directory)
    if made is None:
        _warn_of_old(directory)
        return frames
    there = _lengths(directory)
    if wrong := _not_whole(there, made.what):
        raise _refusal(directory, wrong)
    if len(there) < len(made.what.lengths):
        raise FramesError(
            f"{directory}: {len(frames)} of {made.what.frames} frames: render the others first"
        )
    if made.sources != fingerprint():
        _warn(f"{directory}: rendered by other sources than these")
    return frames


def _read(directory: Path) -> Made | None:
    """None: there is no note."""
    try:
        return msgspec.json.decode((directory / NOTE).read_bytes(), type=Made)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise _refusal(directory, f"{NOTE} cannot be read ({error})") from error


def _lengths(directory: Path) -> dict[int, int]:
    """Of the shards that are there."""
    lengths = {}
    for number in shards(directory):
        path = directory / f"frames-{number}.npy"
        try:
            lengths[number] = len(np.load(path, mmap_mode="r"))
        except (OSError, ValueError, EOFError) as error:
            raise _refusal(directory, f"{path.name} cannot be read ({error})") from error
    return lengths


def _not_whole(there: Mapping[int, int], what: Set) -> str:
    """The first shard that is not as the set has it; empty: none."""
    for number, length in there.items():
        expected = what.lengths.get(number, 0)
        if length != expected:
            return f"frames-{number}.npy holds {length} frames instead of {expected}"
    return ""


def _difference(before: Made, now: Made) -> str:
    one, other = (_flat(made) for made in (before, now))
    told = [f"{name} {one[name]}, not {other[name]}" for name in one if one[name] != other[name]]
    if before.sources != now.sources:
        told.append("other sources of the athlete or of render.py")
    return f"it was rendered with {'; '.join(told)}"


def _flat(made: Made) -> dict[str, Any]:
    return {**asdict(made.what), "shard": made.shard}


def _refusal(directory: Path, why: str) -> FramesError:
    return FramesError(f"{directory}: {why}: delete it to render it again")


def _warn_of_old(directory: Path) -> None:
    _warn(f"{directory}: there is no {NOTE} that tells what made these frames")


def _warn(line: str) -> None:
    print(f"warning: {line}", file=sys.stderr, flush=True)
