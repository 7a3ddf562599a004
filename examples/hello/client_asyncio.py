"""A client that sends its name and prints the answer, with asyncio: `python -m examples.hello.client_asyncio`."""

import asyncio
import sys

import gamesockets as gs
from gamesockets import aio


async def main(port: int = 27015) -> None:
    """Say hello once."""
    try:
        async with asyncio.timeout(5), aio.connect("localhost", port) as connection:
            await connection.send(b"world", gs.SendFlags.RELIABLE)
            answer = await connection.receive()
            print(answer.data.decode())
    except TimeoutError:
        print("no server there")


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
