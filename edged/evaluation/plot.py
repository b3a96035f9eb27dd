"""A report as a picture. Needs matplotlib, which comes with the extra `evaluate`."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edged.errors import UsageError
from edged.evaluation.report import KeypointScores, Report, Scores

OKS_COLOUR, PCK_COLOUR = "#2a6fbb", "#e0a030"
BAR = 0.38
"""Height of a bar; two and a gap make 1."""


def check(path: Path) -> None:
    """Tell before the work whether a plot can be drawn there.

    Raises:
        UsageError: matplotlib is not installed, it knows no pictures of this kind, or there is no
            such directory.
    """
    try:
        from matplotlib.backend_bases import FigureCanvasBase  # noqa: PLC0415 - slow, and an extra
    except ImportError as error:
        raise UsageError("a plot needs matplotlib: pip install 'edged[evaluate]'") from error
    endings = sorted(f".{ending}" for ending in FigureCanvasBase.get_supported_filetypes())
    if path.suffix.lower() not in endings:
        raise UsageError(f"{path}: expected {', '.join(endings)}; got {path.suffix or 'no ending'}")
    if not path.parent.is_dir():
        raise UsageError(f"{path}: there is no directory {path.parent}")


def drawn(told: Report, ending: str) -> bytes:
    """OKS and PCK of each keypoint, exercise and view.

    Returns:
        A file with this `ending` (`.png`), which is one that `check` lets pass.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - half a second, and an extra

    groups = [group for group in (told.keypoints, told.exercises, told.views) if group]
    figure = Figure(figsize=(4.6 * len(groups), 6.0), layout="constrained")
    panels = figure.subplots(1, len(groups), squeeze=False)[0]
    for panel, group in zip(panels, groups, strict=True):
        _bars(panel, group)
    # Beneath the panels: inside one of them it would lie on the bars.
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower left", ncols=len(names))
    figure.suptitle(
        f"{told.model} on {told.source}: OKS {told.oks:.3f}, PCK@0.2 {told.pck:.3f}, "
        f"{told.frames} frames"
    )
    file = io.BytesIO()
    figure.savefig(file, format=ending.removeprefix(".").lower(), dpi=110)
    return file.getvalue()


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
