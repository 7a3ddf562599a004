"""How do tests of `aio` come to a server, its clients, and both ends of a connection?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import gamesockets as gs
from gamesockets import aio
from gamesockets.node.creation import Config

LOCAL: Final = "127.0.0.1"
RELIABLE: Final = gs.SendFlags.RELIABLE
AT_ONCE: Final = gs.SendFlags.RELIABLE_NO_NAGLE
SWIFT: Final = {gs.ConfigurationValue.SEND_RATE_MIN: 4_000_000, gs.ConfigurationValue.SEND_RATE_MAX: 4_000_000}
"""Does not let tests wait for the send rate."""
SLOW: Final = {gs.ConfigurationValue.SEND_RATE_MIN: 1024, gs.ConfigurationValue.SEND_RATE_MAX: 1024}
"""What is queued stays so: more than a packet or two leave only on a machine that stands still for seconds."""


async def echo(connection: aio.Connection) -> None:
    """A handler that sends back what comes."""
    async for message in connection:
        await connection.send(message.data, message.flags, message.lane)


async def keep(connection: aio.Connection) -> None:
    """A handler that leaves its connection alone."""
    await connection.wait_closed()


class Reception:
    """A handler that hands its connections to the test, and keeps each until it ends."""

    def __init__(self) -> None:
        self._arrived: asyncio.Queue[aio.Connection] = asyncio.Queue()

    async def __call__(self, connection: aio.Connection) -> None:
        self._arrived.put_nowait(connection)
        await connection.wait_closed()

    async def next(self) -> aio.Connection:
        """The oldest connection that came and was not taken yet."""
        return await self._arrived.get()


@asynccontextmanager
async def linked(config: Config | None = None) -> AsyncIterator[tuple[aio.Connection, aio.Connection]]:
    """Both ends of a connection: the client's, which has the configuration, and the server's."""
    reception = Reception()
    async with aio.serve(reception, LOCAL, 0) as server, aio.connect(server.address, config=config) as client:
        yield client, await reception.next()


async def meet(one: aio.Connection, two: aio.Connection, text: bytes = b"marker") -> None:
    """A message goes both ways, and it is the next one: nothing was lost before it, nothing came twice."""
    for sender, receiver in ((one, two), (two, one)):
        await sender.send(text, AT_ONCE)
        assert (await receiver.receive()).data == text
