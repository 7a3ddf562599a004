"""What does a call cost, told without a clock? Counted are the lines of gamesockets that it runs.

So a loop that grows shows as it is. Compiled code runs no lines to count, and then nothing is measured.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final

__all__ = ["LINES_PER_MESSAGE", "LINES_PER_PACKET_MAX", "LINES_PER_PACKET_REPORTED", "MULTIPLE", "lines_of"]

_SOURCE: Final = str(Path(__file__).parents[1])

MULTIPLE: Final = 4
"""A packet may cost so many times what an ordinary one of the same size costs: one full of messages of one byte."""
LINES_PER_PACKET_REPORTED: Final = 110
"""Beside that, for each packet of ours of which it says for the first time what became of all that was in it."""

_ORDINARY_MESSAGES: Final = 400
LINES_PER_MESSAGE: Final = 75
"""What delivering one costs. A segment that closes a hole may deliver many that earlier packets brought."""

LINES_PER_PACKET_MAX: Final = MULTIPLE * _ORDINARY_MESSAGES * LINES_PER_MESSAGE
"""What that comes to, for those who do not measure an ordinary packet first."""


def lines_of(call: Callable[[], Any]) -> int:
    """How many lines of gamesockets a call runs."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if event == "call":
            return trace if frame.f_code.co_filename.startswith(_SOURCE) else None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count
