"""Does the same match run under asyncio, with bots as tasks and with clients of the game loop?"""

import asyncio
import logging
import signal
import sys

import pytest
from tests.examples.programs import example
from tests.support.programs import Program
from tests.support.waiting import until

import gamesockets as gs
from examples.arena import protocol, server_asyncio
from examples.arena.bots_asyncio import run_bot, run_bots
from examples.arena.client import Client
from examples.arena.server_asyncio import arena_server
from examples.arena.session import Session
from gamesockets import aio

ANYWHERE = gs.Address("127.0.0.1", 0)


def test_bots_as_tasks_play_and_agree_with_the_server() -> None:
    async def run() -> None:
        async with arena_server(ANYWHERE, seed=1) as (match, server):
            address = server.address
            sessions = [Session(name) for name in ("Ada", "Ben", "Cleo")]
            bots = [asyncio.create_task(run_bot(address, session)) for session in sessions]
            await until(lambda: len(match.names) == 3 and sum(match.scores.values()) >= 2)
            await until(lambda: all(session.scores == match.scores for session in sessions))
            assert all(session.places().keys() == match.names.keys() for session in sessions)
            assert all(session.names == match.names for session in sessions)
            bots[0].cancel()
            await until(lambda: len(match.names) == 2)
        assert await asyncio.gather(*bots[1:]) == ["Listen socket closed"] * 2

    asyncio.run(run(), debug=True)


def test_a_client_of_the_game_loop_plays_on_a_server_under_asyncio() -> None:
    async def run() -> None:
        async with arena_server(ANYWHERE) as (match, server):
            address = server.address
            with gs.NetworkingSockets() as sockets:
                client = Client(sockets, address, "Ada")

                def update() -> bool:
                    sockets.run_callbacks()
                    client.update(asyncio.get_running_loop().time(), 0)
                    return client.session.is_playing

                await until(update)
                assert list(match.names.values()) == ["Ada"]

    asyncio.run(run())


def test_who_talks_nonsense_hears_why(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with arena_server(ANYWHERE) as (match, server):
            address = server.address
            async with aio.connect(address) as villain:
                await villain.send(b"\xff", gs.SendFlags.RELIABLE)
                with pytest.raises(gs.ConnectionClosed, match="does not send messages of kind 255"):
                    await villain.receive()
                assert villain.end_reason == protocol.REASON_KICKED
            assert match.names == {}

    with caplog.at_level(logging.ERROR):
        asyncio.run(run())
    assert not caplog.records


def test_a_full_server_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_asyncio, "GUESTS_MAX", 0)

    async def run() -> str:
        async with arena_server(ANYWHERE) as (_, server):
            address = server.address
            return await run_bots(address, 2)

    assert asyncio.run(run()) == "the server is full"


def test_bots_leave_a_server_that_is_no_arena() -> None:
    async def greet(connection: aio.Connection) -> None:
        await connection.send(b"Hello", gs.SendFlags.RELIABLE)
        await connection.wait_closed()

    async def run() -> str:
        async with aio.serve(greet, ANYWHERE) as server:
            return await run_bots(server.address, 1)

    assert asyncio.run(run()).startswith("this is no arena server")


def test_the_programs_find_each_other() -> None:
    with Program(example("arena", "serve", "--asyncio", "--bind", "127.0.0.1:0")) as server:
        address = server.wait_for(r"arena server on (\S+);")[1]
        with Program(example("arena", "bots", address, "--asyncio", "--count", "2")) as crowd:
            crowd.wait_for(f"2 bots for {address}")
            session = Session("Ada")

            async def join() -> None:
                bot = asyncio.create_task(run_bot(gs.Address.parse(address), session))
                await until(lambda: len(session.names) == 3)
                bot.cancel()

            asyncio.run(join())
            if sys.platform != "win32":
                crowd.signal(signal.SIGINT)
                assert crowd.finish() == 130, "\n".join(crowd.output)
                assert crowd.output[1:] == []
        if sys.platform != "win32":
            server.signal(signal.SIGTERM)
            assert server.finish() == 0, server.output
            assert server.output[1:] == []
