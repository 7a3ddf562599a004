"""A server that greets whoever sends it a name, with asyncio: `python -m examples.hello.server_asyncio`."""

import sys

import gamesockets as gs
from gamesockets import aio


async def greet(connection: aio.Connection) -> None:
    """One client. Each has a task of its own; when this returns, its connection is closed."""
    async for message in connection:  # ends when the client closes
        await connection.send(b"Hello, " + message.data, gs.SendFlags.RELIABLE)


def main(port: int = 27015) -> None:
    """Greet until Ctrl-C or SIGTERM; then everybody is told."""
    aio.run_server(greet, "::", port, on_start=lambda server: print("listening on", server.address, flush=True))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
