"""What a simulated device says, in the words of the contract."""

from __future__ import annotations

import random
import secrets
import time
from importlib.metadata import version

import msgspec

from edged.messages.device import CameraInfo, HealthMessage, Info, ModelInfo, Percentiles
from edged.messages.encoding import Encode
from edged.messages.exercise import ExerciseState, RepEvent, RepFigures
from edged.messages.ids import RANDOM_BITS, uuid7
from edged.messages.streams import PoseMessage, PosePayload

MODEL, ACCELERATOR = "movenet-lightning", "cpu"
EXERCISE = "squat"
_json = msgspec.json.Encoder()


class Voice:
    """Says what a device with one person before its camera would: numbers are made up, not keys."""

    def __init__(self, poses: tuple[PosePayload, ...], encode: Encode, draw: random.Random) -> None:
        """`poses` are told in turn, from a place of the device's own; `encode` writes poses."""
        self._poses = poses
        self._encode = encode
        self._draw = draw
        self._began = time.monotonic()
        self._began_ts = time.time()
        self._first = draw.randrange(len(poses))
        self._seq = 0
        self._workout, self._set = (_new_id(self._began_ts) for _ in range(2))
        self.reps = 0
        """Events made so far: `count` of the last one."""

    def info(self) -> bytes:
        """As `info`."""
        return _json.encode(
            Info(
                version=version("edged"),
                camera=CameraInfo(source="simulated", width=640, height=480, fps=30.0),
                models=[
                    ModelInfo(name=MODEL, kind="pose", width=192, height=192, licence="Apache-2.0")
                ],
                accelerator=ACCELERATOR,
                runtime="edged fleet simulate",
                exercises=(EXERCISE, "lunge", "push-up", "plank"),
            )
        )

    def pose(self) -> bytes:
        """As `pose`: the next one."""
        self._seq += 1
        place = (self._first + self._seq) % len(self._poses)
        return self._encode(
            PoseMessage(
                seq=self._seq,
                ts=round(time.time(), 6),
                age_ms=round(self._draw.gauss(12.0, 1.0), 3),
                model=MODEL,
                accelerator=ACCELERATOR,
                poses=[self._poses[place]],
            )
        )

    def health(self, *, reconnects: int, unsent: int, fps: float) -> bytes:
        """As `health`."""
        return _json.encode(
            HealthMessage(
                ts=round(time.time(), 3),
                state="ok",
                problems=[],
                uptime_s=round(time.monotonic() - self._began, 1),
                fps=fps,
                frames=self._seq,
                dropped=0,
                failed=0,
                worker_restarts=0,
                reconnects=reconnects,
                unsent=unsent,
                invoke_ms=self._percentiles(6.1),
                age_ms=self._percentiles(8.0),
                stage_ms=None,
                accelerator=ACCELERATOR,
                temperatures={"cpu": round(self._draw.uniform(45.0, 70.0), 1)},
                rss_mb=118.4,
            )
        )

    def rep(self) -> tuple[bytes, bytes]:
        """As `event/rep`, one more, and `exercise` after it."""
        self.reps += 1
        figures = self._figures()
        ts = time.time()
        event = RepEvent(
            id=_new_id(ts),
            ts=round(ts, 3),
            exercise=EXERCISE,
            person=1,
            workout=self._workout,
            set=self._set,
            count=self.reps,
            is_full=True,
            rep=figures,
        )
        state = ExerciseState(
            ts=event.ts,
            exercise=EXERCISE,
            wanted="auto",
            phase="set",
            present=True,
            person=1,
            reps=self.reps,
            partial_reps=0,
            held_s=0.0,
            set=1,
            sets=0,
            last_rep=figures,
            target_reps=0,
            is_target_reached=False,
            rest_s=0.0,
            rest_since=None,
            workout_since=round(self._began_ts, 3),
        )
        return _json.encode(event), _json.encode(state)

    def _figures(self) -> RepFigures:
        eccentric_s, concentric_s = (round(self._draw.uniform(0.9, 1.6), 2) for _ in range(2))
        return RepFigures(
            side="both",
            duration_s=round(eccentric_s + concentric_s, 2),
            eccentric_s=eccentric_s,
            concentric_s=concentric_s,
            range=round(self._draw.uniform(0.8, 1.05), 2),
            measured="knee",
            start_value=round(self._draw.uniform(165.0, 178.0), 1),
            peak_value=round(self._draw.uniform(75.0, 95.0), 1),
            symmetry=round(self._draw.uniform(0.9, 1.0), 2),
            peak_speed=round(self._draw.uniform(1.0, 1.8), 2),
            flags=(),
        )

    def _percentiles(self, middle: float) -> Percentiles:
        p50 = round(middle * self._draw.uniform(0.95, 1.05), 1)
        return Percentiles(p50=p50, p95=round(p50 * 1.1, 1), p99=round(p50 * 1.25, 1))


def _new_id(wall_s: float) -> str:
    return uuid7(wall_s, secrets.randbits(RANDOM_BITS))
