"""Marks and reports of made-up frames."""

from __future__ import annotations

import numpy as np

from edged.evaluation.metrics import Mark
from edged.evaluation.report import Report, Sample, report


def marked(oks: float, pck: float = 1.0, *, outside: tuple[int, ...] = ()) -> Mark:
    """A frame whose keypoints are all as near as this, but for those outside it."""
    near, right = np.full(17, oks), np.full(17, pck)
    near[list(outside)] = right[list(outside)] = np.nan
    return Mark(found=oks > 0, oks=near, pck=right)


def reported(*samples: Sample) -> Report:
    """The report of these frames."""
    return report(samples, model="a model", source="somewhere", looks=2)
