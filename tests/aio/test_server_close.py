"""Does a server end in an orderly way, whoever ends it and whatever its handlers do meanwhile?"""

import asyncio
from typing import Any

import pytest
from tests.support.linked import AT_ONCE, LOCAL, RELIABLE, SLOW, SWIFT, Reception, echo, keep
from tests.support.loops import on_a_loop, on_every_loop, run
from tests.support.waiting import until

import gamesockets as gs
from gamesockets import aio

V = gs.ConfigurationValue


@on_every_loop
async def test_close_drops_and_tells_clients_why() -> None:
    server = await aio.serve(keep, LOCAL, 0)
    clients = [await aio.connect(server.address) for _ in range(3)]
    await until(lambda: len(server.connections) == 3)
    await server.close(1777, "maintenance")
    assert not server.is_serving
    assert server.connections == frozenset()
    for client in clients:
        await client.wait_closed()
        assert (client.end_reason, client.end_debug) == (1777, "maintenance")
        await client.close()
    await server.wait_closed()
    await server.serve_forever()
    with pytest.raises(OSError, match="closed"):
        server.create_poll_group()


@on_every_loop
async def test_close_with_linger_delivers_what_is_on_its_way() -> None:
    texts = [bytes([number]) * 1000 for number in range(60)]
    reception = Reception()
    server = await aio.serve(reception, LOCAL, 0, config=SWIFT)
    async with aio.connect(server.address) as client:
        theirs = await reception.next()
        for text in texts:
            await theirs.send(text, RELIABLE)
        closing = asyncio.create_task(server.close(linger=True, timeout=None))
        assert [message.data async for message in client] == texts
        await closing


@on_a_loop
async def test_close_without_linger_delivers_nothing_more() -> None:
    """What is queued would take seven minutes to leave."""
    reception = Reception()
    server = await aio.serve(reception, LOCAL, 0, config=SLOW)
    async with aio.connect(server.address) as client:
        theirs = await reception.next()
        for _ in range(45):
            await theirs.send(bytes(10_000), RELIABLE)
        await server.close()
        assert len([message async for message in client]) < 45


async def dropped(client: aio.Connection) -> None:
    """Ends a connection whose peer is gone without telling it again and again."""
    closing = asyncio.create_task(client.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing


@on_a_loop
async def test_lingering_ends_with_the_timeout() -> None:
    """The client has stopped listening, so what is on its way stays there."""
    reception = Reception()
    server = await aio.serve(reception, LOCAL, 0)
    client = await aio.connect(server.address)
    theirs = await reception.next()
    assert aio.set_configuration_value(V.FAKE_PACKET_LOSS_RECV, 100)
    await theirs.send(b"x", AT_ONCE)
    await server.close(linger=True, timeout=0.05)
    assert not theirs.is_open
    assert client.is_open, "it has heard nothing"
    await dropped(client)


@on_a_loop
async def test_a_handler_that_does_not_return_is_cancelled() -> None:
    events: list[str] = []

    async def dawdle(connection: aio.Connection) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            events.append("cancelled")
            await asyncio.sleep(0.05)
            events.append("has tidied up")
            raise

    server = await aio.serve(dawdle, LOCAL, 0)
    async with aio.connect(server.address) as client:
        await until(lambda: server.connections)
        await server.close(timeout=0.01)
        assert events == ["cancelled", "has tidied up"]
        await client.wait_closed()
        assert client.end_reason == 1000


@on_a_loop
async def test_a_handler_that_swallows_its_cancellation_is_waited_for() -> None:
    is_over = False

    async def refuse(connection: aio.Connection) -> None:
        nonlocal is_over
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0.05)
        is_over = True

    async with aio.serve(refuse, LOCAL, 0) as server, aio.connect(server.address):
        await until(lambda: server.connections)
        await server.close(timeout=0)
        assert is_over


@pytest.mark.parametrize("timeout", [1.0, None])
def test_close_by_a_handler(timeout: float | None) -> None:
    async def close(connection: aio.Connection) -> None:
        await connection.receive()
        await servers[0].close(1200, "a handler says so", timeout=timeout)
        ended.append(connection.handle)

    servers: list[aio.Server] = []
    ended: list[int] = []

    async def main() -> None:
        async with aio.serve(close, LOCAL, 0) as server:
            servers.append(server)
            async with aio.connect(server.address) as one, aio.connect(server.address) as two:
                await until(lambda: len(server.connections) == 2)
                server.broadcast(b"", AT_ONCE)
                await one.receive()
                await one.send(b"close", AT_ONCE)
                await two.wait_closed()
                assert (two.end_reason, two.end_debug) == (1200, "a handler says so")
                await server.wait_closed()
        await until(lambda: ended)

    run(main)


