"""What becomes of many clients on a bad network when their server is stopped, and how soon do they come back?"""

import asyncio

import pytest

import gamesockets as gs
import gamesockets.sim.aio
from gamesockets import aio, sim

BAD = sim.Conditions(latency=0.1, jitter_average=0.02, loss=0.1)
CROWDS = [20, pytest.param(200, marks=pytest.mark.slow)]
RELIABLE = gs.SendFlags.RELIABLE


def now() -> float:
    return asyncio.get_running_loop().time()


async def stay(connection: aio.Connection) -> None:
    async for _ in connection:
        pass


async def drain_with_clients(count: int, timeout: float, leaves: bool) -> tuple[bool, float, list[tuple[int, int]]]:
    """Whether the drain says that nobody was cut off, how long it took, and what each client heard."""
    with sim.aio.machine("server") as place:
        server = await aio.serve(stay, "[::]:27015")
    clients: list[aio.Connection] = []
    for number in range(count):
        with sim.aio.machine(f"client-{number}"):
            clients.append(await aio.connect("server:27015"))
    while len(server.connections) < count:
        await asyncio.sleep(0.01)
    server.broadcast(b"the last word", RELIABLE)
    if leaves:  # their network is gone, all at once
        for number in range(count):
            place.connect_by(sim.aio.machine(f"client-{number}"), sim.Conditions(loss=1.0))
    began = now()
    is_clean = await server.drain(timeout)
    took = now() - began
    heard = []
    for client in clients:
        if not leaves:
            await client.wait_closed()
        heard.append((client.end_reason, len(client.receive_nowait())))
        closing = asyncio.create_task(client.close())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait([closing])
    return is_clean, took, heard


@pytest.mark.parametrize("count", CROWDS)
def test_all_hear_the_last_word_and_the_end(count: int) -> None:
    is_clean, took, heard = sim.aio.run(drain_with_clients(count, 10.0, False), seed=1, conditions=BAD)
    assert is_clean
    assert took < 10.0
    assert heard == [(1000, 1)] * count


@pytest.mark.parametrize("count", CROWDS)
def test_clients_that_are_gone_hold_it_up_until_the_deadline_and_no_longer(count: int) -> None:
    """The last word lingers, for nobody acknowledges it."""
    is_clean, took, heard = sim.aio.run(drain_with_clients(count, 5.0, True), seed=3, conditions=BAD)
    assert not is_clean
    assert took == pytest.approx(5.0, abs=0.1)
    assert heard == [(0, 0)] * count


async def outage(gone_s: float) -> list[float]:
    """How long each client was without a server after that had come back."""
    backoff = aio.Backoff(first=1.0, longest=10.0)
    back: list[float] = []
    serving = 1

    async def play(number: int) -> None:
        with sim.aio.machine(f"client-{number}"):
            async for connection in aio.connect("server:27015", backoff=backoff):
                if serving == 2:
                    back.append(now())
                try:
                    async for _ in connection:
                        pass
                except gs.ConnectionClosed:
                    continue

    with sim.aio.machine("server"):
        first = await aio.serve(stay, "[::]:27015")
    tasks = [asyncio.create_task(play(number)) for number in range(12)]
    while len(first.connections) < len(tasks):
        await asyncio.sleep(0.1)
    await first.drain()
    await asyncio.sleep(gone_s)
    serving = 2
    came_back = now()
    with sim.aio.machine("server"):
        second = await aio.serve(stay, "[::]:27015")
    while len(back) < len(tasks):
        await asyncio.sleep(0.1)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await second.close()
    return [at - came_back for at in back]


def test_clients_come_back_in_time_and_not_all_at_once() -> None:
    waits = sim.aio.run(outage(60.0), seed=5, conditions=BAD)
    assert max(waits) < 10.0 + 15.0, "the longest pause, and an attempt that had begun in vain"
    assert len({round(wait, 1) for wait in waits}) > 4
    assert waits == sim.aio.run(outage(60.0), seed=5, conditions=BAD)
