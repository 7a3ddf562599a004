"""On what does a scenario's coroutine run? On no loop, on asyncio's own, or on uvloop."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Coroutine
from typing import Any

from benchmarks.systems.base import run_without_loop


class Loop(enum.Enum):
    """Which event loop a system wants."""

    NONE = "none"
    ASYNCIO = "asyncio"
    UVLOOP = "uvloop"


def run(program: Coroutine[Any, Any, None], loop: Loop) -> None:
    """Runs a coroutine to its end."""
    if loop is Loop.NONE:
        run_without_loop(program)
        return
    factory = None
    if loop is Loop.UVLOOP:
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(program)
