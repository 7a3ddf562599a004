"""A debug callback that remembers its lines, in place for one test."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.waiting import wait_until

import gamesockets as gs
from gamesockets.observe.debug_output import OUTPUT


class Lines:
    """The lines that came, oldest first."""

    def __init__(self) -> None:
        self.lines: list[tuple[gs.DebugType, str]] = []

    def __call__(self, kind: gs.DebugType, text: str) -> None:
        self.lines.append((kind, text))

    def texts(self, kind: gs.DebugType | None = None) -> list[str]:
        """The texts, all or those of one type."""
        return [text for found, text in list(self.lines) if kind in (None, found)]

    def having(self, part: str) -> list[str]:
        """The texts with `part` in them."""
        return [text for text in self.texts() if part in text]

    def wait_for(self, part: str, count: int = 1) -> list[str]:
        """The texts with `part` in them, once there are so many."""
        wait_until(lambda: len(self.having(part)) >= count, lambda: f"{count} lines with {part!r} in {self.texts()}")
        return self.having(part)


@contextmanager
def listening_at(level: int) -> Iterator[Lines]:
    """Takes the debug output of the process; no earlier line counts against the limit for repeated ones."""
    OUTPUT._bursts.clear()
    lines = Lines()
    gs.Library.set_debug_callback(level, lines)
    try:
        yield lines
    finally:
        gs.Library.set_debug_callback(0, None)
