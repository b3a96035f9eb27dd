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
Count: TypeAlias = Annotated[int, Meta(ge=0)]
NonNegative: TypeAlias = Annotated[float, Meta(ge=0.0)]
Milliseconds: TypeAlias = Annotated[float, Meta(ge=0.0)]

Score: TypeAlias = Annotated[Unit, Meta(description="How sure the model is.")]
FrameNumber: TypeAlias = Annotated[
    Count, Meta(description="Counts the frames of the source; gaps are frames that were dropped.")
]
WallTime: TypeAlias = Annotated[
    NonNegative,
    Meta(description="Seconds since 1970 by the device's clock, which may jump: never for ages."),
]
Age: TypeAlias = Annotated[
    Milliseconds,
    Meta(
        description="Milliseconds from the exposure to the hand-over to the MQTT client, by a "
        "monotonic clock."
    ),
]
ModelName: TypeAlias = Annotated[str, Meta(description="The model's name, as in `info.models`.")]
Accelerator: TypeAlias = Annotated[str, Meta(description="What the models run on.")]
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
    def check(self) -> str:
        """What `edged check` sends to itself; nobody else needs it, and nothing is retained."""
        return self._of("check")

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
    """One person of a frame. x, y, width and height are fractions of the upright frame."""

    id: Annotated[int, Meta(description="Who it is, among the people of this device.")]
    score: Score
    box: Annotated[
        tuple[Unit, Unit, Unit, Unit],
        Meta(description="x, y of the upper left corner, width, height."),
    ]
    keypoints: Annotated[
        list[KeypointRow],
        Meta(
            min_length=17,
            max_length=17,
            description="x, y, score; the order is that of `info.keypoint_names`. x and y lie a "
            "little outside 0..1 where the person does.",
        ),
    ]


class PoseMessage(Payload, frozen=True, kw_only=True):
    """The people of a frame. No people is an empty list; no answer is no message."""

    seq: FrameNumber
    ts: WallTime
    age_ms: Age
    model: ModelName
    accelerator: Accelerator
    poses: list[PosePayload]


class LabelPayload(msgspec.Struct, frozen=True, kw_only=True):
    """One class."""

    label: str
    index: Annotated[Count, Meta(description="Row of the model's labels, from 0.")]
    score: Score


class LabelsMessage(Payload, frozen=True, kw_only=True):
    """What a frame shows, best first."""

    seq: FrameNumber
    ts: WallTime
    age_ms: Age
    model: ModelName
    accelerator: Accelerator
    confident: Annotated[
        bool,
        Meta(description="false: the best score is below the configured one; these are guesses."),
    ]
    labels: list[LabelPayload]


class CameraInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What the source really gives: pixels of the upright frame, frames a second."""

    source: Annotated[str, Meta(description="Its address, without any password.")]
    width: Count
    height: Count
    fps: Annotated[NonNegative, Meta(description="0: unknown.")]


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A model in use; width and height are the pixels of its input."""

    name: str
    kind: Literal["pose", "labels"]
    width: Count
    height: Count
    licence: Annotated[str, Meta(description="Empty: unknown.")]


class Info(Payload, frozen=True, kw_only=True):
    """What this device is. Retained; told again at every change."""

    version: Annotated[str, Meta(description="Of edged.")]
    camera: Annotated[CameraInfo | None, Meta(description="null: no camera answers.")]
    models: list[ModelInfo]
    accelerator: Accelerator
    accelerator_reason: Annotated[
        str,
        Meta(
            description="Why it is not the first of the configuration, and what cannot take over "
            "from it; empty: it is, and all can."
        ),
    ] = ""
    runtime: Annotated[str, Meta(description="The library that runs the models.")]
    keypoint_names: Annotated[
        tuple[str, ...],
        Meta(
            min_length=17,
            max_length=17,
            description="Names of the rows of `pose.poses[].keypoints`; left is the person's left.",
        ),
    ] = KEYPOINT_NAMES
    skeleton: Annotated[
        tuple[tuple[int, int], ...],
        Meta(description="Pairs of keypoint indices to draw a line between."),
    ] = SKELETON


