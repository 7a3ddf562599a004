"""The asyncio API: `connect`, `serve`, and connections that are awaited.

import gamesockets as gs
from gamesockets import aio

async def echo(connection: aio.Connection) -> None:
    async for message in connection:
        await connection.send(message.data, message.flags)

async with aio.serve(echo, "::", 27015) as server:
    async with aio.connect("::1", 27015) as connection:
        await connection.send(b"hello", gs.SendFlags.RELIABLE)
        print((await connection.receive()).data)

Everything here belongs to the event loop that it was made in, and is used on its thread.
"""

from gamesockets.aio.connecting import connect, create_socket_pair
from gamesockets.aio.connection import Connection
from gamesockets.aio.poll_group import PollGroup
from gamesockets.aio.server import Refusal, Server, serve
from gamesockets.aio.settings import get_configuration_value, set_configuration_value

__all__ = [
    "Connection",
    "PollGroup",
    "Refusal",
    "Server",
    "connect",
    "create_socket_pair",
    "get_configuration_value",
    "serve",
    "set_configuration_value",
]
