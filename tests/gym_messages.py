"""Messages of a gym with something in every key, for tests of who reads them."""

from __future__ import annotations

import msgspec

from edged.messages.device import HealthMessage, Percentiles
from edged.messages.exercise import ExerciseState, RepEvent, RepFigures, SetEvent, WorkoutEvent

EVENT = "01976a2e-0000-7000-8000-000000000001"
FIGURES = RepFigures(
    side="both",
    duration_s=2.4,
    eccentric_s=1.5,
    concentric_s=0.9,
    range=1.034,
    measured="knee",
    start_value=170.0,
    peak_value=84.0,
    symmetry=0.92,
    peak_speed=1.3,
    flags=("don't drop",),
)
STATE = ExerciseState(
    ts=1_750_000_000.5,
    exercise="squat",
    wanted="auto",
    phase="rest",
    present=True,
    person=1,
    reps=7,
    partial_reps=1,
    held_s=0.0,
    set=2,
    sets=2,
    last_rep=FIGURES,
    target_reps=10,
    is_target_reached=False,
    rest_s=90.0,
    rest_since=1_750_000_000.25,
    workout_since=1_749_999_000.0,
)
NOBODY = msgspec.structs.replace(
    STATE, exercise=None, phase="nobody", present=False, last_rep=None, rest_since=None
)
TIMES = Percentiles(p50=2.6, p95=3.0, p99=4.0)
HEALTH = HealthMessage(
    ts=1_750_000_000.0,
    state="degraded",
    problems=["the camera gives no frames"],
    uptime_s=10.0,
    fps=29.97,
    frames=300,
    dropped=0,
    failed=0,
    worker_restarts=0,
    reconnects=0,
    unsent=0,
    invoke_ms=TIMES,
    age_ms=msgspec.structs.replace(TIMES, p50=12.5),
    stage_ms=None,
    accelerator="cpu",
    temperatures={"cpu-thermal": 51.5},
    rss_mb=101.5,
)
PAUSED = msgspec.structs.replace(
    HEALTH, state="paused", problems=[], invoke_ms=None, age_ms=None, temperatures={}
)
REP = RepEvent(
    id=EVENT, ts=1.0, exercise="squat", person=1, workout=EVENT, set=EVENT, count=3, is_full=True,
    rep=FIGURES,
)  # fmt: skip
SET = SetEvent(
    id=EVENT, ts=1.0, exercise="squat", person=1, workout=EVENT, number=1, reps=7, partial_reps=0,
    held_s=0.0, began=0.5, duration_s=20.0, mean_rep_s=2.4, mean_range=1.0, flags={}, target_reps=0,
)  # fmt: skip
WORKOUT = WorkoutEvent(
    id=EVENT, ts=1.0, began=0.5, duration_s=20.0, sets=1, reps={"squat": 7}, held_s={}
)
