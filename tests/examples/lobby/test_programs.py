"""Do two hundred users find matches, and does SIGTERM tell every one of them?"""

import asyncio
import os
import re
import signal
import sys
import urllib.request
from contextlib import AsyncExitStack

import pytest
from tests.examples.programs import example
from tests.support.loops import on_a_loop, run
from tests.support.ports import free_port
from tests.support.process import own_global_values
from tests.support.programs import Program
from tests.support.waiting import until, wait_until

import gamesockets as gs
import gamesockets.sim.aio
from examples.lobby import client
from examples.lobby.__main__ import main as lobby
from examples.lobby.lobby import MESSAGE_BYTES_MAX
from examples.lobby.server import CONFIG, LobbyServer
from gamesockets import aio, sim

__all__ = ["own_global_values"]  # a fixture

USERS = 200

signals = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to deliver")


@on_a_loop
async def test_eight_users_play_and_nonsense_is_answered() -> None:
    server_of = LobbyServer()
    async with aio.serve(server_of.talk, "127.0.0.1:0", admit=server_of.admit, config=CONFIG) as server:
        assert await client.crowd(str(server.address), 8) == 2
        await until(lambda: not server.connections)
        assert (server_of.lobby.matches, server_of.lobby.names) == (2, {})
        async with aio.connect(server.address) as silly:
            await silly.send(b"no JSON", gs.SendFlags.RELIABLE)
            assert b"JSON" in (await silly.receive()).data
            await silly.send(bytes(MESSAGE_BYTES_MAX + 1), gs.SendFlags.RELIABLE)
            await silly.wait_closed()
            assert silly.end_reason == gs.EndReason.MISC_INTERNAL_ERROR


def test_sixty_users_on_a_bad_network_find_matches() -> None:
    """In virtual time: nothing of it is slow, and the same seed plays the same."""

    async def main() -> int:
        server_of = LobbyServer()
        with sim.aio.machine("lobby"):
            server = await aio.serve(server_of.talk, "::", 27015, admit=server_of.admit, config=CONFIG)
        with sim.aio.machine("home"):
            matches = await client.crowd("lobby:27015", 60)
        await server.close()
        return matches

    world = sim.World(7, sim.Conditions(latency=0.06, jitter_average=0.02, loss=0.1))
    assert sim.aio.run(main(), world=world, limit=60) == 15


def scraped(text: str) -> dict[str, float]:
    """The samples without labels."""
    return {name: float(value) for name, value in re.findall(r"^(\w+) (\S+)$", text, re.M)}


@signals
def test_prometheus_sees_the_lobby_and_the_transport() -> None:
    pytest.importorskip("prometheus_client")
    with Program(example("lobby", "serve", "--bind", "127.0.0.1:0", "--metrics", "0")) as server:
        url = server.wait_for(r"metrics on (http://\S+)")[1]
        address = server.wait_for(r"lobby on (\S+)")[1]

        def look() -> tuple[dict[str, float], str]:
            with urllib.request.urlopen(url) as answer:  # noqa: S310 - our own
                text = answer.read().decode()
            return scraped(text), text

        assert lobby(["crowd", address, "--users", "8"]) == 0
        wait_until(lambda: look()[0]["lobby_users"] == 0, "everybody to leave")
        seen, text = look()
        assert (seen["lobby_waiting"], seen["lobby_matches_total"], seen["lobby_texts_total"]) == (0, 2, 0)
        assert 'gamesockets_handshakes_completed_total{role="server"} 8.0' in text
        assert seen["gamesockets_receive_delay_seconds_count"] >= 16, "each has entered and asked to play"
        server.signal(signal.SIGTERM)
        assert server.finish() == 0, server.output
        assert server.output[-1] == "lobby closed after 2 matches"


PATIENT_LOBBY = """
import sys
import gamesockets as gs
from examples.lobby.__main__ import main
for value in (gs.ConfigurationValue.TIMEOUT_INITIAL, gs.ConfigurationValue.TIMEOUT_CONNECTED):
    assert gs.Library.set_configuration_value(value, 60_000)
sys.exit(main(sys.argv[1:]))
"""
"""A user who is given up on a busy machine, and comes again, takes a second seat: the last ones then wait for ever."""


def test_two_hundred_users(capsys: pytest.CaptureFixture[str]) -> None:
    for value in (gs.ConfigurationValue.TIMEOUT_INITIAL, gs.ConfigurationValue.TIMEOUT_CONNECTED):
        assert gs.Library.set_configuration_value(value, 60_000)
    with Program(
        [sys.executable, "-u", "-W", "error", "-c", PATIENT_LOBBY, "serve", "--bind", "127.0.0.1:0"]
    ) as server:
        address = server.wait_for(r"lobby on (\S+)")[1]
        assert lobby(["crowd", address, "--users", str(USERS)]) == 0
        assert capsys.readouterr().out == f"{USERS // 4} matches\n"


@signals
def test_a_stop_tells_two_hundred_users_who_are_connected() -> None:
    async def main() -> None:
        async with AsyncExitStack() as stack:
            users = [await stack.enter_async_context(aio.connect(address)) for _ in range(USERS)]
            server.signal(signal.SIGTERM)
            async with asyncio.timeout(20):
                for user in users:
                    await user.wait_closed()
            assert {(user.end_reason, user.end_debug) for user in users} == {(1000, "The application is shutting down")}

    with Program(example("lobby", "serve", "--bind", "127.0.0.1:0")) as server:
        address = server.wait_for(r"lobby on (\S+)")[1]
        run(main)
        assert server.finish() == 0
        assert server.output[1:] == ["lobby closed after 0 matches"]


@signals
def test_users_find_the_next_server() -> None:
    """One is stopped, another one takes its place, and the same users play there."""
    port = free_port()

    async def main() -> None:
        seen: list[str] = []
        tasks = [asyncio.create_task(stay(number, seen)) for number in range(4)]
        await until(lambda: seen.count("match") == 4)
        first.signal(signal.SIGTERM)
        await until(lambda: seen.count("lost") == 4)
        assert await asyncio.to_thread(first.finish) == 0
        with Program(example("lobby", "serve", "--bind", f"127.0.0.1:{port}")):
            await until(lambda: seen.count("match") == 8)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def stay(number: int, seen: list[str]) -> None:
        async for message in client.messages(f"127.0.0.1:{port}", f"user-{number}", aio.Backoff(0.05, 0.05)):
            seen.extend(message)

    with Program(example("lobby", "serve", "--bind", f"127.0.0.1:{port}")) as first:
        first.wait_for("lobby on")
        asyncio.run(main())


def test_addresses_that_mean_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["serve", "--bind", "http://x"], ["join", "::1:5"]):
        assert lobby(arguments) == 1
        assert re.search(r"lobby \w+: .* as in .*'play\.example:27015'", capsys.readouterr().err)
