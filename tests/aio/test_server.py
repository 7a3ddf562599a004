"""Does a server find its addresses, take clients, and survive what its handlers do?"""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from tests.support.lines import listening_at
from tests.support.linked import AT_ONCE, LOCAL, RELIABLE, SLOW, SWIFT, Reception, echo, keep, linked, meet
from tests.support.loops import on_a_loop, on_every_loop, run
from tests.support.ports import free_port
from tests.support.waiting import until

import gamesockets as gs
from gamesockets import aio
from gamesockets.node.members import PortMember

V = gs.ConfigurationValue


# ---------------------------------------------------------------------- addresses


@on_every_loop
async def test_echo_to_several_clients() -> None:
    async with aio.serve(echo, LOCAL, 0) as server:

        async def talk(number: int) -> None:
            async with aio.connect(server.address) as client:
                for turn in range(10):
                    text = b"%d %d" % (number, turn)
                    await client.send(text, AT_ONCE)
                    assert (await client.receive()).data == text

        await asyncio.gather(*[talk(number) for number in range(8)])
        await until(lambda: not server.connections)


@on_a_loop
async def test_everywhere_is_both_families() -> None:
    async with aio.serve(echo, "::", 0) as server:
        async with aio.connect(LOCAL, server.address.port) as client:
            await client.send(b"x", AT_ONCE)
            assert (await client.receive()).data == b"x"


@on_a_loop
async def test_a_port_in_use() -> None:
    async with aio.serve(echo, LOCAL, 0) as server:
        with pytest.raises(OSError, match=rf"cannot listen on {server.address}") as failure:
            await aio.serve(echo, server.address)
        assert failure.value.errno == errno.EADDRINUSE


@on_a_loop
async def test_an_address_of_another_host() -> None:
    with pytest.raises(OSError, match=r"cannot listen on 203\.0\.113\.1:5") as failure:
        await aio.serve(echo, "203.0.113.1", 5)
    assert failure.value.errno == errno.EADDRNOTAVAIL


