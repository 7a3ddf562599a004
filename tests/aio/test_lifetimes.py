"""What if the loop is closed under us, the library is shut down, or other threads and other loops are at work?"""

import asyncio
import gc
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest
from tests.support.linked import AT_ONCE, LOCAL, RELIABLE, SLOW, Reception, echo, keep, linked, meet
from tests.support.loops import FACTORIES, KINDS, on_a_loop, on_every_loop, open_sockets, our_threads, run
from tests.support.ports import silent_address
from tests.support.programs import tells_of_slowness
from tests.support.waiting import until, wait_until

import gamesockets as gs
from gamesockets import aio
from gamesockets.drivers.watcher import _WATCHERS

V = gs.ConfigurationValue
SOURCE: Final = Path(__file__).parents[2] / "src"


# ---------------------------------------------------------------------- loops that end first


async def open_and_forget(keeper: list[object]) -> None:
    """A server with a client, neither of which is ever closed."""
    server = await aio.serve(keep, LOCAL, 0)
    client = await aio.connect(server.address)
    keeper += [server, client]


def run_and_only_close(kind: str, main: Coroutine[object, object, None]) -> None:
    """Closes the loop without shutting it down, so that nobody hears of the end."""
    loop = FACTORIES[kind]()
    loop.set_debug(kind == "debug")
    loop.run_until_complete(main)
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


