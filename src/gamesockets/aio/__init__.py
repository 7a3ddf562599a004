"""The asyncio API: `connect`, `serve`, and connections that are awaited.

import gamesockets as gs
from gamesockets import aio

async def echo(connection: aio.Connection) -> None:
    async for message in connection:
        await connection.send(message.data, message.flags)

async with aio.serve(echo, "[::]:27015") as server:
    async with aio.connect("localhost:27015") as connection:
        await connection.send(b"hello", gs.SendFlags.RELIABLE)
        print((await connection.receive()).data)

`run_server(echo, "[::]:27015")` is a whole program. Everything here belongs to the event loop that it was made in, and
is used on its thread.
"""

from gamesockets.aio.connecting import connect, create_socket_pair
from gamesockets.aio.connection import Connection
from gamesockets.aio.poll_group import PollGroup
from gamesockets.aio.server import Server
from gamesockets.aio.serving import run_server, serve
from gamesockets.aio.settings import get_configuration_value, set_configuration_value
from gamesockets.values.backoff import Backoff
from gamesockets.values.refusal import Refusal

__all__ = [
    "Backoff",
    "Connection",
    "PollGroup",
    "Refusal",
    "Server",
    "connect",
    "create_socket_pair",
    "get_configuration_value",
    "run_server",
    "serve",
    "set_configuration_value",
]
