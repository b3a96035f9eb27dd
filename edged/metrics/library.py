"""The library that the endpoint needs, which most devices do without."""

from __future__ import annotations

from edged.errors import ConfigError
from edged.sections import Metrics

NEEDS = (
    "[metrics] enabled: needs the library prometheus-client: sudo apt install "
    "python3-prometheus-client, or pip install 'edged[metrics]'"
)


def check(settings: Metrics) -> None:
    """Raises `ConfigError`: the endpoint is wanted, and what it needs is not installed."""
    if settings.enabled:
        try:
            import prometheus_client  # noqa: F401, PLC0415 - of an extra
        except ImportError as error:
            raise ConfigError(NEEDS) from error
