"""Does a server drain: nobody is admitted, everybody is told, and it ends in time whatever handlers and peers do?"""

import asyncio
import os
import signal
import sys
import textwrap
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import Any

import pytest
from tests.support.linked import LOCAL, RELIABLE, SWIFT, Reception, echo, keep
from tests.support.loops import FACTORIES, KINDS, on_a_loop, on_every_loop, run
from tests.support.pairs import Side, State
from tests.support.patience import PATIENT_AT_FIRST
from tests.support.programs import Program
from tests.support.waiting import until

import gamesockets as gs
from gamesockets import aio

DRAINED = (1000, "The application is shutting down")

signals = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to deliver")


@asynccontextmanager
async def clients_of(server: aio.Server, count: int) -> AsyncIterator[list[aio.Connection]]:
    clients = [await aio.connect(server.address) for _ in range(count)]
    await until(lambda: len(server.connections) == count)
    try:
        yield clients
    finally:
        for client in clients:
            await client.close()


def end_of(client: aio.Connection) -> tuple[int, str]:
    return client.end_reason, client.end_debug


@on_every_loop
async def test_it_tells_everybody_and_delivers_what_is_on_its_way() -> None:
    texts = [bytes([number]) * 1000 for number in range(60)]
    reception = Reception()
    server = await aio.serve(reception, LOCAL, 0, config=SWIFT)
    async with aio.connect(server.address) as client:
        theirs = await reception.next()
        for text in texts:
            await theirs.send(text, RELIABLE)
        draining = asyncio.create_task(server.drain())
        assert [message.data async for message in client] == texts
        assert await draining
        assert end_of(client) == DRAINED
    assert not server.is_serving
    assert server.is_draining
    assert await server.drain()
    await server.close()
    await server.serve_forever(stop_signals=True)


@on_a_loop
async def test_newcomers_are_turned_away_and_the_others_go_on() -> None:
    over = asyncio.Event()

    async def handler(connection: aio.Connection) -> None:
        await server.wait_draining()
        await over.wait()
        await connection.send(b"the result", RELIABLE)

    server = await aio.serve(handler, LOCAL, 0)
    async with clients_of(server, 1) as [client]:
        draining = asyncio.create_task(server.drain(grace=3600))
        await server.wait_draining()
        with pytest.raises(gs.ConnectionFailed) as raised:
            await aio.connect(server.address)
        assert (raised.value.reason, raised.value.debug) == DRAINED
        assert client.is_open
        over.set()
        assert (await client.receive()).data == b"the result"
        assert await draining


@on_a_loop
async def test_handlers_that_do_not_return_are_cancelled_in_time() -> None:
    ends: list[str] = []

    async def stubborn(connection: aio.Connection) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ends.append("cancelled" if connection.end_reason else "cut off")

    server = await aio.serve(stubborn, LOCAL, 0)
    async with clients_of(server, 2) as clients:
        assert not await server.drain(0.05, grace=0.05, reason=1042, debug="moved")
        assert ends == ["cancelled"] * 2
        for client in clients:
            await client.wait_closed()
            assert end_of(client) == (1042, "moved")


@on_a_loop
async def test_a_cancelled_drain_closes_at_once() -> None:
    server = await aio.serve(keep, LOCAL, 0)
    async with clients_of(server, 1) as [client]:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await server.drain(grace=3600)
        assert not server.is_serving
        await client.wait_closed()
        assert end_of(client) == DRAINED
        await server.wait_closed()


@on_a_loop
async def test_drained_twice_at_once_and_by_a_handler() -> None:
    async def handler(connection: aio.Connection) -> None:
        await connection.receive()
        await server.drain()

    server = await aio.serve(handler, LOCAL, 0)
    async with clients_of(server, 2) as clients:
        for client in clients:
            await client.send(b"end", RELIABLE)
        assert all(await asyncio.gather(server.drain(grace=3600), server.drain(grace=3600)))
        for client in clients:
            await client.wait_closed()
            assert client.end_reason == 1000


@on_a_loop
async def test_a_block_that_an_exception_ends_tells_2000() -> None:
    client: aio.Connection | None = None

    async def fail() -> None:
        nonlocal client
        async with aio.serve(keep, LOCAL, 0) as server:
            client = await aio.connect(server.address)
            await until(lambda: server.connections)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert client is not None
    await client.wait_closed()
    assert client.end_reason == 2000
    await client.close()


@pytest.mark.parametrize(
    ("options", "kind", "says"),
    [
        ({"timeout": -1}, ValueError, "timeout must be in 0..1000000 seconds, not -1"),
        ({"timeout": None}, TypeError, "timeout must be int or float"),
        ({"grace": "1"}, TypeError, "grace must be int or float"),
        ({"reason": 3000}, ValueError, "reason must be 0 or in 1000..2999"),
        ({"debug": b"x"}, TypeError, "debug must be str"),
    ],
)
def test_a_drain_that_cannot_be_meant(options: dict[str, Any], kind: type[Exception], says: str) -> None:
    async def main() -> None:
        async with aio.serve(echo, LOCAL, 0) as server:
            with pytest.raises(kind, match=says):
                await server.drain(**options)
            assert server.is_serving

    run(main)


# ---------------------------------------------------------------------- stop signals


@signals
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains(kind: str, number: signal.Signals) -> None:
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    clients: list[aio.Connection] = []

    async def main() -> None:
        during = signal.getsignal(number)
        async with aio.serve(keep, LOCAL, 0) as server:
            clients.append(await aio.connect(server.address))
            await until(lambda: server.connections)
            asyncio.get_running_loop().call_later(0.02, os.kill, os.getpid(), number)
            await server.serve_forever(stop_signals=True)
            assert not server.is_serving
        assert signal.getsignal(number) is during
        await clients[0].wait_closed()
        assert end_of(clients[0]) == DRAINED
        await clients[0].close()

    run(main, kind)
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == before


