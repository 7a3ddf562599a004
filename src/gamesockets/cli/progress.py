"""How does work that takes a while show how far it is, without getting in the way of its result?

The bar goes to standard error, only when that is a terminal, and is gone when the work is done.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

REDRAW_SECONDS: Final = 0.1


@final
class Bar:
    """A progress bar that its owner moves by `show`; without a terminal it does nothing."""

    __slots__ = ("_due", "_progress", "_task")

    def __init__(self, progress: Progress | None, title: str = "") -> None:
        self._progress = progress
        self._task = progress.add_task(title, total=1, text="") if progress is not None else None
        self._due = 0.0

    def show(self, done: float, total: float, text: str) -> None:
        """Draw it at `done` of `total`, with `text` behind; calls that come too thick are left out."""
        now = time.monotonic()
        if self._progress is not None and self._task is not None and now >= self._due:
            self._due = now + REDRAW_SECONDS
            self._progress.update(self._task, completed=min(done, total), total=total, text=text)
            self._progress.refresh()


@contextmanager
def progress_bar(title: str, wanted: bool = True) -> Iterator[Bar]:
    """A bar on standard error while inside, if it is `wanted` and somebody can see it."""
    if not wanted or not sys.stderr.isatty():
        yield Bar(None)
        return
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[text]}"),
        console=Console(stderr=True),
        auto_refresh=False,
        transient=True,
    )
    with progress:
        yield Bar(progress, title)
