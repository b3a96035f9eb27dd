"""What Prometheus would read of an endpoint, and figures to be read."""

from __future__ import annotations

import http.client
from collections.abc import Mapping

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from edged.health import COLUMNS
from edged.metrics.families import COUNTERS, GAUGES
from edged.metrics.figures import Buckets, Figures

DEADLINE_S = 20.0


def get(port: int, path: str = "/metrics", accept: str = "") -> tuple[int, str, bytes]:
    """Status, content type and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    try:
        connection.request("GET", path, headers={"Accept": accept} if accept else {})
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type", ""), answer.read()
    finally:
        connection.close()


def parsed(text: str) -> Mapping[tuple[str, tuple[str, ...]], float]:
    """By the sample's name, and the values of its labels in the order of their names."""
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scrape(port: int) -> Mapping[tuple[str, tuple[str, ...]], float]:
    """All samples of an endpoint."""
    status, _, body = get(port)
    assert status == 200
    return parsed(body.decode())


def figures() -> Figures:
    """Of a device that has had three frames."""
    buckets = Buckets(COLUMNS)
    buckets.add(np.full((3, len(COLUMNS)), 0.004, np.float32))
    return Figures(
        device="gym",
        version="0.1.0",
        runtime="ai_edge_litert 2.3.0",
        models=(("movenet", "pose"), ("things", "labels")),
        accelerator="cpu",
        accelerators=(("edgetpu", "waiting"), ("cpu", "serving")),
        uptime_s=12.5,
        is_paused=False,
        is_connected=True,
        problems=1,
        resident_bytes=1e8,
        temperatures={"cpu-thermal": 61.3},
        counters={name: number for number, name in enumerate(COUNTERS)},
        reps={("squat", True): 7, ("squat", False): 2},
        sets={"squat": 1},
        gauges=dict.fromkeys(GAUGES, 4.0),
        times=buckets.histograms,
    )
