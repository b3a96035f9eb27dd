"""`edged bench`: what edged costs and how fresh its messages are, beside other programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edged.bench.figures import as_json, as_text
from edged.bench.measure import PACES, Bench, measure
from edged.commands.runner import inference
from edged.config import model_directories
from edged.errors import UsageError
from edged.inference.catalog import resolve


def run(
    model: str,
    source: str,
    *,
    seconds: float,
    threads: int,
    accelerators: Sequence[str],
    pace: str,
    peers: Sequence[Path],
    json: bool,
) -> None:
    """Measure and print.

    Raises:
        UsageError: a file that was named does not exist.
        EdgedError: something cannot be measured, see `edged.bench.measure.measure`.
    """
    missing = [path for path in (*peers, *([Path(source)] if source else [])) if not path.is_file()]
    if missing:
        raise UsageError(f"{missing[0]}: no such file")
    bench = Bench(
        model=resolve(model, model_directories()),
        source=source,
        seconds=seconds,
        inference=inference(threads, accelerators),
        paces=PACES if pace == "all" else (pace,),
        peers=peers,
    )
    report = measure(bench)
    print(as_json(report).decode() if json else as_text(report))
