"""How do many clients of `aio` talk to an echo server for a while, and does each hear what it said?"""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

from tests.behaviour.traffic import content
from tests.support.patience import PATIENT

import gamesockets as gs
from gamesockets import aio

CONNECTING_AT_ONCE: Final = 50
"""So many that a server with one core accepts them all before the first gives up."""
TALKING_AT_ONCE: Final = 50
"""So many that each is answered within the second after which it would begin to ask whether the peer is there."""


class Talk(NamedTuple):
    """What each client says."""

    rounds: int
    size_bytes: int
    pause_s: float = 0.0


async def echo(connection: aio.Connection) -> None:
    """The handler of an echo server, as in the documentation."""
    async for message in connection:
        await connection.send(message.data, message.flags)


async def talk(address: gs.Address, clients: int, what: Talk) -> int:
    """`clients` connect, wait until all are there, and talk; how many messages came back, each to whom said it."""
    gate, floor = asyncio.Semaphore(CONNECTING_AT_ONCE), asyncio.Semaphore(TALKING_AT_ONCE)
    all_connected = asyncio.Barrier(clients)

    async def client(number: int) -> int:
        async with gate:
            connection = await aio.connect(address, config=PATIENT)
        async with connection:
            await all_connected.wait()
            for round_ in range(what.rounds):
                said = content(number * what.rounds + round_, what.size_bytes)
                async with floor:
                    assert await connection.send(said, gs.SendFlags.RELIABLE_NO_NAGLE) == round_ + 1
                    heard = await connection.receive()
                assert heard.data == said
                await asyncio.sleep(what.pause_s)
        return what.rounds

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(client(number)) for number in range(clients)]
    return sum(task.result() for task in tasks)