@signals
@pytest.mark.parametrize("kind", KINDS)
def test_a_second_signal_cuts_a_drain_short(kind: str) -> None:
    async def main() -> None:
        async with aio.serve(keep, LOCAL, 0) as server:
            async with aio.connect(server.address) as client:
                await until(lambda: server.connections)
                serving = asyncio.create_task(server.serve_forever(stop_signals=True, grace=3600, timeout=3600))
                await asyncio.sleep(0)
                os.kill(os.getpid(), signal.SIGTERM)
                await server.wait_draining()
                assert client.is_open
                os.kill(os.getpid(), signal.SIGTERM)
                await serving
                await client.wait_closed()
                assert end_of(client) == DRAINED

    run(main, kind)


@on_a_loop
async def test_cancelled_while_it_serves() -> None:
    before = signal.getsignal(signal.SIGTERM)
    async with aio.serve(keep, LOCAL, 0) as server:
        serving = asyncio.create_task(server.serve_forever(stop_signals=True))
        await asyncio.sleep(0.01)
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        assert server.is_serving
        assert signal.getsignal(signal.SIGTERM) is before


@on_a_loop
async def test_closed_while_it_serves() -> None:
    async with aio.serve(keep, LOCAL, 0) as server:
        serving = asyncio.create_task(server.serve_forever(stop_signals=True))
        await asyncio.sleep(0.01)
        await server.close()
        await serving


# ---------------------------------------------------------------------- run_server


def test_it_runs_on_another_thread_without_signals() -> None:
    """And ends when it is drained."""
    started: list[aio.Server] = []

    def on_start(server: aio.Server) -> None:
        started.append(server)
        asyncio.get_running_loop().call_later(0.02, lambda: tasks.append(asyncio.ensure_future(server.drain())))

    tasks: list[object] = []
    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=aio.run_server, args=(echo, f"{LOCAL}:0"), kwargs={"on_start": on_start})
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    assert not started[0].is_serving
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("kind", KINDS)
def test_it_runs_on_any_loop(kind: str) -> None:
    def on_start(server: aio.Server) -> None:
        loops.append(asyncio.get_running_loop())
        server_of.append(asyncio.ensure_future(server.close()))

    loops: list[asyncio.AbstractEventLoop] = []
    server_of: list[object] = []
    aio.run_server(echo, LOCAL, 0, on_start=on_start, loop_factory=FACTORIES[kind])
    assert loops[0].is_closed()


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "says"),
    [
        ((echo, "http://x"), {}, ValueError, "is a URL"),
        ((echo, LOCAL), {}, ValueError, r"must end in a port of 0\.\.65535"),
        ((None, LOCAL, 0), {}, TypeError, "handler must be an async function"),
        ((echo, LOCAL, 0), {"grace": -1}, ValueError, "grace must be"),
        ((echo, LOCAL, 0), {"on_start": 5}, TypeError, "on_start must be a function of the server"),
        ((echo, "192.0.2.1:5"), {}, OSError, r"192\.0\.2\.1:5"),
    ],
)
def test_what_cannot_be_run(
    arguments: tuple[Any, ...], options: dict[str, Any], kind: type[Exception], says: str
) -> None:
    with pytest.raises(kind, match=says):
        aio.run_server(*arguments, **options)


@on_a_loop
async def test_a_handler_that_is_no_async_function_is_told_of() -> None:
    async with aio.serve(lambda _: None, LOCAL, 0) as server:  # type: ignore[arg-type,return-value]
        client = await aio.connect(server.address)
        await client.wait_closed()
        assert client.end_reason == 2000
        await client.close()


PROGRAM = """
    import asyncio
    from gamesockets import aio

    async def handler(connection):
        try:
            async for message in connection:
                await connection.send(message.data, message.flags)
        finally:
            BODY

    aio.run_server(handler, "127.0.0.1:0", on_start=lambda server: print(server.address, flush=True), OPTIONS)
    print("ended", flush=True)
"""


def program(body: str = "pass", options: str = "timeout=20") -> Program:
    text = textwrap.dedent(PROGRAM).replace("BODY", body).replace("OPTIONS", options)
    return Program([sys.executable, "-u", "-W", "error", "-c", text])


@signals
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_tells_two_hundred_clients(number: signal.Signals) -> None:
    with closing(Side()) as client, program() as server:
        address = gs.Address.parse(server.wait_for(r"127\.0\.0\.1:\d+")[0])
        outgoing = [client.connect(address, PATIENT_AT_FIRST) for _ in range(200)]
        for connection in outgoing:
            client.until(State.CONNECTED, connection)
        server.signal(number)
        assert server.finish() == 0
        assert server.output[1:] == ["ended"]
        for connection in outgoing:
            info = client.until(State.CLOSED_BY_PEER, connection).connection_info
            assert (info.end_reason, info.end_debug) == DRAINED


@signals
def test_a_handler_that_hangs_is_cancelled_at_the_deadline() -> None:
    with closing(Side()) as client, program("await asyncio.sleep(3600)", "timeout=0.1") as server:
        outgoing = client.connect(gs.Address.parse(server.wait_for(r"127\.0\.0\.1:\d+")[0]))
        client.until(State.CONNECTED, outgoing)
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        assert server.finish() == 0
        assert time.monotonic() - began < 15
        assert server.output[1:] == ["ended"]
