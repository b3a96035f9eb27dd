"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real models, pictures and keypoints, which are too large for the repository."""
    folder = Path(os.environ.get("EDGED_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no folder {folder} with the models and pictures (or set EDGED_SHARED)")
    return folder
