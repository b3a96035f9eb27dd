"""The plot of a report: a real file that a real reader opens."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from marks import marked, reported

from edged.cv import cv2
from edged.errors import UsageError
from edged.evaluation.plot import check, drawn
from edged.evaluation.report import Sample

REPORT = reported(Sample("squat", "front", marked(0.9)), Sample("plank", "left", marked(0.4)))


def test_a_picture_is_drawn() -> None:
    picture = cv2.imdecode(np.frombuffer(drawn(REPORT, ".png"), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.std() > 10


def test_a_drawing_tells_every_name() -> None:
    text = drawn(REPORT, ".SVG").decode()
    for name in ("left wrist", "squat", "plank", "front", "a model on somewhere"):
        assert f"<!-- {name}" in text


def test_what_cannot_be_drawn_is_told_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"plot\.docx: expected .*\.png, .*got \.docx"):
        check(tmp_path / "plot.docx")
    with pytest.raises(UsageError, match="there is no directory"):
        check(tmp_path / "nowhere" / "plot.png")
    check(tmp_path / "plot.png")


def test_without_matplotlib_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.backend_bases", None)
    with pytest.raises(UsageError, match="pip install"):
        check(tmp_path / "plot.png")
