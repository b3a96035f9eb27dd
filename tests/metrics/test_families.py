"""Figures as Prometheus reads them, and as docs/subscribers/prometheus.md lists them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector
from scrapes import figures, parsed

from edged.health import COLUMNS
from edged.metrics.families import COUNTERS, families
from edged.metrics.figures import BOUNDS_S

PAGE = Path(__file__).parents[2] / "docs" / "subscribers" / "prometheus.md"


class Once(Collector):
    """Of the figures above."""

    def collect(self) -> object:  # type: ignore[override]
        return families(figures())


def text() -> str:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Once())
    return generate_latest(registry).decode()


def test_all_of_it_is_read_back() -> None:
    told = parsed(text())
    assert told["edged_info", ("cpu", "gym", "ai_edge_litert 2.3.0", "0.1.0")] == 1
    assert told["edged_model", ("labels", "things")] == 1
    assert told["edged_accelerator", ("edgetpu", "waiting")] == 1
    assert told["edged_uptime_seconds", ()] == 12.5
    assert told["edged_camera_paused", ()] == 0
    assert told["edged_broker_connected", ()] == 1
    assert told["edged_problems", ()] == 1
    assert told["edged_memory_resident_bytes", ()] == 1e8
    assert told["edged_temperature_celsius", ("cpu-thermal",)] == 61.3
    assert told["edged_outbox_events", ()] == 4
    assert [told[f"edged_{name}_total", ()] for name in COUNTERS] == list(range(len(COUNTERS)))
    assert told["edged_reps_total", ("squat", "true")] == 7
    assert told["edged_reps_total", ("squat", "false")] == 2
    assert told["edged_sets_total", ("squat",)] == 1


def test_times_are_histograms() -> None:
    told = parsed(text())
    assert told["edged_age_seconds_count", ()] == told["edged_invoke_seconds_count", ()] == 3
    assert told["edged_stage_seconds_sum", ("decode",)] == np.float32(0.004) * 3
    assert told["edged_stage_seconds_bucket", ("0.002", "decode")] == 0
    assert told["edged_stage_seconds_bucket", ("0.005", "decode")] == 3
    buckets = [key for key in told if key[0] == "edged_stage_seconds_bucket"]
    stages = {stage for _, (_, stage) in buckets}
    assert stages == set(COLUMNS) - {"age", "invoke"}
    assert len(buckets) == len(stages) * (len(BOUNDS_S) + 1)


def test_the_page_lists_every_figure() -> None:
    told = {
        re.sub("_(bucket|sum|count)$", "", name)
        for name, _ in parsed(text())
        if not name.endswith("_created")
    }
    listed = re.findall(r"^\| `(edged_\w+)", PAGE.read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(told)
