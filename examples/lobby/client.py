"""How does a user stay in the lobby, although connections and servers come and go?"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import gamesockets as gs
from examples.lobby.server import FLAGS
from gamesockets import aio


async def messages(address: str, name: str, backoff: aio.Backoff | None = None) -> AsyncIterator[dict[str, Any]]:
    """What the lobby tells, for ever: a user who loses the server enters the next one, and wants to play again."""
    async for connection in aio.connect(address, backoff=backoff):
        await _ask(connection, do="enter", name=name)
        await _ask(connection, do="play")
        try:
            async for message in connection:
                yield json.loads(message.data)
        except gs.ConnectionClosed:
            pass  # lost; the next round finds it again
        yield {"lost": connection.end_debug}


async def _ask(connection: aio.Connection, **request: str) -> None:
    with contextlib.suppress(gs.ConnectionClosed):  # the loop over its messages says so
        await connection.send(json.dumps(request).encode(), FLAGS)


async def join(address: str, name: str) -> None:
    """One user, who prints what happens."""
    async for message in messages(address, name):
        print(json.dumps(message, ensure_ascii=False), flush=True)


async def crowd(address: str, count: int) -> int:
    """Many users, until all have found a match; how many matches these were."""

    async def play(number: int) -> int:
        async for message in messages(address, f"user-{number}"):
            if "match" in message:
                return int(message["match"])
        return 0

    found = await asyncio.gather(*[play(number) for number in range(count)])
    return len(set(found))
