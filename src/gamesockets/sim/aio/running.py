"""How is a program run on a simulated network?"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from gamesockets.bad_network.link import Conditions
from gamesockets.sim.aio.loop import EventLoop
from gamesockets.sim.aio.machine import Machine
from gamesockets.sim.world import World

T = TypeVar("T")


def run(
    main: Coroutine[Any, Any, T],
    *,
    seed: int = 0,
    conditions: Conditions | None = None,
    world: World | None = None,
    limit: float | None = 3600.0,
) -> T:
    """Runs a coroutine as `asyncio.run` does, in virtual time and on a simulated network.

    Args:
        main: the program.
        seed: decides keys, ids and every draw of every link: the same seed, the same run.
        conditions: what the ways between machines are like; perfect by default. What stays on a machine meets none.
        world: instead of `seed` and `conditions`.
        limit: how many seconds of virtual time it may take; None for any number.

    Raises:
        TimeoutError: it took longer.
        RuntimeError: all tasks wait, and nothing is left that could wake one.
        ValueError: `world` beside one of the others.
    """
    if world is not None and (seed or conditions is not None):
        main.close()
        raise ValueError("a world has its seed and conditions already: leave out seed and conditions")
    place = World(seed, conditions) if world is None else world
    with asyncio.Runner(loop_factory=lambda: EventLoop(place)) as runner:
        return runner.run(_within(main, limit))


async def _within(main: Coroutine[Any, Any, T], limit: float | None) -> T:
    async with asyncio.timeout(limit):
        return await main


def machine(name: str) -> Machine:
    """The machine of that name in the network of the running loop; a new one where there is none.

    Raises:
        RuntimeError: no simulated event loop runs.
    """
    loop = asyncio.get_running_loop()
    if not isinstance(loop, EventLoop):
        raise RuntimeError("machines are on a simulated network: run this with sim.aio.run")  # noqa: TRY004
    return loop.machine(name)