def abandoned(caplog: pytest.LogCaptureFixture) -> int:
    return len([r for r in caplog.records if "an event loop ended before the connections" in r.getMessage()])


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_closed_loop_has_left_open_is_closed_with_a_warning(
    kind: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gamesockets.drivers.watcher.LOOK_EVERY_S", 0.02)
    before, threads = open_sockets(), our_threads()
    keeper: list[object] = []
    run_and_only_close(kind, open_and_forget(keeper))
    assert open_sockets() > before
    server = keeper[0]
    assert isinstance(server, aio.Server)
    assert gs.Library.set_configuration_value(V.FAKE_PACKET_LAG_SEND, 1), "nobody's loop need run for this"
    assert gs.Library.set_configuration_value(V.FAKE_PACKET_LAG_SEND, None)
    assert server.set_configuration_value(V.NAGLE_TIME, 1)
    wait_until(lambda: our_threads() <= threads, "the end of the watcher's thread")
    seen = weakref.ref(server)
    keeper.clear()
    del server

    def is_gone() -> bool:
        gc.collect()
        return open_sockets() <= before

    wait_until(is_gone, "the end of the sockets")
    assert seen() is None
    assert abandoned(caplog) >= 1
    assert not [loop for loop in _WATCHERS if loop.is_closed()]


@pytest.mark.parametrize("kind", KINDS)
def test_deinitialize_closes_what_a_closed_loop_has_left_open(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    before = open_sockets()
    keeper: list[object] = []
    run_and_only_close(kind, open_and_forget(keeper))
    gs.Library.deinitialize()
    assert open_sockets() == before
    assert keeper
    assert abandoned(caplog) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_loop_that_is_shut_down_closes_what_was_left_open_with_a_warning(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = open_sockets()
    keeper: list[object] = []
    with asyncio.Runner(loop_factory=FACTORIES[kind]) as runner:
        runner.run(open_and_forget(keeper))
    assert open_sockets() == before
    server, client = keeper
    assert isinstance(server, aio.Server)
    assert isinstance(client, aio.Connection)
    assert (server.is_serving, client.is_open) == (False, False)
    assert abandoned(caplog) >= 1


def test_deinitialize_by_another_thread_after_the_loop_was_closed() -> None:
    before = open_sockets()
    keeper: list[object] = []
    run_and_only_close("asyncio", open_and_forget(keeper))
    with ThreadPoolExecutor(1) as pool:
        pool.submit(gs.Library.deinitialize).result(60)
    assert open_sockets() == before
    assert keeper


def test_a_program_that_never_closes_ends_with_a_warning_and_nothing_else() -> None:
    program = """
import asyncio
from gamesockets import aio

async def keep(connection):
    await connection.receive()

async def main():
    global server, client
    server = await aio.serve(keep, "127.0.0.1", 0)
    client = await aio.connect(server.address)

asyncio.run(main())
"""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", program]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env={"PYTHONPATH": str(SOURCE)}, check=False
    )
    assert done.returncode == 0
    lines = {line for line in done.stderr.splitlines() if not tells_of_slowness(line)}
    assert lines == {"an event loop ended before the connections in it were closed: use `async with`, or await close()"}


class Harsh(BaseException):
    """As `KeyboardInterrupt`, which pytest takes for itself: it leaves the loop from wherever it was raised."""


@pytest.mark.parametrize("raised", [SystemExit, Harsh])
def test_a_handler_raises_what_ends_the_program(raised: type[BaseException]) -> None:
    """`SystemExit` leaves the loop at once; all is closed on the way out. Any other ends the handler alone."""
    before = open_sockets()
    ends: list[int] = []

    async def stumble(connection: aio.Connection) -> None:
        await connection.receive()
        raise raised

    async def main() -> None:
        async with aio.serve(stumble, LOCAL, 0) as server, aio.connect(server.address) as client:
            await client.send(b"x", AT_ONCE)
            try:
                await client.wait_closed()
            finally:
                ends.append(client.end_reason)

    if raised is SystemExit:
        with pytest.raises(SystemExit):
            asyncio.run(main())
    else:
        asyncio.run(main())
        assert ends == [1000]
    gc.collect()
    assert open_sockets() == before


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal as POSIX does")
def test_an_interrupt_from_the_keyboard_closes_all() -> None:
    program = """
import asyncio
from gamesockets import aio

async def keep(connection):
    await connection.receive()

async def main():
    async with aio.serve(keep, "127.0.0.1", 0) as server, aio.connect(server.address) as client:
        print("ready", flush=True)
        try:
            await server.serve_forever()
        finally:
            print("leaving", flush=True)
    print("never printed", flush=True)

asyncio.run(main())
"""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", program]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={"PYTHONPATH": str(SOURCE)}
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        said, complained = process.communicate(timeout=60)
    assert said == "leaving\n"
    assert complained.splitlines()[-1] == "KeyboardInterrupt"
    assert "Warning" not in complained
    assert "abandoned" not in complained


# ---------------------------------------------------------------------- the library is shut down


async def shut_down_here() -> None:
    gs.Library.deinitialize()


async def shut_down_elsewhere() -> None:
    await asyncio.get_running_loop().run_in_executor(None, gs.Library.deinitialize)


@pytest.mark.parametrize("shut_down", [shut_down_here, shut_down_elsewhere])
@pytest.mark.parametrize("kind", KINDS)
def test_deinitialize_ends_all_that_waits(kind: str, shut_down: Callable[[], "asyncio.Future[None]"]) -> None:
    async def main() -> None:
        reception = Reception()
        slowly = {V.SEND_BUFFER_SIZE: 100_000, **SLOW}
        with silent_address() as nobody:
            server = await aio.serve(reception, LOCAL, 0)
            client = await aio.connect(server.address, config=slowly)
            group = server.create_poll_group()
            theirs = await reception.next()
            one, two = await aio.create_socket_pair()
            await client.send(bytes(100_000), RELIABLE)
            waiting = [
                asyncio.create_task(awaited)
                for awaited in (client.receive(), client.send(bytes(100_000)), one.receive(), group.receive())
            ]
            connecting = asyncio.ensure_future(aio.connect(nobody))
            ending = [
                asyncio.create_task(awaited)
                for awaited in (server.serve_forever(), client.wait_closed(), two.wait_closed())
            ]
            await asyncio.sleep(0.01)
            await shut_down()
            for outcome in await asyncio.gather(*waiting, return_exceptions=True):
                assert isinstance(outcome, gs.ConnectionClosed)
            with pytest.raises(gs.ConnectionFailed, match="reason 1000: the library was shut down"):
                await connecting
            await asyncio.gather(*ending)
            assert not server.is_serving
            assert (client.end_reason, theirs.end_reason) == (1000, 1000)
            for thing in (client, one, two, server):
                await thing.close()
            with pytest.raises(gs.ConnectionClosed):
                await client.send(b"x")
            async with linked() as (new, end):
                await meet(new, end)

    run(main, kind)


@on_a_loop
async def test_after_deinitialize_a_server_still_waits_for_its_handlers() -> None:
    is_over = False

    async def dawdle(connection: aio.Connection) -> None:
        nonlocal is_over
        await connection.wait_closed()
        await asyncio.sleep(0.02)
        is_over = True

    async with aio.serve(dawdle, LOCAL, 0) as server:
        client = await aio.connect(server.address)
        await until(lambda: server.connections)
        gs.Library.deinitialize()
        await asyncio.sleep(0)
        await client.close()
    assert is_over


@on_every_loop
async def test_deinitialize_in_a_status_callback() -> None:
    """It runs while the loop serves, and so do all who are told because of it."""

    def shut_down(change: gs.StatusInfo) -> None:
        if change.connection_info.state == gs.ConnectionState.CONNECTED:
            gs.Library.deinitialize()

    async with aio.serve(keep, LOCAL, 0) as server:
        client = await aio.connect(server.address, config={V.CALLBACK_CONNECTION_STATUS_CHANGED: shut_down})
        await client.wait_closed()
        assert client.end_reason == 1000
        await client.close()


# ---------------------------------------------------------------------- other threads, other loops, the other API


@on_every_loop
async def test_configuration_from_another_thread_while_messages_flow() -> None:
    stop = threading.Event()

    def meddle() -> None:
        number = 0
        while not stop.wait(0.001):
            number += 1
            gs.Library.set_configuration_value(V.FAKE_PACKET_LAG_SEND, number % 3)
            gs.Library.set_configuration_value(V.NAGLE_TIME, number % 5 * 100)
            gs.Library.set_configuration_value(V.SEND_BUFFER_SIZE, 3000 + number % 7 * 1000)

    with ThreadPoolExecutor(1) as pool:
        meddling = pool.submit(meddle)
        try:
            async with aio.serve(echo, LOCAL, 0) as server, aio.connect(server.address) as client:
                async with asyncio.TaskGroup() as group:

                    async def send() -> None:
                        for number in range(60):
                            await client.send(b"%d " % number + bytes(1000), RELIABLE)

                    group.create_task(send())
                    for number in range(60):
                        assert (await client.receive()).data.split()[0] == b"%d" % number
        finally:
            stop.set()
        meddling.result(60)
    for value in (V.FAKE_PACKET_LAG_SEND, V.NAGLE_TIME, V.SEND_BUFFER_SIZE):
        gs.Library.set_configuration_value(value, None)


@on_every_loop
async def test_talking_to_the_game_loop_api_in_one_process() -> None:
    with gs.NetworkingSockets() as sockets:
        came: list[gs.Connection] = []

        def accept(status: gs.StatusInfo) -> None:
            if status.connection_info.state == gs.ConnectionState.CONNECTING and status.connection_info.listen_socket:
                assert sockets.accept_connection(status.connection) == gs.Result.OK
                came.append(status.connection)

        sockets.set_status_callback(accept)
        address = sockets.get_listen_socket_address(sockets.create_listen_socket(gs.Address(LOCAL, 0)))
        assert address is not None

        def has_come() -> bool:
            sockets.run_callbacks()
            return bool(came)

        async def poll(connection: gs.Connection) -> bytes:
            [message] = await until(lambda: sockets.receive_messages_on_connection(connection))
            return message.data

        connecting = asyncio.ensure_future(aio.connect(address))
        await until(has_come)
        async with await connecting as client, aio.serve(echo, LOCAL, 0) as server:
            await client.send(b"from aio", AT_ONCE)
            assert await poll(came[0]) == b"from aio"
            sockets.send_message_to_connection(came[0], b"to aio", AT_ONCE)
            assert (await client.receive()).data == b"to aio"
            outgoing = sockets.connect(server.address)
            sockets.send_message_to_connection(outgoing, b"echo", AT_ONCE)
            assert await poll(outgoing) == b"echo"


def test_two_loops_in_two_threads() -> None:
    """One serves, and two talk to it from loops of other threads."""
    addresses: list[gs.Address] = []
    stop = threading.Event()

    async def serve() -> None:
        async with aio.serve(echo, LOCAL, 0) as server:
            addresses.append(server.address)
            await until(stop.is_set)

    async def talk() -> None:
        async with aio.connect(addresses[0]) as client:
            for number in range(50):
                await client.send(b"%d" % number, AT_ONCE)
                assert (await client.receive()).data == b"%d" % number

    with ThreadPoolExecutor(3) as pool:
        serving = pool.submit(asyncio.run, serve())
        try:
            wait_until(lambda: addresses)
            for talking in [pool.submit(asyncio.run, talk()) for _ in range(2)]:
                talking.result(60)
        finally:
            stop.set()
        serving.result(60)


@on_a_loop
async def test_loops_one_after_another_share_nothing() -> None:
    def talk() -> None:
        async def main() -> None:
            async with linked() as (client, theirs):
                await meet(client, theirs)

        asyncio.run(main())

    for _ in range(3):
        await asyncio.get_running_loop().run_in_executor(None, talk)
