"""A report as a picture. Needs matplotlib, which comes with the extra `evaluate`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edged.errors import EdgedError, UsageError
from edged.evaluation.report import KeypointScores, Report, Scores

OKS_COLOUR, PCK_COLOUR = "#2a6fbb", "#e0a030"
BAR = 0.38
"""Height of a bar; two and a gap make 1."""


def save(told: Report, path: Path) -> None:
    """Draw OKS and PCK of each keypoint, exercise and view; the ending names the kind of picture.

    Raises:
        UsageError: matplotlib is not installed, or knows no pictures of this kind.
        EdgedError: the picture cannot be written.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - half a second, and an extra
    except ImportError as error:
        raise UsageError("a plot needs matplotlib: pip install 'edged[evaluate]'") from error
    groups = [group for group in (told.keypoints, told.exercises, told.views) if group]
    figure = Figure(figsize=(4.6 * len(groups), 6.0), layout="constrained")
    panels = figure.subplots(1, len(groups), squeeze=False)[0]
    for panel, group in zip(panels, groups, strict=True):
        _bars(panel, group)
    panels[0].legend(loc="lower left")
    figure.suptitle(
        f"{told.model} on {told.source}: OKS {told.oks:.3f}, PCK@0.2 {told.pck:.3f}, "
        f"{told.frames} frames"
    )
    try:
        figure.savefig(path, dpi=110)
    except ValueError as error:  # of an ending that it does not know
        raise UsageError(f"{path}: {error}") from error
    except OSError as error:
        raise EdgedError(f"{path}: {error.strerror or error}") from error


def _bars(panel: Any, group: Mapping[str, Scores | KeypointScores]) -> None:
    places = range(len(group))
    for name, colour, shift, values in (
        ("OKS", OKS_COLOUR, -BAR / 2, [one.oks or 0.0 for one in group.values()]),
        ("PCK@0.2", PCK_COLOUR, BAR / 2, [one.pck or 0.0 for one in group.values()]),
    ):
        panel.barh([place + shift for place in places], values, BAR, label=name, color=colour)
    panel.set_yticks(places, [name.replace("_", " ") for name in group])
    panel.invert_yaxis()
    panel.set_xlim(0.0, 1.0)
    panel.grid(axis="x", alpha=0.4)
    panel.set_axisbelow(True)
