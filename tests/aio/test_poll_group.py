"""Do the messages of many connections come out of one group, whoever joins, leaves or ends?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from tests.support.linked import AT_ONCE, LOCAL, Reception, linked, meet
from tests.support.loops import on_a_loop, on_every_loop
from tests.support.waiting import soon, until

import gamesockets as gs
from gamesockets import aio


class Party:
    """A server, its clients, and the server's ends of their connections."""

    def __init__(self, server: aio.Server, clients: list[aio.Connection], ends: list[aio.Connection]) -> None:
        self.server = server
        self.clients = clients
        self.ends = ends


@asynccontextmanager
async def party(count: int = 3) -> AsyncIterator[Party]:
    reception = Reception()
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(aio.serve(reception, LOCAL, 0))
        clients, ends = [], []
        for _ in range(count):
            clients.append(await stack.enter_async_context(aio.connect(server.address)))
            ends.append(await reception.next())
        yield Party(server, clients, ends)


@on_every_loop
async def test_messages_of_all_come_in_their_order() -> None:
    async with party() as p:
        group = p.server.create_poll_group()
        for end in p.ends:
            group.add(end)
        waiting = asyncio.create_task(group.receive())
        await asyncio.sleep(0)
        for number in range(12):
            await p.clients[number % 3].send(b"%d" % number, AT_ONCE)
        messages = [await waiting]
        while len(messages) < 12:
            messages += await group.receive_many(5)
        for place, end in enumerate(p.ends):
            own = [int(m.data) for m in messages if m.connection == end.handle]
            assert own == [place, place + 3, place + 6, place + 9]
        assert {p.server.get_connection(m.connection) for m in messages} == set(p.ends)
        assert group.receive_nowait() == []


@on_every_loop
async def test_several_tasks_share_the_messages_of_a_group() -> None:
    async with party() as p:
        group = p.server.create_poll_group()
        for end in p.ends:
            group.add(end)
        tasks = [asyncio.create_task(group.receive()) for _ in range(9)]
        await asyncio.sleep(0)
        for number in range(9):
            await p.clients[number % 3].send(b"%d" % number, AT_ONCE)
        assert {int(m.data) for m in await asyncio.gather(*tasks)} == set(range(9))


@on_a_loop
async def test_messages_that_wait_move_with_their_connection_and_wake_who_waits() -> None:
    async with party(1) as p:
        group = p.server.create_poll_group()
        waiting = asyncio.create_task(group.receive())
        await p.clients[0].send(b"1", AT_ONCE)
        await p.clients[0].send(b"2", AT_ONCE)
        await until(lambda: len(p.ends[0]._conversation.mailbox.inbox) == 2)
        group.add(p.ends[0])
        await soon(waiting.done)
        assert (await waiting).data == b"1"
        group.discard(p.ends[0])
        assert (await p.ends[0].receive()).data == b"2"
        await meet(p.clients[0], p.ends[0])


@on_a_loop
async def test_who_receives_from_a_connection_that_joins_a_group_is_told() -> None:
    async with party(1) as p:
        group = p.server.create_poll_group()
        waiting = asyncio.create_task(p.ends[0].receive())
        await asyncio.sleep(0)
        group.add(p.ends[0])
        with pytest.raises(RuntimeError, match="in a poll group: receive from the group"):
            await waiting
        with pytest.raises(RuntimeError, match="in a poll group"):
            await p.ends[0].receive_many()
        await p.clients[0].send(b"x", AT_ONCE)
        assert (await group.receive()).data == b"x"


@on_every_loop
async def test_closing_a_group_leaves_its_connections_alone() -> None:
    async with party(2) as p:
        group = p.server.create_poll_group()
        group.add(p.ends[0])
        waiting = asyncio.create_task(group.receive())

        async def iterate() -> list[bytes]:
            return [message.data async for message in group]

        iterating = asyncio.create_task(iterate())
        await asyncio.sleep(0)
        group.close()
        with pytest.raises(gs.ConnectionClosed, match="the poll group was closed"):
            await waiting
        assert await iterating == []
        group.close()
        with pytest.raises(ValueError, match="cannot join"):
            group.add(p.ends[1])
        for client, end in zip(p.clients, p.ends, strict=True):
            await meet(client, end)


@on_a_loop
async def test_a_group_ends_with_its_server() -> None:
    async with party(1) as p:
        group = p.server.create_poll_group()
        group.add(p.ends[0])
        waiting = asyncio.create_task(group.receive_many())
        await asyncio.sleep(0)
        await p.server.close()
        with pytest.raises(gs.ConnectionClosed):
            await waiting
        group.close()


@on_a_loop
async def test_messages_of_a_client_that_left_can_still_be_received() -> None:
    async with party(1) as p:
        group = p.server.create_poll_group()
        group.add(p.ends[0])
        await p.clients[0].send(b"last", AT_ONCE)
        await until(lambda: len(group._mailbox.inbox))
        assert (await group.receive()).data == b"last"
        await p.clients[0].close()
        await p.ends[0].wait_closed()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await group.receive()


@on_a_loop
async def test_only_connections_of_the_server_join() -> None:
    async with party(1) as p, linked() as (client, theirs):
        group = p.server.create_poll_group()
        for stranger in (client, theirs):
            with pytest.raises(ValueError, match="cannot join"):
                group.add(stranger)
            group.discard(stranger)
        await p.ends[0].close()
        with pytest.raises(ValueError, match="cannot join"):
            group.add(p.ends[0])
        with pytest.raises(ValueError, match="max_messages"):
            group.receive_nowait(0)
