"""Does an echo server in an event loop serve 300 clients at once?"""

from __future__ import annotations

import asyncio

from tests.behaviour.echo import Talk, echo, talk
from tests.behaviour.ours_threads import OursOnThreads
from tests.behaviour.side import PATIENT_OPTIONS
from tests.behaviour.traffic import Outgoing, expected
from tests.interop.gns import Send
from tests.support.patience import PATIENT

from gamesockets import aio

CLIENTS = 300


def test_clients_on_the_same_loop() -> None:
    """300 connections in tasks of their own are there at the same time, and each hears itself ten times."""

    async def main() -> None:
        most = 0

        async def count(connection: aio.Connection) -> None:
            nonlocal most
            most = max(most, len(server.connections))
            await echo(connection)

        async with asyncio.timeout(200), aio.serve(count, "127.0.0.1", 0, config=PATIENT) as server:
            assert await talk(server.address, CLIENTS, Talk(rounds=10, size_bytes=64)) == CLIENTS * 10
            assert most == CLIENTS
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_clients_on_threads() -> None:
    """300 connections of one `NetworkingSockets`: an event loop and a game loop talk to each other in one process."""

    async def main() -> None:
        async with aio.serve(echo, "127.0.0.1", 0, config=PATIENT) as server:
            await asyncio.to_thread(play, str(server.address))

    def play(address: str) -> None:
        client = OursOnThreads("client")
        try:
            connections = [client.connect(address, PATIENT_OPTIONS) for _ in range(CLIENTS)]
            for seed, connection in enumerate(connections):
                client.wait_for_connected(connection)
                assert client.send(connection, [Outgoing(seed, 64, Send.RELIABLE_NO_NAGLE)]) == [1]
            for seed, connection in enumerate(connections):
                sent = expected(Outgoing(seed, 64, Send.RELIABLE), 1)
                assert client.wait_for_messages(connection, 1) == [sent]
        finally:
            client.close()

    asyncio.run(main())
