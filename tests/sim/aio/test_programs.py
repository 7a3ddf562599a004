"""Do programs written for asyncio and `gamesockets.aio` run unchanged on a simulated network, the same every time?"""

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import gamesockets as gs
import gamesockets.sim.aio
from gamesockets import aio, sim
from gamesockets.clock import now_us
from gamesockets.testing import assert_all_delivered

BAD = sim.Conditions(latency=0.05, jitter_average=0.01, loss=0.05, reorder=0.02)
EVERY_IPV4 = "0.0.0.0"  # noqa: S104 - of a simulated machine
RELIABLE = gs.SendFlags.RELIABLE


def now() -> float:
    return asyncio.get_running_loop().time()


async def echo(connection: aio.Connection) -> None:
    async for message in connection:
        await connection.send(message.data, message.flags)


async def play(seconds: int) -> list[tuple[float, bytes]]:
    """A server that tells its tick 20 times a second, and players who answer; what one of them saw, and when."""
    seen: list[tuple[float, bytes]] = []
    players: dict[aio.Connection, None] = {}  # a set has another order in each run

    async def serve(connection: aio.Connection) -> None:
        players[connection] = None
        async for message in connection:
            await connection.send(b"you said " + message.data, RELIABLE)
        players.pop(connection)

    async def tick() -> None:
        for number in range(seconds * 20):
            for player in list(players):
                await player.send(b"tick %d" % number)
            await asyncio.sleep(0.05)

    async def join(name: str, results: list[tuple[float, bytes]]) -> None:
        async with aio.connect("server", 27015) as connection:
            for number in range(seconds):
                await connection.send(b"%s %d" % (name.encode(), number), RELIABLE)
                try:
                    async with asyncio.timeout(1.0):
                        while True:
                            results.append((now(), (await connection.receive()).data))
                except TimeoutError:
                    pass

    with sim.aio.machine("server"):
        server = await aio.serve(serve, "::", 27015)
    async with asyncio.TaskGroup() as group:
        group.create_task(tick())
        for name in ("ada", "bob", "eve"):
            with sim.aio.machine(name):
                group.create_task(join(name, seen if name == "bob" else []))
    await server.close()
    return seen


def test_the_same_seed_is_the_same_run() -> None:
    first = sim.aio.run(play(10), seed=7, conditions=BAD)
    assert len(first) > 150
    assert first == sim.aio.run(play(10), seed=7, conditions=BAD)
    assert first != sim.aio.run(play(10), seed=8, conditions=BAD)


def test_a_minute_of_play_keeps_its_promises() -> None:
    began = time.monotonic()
    seen = sim.aio.run(play(60), seed=1, conditions=BAD)
    answers = [data for _, data in seen if data.startswith(b"you")]
    assert_all_delivered(answers, [b"you said bob %d" % number for number in range(60)])
    ticks = [data for _, data in seen if data.startswith(b"tick")]
    assert 0.9 * 1200 < len(ticks) < 1200
    assert len(set(ticks)) == len(ticks)
    assert time.monotonic() - began < 60, "much less, but machines are slow"


@pytest.mark.parametrize("host", ["localhost", "::1", "127.0.0.1", "server", "10.64.0.2", "fd00::2"])
@pytest.mark.parametrize("bound", ["::", EVERY_IPV4])
def test_a_server_is_reached_at_all_its_addresses(host: str, bound: str) -> None:
    """Also by others than itself, except at its loopback."""
    is_ipv6_only = host in ("::1", "fd00::2")

    async def main() -> None:
        with sim.aio.machine("server"):
            server = await aio.serve(echo, bound, 27015)
            where = "server" if host in ("localhost", "::1", "127.0.0.1") else "client"
        with sim.aio.machine(where):
            connecting = aio.connect(host, 27015, config={gs.ConfigurationValue.TIMEOUT_INITIAL: 2000})
            if bound == EVERY_IPV4 and is_ipv6_only:
                with pytest.raises(gs.ConnectionFailed):
                    await connecting
            else:
                async with connecting as connection:
                    await connection.send(b"x", RELIABLE)
                    assert (await connection.receive()).data == b"x"
        await server.close()

    sim.aio.run(main())