@on_a_loop
async def test_two_handlers_close_at_once_without_waiting_for_each_other() -> None:
    both = asyncio.Event()
    closed: list[int] = []

    async def close(connection: aio.Connection) -> None:
        await both.wait()
        await server.close(timeout=None)
        closed.append(connection.handle)

    server = await aio.serve(close, LOCAL, 0)
    async with aio.connect(server.address), aio.connect(server.address):
        await until(lambda: len(server.connections) == 2)
        both.set()
        await until(lambda: len(closed) == 2)
        await server.wait_closed()


@on_a_loop
async def test_close_twice_and_at_once() -> None:
    async with aio.serve(keep, LOCAL, 0) as server, aio.connect(server.address):
        await until(lambda: server.connections)
        await asyncio.gather(*[server.close() for _ in range(4)])
        await server.close()


@on_a_loop
async def test_close_while_clients_connect() -> None:
    server = await aio.serve(keep, LOCAL, 0)

    async def come() -> str:
        try:
            async with aio.connect(server.address, config={V.TIMEOUT_INITIAL: 2000}) as client:
                await client.receive()
        except gs.ConnectionFailed:
            return "failed"
        except gs.ConnectionClosed:
            return "closed"
        raise AssertionError

    coming = [asyncio.create_task(come()) for _ in range(12)]
    await until(lambda: server.connections)
    await server.close()
    assert set(await asyncio.gather(*coming)) <= {"failed", "closed"}


@on_a_loop
async def test_cancelling_close_cancels_the_handlers() -> None:
    was_cancelled = asyncio.Event()

    async def dawdle(connection: aio.Connection) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            was_cancelled.set()

    server = await aio.serve(dawdle, LOCAL, 0)
    async with aio.connect(server.address):
        await until(lambda: server.connections)
        closing = asyncio.create_task(server.close(timeout=None))
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert was_cancelled.is_set()
        await server.wait_closed()


@on_a_loop
async def test_serve_forever_is_cancelled() -> None:
    async def serve() -> None:
        async with aio.serve(keep, LOCAL, 0) as server:
            servers.append(server)
            await server.serve_forever()

    servers: list[aio.Server] = []
    serving = asyncio.create_task(serve())
    await until(lambda: servers)
    async with aio.connect(servers[0].address) as client:
        await until(lambda: servers[0].connections)
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        await client.wait_closed()
        assert (client.end_reason, client.end_debug) == (1000, "Listen socket closed")


@on_a_loop
async def test_leaving_the_block_by_an_exception_closes_the_server() -> None:
    clients: list[aio.Connection] = []

    async def fail() -> None:
        async with aio.serve(keep, LOCAL, 0) as server:
            clients.append(await aio.connect(server.address))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    await clients[0].wait_closed()
    await clients[0].close()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"reason": "x"}, "reason must be int"),
        ({"debug": 1}, "debug must be str"),
        ({"linger": 1}, "linger must be bool"),
        ({"timeout": "1"}, "timeout must be int or float"),
    ],
)
def test_a_close_that_cannot_be_meant(options: dict[str, Any], text: str) -> None:
    async def main() -> None:
        async with aio.serve(echo, LOCAL, 0) as server:
            with pytest.raises(TypeError, match=text):
                await server.close(**options)
            assert server.is_serving
            async with aio.connect(server.address) as client:
                await client.send(b"x", AT_ONCE)
                assert (await client.receive()).data == b"x"

    run(main)


@on_a_loop
async def test_reasons_that_no_application_may_give() -> None:
    async with aio.serve(keep, LOCAL, 0) as server, aio.connect(server.address) as client:
        for call in (server.close, server.drain, client.close):
            with pytest.raises(ValueError, match=r"reason must be 0 or in 1000\.\.2999, not 5"):
                await call(reason=5)
        with pytest.raises(ValueError, match="not 3000"):
            aio.Refusal(3000)
        assert client.is_open
        assert server.is_serving
