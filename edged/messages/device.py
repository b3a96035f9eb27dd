"""What the device tells of itself: `info`, which stays, and `health`, now and then."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edged.messages.fields import Accelerator, Count, Milliseconds, NonNegative, Payload, WallTime
from edged.types import KEYPOINT_NAMES, SKELETON


class CameraInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What the source really gives: pixels of the upright frame, frames a second."""

    source: Annotated[str, Meta(description="Its address, without any password.")]
    width: Count
    height: Count
    fps: Annotated[NonNegative, Meta(description="0: unknown.")]


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A model in use; width and height are the pixels of its input, 0 of one that takes poses."""

    name: str
    kind: Literal["pose", "labels", "exercise"]
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
    exercises: Annotated[
        tuple[str, ...],
        Meta(description="That are recognized and counted; empty: `[fitness] enabled` is false."),
    ] = ()
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
    fitness: Annotated[
        Percentiles, Meta(description="Following people, recognizing exercises, counting.")
    ]
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


class OutboxHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How it is with the events that the broker has not acknowledged."""

    depth: Annotated[Count, Meta(description="How many wait.")] = 0
    dropped: Annotated[
        Count, Meta(description="Given up since the start: too many waited, or for too long.")
    ] = 0
    oldest_s: Annotated[
        NonNegative | None, Meta(description="How long the oldest waits; null: none waits.")
    ] = None
    problem: Annotated[
        str | None, Meta(description="What is wrong with their file, for a person; null: nothing.")
    ] = None


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
    outbox: Annotated[OutboxHealth, Meta(description="Of the events that wait for the broker.")] = (
        OutboxHealth()
    )
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
        tuple[AcceleratorHealth, ...],
        Meta(description="Those of the configuration, best first."),
    ] = ()
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
