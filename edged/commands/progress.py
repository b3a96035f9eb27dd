"""How far a command has come, on a terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def bar(total: float, *, is_wanted: bool = True) -> Iterator[Callable[[str, float], None]]:
    """A bar on a terminal; takes what is worked on, and how much more of `total` is done."""
    if not (is_wanted and sys.stderr.isatty()):
        yield lambda _what, _share: None
        return
    from rich import progress as bars  # noqa: PLC0415 - only for those who see it
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Column  # noqa: PLC0415

    # A long name gets the room that is left, and no more.
    name = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    with bars.Progress(
        bars.BarColumn(),
        bars.TaskProgressColumn(),
        bars.TimeRemainingColumn(),
        bars.TextColumn("{task.description}", markup=False, table_column=name),
        expand=True,
        console=Console(stderr=True),
        redirect_stdout=sys.stdout.isatty(),  # lines go above the bar; a pipe stays a pipe
        transient=True,
    ) as progress:
        task = progress.add_task("", total=total)
        yield lambda what, share: progress.update(task, description=what, advance=share)
