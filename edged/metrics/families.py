"""Figures in the words of Prometheus: names, units, labels (https://prometheus.io/docs/practices)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric

from edged.metrics.figures import BOUNDS_S, Figures

COUNTERS: Mapping[str, str] = {
    "frames": "Frames answered.",
    "frames_dropped": "Frames replaced by a newer one before anybody looked at them.",
    "frames_failed": "Frames for which a model had no answer.",
    "worker_restarts": "Times that the process of the models was replaced.",
    "failovers": "Times that an accelerator failed and another one took over.",
    "promotions": "Times that a better accelerator took over.",
    "broker_reconnects": "Connections to the broker after the first.",
    "stream_messages_unsent": "Stream messages that never left: replaced, expired, or no broker.",
    "events_dropped": "Events given up: too many waited for the broker, or for too long.",
    "workouts": "Workouts that are over.",
}
"""What each counts, since edged started."""
GAUGES: Mapping[str, str] = {
    "outbox_events": "Events that the broker has not acknowledged yet.",
}
"""What some devices have and others lack."""

WHOLE_FRAME = {
    "age": "From the exposure of a frame until its message is handed to the MQTT client.",
    "invoke": "The model alone, of a frame.",
}
"""Times that are no part of the way of a frame."""


def families(figures: Figures) -> Iterator[Metric]:
    """All that is told of a device."""
    yield InfoMetricFamily(
        "edged",
        "What this device is.",
        value={
            "device": figures.device,
            "version": figures.version,
            "runtime": figures.runtime,
            "accelerator": figures.accelerator,
        },
    )
    models = [((name, kind), 1.0) for name, kind in figures.models]
    yield _gauge("edged_model", "A model in use: 1.", ("model", "kind"), models)
    states = [(one, 1.0) for one in figures.accelerators]
    yield _gauge("edged_accelerator", "Its state: 1.", ("accelerator", "state"), states)
    yield GaugeMetricFamily("edged_uptime_seconds", "Since the start.", figures.uptime_s)
    yield GaugeMetricFamily("edged_problems", "How much is wrong now.", figures.problems)
    yield GaugeMetricFamily(
        "edged_camera_paused", "1: the camera is closed on purpose.", figures.is_paused
    )
    yield GaugeMetricFamily(
        "edged_broker_connected", "1: there is a connection.", figures.is_connected
    )
    yield GaugeMetricFamily(
        "edged_memory_resident_bytes", "Of all processes of this device.", figures.resident_bytes
    )
    heats = [((sensor,), degrees) for sensor, degrees in figures.temperatures.items()]
    yield _gauge("edged_temperature_celsius", "Of each sensor.", ("sensor",), heats)
    for name, value in figures.gauges.items():
        yield GaugeMetricFamily(f"edged_{name}", GAUGES[name], value)
    for name, what in COUNTERS.items():
        yield CounterMetricFamily(f"edged_{name}", what, figures.counters[name])
    yield _counter(
        "edged_reps",
        "Reps as they were told; the sets know of corrections.",
        ("exercise", "is_full"),
        [((name, str(is_full).lower()), n) for (name, is_full), n in figures.reps.items()],
    )
    sets = [((name,), count) for name, count in figures.sets.items()]
    yield _counter("edged_sets", "Sets that are over.", ("exercise",), sets)
    yield from _histograms(figures)


def _histograms(figures: Figures) -> Iterator[Metric]:
    stages = HistogramMetricFamily(
        "edged_stage_seconds", "Time that a frame spends in each part.", labels=("stage",)
    )
    bounds = [*(str(bound) for bound in BOUNDS_S), "+Inf"]
    for stage, histogram in figures.times.items():
        buckets = list(zip(bounds, map(float, histogram.up_to), strict=True))
        if stage in WHOLE_FRAME:
            yield HistogramMetricFamily(
                f"edged_{stage}_seconds", WHOLE_FRAME[stage], buckets, histogram.sum_s
            )
        else:
            stages.add_metric((stage,), buckets, histogram.sum_s)
    yield stages


def _gauge(
    name: str, what: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]
) -> Metric:
    family = GaugeMetricFamily(name, what, labels=labels)
    for words, value in values:
        family.add_metric(words, value)
    return family


def _counter(
    name: str, what: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]
) -> Metric:
    family = CounterMetricFamily(name, what, labels=labels)
    for words, value in values:
        family.add_metric(words, value)
    return family
