"""How a clip was counted, as a picture: the signal, its thresholds, the reps."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from math import nan
from typing import NamedTuple, TypeAlias

from edged.fitness.exercises import Exercise
from edged.fitness.reps import Rep

Advance: TypeAlias = Callable[[float], None]

SIGNAL, FULL, PARTIAL, LEVELS = "#2a6fbb", "#3a9a4a", "#b0b0b0", "#e0a030"


class Sample(NamedTuple):
    """The state of a counter at one time."""

    t_s: float
    depth: float
    """0 where the person starts, 1 = the textbook's range from there; nan: not seen."""
    levels: tuple[float, float, float] | None
    """From where a rep is under way, from where it is full, and where it is done."""


def drawn(
    title: str, exercise: Exercise, samples: Sequence[Sample], reps: Sequence[Rep], ending: str
) -> bytes:
    """A file with this `ending` (`.png`), which is one that `plot.check` lets pass."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - half a second, and an extra

    figure = Figure(figsize=(12.0, 4.2), layout="constrained")
    panel = figure.subplots()
    times = [one.t_s for one in samples]
    panel.plot(times, [one.depth for one in samples], color=SIGNAL, lw=1.4, label="range")
    for index, (name, style) in enumerate((("under way", "-"), ("full", "--"), ("done", ":"))):
        values = [nan if one.levels is None else one.levels[index] for one in samples]
        panel.plot(times, values, color=LEVELS, lw=1.0, ls=style, label=name)
    counted = 0
    for rep in reps:
        counted += rep.is_full
        panel.axvspan(rep.began_s, rep.ended_s, color=FULL if rep.is_full else PARTIAL, alpha=0.18)
        mark = str(counted) if rep.is_full else "part"
        note = "\n".join((mark, *rep.flags))
        panel.annotate(note, (rep.peak_s, rep.depth), ha="center", va="bottom", fontsize=8)
    panel.set_xlabel("seconds")
    ways = ", ".join(f"{way.what} {way.start:g} to {way.full:g}" for way in exercise.signals)
    panel.set_ylabel("textbook's range")
    panel.margins(x=0.01, y=0.22)
    panel.grid(alpha=0.3)
    panel.legend(loc="lower center", ncols=4, fontsize=8)
    panel.set_title(f"{title}\nby {ways}", fontsize=10)
    file = io.BytesIO()
    figure.savefig(file, format=ending.removeprefix(".").lower(), dpi=110)
    return file.getvalue()