def stands_for(monkeypatch: pytest.MonkeyPatch, *ips: str) -> None:
    def find(host: object, port: int, *_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", (ip, port)) for ip in ips]

    monkeypatch.setattr(socket, "getaddrinfo", find)


def test_all_addresses_of_a_name_get_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    stands_for(monkeypatch, "127.0.0.1", "127.0.0.2")

    async def main() -> None:
        async with aio.serve(echo, "two.example", 0) as server:
            assert [address.ip for address in server.addresses] == ["127.0.0.1", "127.0.0.2"]
            assert {address.port for address in server.addresses} == {server.address.port}
            for address in server.addresses:
                async with aio.connect(address) as client:
                    await client.send(b"x", AT_ONCE)
                    assert (await client.receive()).data == b"x"
            assert server.set_configuration_value(V.NAGLE_TIME, 77)
            assert server.get_configuration_value(V.NAGLE_TIME) == 77

    run(main)


def test_addresses_of_a_name_that_the_host_lacks_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `localhost` stands for ::1 too on hosts without IPv6."""

    async def main() -> None:
        stands_for(monkeypatch, "203.0.113.1", "127.0.0.1", "203.0.113.2")
        async with aio.serve(echo, "some.example", 0) as server:
            assert [address.ip for address in server.addresses] == ["127.0.0.1"]
        stands_for(monkeypatch, "203.0.113.1", "203.0.113.2")
        with pytest.raises(OSError, match=r"cannot listen on 203\.0\.113\.2:5"):
            await aio.serve(echo, "some.example", 5)

    run(main)


def test_if_one_of_several_is_in_use_the_others_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with aio.serve(echo, "127.0.0.2", free_port()) as other:
            stands_for(monkeypatch, "127.0.0.1", "127.0.0.2")
            with pytest.raises(OSError, match=str(other.address)):
                await aio.serve(echo, "two.example", other.address.port)
            async with aio.serve(echo, "127.0.0.1", other.address.port):
                pass

    run(main)


def test_what_can_be_no_handler() -> None:
    not_callable: Any = "echo"
    with pytest.raises(TypeError, match="handler must be an async function"):
        aio.serve(not_callable, LOCAL, 0)
    with pytest.raises(TypeError, match="admit must be a function"):
        aio.serve(echo, LOCAL, 0, admit=not_callable)

    async def admit_slowly(info: gs.ConnectionInfo) -> None:
        raise AssertionError

    slow: Any = admit_slowly
    with pytest.raises(TypeError, match="admit must be an ordinary function"):
        aio.serve(echo, LOCAL, 0, admit=slow)


# ---------------------------------------------------------------------- admission


@on_a_loop
async def test_admit_sees_the_client_before_it_is_accepted() -> None:
    seen: list[gs.ConnectionInfo] = []

    def admit(info: gs.ConnectionInfo) -> aio.Refusal | None:
        seen.append(info)
        return None if str(info.identity) == "str:friend" else aio.Refusal(1100, "strangers stay out")

    async with aio.serve(echo, LOCAL, 0, admit=admit) as server:
        async with aio.connect(server.address, identity=gs.NetworkingIdentity.generic_string("friend")) as client:
            await client.send(b"x", AT_ONCE)
            await client.receive()
        with pytest.raises(gs.ConnectionFailed, match="reason 1100: strangers stay out"):
            await aio.connect(server.address)
    assert [info.state for info in seen] == [gs.ConnectionState.CONNECTING] * 2


def raise_error(info: gs.ConnectionInfo) -> None:
    raise ZeroDivisionError


def return_false(info: gs.ConnectionInfo) -> bool:
    return False


def refuse_for(*arguments: Any) -> Callable[[gs.ConnectionInfo], aio.Refusal]:
    return lambda info: aio.Refusal(*arguments)


@pytest.mark.parametrize(
    ("admit", "text"),
    [
        (raise_error, "ZeroDivisionError"),
        (return_false, "what admit returns must be Refusal or NoneType, not False"),
        (refuse_for("why"), "reason must be int, not 'why'"),
        (refuse_for(1000, b"why"), "debug must be str, not b'why'"),
    ],
)
def test_an_admit_that_fails_refuses_and_is_logged(
    admit: Callable[[gs.ConnectionInfo], Any], text: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with aio.serve(keep, LOCAL, 0, admit=admit) as server:
            for _ in range(2):
                with pytest.raises(gs.ConnectionFailed, match="reason 2000: internal error"):
                    await aio.connect(server.address)

    run(main)
    failures = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.getMessage() for record in failures] == ["admit raised, and the client was refused"] * 2
    assert text in caplog.text


# ---------------------------------------------------------------------- handlers


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_handler_that_raises_is_logged_and_the_server_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async def stumble(connection: aio.Connection) -> None:
        if (await connection.receive()).data == b"stumble":
            raise ZeroDivisionError("on purpose")
        await echo(connection)

    async def main() -> None:
        async with aio.serve(stumble, LOCAL, 0) as server:
            async with aio.connect(server.address) as well, aio.connect(server.address) as client:
                await well.send(b"hello", AT_ONCE)
                await client.send(b"stumble", AT_ONCE)
                with pytest.raises(gs.ConnectionClosed, match="reason 2000: internal error"):
                    await client.receive()
                await well.send(b"still there?", AT_ONCE)
                assert (await well.receive()).data == b"still there?"
            async with aio.connect(server.address) as another:
                await another.send(b"x", AT_ONCE)
                await another.send(b"new", AT_ONCE)
                assert (await another.receive()).data == b"new"

    run(main)
    (line,) = errors(caplog)
    assert "the handler of <gamesockets.aio.Connection #" in line
    assert line.endswith("raised, and the connection was closed")
    assert "ZeroDivisionError: on purpose" in caplog.text


@on_every_loop
async def test_what_a_handler_has_sent_arrives_when_it_returns() -> None:
    texts = [bytes([number]) * 1000 for number in range(60)]

    async def tell(connection: aio.Connection) -> None:
        for text in texts:
            await connection.send(text, RELIABLE)

    async with aio.serve(tell, LOCAL, 0, config=SWIFT) as server:
        async with aio.connect(server.address) as client:
            assert [message.data async for message in client] == texts
            assert client.end_reason == 1000


def test_the_end_of_its_own_connection_is_no_failure_of_a_handler(caplog: pytest.LogCaptureFixture) -> None:
    async def grouped(connection: aio.Connection) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(wait_for_message(connection))

    async def wait_for_message(connection: aio.Connection) -> None:
        while True:
            await connection.receive()

    async def main() -> None:
        for handler in (wait_for_message, grouped):
            async with aio.serve(handler, LOCAL, 0) as server:
                client = await aio.connect(server.address)
                await until(partial(has_clients, server, True))
                await client.close(2345, "crashed")
                await until(partial(has_clients, server, False))

    with listening_at(gs.DebugType.VERBOSE) as lines:
        run(main)
    assert errors(caplog) == []
    assert len(lines.having("its handler ended with connection closed, reason 2345: crashed")) == 1
    assert len(lines.having("its handler ended with unhandled errors in a TaskGroup")) == 1


def has_clients(server: aio.Server, wanted: bool) -> bool:
    return bool(server.connections) == wanted


def test_the_end_of_another_connection_is_one(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with linked() as (other, _):
            await other.close()

            async def send_elsewhere(connection: aio.Connection) -> None:
                await connection.receive()
                await other.send(b"x")

            async with aio.serve(send_elsewhere, LOCAL, 0) as server, aio.connect(server.address) as client:
                await client.send(b"go", AT_ONCE)
                with pytest.raises(gs.ConnectionClosed, match="reason 2000"):
                    await client.receive()

    run(main)
    assert len(errors(caplog)) == 1


def test_a_handler_that_is_no_coroutine_function(caplog: pytest.LogCaptureFixture) -> None:
    plain: Any = lambda connection: None  # noqa: E731

    async def main() -> None:
        async with aio.serve(plain, LOCAL, 0) as server, aio.connect(server.address) as client:
            with pytest.raises(gs.ConnectionClosed, match="reason 2000"):
                await client.receive()

    run(main)
    assert len(errors(caplog)) == 1


def test_a_handler_that_cancels_itself_is_quiet(caplog: pytest.LogCaptureFixture) -> None:
    async def give_up(connection: aio.Connection) -> None:
        await connection.receive()
        raise asyncio.CancelledError

    async def main() -> None:
        async with aio.serve(give_up, LOCAL, 0) as server, aio.connect(server.address) as client:
            await client.send(b"go", AT_ONCE)
            await client.wait_closed()
            assert client.end_reason == 1000
            await until(lambda: not server.connections)

    run(main)
    assert errors(caplog) == []


@pytest.mark.slow
@on_a_loop
async def test_a_client_that_vanishes_is_noticed() -> None:
    """It says no goodbye: its datagrams just stop."""
    ends: list[int] = []

    async def notice(connection: aio.Connection) -> None:
        assert connection.set_configuration_value(V.TIMEOUT_CONNECTED, 100)
        with pytest.raises(gs.ConnectionClosed) as end:
            await connection.receive()
        ends.append(end.value.reason)

    async with aio.serve(notice, LOCAL, 0) as server:
        client = await aio.connect(server.address)
        await until(lambda: server.connections)
        assert aio.set_configuration_value(V.FAKE_PACKET_LOSS_SEND, 100)
        server.broadcast(b"are you there?", AT_ONCE)
        await until(lambda: ends)
        assert aio.set_configuration_value(V.FAKE_PACKET_LOSS_SEND, None)
        await client.close()
    assert ends == [gs.EndReason.MISC_TIMEOUT]


# ---------------------------------------------------------------------- broadcast


@on_every_loop
async def test_broadcast_reaches_everyone_or_whom_it_is_for() -> None:
    async with aio.serve(keep, LOCAL, 0) as server:
        assert server.broadcast(b"nobody") == 0
        async with aio.connect(server.address) as one, aio.connect(server.address) as two:
            await until(lambda: len(server.connections) == 2)
            assert server.broadcast(b"all", AT_ONCE) == 2
            assert [(await client.receive()).data for client in (one, two)] == [b"all"] * 2
            chosen = [x for x in server.connections if x.address.port == one_port(server, one)]
            assert server.broadcast(bytearray(b"one"), AT_ONCE, connections=chosen) == 1
            assert (await one.receive()).data == b"one"
            assert server.broadcast(b"", RELIABLE, lane=7) == 0
            assert two.receive_nowait() == []


def one_port(server: aio.Server, client: aio.Connection) -> int:
    """The port from which a client talks, as the server sees it."""
    member = client._member
    assert isinstance(member, PortMember)
    return member._port.udp.local_address.port


@on_a_loop
async def test_broadcast_does_not_overtake_messages_that_wait() -> None:
    reception = Reception()
    async with aio.serve(reception, LOCAL, 0, config={V.SEND_BUFFER_SIZE: 20_000, **SLOW}) as server:
        async with aio.connect(server.address) as client:
            theirs = await reception.next()
            await theirs.send(bytes(15_000), RELIABLE)
            waiting = asyncio.create_task(theirs.send(bytes(19_000), RELIABLE))
            await asyncio.sleep(0)
            assert server.broadcast(b"x", RELIABLE) == 0
            for value, rate in SWIFT.items():
                assert server.set_configuration_value(value, rate)
            await waiting
            assert [len((await client.receive()).data) for _ in range(2)] == [15_000, 19_000]


@on_a_loop
async def test_broadcast_to_what_is_no_connection_of_the_server() -> None:
    nobody: Any = [7]
    text: Any = "text"
    async with linked() as (_, theirs):
        async with aio.serve(keep, LOCAL, 0) as server, aio.connect(server.address):
            await until(lambda: server.connections)
            with pytest.raises(TypeError, match="connections must be Connection, not 7"):
                server.broadcast(b"x", connections=nobody)
            with pytest.raises(ValueError, match="is no connection of this server"):
                server.broadcast(b"x", connections=[theirs])
            with pytest.raises(TypeError, match="data must be bytes"):
                server.broadcast(text)
        assert server.broadcast(b"x") == 0, "closed"


# ---------------------------------------------------------------------- what it is


@on_a_loop
async def test_it_says_what_it_is() -> None:
    reception = Reception()
    async with aio.serve(reception, LOCAL, 0) as server:
        assert repr(server) == f"<gamesockets.aio.Server {server.address} 0 connections>"
        async with aio.connect(server.address) as client:
            theirs = await reception.next()
            assert server.connections == {theirs}
            assert server.get_connection(theirs.handle) is theirs
            assert server.get_connection(client.handle) is None
            assert repr(server) == f"<gamesockets.aio.Server {server.address} 1 connections>"
            await meet(client, theirs)
    assert repr(server) == f"<gamesockets.aio.Server {server.address} closed>"


@on_a_loop
async def test_configuration_of_a_server_reaches_its_connections() -> None:
    reception = Reception()
    async with aio.serve(reception, LOCAL, 0, config={V.SEND_BUFFER_SIZE: 90_000}) as server:
        async with aio.connect(server.address):
            theirs = await reception.next()
            assert theirs.get_configuration_value(V.SEND_BUFFER_SIZE) == 90_000
            assert server.set_configuration_value(V.SEND_BUFFER_SIZE, 95_000)
            assert theirs.get_configuration_value(V.SEND_BUFFER_SIZE) == 95_000
            assert theirs.set_configuration_value(V.SEND_BUFFER_SIZE, 99_000)
            assert server.get_configuration_value(V.SEND_BUFFER_SIZE) == 95_000
            assert not server.set_configuration_value(V.SEND_BUFFER_SIZE, "much")
    assert server.get_configuration_value(V.SEND_BUFFER_SIZE) is None
    assert not server.set_configuration_value(V.SEND_BUFFER_SIZE, 1000)
