"""Does ``async for connection in connect(...)`` stay connected, and wait longer after each failure?"""

import asyncio
import contextlib
import random
import socket
import threading
from typing import Any

import pytest
from tests.support.linked import AT_ONCE, LOCAL, echo, keep
from tests.support.loops import on_a_loop, on_every_loop, run
from tests.support.ports import free_port
from tests.support.waiting import DEADLINE_S, until

import gamesockets as gs
from gamesockets import aio

SOON = aio.Backoff(first=0.0, longest=0.0)
HURRY = {gs.ConfigurationValue.TIMEOUT_INITIAL: 200}


@on_every_loop
async def test_each_round_has_a_connection_of_its_own() -> None:
    async with aio.serve(echo, LOCAL, 0) as server:
        seen: list[aio.Connection] = []
        async with contextlib.aclosing(aiter(aio.connect(str(server.address), backoff=SOON))) as connections:
            async for connection in connections:
                assert all(not old.is_open for old in seen)
                await connection.send(b"hello", AT_ONCE)
                assert (await connection.receive()).data == b"hello"
                seen.append(connection)
                if len(seen) == 3:
                    break
        assert len({connection.handle for connection in seen}) == 3
        assert not seen[-1].is_open


@on_a_loop
async def test_a_server_that_comes_back_is_found() -> None:
    port = free_port()
    rounds: list[int] = []
    first = await aio.serve(keep, LOCAL, port)

    async def stay() -> None:
        async for connection in aio.connect(LOCAL, port, config=HURRY, backoff=SOON):
            rounds.append(len(rounds))
            try:
                async for _ in connection:
                    pass
            except gs.ConnectionClosed:
                continue

    staying = asyncio.create_task(stay())
    await until(lambda: first.connections and rounds)
    await first.close(2001, "crashed")
    await asyncio.sleep(0.05)
    async with aio.serve(keep, LOCAL, port) as second:
        await until(lambda: second.connections and len(rounds) >= 2)
        staying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await staying
        await until(lambda: not second.connections)


def test_the_pauses_grow_and_the_name_is_looked_up_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    bounds: list[float] = []
    lookups: list[object] = []

    def fail(*arguments: Any, **_: Any) -> Any:
        lookups.append(arguments[0])
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    def shortest(_: random.Random, low: float, high: float) -> float:
        bounds.append(high)
        return low

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    monkeypatch.setattr(random.Random, "uniform", shortest)

    async def main() -> None:
        backoff = aio.Backoff(first=1, longest=5, factor=2, attempts=6)
        with pytest.raises(socket.gaierror, match=r"cannot find 'play\.example'"):
            await anext(aiter(aio.connect("play.example:27015", backoff=backoff)))

    run(main)
    assert bounds == [1, 2, 4, 5, 5]
    assert lookups == ["play.example"] * 6


@pytest.mark.parametrize(("longest", "bounds"), [(0.0, [0, 0, 0]), (30.0, [1, 2, 4])])
def test_connections_that_end_at_once_are_failures(
    longest: float, bounds: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that takes everybody and closes at once is not asked again and again; one that served for long is."""
    seen: list[float] = []

    def shortest(_: random.Random, low: float, high: float) -> float:
        seen.append(high)
        return low

    monkeypatch.setattr(random.Random, "uniform", shortest)

    async def main() -> None:
        async def leave(_: aio.Connection) -> None:
            pass

        backoff = aio.Backoff(min(1.0, longest), longest)
        async with aio.serve(leave, LOCAL, 0) as server:
            async with contextlib.aclosing(aiter(aio.connect(server.address, backoff=backoff))) as connections:
                async for connection in connections:
                    await connection.wait_closed()
                    if len(seen) == 3:
                        break

    run(main)
    assert seen == bounds


@on_a_loop
async def test_refused_until_it_gives_up() -> None:
    refusals: list[int] = []

    def admit(_: gs.ConnectionInfo) -> gs.Refusal:
        refusals.append(1)
        return gs.Refusal(1001, "full")

    async with aio.serve(keep, LOCAL, 0, admit=admit) as server:
        with pytest.raises(gs.ConnectionFailed, match="reason 1001: full"):
            await anext(aiter(aio.connect(server.address, backoff=aio.Backoff(0, 0, attempts=3))))
    assert len(refusals) == 3


@on_a_loop
async def test_mistakes_are_not_repeated() -> None:
    with pytest.raises(ValueError, match="in brackets"):
        await anext(aiter(aio.connect("::1:27015")))
    with pytest.raises(TypeError, match="backoff must be Backoff"):
        aio.connect("localhost:5", backoff=3)  # type: ignore[arg-type]


@on_a_loop
async def test_an_exception_of_the_body_ends_the_loop_and_the_connection() -> None:
    async with aio.serve(keep, LOCAL, 0) as server:

        async def fail() -> None:
            async for _ in aio.connect(server.address):
                await until(lambda: server.connections)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        await until(lambda: not server.connections)


def test_a_lookup_that_hangs_does_not_hold_up_the_end_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """`asyncio.run` waits for the threads of its executor, and this one may take minutes."""
    may_answer, has_answered = threading.Event(), threading.Event()

    def hang(*_: Any, **__: Any) -> Any:
        may_answer.wait(DEADLINE_S)
        has_answered.set()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await aio.connect("slow.example:27015")

    asyncio.run(main())
    assert not has_answered.is_set()
    may_answer.set()
    assert has_answered.wait(DEADLINE_S)
