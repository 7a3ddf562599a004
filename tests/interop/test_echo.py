"""Do the reference library and event loops of ours echo each other, with hundreds of connections at once?"""

from __future__ import annotations

import asyncio

from tests.behaviour.echo import Talk, echo, talk
from tests.behaviour.stage import Stage
from tests.behaviour.traffic import Outgoing, numbered
from tests.interop.gns import Send

import gamesockets as gs
from gamesockets import aio

REAL_CLIENTS = 200
CLIENTS = 300


def test_real_clients_of_an_asyncio_server(stage: Stage) -> None:
    """200 clients of the reference library send 20 messages of many sizes each and get all of them back, in order."""
    client = stage.open("reference", "real clients")

    def play(address: str) -> None:
        connections = [client.connect(address) for _ in range(REAL_CLIENTS)]
        for connection in connections:
            client.wait_for_connected(connection)
        sent = {}
        for seed, connection in enumerate(connections):
            messages = [Outgoing(seed * 20 + size, 7 * size * size, Send.RELIABLE_NO_NAGLE) for size in range(20)]
            sent[connection] = numbered(messages, client.send(connection, messages))
        for connection, messages_sent in sent.items():
            assert client.wait_for_messages(connection, len(messages_sent)) == messages_sent
        for connection in connections:
            assert client.close_connection(connection, 1000, "thank you")

    async def main() -> None:
        ends: list[tuple[int, str]] = []

        async def note_the_end(connection: aio.Connection) -> None:
            await echo(connection)
            ends.append((connection.end_reason, connection.end_debug))

        async with aio.serve(note_the_end, "127.0.0.1", 0) as server:
            await asyncio.to_thread(play, str(server.address))
            async with asyncio.timeout(10):
                while server.connections:
                    await asyncio.sleep(0.01)
        assert ends == [(1000, "thank you")] * REAL_CLIENTS

    asyncio.run(main())


def test_three_hundred_of_ours_on_a_real_server(stage: Stage) -> None:
    """300 connections of `aio` talk to the reference library for a few seconds; each gets its own messages back."""
    server = stage.open("reference", "real server")
    server.behave(echoing=True)
    address = gs.Address.parse(server.listen("127.0.0.1:0"))

    async def main() -> int:
        async with asyncio.timeout(60):
            return await talk(address, CLIENTS, Talk(rounds=40, size_bytes=100, pause_s=0.1))

    assert asyncio.run(main()) == CLIENTS * 40
    server.check()
