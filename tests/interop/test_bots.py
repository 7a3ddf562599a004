"""Do the bots of the examples play on a server of the reference library, and does its client play on ours?"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest
from tests.examples.programs import example
from tests.support.ports import free_port
from tests.support.programs import Program
from tests.support.waiting import until

from examples.bots.bots import Bot, play

pytestmark = pytest.mark.skipif(not os.environ.get("GNS_LIBRARY"), reason="set GNS_LIBRARY to the reference library")


def other_half(*arguments: str) -> Program:
    return Program([sys.executable, "-u", "-m", "tests.interop.bot_game", *arguments])


def test_our_bots_play_on_its_server() -> None:
    port = free_port()

    async def main() -> None:
        bots = [Bot(seed) for seed in range(5)]
        tasks = [asyncio.create_task(play(f"127.0.0.1:{port}", bot)) for bot in bots]
        await until(lambda: all(bot.walked > 200 for bot in bots))
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    with other_half("serve", str(port)) as server:
        server.wait_for("game on")
        asyncio.run(main())
        server.wait_for("left 1000 Application closed connection")
        server.end_input()
        assert server.finish() == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to deliver")
def test_its_client_plays_on_our_server_and_is_told_of_the_end() -> None:
    with Program(example("bots", "serve", "--bind", "127.0.0.1:0")) as server:
        address = server.wait_for(r"game on (\S+)")[1]
        with other_half("play", address) as client:
            client.wait_for("connected")
            client.wait_for("somebody is at")
            server.signal(signal.SIGTERM)
            client.wait_for("ended 1000 The application is shutting down")
            assert server.finish() == 0
            assert client.finish() == 0
