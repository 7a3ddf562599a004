"""Does a server stand crowds, noise, and clients that fall silent for a while or for good?"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Final

import pytest
from tests.support.linked import AT_ONCE, LOCAL, RELIABLE, echo
from tests.support.loops import on_a_loop, run
from tests.support.patience import PATIENT
from tests.support.waiting import until

import gamesockets as gs
from gamesockets import aio

V = gs.ConfigurationValue
SOURCE: Final = Path(__file__).parents[2] / "src"
CROWD: Final = 300


async def talk(address: gs.Address, name: int, turns: int) -> None:
    """Connects, and hears back what it says."""
    async with aio.connect(address) as client:
        for turn in range(turns):
            text = b"%d %d" % (name, turn)
            await client.send(text, AT_ONCE)
            assert (await client.receive()).data == text


async def gather_crowd(at_once: int = CROWD) -> None:
    """They connect, so many at once, talk while all are there, and leave."""
    gate = asyncio.Semaphore(at_once)
    async with aio.serve(echo, LOCAL, 0, config=PATIENT) as server:

        async def come() -> aio.Connection:
            async with gate:
                return await aio.connect(server.address, config=PATIENT)

        clients = await asyncio.gather(*[come() for _ in range(CROWD)])
        await until(lambda: len(server.connections) == CROWD)

        async def use(client: aio.Connection, name: int) -> None:
            async with gate, client:
                for turn in range(3):
                    text = b"%d %d" % (name, turn)
                    await client.send(text, RELIABLE)
                    assert (await client.receive()).data == text

        await asyncio.gather(*[use(client, name) for name, client in enumerate(clients)])
        await until(lambda: not server.connections)


def test_three_hundred_clients_fifty_at_once() -> None:
    """All at once, they repeat what is not answered in time: under coverage more than one loop can answer at all."""
    run(lambda: gather_crowd(50), patience_s=200)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["asyncio", "debug", "uvloop", "fallback"])
def test_three_hundred_clients_at_once(kind: str) -> None:
    pytest.importorskip("uvloop")
    run(gather_crowd, kind, patience_s=200)


def garbage(random: Random) -> bytes:
    """Noise, or what begins as something: control messages, data packets, and lengths at the limits."""
    length = random.choice([0, 1, 4, 5, 11, 100, 511, 512, 1200, 1300, 1400])
    first = random.choice([0, 1, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x80, 0xFF, random.randrange(256)])
    return (bytes([first]) + random.randbytes(length))[:length]


@on_a_loop
async def test_noise_disturbs_nobody() -> None:
    random = Random(5)
    async with aio.serve(echo, LOCAL, 0) as server:
        is_over = False

        async def make_noise() -> int:
            count = 0
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as noise:
                noise.setblocking(False)
                while not is_over:
                    for _ in range(20):
                        try:
                            noise.sendto(garbage(random), (LOCAL, server.address.port))
                            count += 1
                        except BlockingIOError:
                            break
                    await asyncio.sleep(0.001)
            return count

        noise = asyncio.create_task(make_noise())
        await asyncio.gather(*[talk(server.address, name, 5) for name in range(50)])
        is_over = True
        assert await noise > 100
        await until(lambda: not server.connections)


# ---------------------------------------------------------------------- the closed lid

CLIENT: Final = """
import asyncio, sys
import gamesockets as gs
from gamesockets import aio

async def main():
    async with aio.connect(sys.argv[1], int(sys.argv[2])) as client:
        client.set_configuration_value(gs.ConfigurationValue.TIMEOUT_CONNECTED, int(sys.argv[3]))
        print("connected", flush=True)
        try:
            async for message in client:
                await client.send(message.data, message.flags)
        except gs.ConnectionClosed as end:
            print("closed", end.reason, flush=True)

asyncio.run(main())
"""


async def with_lid_closed(timeout_ms: int, closed_s: float) -> tuple[int, list[str]]:
    """Stops a client's process for a while; how its connection ended for the server, and what the client said.

    If it has survived, and talks again, it is closed with 1234.
    """
    reasons: list[int] = []
    arrived: asyncio.Queue[aio.Connection] = asyncio.Queue()

    rounds = 0

    async def ask(connection: aio.Connection) -> None:
        nonlocal rounds
        connection.set_configuration_value(V.TIMEOUT_CONNECTED, timeout_ms)
        arrived.put_nowait(connection)
        try:
            for number in range(1 << 30):
                await connection.send(b"%d" % number, AT_ONCE)
                assert (await connection.receive()).data == b"%d" % number
                rounds += 1
                await asyncio.sleep(0.01)
        except gs.ConnectionClosed as end:
            reasons.append(end.reason)

    async with aio.serve(ask, LOCAL, 0) as server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", "-c", CLIENT, LOCAL, str(server.address.port), str(timeout_ms)),
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": str(SOURCE)},
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"connected\n"
        connection = await arrived.get()
        os.kill(process.pid, signal.SIGSTOP)
        await asyncio.sleep(closed_s)
        if closed_s * 1000 > timeout_ms:
            await until(lambda: reasons)
        os.kill(process.pid, signal.SIGCONT)
        if not reasons:
            said_before = rounds
            await until(lambda: rounds > said_before + 5)
            await connection.close(1234)
        said = (await process.stdout.read()).decode().split("\n")
        assert await process.wait() == 0
        await until(lambda: reasons)
        return reasons[0], said


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="stops a process as only POSIX can")
def test_a_lid_that_is_closed_for_long() -> None:
    """The server gives the client up; the client, awake again, hears that it is no longer known."""
    reason, said = run(lambda: with_lid_closed(timeout_ms=1000, closed_s=2.0))
    assert reason == gs.EndReason.MISC_TIMEOUT
    assert said[0].startswith("closed ")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="stops a process as only POSIX can")
def test_a_lid_that_is_closed_for_a_moment() -> None:
    reason, said = run(lambda: with_lid_closed(timeout_ms=20_000, closed_s=2.0))
    assert reason == 1234
    assert said in ([""], ["closed 1234", ""]), "as it happened to receive or to send"
