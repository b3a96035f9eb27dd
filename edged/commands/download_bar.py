"""How downloads are shown: a bar on a terminal, lines about trouble only elsewhere."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

from edged.inference.download import Watcher

if TYPE_CHECKING:
    from rich.progress import Progress


class DownloadBar:
    """Shows one download after the other. On standard error, so that the results stay alone."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._progress: Progress | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._progress = self._stack.enter_context(_progress())
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextlib.contextmanager
    def of(self, what: str) -> Iterator[Watcher]:
        """Show a download while it lasts."""
        if self._progress is None:
            yield _Lines()
            return
        row = _Row(self._progress, what)
        try:
            yield row
        finally:
            row.close()


class _Lines:
    """For a pipe or a file."""

    def progress(self, done: int, total: int | None) -> None:
        pass

    def trouble(self, text: str) -> None:
        print(f"edged: {text}", file=sys.stderr, flush=True)


class _Row:
    """For a terminal."""

    def __init__(self, progress: Progress, what: str) -> None:
        self._progress = progress
        self._task = progress.add_task(what, total=None)

    def progress(self, done: int, total: int | None) -> None:
        self._progress.update(self._task, completed=done, total=total)

    def trouble(self, text: str) -> None:
        self._progress.console.print(f"edged: {text}", markup=False, highlight=False)

    def close(self) -> None:
        self._progress.remove_task(self._task)


def _progress() -> Progress:
    from rich import progress as bars  # noqa: PLC0415 - only for those who see it
    from rich.console import Console  # noqa: PLC0415

    return bars.Progress(
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(),
        bars.DownloadColumn(),
        bars.TransferSpeedColumn(),
        console=Console(stderr=True),
        redirect_stdout=sys.stdout.isatty(),  # lines go above the bar; a pipe stays a pipe
        transient=True,
    )
