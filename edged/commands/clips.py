"""Poses over time: from videos by way of a model, or from files of keypoints."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from edged.capture.source import files_at, is_athlete, is_live, is_picture, open_source
from edged.commands.again import asked_twice
from edged.decoders import people
from edged.errors import SourceError, UsageError
from edged.inference.engine import Engine
from edged.masking import without_password
from edged.pipeline import Pipeline, Result
from edged.sections import Camera, PoseModel
from edged.types import KEYPOINT_NAMES, READ_TIMEOUT_S, Frame, Pose

Rotate: TypeAlias = Literal[0, 90, 180, 270]
"""Degrees clockwise that make a clip upright."""

KEYPOINTS = ".npz"
_MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Seen:
    """Who is in one frame of a clip."""

    t_s: float
    poses: list[Pose]
    aspect: float
    """Width / height of the frame."""
    height: float = 480.0
    """Of the frame, in pixels; as told for keypoints of which nobody knows it."""

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the frame in pixels."""
        return self.aspect * self.height, self.height


class _Entry(msgspec.Struct, frozen=True):
    """Of a manifest: how large the frames of a clip are."""

    name: str
    width: int
    height: int


def is_keypoints(clip: str) -> bool:
    """Whether a clip is a file of keypoints, by its name."""
    return Path(clip).suffix.lower() == KEYPOINTS


def from_keypoints(path: Path, rotate: Rotate = 0) -> Iterator[Seen]:
    """The frames of a NumPy archive with `t_s` (n,) and `keypoints` (n, 17, 3), one person.

    How large the frames were is in its `size` (width, height), or in `manifest.json` beside it,
    by the clip's name; where nobody says so, they are taken to be square.

    Raises:
        SourceError: it cannot be read, or is something else.
    """
    times_s, keypoints, size = _read(path)
    width, height = size or _told_size(path) or (1, 1)
    aspect = height / width if rotate in {90, 270} else width / height
    least = PoseModel().min_score
    for t_s, points in zip(times_s.tolist(), keypoints, strict=True):
        yield Seen(t_s, people.one(_turned(points, rotate)).poses(least), aspect)


def _read(
    path: Path,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32], tuple[float, float] | None]:
    try:
        with np.load(path, allow_pickle=False) as file:
            times_s = np.asarray(file["t_s"], np.float64)
            keypoints = np.asarray(file["keypoints"], np.float32)
            size = np.asarray(file["size"], np.float64) if "size" in file.files else None
    except KeyError as error:
        raise SourceError(f"{path}: no file of keypoints: expected t_s and keypoints") from error
    except OSError as error:
        raise SourceError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise SourceError(f"{path}: no file of keypoints: {error}") from error
    count = len(KEYPOINT_NAMES)
    if times_s.ndim != 1 or keypoints.shape != (len(times_s), count, 3) or not len(times_s):
        raise SourceError(
            f"{path}: expected t_s (n,) and keypoints (n, {count}, 3), "
            f"got {times_s.shape} and {keypoints.shape}"
        )
    if not (np.isfinite(times_s).all() and np.isfinite(keypoints).all()):
        raise SourceError(f"{path}: expected numbers, got nan or infinity")
    if (np.diff(times_s) < 0).any():
        raise SourceError(f"{path}: expected times that grow, got some that go back")
    if size is None:
        return times_s, keypoints, None
    if size.shape != (2,) or not (np.isfinite(size).all() and (size > 0).all()):
        raise SourceError(f"{path}: expected a size of width and height above 0, got {size}")
    return times_s, keypoints, (float(size[0]), float(size[1]))


def _told_size(path: Path) -> tuple[float, float] | None:
    manifest = path.with_name(_MANIFEST)
    try:
        entries = msgspec.json.decode(manifest.read_bytes(), type=list[_Entry])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    for one in entries:
        if one.name == path.stem and one.width > 0 and one.height > 0:
            return one.width, one.height
    return None


def _turned(points: npt.NDArray[np.float32], rotate: Rotate) -> npt.NDArray[np.float32]:
    x, y, score = points.T
    match rotate:
        case 90:
            x, y = 1.0 - y, x
        case 180:
            x, y = 1.0 - x, 1.0 - y
        case 270:
            x, y = y, 1.0 - x
    return np.stack([x, y, score], axis=1)


def check_video(clip: str) -> None:
    """Raises `UsageError` when a clip is no file."""
    if is_athlete(clip):
        raise UsageError(
            f"{clip}: expected a file, got the athlete; edged athlete --out FILE.mp4 makes one"
        )
    if is_live(clip):
        shown = without_password(clip)
        raise UsageError(f"{shown}: expected a file, got a camera; edged run watches cameras")


def from_video(
    clip: str, engine: Engine, pipeline: Pipeline, rotate: Rotate, seen: Callable[[float], None]
) -> Iterator[Seen]:
    """The frames of a video, each asked about; `seen` hears of each one's share.

    Raises:
        SourceError: it cannot be read.
        EngineError: no answer, twice.
    """
    if any(is_picture(file) for file in files_at(clip)):
        raise SourceError(f"{clip}: expected a video: nobody knows when pictures were taken")
    # Files are looked at as they are.
    settings = Camera(source=clip, rotate=rotate, width=8192, height=8192, pace="fast")
    if pipeline.pose is not None:
        pipeline.pose.forget()
    with contextlib.closing(open_source(settings)) as source:
        fps = source.info.fps or settings.fps
        while (frame := source.read(READ_TIMEOUT_S)) is not None:
            try:
                high, wide, _ = frame.pixels.shape
                result = asked_twice(engine, partial(_answer, pipeline, frame))
            finally:
                frame.release()
            seen(1.0 / max(1, source.info.frames))
            # Frames of a file have no time of their own but their number.
            yield Seen(frame.seq / fps, result.poses or [], wide / high, high)


def _answer(pipeline: Pipeline, frame: Frame) -> Result:
    (result,) = pipeline.process(frame)
    return result
