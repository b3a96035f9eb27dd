"""The MQTT contract, version 1: topics and payloads. The only topic strings of edged.

Streams (`pose`, `labels`, `health`) are QoS 0, expire, and are dropped while the broker is away.
States (`status`, `info`) are QoS 1 and retained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from edged.types import KEYPOINT_NAMES, SKELETON, Classification, Frame, Pose

VERSION: Literal[1] = 1

STREAM_EXPIRY_S = 2
"""A stream message older than this is of no use to anybody."""

Unit: TypeAlias = Annotated[float, Meta(ge=0.0, le=1.0)]
Milliseconds: TypeAlias = Annotated[float, Meta(ge=0.0, description="milliseconds")]
WallTime: TypeAlias = Annotated[float, Meta(description="seconds since 1970 by the device's clock")]
KeypointRow: TypeAlias = tuple[float, float, Unit]


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one device."""

    prefix: str
    device: str

    def _of(self, what: str) -> str:
        return f"{self.prefix}/{self.device}/{what}"

    @property
    def status(self) -> str:
        """`online` or `offline`, plain text."""
        return self._of("status")

    @property
    def info(self) -> str:
        """`Info`: what this device is."""
        return self._of("info")

    @property
    def pose(self) -> str:
        """`PoseMessage`: the people of a frame."""
        return self._of("pose")

    @property
    def labels(self) -> str:
        """`LabelsMessage`: what a frame shows."""
        return self._of("labels")

    @property
    def health(self) -> str:
        """`HealthMessage`: how the device is."""
        return self._of("health")

    @property
    def everything(self) -> str:
        """The filter that takes all of it."""
        return self._of("#")


ONLINE = b"online"
OFFLINE = b"offline"


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """A JSON object. Receivers ignore keys that they do not know: keys are only ever added."""

    v: Literal[1] = VERSION


class PosePayload(msgspec.Struct, frozen=True, kw_only=True):
    """One person of a frame."""

    id: int
    score: Unit
    box: tuple[Unit, Unit, Unit, Unit]
    """x, y, width, height."""
    keypoints: Annotated[list[KeypointRow], Meta(min_length=17, max_length=17)]
    """x, y, score; the order is `info.keypoint_names`. x and y are in 0..1 of the upright frame,
    and may lie a little outside where the person does."""


class PoseMessage(Payload, frozen=True):
    """The people of a frame. No people is an empty list; no answer is no message."""

    seq: Annotated[int, Meta(ge=0)]
    ts: WallTime
    age_ms: Milliseconds
    """From the exposure to the hand-over to the MQTT client, by a monotonic clock."""
    model: str
    accelerator: str
    poses: list[PosePayload]


class LabelPayload(msgspec.Struct, frozen=True, kw_only=True):
    """One class."""

    label: str
    index: Annotated[int, Meta(ge=0)]
    score: Unit


class LabelsMessage(Payload, frozen=True):
    """What a frame shows, best first."""

    seq: Annotated[int, Meta(ge=0)]
    ts: WallTime
    age_ms: Milliseconds
    model: str
    accelerator: str
    confident: bool
    """False: the best score is below the configured confidence; the labels are guesses."""
    labels: list[LabelPayload]


class CameraInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What the source really gives."""

    source: str
    width: Annotated[int, Meta(ge=0)]
    height: Annotated[int, Meta(ge=0)]
    fps: Annotated[float, Meta(ge=0.0)]
    """0: unknown."""


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A model in use."""

    name: str
    kind: Literal["pose", "labels"]
    width: int
    height: int
    licence: str


class Info(Payload, frozen=True):
    """What this device is. Retained; told again at every change."""

    version: str
    """Of edged."""
    camera: CameraInfo | None
    """null: no camera answers."""
    models: list[ModelInfo]
    accelerator: str
    runtime: str
    keypoint_names: list[str] = list(KEYPOINT_NAMES)
    skeleton: list[tuple[int, int]] = list(SKELETON)
    """Pairs of keypoint indices to draw a line between."""


class Percentiles(msgspec.Struct, frozen=True, kw_only=True):
    """Of the frames since the last health message."""

    p50: float
    p95: float
    p99: float


class StageTimes(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds that a frame spends in each part."""

    capture: Percentiles
    preprocess: Percentiles
    infer: Percentiles
    """The model's invoke and the way to the worker and back."""
    decode: Percentiles
    publish: Percentiles


class HealthMessage(Payload, frozen=True):
    """How the device is; times are of the frames since the last health message."""

    ts: WallTime
    state: Literal["ok", "degraded"]
    problems: list[str]
    """What is wrong, for a person; empty when the state is ok."""
    uptime_s: float
    fps: float
    frames: int
    """Frames answered since the start."""
    dropped: int
    """Frames that a newer one replaced, since the start."""
    failed: int
    """Frames without an answer, since the start."""
    worker_restarts: int
    reconnects: int
    """Connections to the broker after the first."""
    unsent: int
    """Stream messages that expired or were replaced before the broker took them."""
    invoke_ms: Percentiles | None
    age_ms: Percentiles | None
    """Exposure to the hand-over to the MQTT client."""
    stage_ms: StageTimes | None
    """null: no frame since the last health message."""
    accelerator: str
    temperatures: dict[str, float]
    """Degrees Celsius by sensor."""
    rss_mb: float
    """Of all processes of this device."""
    outbox: int
    """Events that wait for the broker."""


def pose_payload(pose: Pose) -> PosePayload:
    """Rounds to what a model can tell: 1e-4 of the frame is a twentieth of a MoveNet pixel."""
    left, top, width, height = pose.box()
    return PosePayload(
        id=pose.id,
        score=round(pose.score, 4),
        box=(round(left, 4), round(top, 4), round(width, 4), round(height, 4)),
        keypoints=pose.keypoints.astype("f8").round(4).tolist(),
    )


def pose_message(
    frame: Frame, poses: list[Pose], *, age_ms: float, model: str, accelerator: str
) -> PoseMessage:
    """What `pose` tells of a frame."""
    return PoseMessage(
        seq=frame.seq,
        ts=round(frame.ts, 6),
        age_ms=round(age_ms, 3),
        model=model,
        accelerator=accelerator,
        poses=[pose_payload(pose) for pose in poses],
    )


def labels_message(
    frame: Frame, result: Classification, *, age_ms: float, model: str, accelerator: str
) -> LabelsMessage:
    """What `labels` tells of a frame."""
    return LabelsMessage(
        seq=frame.seq,
        ts=round(frame.ts, 6),
        age_ms=round(age_ms, 3),
        model=model,
        accelerator=accelerator,
        confident=result.confident,
        labels=[
            LabelPayload(label=entry.label, index=entry.index, score=round(entry.score, 4))
            for entry in result.labels
        ],
    )
