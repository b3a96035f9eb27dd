"""Measures edged and other programs on the same frames, one after the other, from outside."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from edged.bench import rig
from edged.bench.figures import Figures, OwnFigures, Report, Run, percentiles
from edged.bench.subscriber import TOPICS
from edged.config import Config, dump
from edged.cv import cv2
from edged.errors import EdgedError
from edged.inference.alone import sections, spec_of
from edged.inference.catalog import Kind, ModelFile
from edged.inference.engine import Engine
from edged.sections import Camera, Device, Health, Inference, Log, Mqtt

OVERLOAD = 10
"""Frames offered for each that the model can take."""
MOST_FPS = 10_000.0
"""What the configuration of a camera takes."""
BARE_INVOKES = 300
MOST_CLOCK_SHIFT_MS = 5.0
PACES = ("fast", "realtime", "overload")
"""As many frames as are taken; the clip's own rate; `OVERLOAD` times what can be taken."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What to measure."""

    model: ModelFile
    source: str
    """A video file; empty: a pattern of our own."""
    seconds: float
    """Of each program at each pace."""
    inference: Inference
    paces: Sequence[str]
    peers: Sequence[Path]
    """Python programs, called as `tests/bench/peers/` tells."""


def measure(bench: Bench) -> Report:
    """All paces, one after the other, and at each edged and its peers in turn.

    Peers whose name has `queue` in it run at the overload only, the others at the other paces.

    Raises:
        BrokerError: there is no Mosquitto to measure with.
        EdgedError: a program under test ended or sent nothing.
        ModelError: the model cannot be loaded.
    """
    with tempfile.TemporaryDirectory(prefix="edged-bench-") as name:
        directory = Path(name)
        source = Path(bench.source) if bench.source else rig.clip(directory / "clip.avi")
        kind, bare = _bare_invokes(bench)
        overload_fps = min(OVERLOAD * 1e3 / float(np.median(bare)), MOST_FPS)
        rates = {"fast": 0.0, "realtime": _rate(source), "overload": overload_fps}
        runs = {}
        with rig.broker(directory) as port:
            for pace in bench.paces:
                config = _configuration(bench, kind, source, port, pace, rates[pace])
                runs[pace] = Run(
                    edged=_measure_edged(config, directory, port, bench.seconds),
                    peers={
                        peer.stem: _measure_peer(bench, peer, source, port, rates[pace])
                        for peer in bench.peers
                        if ("queue" in peer.stem) == (pace == "overload")
                    },
                )
    return Report(
        model=bench.model.path.name,
        threads=bench.inference.threads,
        source=bench.source or "a 640x480 pattern at 30 frames/s",
        seconds=bench.seconds,
        bare_invoke_ms=percentiles(bare),
        runs=runs,
    )


def _bare_invokes(bench: Bench) -> tuple[Kind, list[float]]:
    """What kind of model it is, and milliseconds of invokes of it alone."""
    engine = Engine([bench.model], bench.inference)
    try:
        engine.start()
        kind = spec_of(bench.model, engine).kind
        return kind, [engine.invoke(0) / 1e6 for _ in range(BARE_INVOKES)]
    finally:
        engine.close()


def _rate(source: Path) -> float:
    """Frames a second of a video file."""
    capture = cv2.VideoCapture(str(source))
    try:
        return float(capture.get(cv2.CAP_PROP_FPS)) or rig.CLIP_FPS
    finally:
        capture.release()


def _configuration(
    bench: Bench, kind: Kind, source: Path, port: int, pace: str, rate: float
) -> Config:
    """The daemon's, for one pace."""
    overload = pace == "overload"
    pose, labels = sections(kind, str(bench.model.path), interval_s=0)
    return Config(
        device=Device(name=TOPICS.device),
        camera=Camera(
            source=f"replay:{source}" if overload else str(source),
            pace="fast" if pace == "fast" else "realtime",
            fps=rate if overload else rig.CLIP_FPS,
            loop=True,
        ),
        inference=bench.inference,
        pose=pose,
        labels=labels,
        mqtt=Mqtt(port=port, prefix=TOPICS.prefix),
        # The first health message comes with the first frame, the next covers the whole run.
        health=Health(interval_s=rig.WARMUP_S + bench.seconds - 0.25),
        log=Log(level="error"),
    )


def _measure_edged(config: Config, directory: Path, port: int, seconds: float) -> OwnFigures:
    file = directory / "edged.toml"
    file.write_text(dump(config))
    command = [sys.executable, "-m", "edged", "run", "--config", str(file)]
    seen = rig.observe("edged", command, port, seconds)
    health = seen.arrivals.health[-1] if seen.arrivals.health else None
    if health is None or health.stage_ms is None or health.invoke_ms is None:
        raise EdgedError("edged told nothing of its health during the benchmark")
    stages = health.stage_ms
    parts = stages.preprocess, stages.infer, stages.decode, stages.fitness, stages.publish
    frame_ms = sum(part.p50 for part in parts)
    return OwnFigures(
        **msgspec.structs.asdict(_figures(seen)),
        dropped=health.dropped,
        invoke_ms=health.invoke_ms,
        stage_ms=stages,
        frame_ms=round(frame_ms, 3),
        overhead_ratio=round(frame_ms / health.invoke_ms.p50, 3),
    )


def _measure_peer(bench: Bench, peer: Path, source: Path, port: int, rate: float) -> Figures:
    words = [str(source), str(bench.model.path), "127.0.0.1", str(port), TOPICS.pose, str(rate)]
    command = [sys.executable, str(peer), *words, str(bench.inference.threads)]
    return _figures(rig.observe(peer.name, command, port, bench.seconds))


def _figures(seen: rig.Observation) -> Figures:
    if abs(seen.arrivals.clock_shift_ms) > MOST_CLOCK_SHIFT_MS:
        raise EdgedError("the clock of this machine was set during the run: measure again")
    ages, frames = seen.age_ms, len(seen.age_ms)
    if not frames:
        raise EdgedError("no frame came after the warm-up")
    quarter = -(-frames // 4)
    growth = float(np.median(ages[-quarter:]) - np.median(ages[:quarter]))
    return Figures(
        fps=round(frames / seen.seconds, 2),
        frames=frames,
        age_ms=percentiles(ages),
        age_growth_ms=round(growth, 3),
        cpu_ms_per_frame=round(seen.cpu_s * 1e3 / frames, 3),
        pss_mb=round(seen.pss_mb, 1),
        startup_s=round(seen.startup_s, 3),
    )
