"""What a device tells, for tests of those who listen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from edged.messages.device import CameraInfo, HealthMessage, Info, ModelInfo, Percentiles
from edged.messages.exercise import ExerciseState, RepFigures
from edged.messages.streams import LabelPayload, LabelsMessage, PoseMessage, PosePayload


def person(*, score: float = 0.74, x: float = 0.5) -> PosePayload:
    """Someone upright, in the middle unless told."""
    rows = [(x + 0.02 * (number % 2), 0.1 + 0.05 * number, 0.9) for number in range(17)]
    return PosePayload(id=1, score=score, box=(0.4, 0.1, 0.1, 0.8), keypoints=rows)


def pose(people: Sequence[PosePayload] = (), *, seq: int = 0, age_ms: float = 8.2) -> PoseMessage:
    return PoseMessage(
        seq=seq, ts=1.0, age_ms=age_ms, model="m", accelerator="cpu", poses=list(people)
    )


def labels(*names: str, confident: bool = True) -> LabelsMessage:
    return LabelsMessage(
        seq=0,
        ts=1.0,
        age_ms=11.9,
        model="m",
        accelerator="cpu",
        confident=confident,
        labels=[LabelPayload(label=name, index=0, score=0.9) for name in names],
    )


def info(*, source: str = "/dev/video0", **changes: Any) -> Info:
    told = Info(
        version="0.1.0",
        camera=CameraInfo(source=source, width=640, height=480, fps=30.0),
        models=[ModelInfo(name="movenet", kind="pose", width=192, height=192, licence="")],
        accelerator="cpu",
        runtime="ai_edge_litert 2.3.0",
    )
    return msgspec.structs.replace(told, **changes)


def exercise(**changes: Any) -> ExerciseState:
    """Three squats, the last one shallow."""
    told = ExerciseState(
        ts=1.0,
        exercise="squat",
        wanted="auto",
        phase="set",
        present=True,
        person=1,
        reps=3,
        partial_reps=0,
        held_s=0.0,
        set=2,
        sets=1,
        last_rep=RepFigures(
            side="both",
            duration_s=2.6,
            eccentric_s=1.4,
            concentric_s=1.2,
            range=0.7,
            measured="knee",
            start_value=172.1,
            peak_value=97.0,
            symmetry=None,
            peak_speed=1.4,
            flags=("shallow",),
        ),
        target_reps=10,
        is_target_reached=False,
        rest_s=0.0,
        rest_since=None,
        workout_since=1.0,
    )
    return msgspec.structs.replace(told, **changes)


def health(**changes: Any) -> HealthMessage:
    told = HealthMessage(
        ts=1.0,
        state="ok",
        problems=[],
        uptime_s=7000.0,
        fps=30.0,
        frames=1000,
        dropped=310,
        failed=0,
        worker_restarts=0,
        reconnects=0,
        unsent=0,
        invoke_ms=Percentiles(p50=6.1, p95=6.8, p99=7.4),
        age_ms=None,
        stage_ms=None,
        accelerator="cpu",
        temperatures={"cpu-thermal": 61.3},
        rss_mb=118.4,
    )
    return msgspec.structs.replace(told, **changes)