def run(main: Callable[[], Awaitable[Any]], **options: Any) -> Any:
    async def program() -> Any:
        return await main()

    return sim.aio.run(program(), **options)


def test_two_servers_cannot_have_one_port_of_a_machine() -> None:
    async def main() -> None:
        with sim.aio.machine("one"):
            first = await aio.serve(echo, "::", 27015)
            with pytest.raises(OSError, match="in use"):
                await aio.serve(echo, "::", 27015)
        with sim.aio.machine("two"):
            second = await aio.serve(echo, "::", 27015)
        with sim.aio.machine("one"):
            with pytest.raises(OSError, match="Cannot assign"):
                await aio.serve(echo, "10.64.0.3", 1)
        await first.close()
        await second.close()

    run(main)


def test_unknown_names_are_not_found() -> None:
    async def main() -> None:
        with pytest.raises(socket.gaierror, match=r"no machine|cannot find"):
            await aio.connect("nowhere.example", 27015)

    run(main)


def test_ways_between_machines_can_be_changed_and_looked_at() -> None:
    async def main() -> None:
        server_machine, phone = sim.aio.machine("server"), sim.aio.machine("phone")
        phone.connect_by(server_machine, sim.Conditions(latency=0.2), sim.Conditions(latency=0.1))
        with server_machine:
            server = await aio.serve(echo, "::", 27015)
        with phone:
            async with aio.connect("server", 27015) as connection:
                began = now()
                await connection.send(b"x", gs.SendFlags.RELIABLE_NO_NAGLE)
                await connection.receive()
                assert now() - began == pytest.approx(0.3, abs=0.01)
                phone.connect_by(server_machine, sim.Conditions(loss=1.0))
                with pytest.raises(gs.ConnectionClosed):
                    await connection.receive()
        assert phone.link(server_machine).lost > 10
        await server.close()

    run(main)


def test_time_is_that_of_the_world_and_only_on_this_thread() -> None:
    seen: dict[str, int] = {}

    async def main() -> None:
        await asyncio.sleep(1000)
        seen["here"] = now_us()
        thread = threading.Thread(target=lambda: seen.update(there=now_us()))
        thread.start()
        thread.join()

    before = now_us()
    sim.aio.run(main())
    assert seen["here"] == 3_000_000_000_000 + 1_000_000_000
    assert before <= seen["there"] <= now_us() < before + 600_000_000


def test_what_runs_elsewhere_runs_at_once() -> None:
    async def main() -> None:
        assert await asyncio.to_thread(lambda: 5) == 5
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)
        assert now() == 0

    run(main)


def test_tasks_that_all_wait_are_told_so() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match=r"nothing is left that could wake one, at 0.000000 s \(seed 3\)"):
        run(main, seed=3, limit=None)


def test_virtual_time_is_limited() -> None:
    async def main() -> None:
        await asyncio.sleep(100)

    with pytest.raises(TimeoutError):
        run(main, limit=10)


def test_a_world_brings_its_seed() -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, sim.aio.EventLoop)
        return loop.world.seed

    world = sim.World(seed=9)
    assert run(main, world=world) == 9
    with pytest.raises(ValueError, match="leave out"):
        run(main, world=world, seed=1)


def test_hosts_of_the_world_and_programs_meet() -> None:
    world = sim.World(seed=1, conditions=sim.Conditions(latency=0.02))
    host = world.listen(gs.Address("10.0.0.9", 27015))
    host.on_messages = lambda connection: [
        connection.send(message.data[::-1], RELIABLE) for message in connection.receive()
    ]

    async def main() -> bytes:
        async with aio.connect("10.0.0.9", 27015) as connection:
            await connection.send(b"abc", RELIABLE)
            return (await connection.receive()).data

    assert run(main, world=world) == b"cba"


def test_machines_are_of_simulated_loops_only() -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match=r"sim\.aio\.run"):
            sim.aio.machine("x")

    asyncio.run(main())
