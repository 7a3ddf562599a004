"""What stands between the two sides of a scenario that wants a bad network? A process that runs `relay.py`."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Final

from benchmarks.systems import needs

ONE_WAY_S: Final = 0.025
LOSS: Final = 0.01
SEED: Final = 1
_PATIENCE_S: Final = 10.0


class LinkProcess:
    """Starts with the address of the server, stands in for it, and tells at the end what it did."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def open(self, server: str) -> str:
        """Where the client has to connect."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.relay", server, str(ONE_WAY_S), str(LOSS), str(SEED)],
            cwd=needs.ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if self._process.stdout is None:
            raise RuntimeError("the link has no standard output")
        return str(json.loads(self._process.stdout.readline())["address"])

    def close(self) -> dict[str, float]:
        """Ends it; its figures, none if it was never opened."""
        if self._process is None:
            return {}
        try:
            text, _ = self._process.communicate(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            return {}
        figures: dict[str, float] = json.loads(text) if text else {}
        return figures
