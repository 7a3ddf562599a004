"""How do the two processes of a measurement talk beside the measured connection? In lines of JSON through the runner.

A line `{"peer": {...}}` on standard output reaches the other process's standard input as `{...}`; a line
`{"result": {...}}` ends this process's part. DRIVER.md tells the same to programs in other languages.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Mapping
from typing import Final, TextIO, TypeAlias

Word: TypeAlias = dict[str, str | int | float]

PATIENCE_S: Final = 60.0
"""How long the other process may stay silent before this one gives up."""


class Control:
    """One process's end of the talk. Words arrive on a thread that sleeps in `readline`, so that polling is free."""

    def __init__(self, reader: TextIO, writer: TextIO) -> None:
        self._reader = reader
        self._writer = writer
        self._words: queue.SimpleQueue[Word | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, name="benchmark control", daemon=True).start()

    def _read(self) -> None:
        for line in self._reader:
            self._words.put(json.loads(line))
        self._words.put(None)

    def tell(self, **word: str | int | float) -> None:
        """Sends a word to the other process."""
        self._write({"peer": word})

    def report(self, result: Mapping[str, object]) -> None:
        """Sends the runner what was measured here."""
        self._write({"result": result})

    def _write(self, line: Mapping[str, object]) -> None:
        self._writer.write(json.dumps(line) + "\n")
        self._writer.flush()

    def poll(self) -> Word | None:
        """The next word of the other process if it has come. Raises `EOFError` when the runner is gone."""
        return None if self._words.empty() else self.hear()

    def hear(self, patience_s: float = PATIENCE_S) -> Word:
        """Waits for the next word. Raises `queue.Empty` after `patience_s`, `EOFError` when the runner is gone."""
        word = self._words.get(timeout=patience_s)
        if word is None:
            raise EOFError("the runner ended")
        return word
