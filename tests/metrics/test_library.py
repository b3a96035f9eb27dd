"""Without the library of Prometheus, edged does without its endpoint."""

from __future__ import annotations

import sys

import pytest

from edged.errors import ConfigError
from edged.metrics import library
from edged.sections import Metrics


def test_it_is_asked_for_where_it_is_needed_only(monkeypatch: pytest.MonkeyPatch) -> None:
    library.check(Metrics(enabled=True))
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    library.check(Metrics())
    with pytest.raises(ConfigError, match="sudo apt install python3-prometheus-client"):
        library.check(Metrics(enabled=True))
