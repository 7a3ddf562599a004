"""How do stop signals end what runs in an event loop? The first begins a gentle end, the second cuts it short."""

import asyncio
import contextlib
from asyncio import Task
from collections.abc import Callable, Coroutine

from gamesockets.drivers.stop_signals import on_stop_signals


async def until_stopped(
    over: Callable[[], Coroutine[None, None, None]], end_gently: Callable[[], Coroutine[None, None, object]]
) -> None:
    """Waits until `over` returns or a stop signal comes; then awaits `end_gently`, which a second signal cancels."""
    loop = asyncio.get_running_loop()
    signals: asyncio.Queue[None] = asyncio.Queue()

    def asked() -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed
            loop.call_soon_threadsafe(signals.put_nowait, None)

    with on_stop_signals(asked):
        if await _first_of(over(), signals.get()) == 0:
            return
        await _first_of(end_gently(), signals.get())


async def _first_of(*coroutines: Coroutine[None, None, object]) -> int:
    """Runs them until the first is over, and cancels the others; which one it was. What it raised comes out here."""
    tasks: list[Task[object]] = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        first = next(place for place, task in enumerate(tasks) if task.done())
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    if not tasks[first].cancelled():
        tasks[first].result()
    return first
