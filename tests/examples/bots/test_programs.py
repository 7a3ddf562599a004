"""Do bots play on our server, are they told of its end, and do they find it again?"""

import asyncio
import os
import signal

import pytest
from tests.examples.programs import example
from tests.support.ports import free_port
from tests.support.programs import Program
from tests.support.waiting import until

import gamesockets as gs
from examples.bots.__main__ import main as bots
from examples.bots.bots import Bot, play
from examples.bots.game import KIND_SNAPSHOT
from examples.bots.server import REASON_SILLY
from gamesockets import aio


def test_fifty_bots(capsys: pytest.CaptureFixture[str]) -> None:
    with Program(example("bots", "serve", "--bind", "127.0.0.1:0")) as server:
        address = server.wait_for(r"game on (\S+)")[1]
        status = bots(["play", address, "--count", "50", "--seconds", "3"])
        if status:  # a busy machine has not connected all of them within three seconds
            capsys.readouterr()
            status = bots(["play", address, "--count", "50", "--seconds", "60"])
        assert status == 0
        assert capsys.readouterr().out.startswith("50 of 50 bots walked")


def test_who_talks_nonsense_is_shown_the_door() -> None:
    async def main() -> None:
        async with aio.connect(address) as connection:
            await connection.send(b"GET / HTTP/1.1", gs.SendFlags.RELIABLE)
            await connection.wait_closed()
            assert (connection.end_reason, connection.end_debug) == (REASON_SILLY, "no input")

    with Program(example("bots", "serve", "--bind", "127.0.0.1:0")) as server:
        address = server.wait_for(r"game on (\S+)")[1]
        asyncio.run(main())


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to deliver")
def test_a_stop_tells_the_bots_and_they_come_back() -> None:
    port = free_port()

    async def main() -> None:
        bot = Bot(1)
        playing = asyncio.create_task(play(f"127.0.0.1:{port}", bot, aio.Backoff(0.05, 0.05)))
        await until(lambda: bot.walked)
        first.signal(signal.SIGTERM)
        assert await asyncio.to_thread(first.finish) == 0
        assert first.output[-1].startswith("game over after")
        walked = bot.walked
        with Program(example("bots", "serve", "--bind", f"127.0.0.1:{port}")):
            await until(lambda: bot.walked > walked)
            playing.cancel()
            await asyncio.wait([playing])

    with Program(example("bots", "serve", "--bind", f"127.0.0.1:{port}")) as first:
        first.wait_for("game on")
        asyncio.run(main())


def test_a_server_of_another_game_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    async def main() -> None:
        async def other(connection: aio.Connection) -> None:
            await connection.send(bytes([KIND_SNAPSHOT, 1]), gs.SendFlags.RELIABLE)
            await connection.wait_closed()

        async with aio.serve(other, "127.0.0.1:0") as server:
            assert await asyncio.to_thread(bots, ["play", str(server.address), "--count", "1", "--seconds", "20"]) == 1

    asyncio.run(main())
    assert capsys.readouterr().err == "bots play: no welcome\n"
