"""What a benchmark finds, and how it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from edged.messages.device import Percentiles, StageTimes


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One program at one pace."""

    fps: float
    frames: int
    age_ms: Percentiles
    """From the exposure to a subscriber in another process, through the broker."""
    age_growth_ms: float
    """The median age in the last quarter of the run less that in the first."""
    cpu_ms_per_frame: float
    """Of all processes of the program."""
    pss_mb: float
    """Likewise; pages that they share count once."""
    startup_s: float
    """From the start of the process to its first message at the subscriber."""


class OwnFigures(Figures, frozen=True, kw_only=True):
    """What edged tells of itself on top."""

    dropped: int
    """Frames that a newer one replaced."""
    invoke_ms: Percentiles
    """The bare invoke of each frame."""
    stage_ms: StageTimes
    frame_ms: float
    """The critical path of a frame: all parts but capture, at their medians."""
    overhead_ratio: float
    """`frame_ms` in bare invokes, those of the same frames."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One pace."""

    edged: OwnFigures
    peers: Mapping[str, Figures]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was measured."""

    model: str
    threads: int
    source: str
    seconds: float
    bare_invoke_ms: Percentiles
    """The model alone in a worker, with nothing else running."""
    runs: Mapping[str, Run]
    """By pace, in the order they ran."""


COSTS = "cpu ms/frame  pss MB  startup s"


def percentiles(values: Sequence[float]) -> Percentiles:
    """Of at least one value."""
    p50, p95, p99 = np.percentile(values, (50, 95, 99)).round(3).tolist()
    return Percentiles(p50=p50, p95=p95, p99=p99)


def as_json(report: Report) -> bytes:
    """One object: the figures of the first pace at its top, each other pace under its name."""
    built: dict[str, Any] = msgspec.to_builtins(report)
    for place, (pace, run) in enumerate(built.pop("runs").items()):
        figures = run["edged"] | {"peers": run["peers"]}
        built |= {"pace": pace} | figures if place == 0 else {pace: figures}
    return msgspec.json.encode(built)


def as_text(report: Report) -> str:
    """A table a pace, for a terminal."""
    bare = report.bare_invoke_ms
    lines = [
        f"{report.model}, {report.threads} thread(s), {report.source}, {report.seconds:g} s each",
        f"bare invoke: {bare.p50:.2f} ms p50, {bare.p99:.2f} ms p99",
    ]
    for pace, run in report.runs.items():
        rows = {"edged": run.edged} | dict(run.peers)
        width = max(map(len, rows))
        lines += [
            "",
            f"{pace}:",
            f"  {'':{width}}     fps   age ms p50    p95    p99  growth  {COSTS}",
        ]
        lines += [
            f"  {name:{width}}  {row.fps:6.1f}   {row.age_ms.p50:10.2f} {row.age_ms.p95:6.1f}"
            f" {row.age_ms.p99:6.1f}  {row.age_growth_ms:6.1f}  {row.cpu_ms_per_frame:12.2f}"
            f"  {row.pss_mb:6.1f}  {row.startup_s:9.2f}"
            for name, row in rows.items()
        ]
        own, stages = run.edged, run.edged.stage_ms
        lines.append(
            f"  edged: {own.frame_ms:.2f} ms a frame = {own.overhead_ratio:.2f} invokes of"
            f" {own.invoke_ms.p50:.2f} ms; preprocess {stages.preprocess.p50:.2f},"
            f" infer {stages.infer.p50:.2f}, decode {stages.decode.p50:.2f},"
            f" fitness {stages.fitness.p50:.2f},"
            f" publish {stages.publish.p50:.2f} ms; {own.dropped} dropped"
        )
    return "\n".join(lines)
