"""The data files that come with edged, in a source checkout and when installed."""

from __future__ import annotations

from pathlib import Path

from edged.errors import EdgedError

_PACKAGE = Path(__file__).parent


def resource(name: str) -> Path:
    """Where a file such as `models/catalog.toml` is.

    Raises:
        EdgedError: it is nowhere.
    """
    # A wheel carries the files in edged/data, which no checkout has; the other way round would find
    # a stranger's file beside an installed edged.
    for root in (_PACKAGE / "data", _PACKAGE.parent):
        if (root / name).is_file():
            return root / name
    raise EdgedError(f"{name}: this file of edged is missing; install edged again")