class Percentiles(msgspec.Struct, frozen=True, kw_only=True):
    """Of the frames since the last health message."""

    p50: Milliseconds
    p95: Milliseconds
    p99: Milliseconds


class StageTimes(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds that a frame spends in each part."""

    capture: Percentiles
    preprocess: Percentiles
    infer: Annotated[
        Percentiles, Meta(description="The model's invoke and the way to the worker and back.")
    ]
    decode: Percentiles
    publish: Percentiles


class AcceleratorHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How it is with one accelerator of the configuration."""

    name: str
    state: Annotated[
        Literal["serving", "trying", "standby", "waiting", "resting", "unusable"],
        Meta(
            description="standby: it stands behind the one that serves; waiting: it is tried again;"
            " resting: the same, later, because it failed too often; unusable: it cannot run these "
            "models."
        ),
    ]
    reason: Annotated[str, Meta(description="Why it does not serve; empty: no reason.")]
    again_s: Annotated[
        NonNegative | None,
        Meta(description="Seconds until it is tried again; null: it is not waited for."),
    ]


class HealthMessage(Payload, frozen=True, kw_only=True):
    """How the device is; times are of the frames since the last health message."""

    ts: WallTime
    state: Annotated[
        Literal["ok", "paused", "degraded"],
        Meta(description="paused: nothing is wrong, and the camera is closed on purpose."),
    ]
    problems: Annotated[
        list[str], Meta(description="What is wrong, for a person; empty unless degraded.")
    ]
    uptime_s: NonNegative
    fps: Annotated[NonNegative, Meta(description="Frames answered a second.")]
    frames: Annotated[Count, Meta(description="Frames answered since the start.")]
    dropped: Annotated[Count, Meta(description="Frames replaced by a newer one, since the start.")]
    failed: Annotated[
        Count, Meta(description="Frames for which a model had no answer, since the start.")
    ]
    worker_restarts: Annotated[
        Count, Meta(description="Times that the process of the models was replaced.")
    ]
    reconnects: Annotated[Count, Meta(description="Connections to the broker after the first.")]
    unsent: Annotated[
        Count,
        Meta(
            description="Stream messages that never left: replaced, expired, or without a broker."
        ),
    ]
    invoke_ms: Annotated[
        Percentiles | None, Meta(description="The model alone; null: no frame since the last.")
    ]
    age_ms: Annotated[
        Percentiles | None,
        Meta(description="As `age_ms` of the streams; null: no frame since the last."),
    ]
    stage_ms: Annotated[StageTimes | None, Meta(description="null: no frame since the last.")]
    accelerator: Accelerator
    accelerators: Annotated[
        list[AcceleratorHealth], Meta(description="Those of the configuration, best first.")
    ] = []
    failovers: Annotated[
        Count, Meta(description="Times that an accelerator failed and another one took over.")
    ] = 0
    promotions: Annotated[Count, Meta(description="Times that a better accelerator took over.")] = 0
    temperatures: Annotated[
        dict[str, float], Meta(description="Degrees Celsius by the name of the sensor.")
    ]
    rss_mb: Annotated[
        NonNegative, Meta(description="Resident memory of all processes of this device, in MB.")
    ]


def pose_payload(pose: Pose) -> PosePayload:
    """Rounds to what a model can tell: 1e-4 of the frame is a twentieth of a MoveNet pixel."""
    left, top, width, height = pose.box()
    return PosePayload(
        id=pose.id,
        score=round(pose.score, 4),
        box=(round(left, 4), round(top, 4), round(width, 4), round(height, 4)),
        keypoints=[(x, y, score) for x, y, score in pose.keypoints.astype("f8").round(4).tolist()],
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
