"""How does a test wait for what will happen, on a thread or in an event loop, and when does it give up?"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

T = TypeVar("T")

DEADLINE_S: Final = 60.0
"""Only a test that fails takes that long."""
_LOOK_EVERY_S: Final = 0.002


def _sleep() -> None:
    time.sleep(_LOOK_EVERY_S)


def wait_until(
    condition: Callable[[], T | None],
    what: str | Callable[[], str] = "what the test waits for",
    deadline_s: float = DEADLINE_S,
    pause: Callable[[], object] = _sleep,
) -> T:
    """What `condition` returns as soon as that is true; `AssertionError` with `what` if it stays false.

    `pause` is called between two looks. It is a sleep of 2 ms unless the test knows something that wakes it, as
    `NetworkingSockets.wait` does.
    """
    deadline = time.monotonic() + deadline_s
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"no {what if isinstance(what, str) else what()} within {deadline_s} s")
        pause()
    return found


def collect(receive: Callable[[], Sequence[T]], count: int, pause: Callable[[], object] = _sleep) -> list[T]:
    """All that `receive` has given, call by call, once these are at least `count` things."""
    came: list[T] = []

    def is_enough() -> bool:
        came.extend(receive())
        return len(came) >= count

    wait_until(is_enough, lambda: f"{count} but only {len(came)} things: {came[-3:]}", pause=pause)
    return came


async def until(condition: Callable[[], T | None]) -> T:
    """As `wait_until`, while the event loop runs; `TimeoutError` if it stays false."""
    async with asyncio.timeout(DEADLINE_S):
        while not (found := condition()):
            await asyncio.sleep(_LOOK_EVERY_S)
    return found


async def soon(condition: Callable[[], object]) -> None:
    """Asserts that `condition` is true within a few turns of the loop, not only when a timer or a peer stirs it."""
    for _ in range(5):
        await asyncio.sleep(0)
    assert condition()
