"""A server that greets whoever sends it a name, with asyncio: `python -m examples.hello.server_asyncio`."""

import asyncio
import sys

import gamesockets as gs
from gamesockets import aio


async def greet(connection: aio.Connection) -> None:
    """One client. Each has a task of its own; when this returns, its connection is closed."""
    async for message in connection:  # ends when the client closes
        await connection.send(b"Hello, " + message.data, gs.SendFlags.RELIABLE)


async def main(port: int = 27015) -> None:
    """Greet until interrupted."""
    async with aio.serve(greet, "::", port) as server:
        print("listening on", server.address, flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
