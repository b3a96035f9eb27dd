"""The streams of the contract: what a frame shows. QoS 0, expiring, dropped without a broker."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from edged.messages.fields import (
    Accelerator,
    Age,
    Count,
    FrameNumber,
    ModelName,
    Payload,
    Score,
    Unit,
    WallTime,
)
from edged.types import Classification, Frame, Pose

KeypointRow: TypeAlias = tuple[float, float, Unit]


class PosePayload(msgspec.Struct, frozen=True, kw_only=True):
    """One person of a frame. x, y, width and height are fractions of the upright frame."""

    id: Annotated[
        int,
        Meta(
            ge=0,
            description="Who it is: the same from frame to frame. 0: not sure enough yet.",
        ),
    ]
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
    active: Annotated[
        int | None, Meta(description="The `id` of the one who exercises; null: nobody.")
    ] = None
    depth: Annotated[
        float | None,
        Meta(
            description="How far into a rep: 0 = the textbook's start, 1 = its full range; null: "
            "not known."
        ),
    ] = None


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
    frame: Frame,
    poses: list[Pose],
    *,
    age_ms: float,
    model: str,
    accelerator: str,
    active: int | None = None,
    depth: float | None = None,
) -> PoseMessage:
    """What `pose` tells of a frame."""
    return PoseMessage(
        seq=frame.seq,
        ts=round(frame.ts, 6),
        age_ms=round(age_ms, 3),
        model=model,
        accelerator=accelerator,
        poses=[pose_payload(pose) for pose in poses],
        active=active,
        depth=depth,
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
