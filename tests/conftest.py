"""What every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real models and pictures, which are too large for the repository."""
    folder = Path(os.environ.get("EDGED_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"needs the real models and pictures of {folder}, which does not exist")
    return folder
