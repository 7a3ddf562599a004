"""Does `connect` find a peer, tell clearly when it does not, and leave nothing behind?"""

import asyncio
import socket
from contextlib import AsyncExitStack
from typing import Any

import pytest
from tests.support.authority import Authority
from tests.support.linked import AT_ONCE, LOCAL, SWIFT, Reception, echo, keep, linked, meet
from tests.support.loops import Main, on_a_loop, on_every_loop, run
from tests.support.ports import free_port, silent_address
from tests.support.waiting import until

import gamesockets as gs
from gamesockets import ConnectionState, aio
from gamesockets.aio import connecting
from gamesockets.node.node import Node

V = gs.ConfigurationValue
IMPATIENT = {V.TIMEOUT_INITIAL: 50}


# ---------------------------------------------------------------------- what connections share


def node_of(connection: aio.Connection) -> Node:
    return connection._conversation.hub.node


@on_every_loop
async def test_connections_of_one_loop_share_a_node_that_is_closed_with_the_last() -> None:
    async with aio.serve(echo, LOCAL, 0) as server:
        one = await aio.connect(server.address)
        two = await aio.connect(server.address)
        node = node_of(one)
        assert node_of(two) is node
        sockets = [port.udp.fileno() for port in node.service.ports()]
        assert len(set(sockets)) == 2, "a server takes one connection from each address"
        await one.close()
        assert [port.udp.fileno() for port in node.service.ports()] == sockets[1:]
        await two.send(b"still here", gs.SendFlags.RELIABLE)
        assert (await two.receive()).data == b"still here"
        await two.close()
        assert node.is_closed
        assert node.service.ports() == []
        async with aio.connect(server.address) as three:
            assert node_of(three) is not node


@on_a_loop
async def test_who_shows_something_else_shares_nothing() -> None:
    proven, trust = Authority().credentials("ada", 1), Authority().trust()
    shown: list[dict[str, Any]] = [
        {},
        {"identity": gs.NetworkingIdentity.parse("str:ada")},
        {"identity": gs.NetworkingIdentity.parse("str:bob")},
        {"credentials": proven},
        {"credentials": proven, "trust": trust},
    ]
    async with aio.serve(keep, LOCAL, 0) as server, AsyncExitStack() as stack:
        nodes = [
            [node_of(await stack.enter_async_context(aio.connect(server.address, **given))) for given in shown]
            for _ in range(2)
        ]
    assert nodes[0] == nodes[1]
    assert len(set(map(id, nodes[0]))) == len(shown)


def test_so_many_share_a_node_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "SHARERS_MAX", 3)
    run(seven_that_share, "asyncio")


async def seven_that_share() -> None:
    async with aio.serve(keep, LOCAL, 0) as server:
        connections = [await aio.connect(server.address) for _ in range(7)]
        nodes = [node_of(connection) for connection in connections]
        assert [nodes.count(node) for node in dict.fromkeys(nodes)] == [3, 3, 1]
        for connection in connections:
            await connection.close()
        assert all(node.is_closed for node in nodes)


@on_a_loop
async def test_who_failed_takes_nothing_from_those_that_share_with_it() -> None:
    with silent_address() as nobody:
        async with aio.serve(echo, LOCAL, 0) as server, aio.connect(server.address) as client:
            with pytest.raises(gs.ConnectionFailed):
                await aio.connect(nobody, config=IMPATIENT)
            dropped = asyncio.create_task(aio.connect(nobody).__aenter__())
            await until(lambda: len(node_of(client).service.ports()) == 2)
            dropped.cancel()
            await asyncio.wait([dropped])
            assert len(node_of(client).service.ports()) == 1
            await client.send(b"x", gs.SendFlags.RELIABLE)
            assert (await client.receive()).data == b"x"


@on_a_loop
async def test_a_close_that_was_cut_short_leaves_no_other_one_waiting() -> None:
    """The first drops the connection and its socket, so nobody can tell the second that the peer knows."""
    async with aio.serve(echo, LOCAL, 0) as server, aio.connect(server.address) as other:
        client = await aio.connect(server.address)
        await server.close(timeout=0)
        closing = [asyncio.create_task(client.close()) for _ in range(2)]
        await asyncio.sleep(0)
        closing[0].cancel()
        await asyncio.wait(closing)
        assert len(node_of(other).service.ports()) == 1


# ---------------------------------------------------------------------- the two forms


@on_every_loop
async def test_as_a_context_it_closes_and_the_peer_hears_why() -> None:
    reception = Reception()
    async with aio.serve(reception, LOCAL, 0) as server:
        async with aio.connect(LOCAL, server.address.port) as client:
            theirs = await reception.next()
            await meet(client, theirs)
            assert client.end_reason == 0
        assert (client.end_reason, client.end_debug) == (1000, "Application closed connection")
        await theirs.wait_closed()
        assert (theirs.end_reason, theirs.end_debug) == (1000, "Application closed connection")


@on_every_loop
async def test_awaited_it_is_closed_by_hand() -> None:
    reception = Reception()
    async with aio.serve(reception, LOCAL, 0) as server:
        client = await aio.connect(server.address)
        theirs = await reception.next()
        await meet(client, theirs)
        await client.close(1234, "enough")
        await theirs.wait_closed()
        assert (theirs.end_reason, theirs.end_debug) == (1234, "enough")
        await client.close(1235, "again")
        assert (client.end_reason, client.end_debug) == (1234, "enough")


@on_every_loop
async def test_leaving_the_block_delivers_reliable_data_first() -> None:
    texts = [b"%d " % number * 500 for number in range(100)]
    came: list[bytes] = []
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def collect(connection: aio.Connection) -> None:
        came.extend([message.data async for message in connection])
        over.set_result(None)

    async with aio.serve(collect, LOCAL, 0) as server:
        async with aio.connect(server.address, config=SWIFT) as client:
            for text in texts:
                await client.send(text, gs.SendFlags.RELIABLE)
        await over
    assert came == texts


@on_a_loop
async def test_leaving_the_block_by_an_exception_closes_at_once_and_says_so() -> None:
    reception = Reception()
    async with aio.serve(reception, LOCAL, 0) as server:

        async def fail() -> None:
            async with aio.connect(server.address):
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        theirs = await reception.next()
        await theirs.wait_closed()
        assert theirs.end_reason == 2000
        with pytest.raises(gs.ConnectionClosed, match="reason 2000"):
            await theirs.receive()


async def be_cancelled(is_inside: bool) -> None:
    reception = Reception()
    async with aio.serve(reception, LOCAL, 0) as server:

        async def stay() -> None:
            async with aio.connect(server.address):
                entered.set()
                await asyncio.sleep(60)

        entered = asyncio.Event()
        task = asyncio.create_task(stay())
        theirs = await reception.next()
        if is_inside:
            await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await theirs.wait_closed()
        assert theirs.end_reason == 1000


@on_a_loop
async def test_leaving_the_block_by_cancellation_is_no_failure_to_the_peer() -> None:
    await be_cancelled(is_inside=True)


@on_a_loop
async def test_cancelled_before_it_was_entered_is_none_either() -> None:
    """The server has accepted, and its answer is on the way."""
    await be_cancelled(is_inside=False)


@on_a_loop
async def test_asyncio_timeout_around_the_block_ends_it() -> None:
    async with aio.serve(keep, LOCAL, 0) as server:
        clients: list[aio.Connection] = []

        async def be_patient() -> None:
            async with asyncio.timeout(None) as timeout, aio.connect(server.address) as client:
                clients.append(client)
                timeout.reschedule(asyncio.get_running_loop().time() + 0.05)  # connecting may take longer than that
                await client.receive()

        with pytest.raises(TimeoutError):
            await be_patient()
        assert not clients[0].is_open


@on_a_loop
async def test_a_connection_is_a_context_too() -> None:
    async with aio.serve(echo, LOCAL, 0) as server:
        client = await aio.connect(server.address)
        async with client as same:
            assert same is client
        assert not client.is_open


@on_a_loop
async def test_it_can_be_gathered() -> None:
    async with aio.serve(echo, LOCAL, 0) as server:
        clients = await asyncio.gather(*[aio.connect(server.address) for _ in range(5)])
        await until(lambda: len(server.connections) == 5)
        await asyncio.gather(*[client.close() for client in clients])
        await until(lambda: not server.connections)


# ---------------------------------------------------------------------- names


@on_every_loop
async def test_localhost_is_found() -> None:
    async with (
        aio.serve(echo, "localhost", 0) as server,
        aio.connect("localhost", server.address.port) as client,
    ):
        await client.send(b"here", AT_ONCE)
        assert (await client.receive()).data == b"here"
        assert server.address in server.addresses


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: gs.Address) -> None:
    """From now on every name stands for these."""

    def find(host: object, port: object, *_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", (x.ip, x.port)) for x in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", find)


def test_a_dead_address_of_a_name_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        with silent_address() as dead:
            async with aio.serve(echo, LOCAL, 0) as server:
                resolve_to(monkeypatch, dead, server.address)
                async with aio.connect("two.example", 1) as client:
                    assert client.address == server.address
                    await client.send(b"here", AT_ONCE)
                    assert (await client.receive()).data == b"here"

    run(main)


def test_an_address_that_refuses_is_followed_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        refusing = aio.serve(keep, LOCAL, 0, admit=lambda _: aio.Refusal(1001, "full"))
        async with refusing as full, aio.serve(echo, LOCAL, 0) as free:
            resolve_to(monkeypatch, full.address, free.address)
            async with aio.connect("two.example", 1) as client:
                assert client.address == free.address

    run(main)


def test_if_all_fail_the_first_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        admits = [lambda _: aio.Refusal(1001, "full"), lambda _: aio.Refusal(1002, "closed")]
        one, two = [await aio.serve(keep, LOCAL, 0, admit=admit) for admit in admits]
        async with one, two:
            resolve_to(monkeypatch, one.address, two.address)
            with pytest.raises(gs.ConnectionFailed, match="reason 1001: full"):
                await aio.connect("two.example", 1)

    run(main)


def test_the_same_address_twice_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with aio.serve(echo, LOCAL, 0) as server:
            resolve_to(monkeypatch, server.address, server.address)
            async with aio.connect("twice.example", 1):
                assert len(server.connections) == 1

    run(main)


@pytest.mark.parametrize("host", ["nobody.invalid", "", "white space", "a" * 70, "a..b", "a\0b"])
def test_a_name_that_nobody_knows(host: str) -> None:
    async def main() -> None:
        with pytest.raises(socket.gaierror):
            await aio.connect(host, 1)
        with pytest.raises(socket.gaierror):
            await aio.serve(echo, host, 1)

    run(main)


# ---------------------------------------------------------------------- from where


@on_every_loop
async def test_from_an_address_and_a_port() -> None:
    reception = Reception()
    local = gs.Address("127.0.0.2", free_port("127.0.0.2"))
    async with aio.serve(reception, LOCAL, 0) as server, aio.connect(server.address, local_address=local):
        assert (await reception.next()).address == local


def test_a_name_with_several_addresses_from_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        local = gs.Address("127.0.0.2", free_port("127.0.0.2"))
        with silent_address() as dead:
            async with aio.serve(echo, LOCAL, 0) as server:
                resolve_to(monkeypatch, dead, server.address)
                async with aio.connect("two.example", 1, local_address=local) as client:
                    assert client.address == server.address
                    assert {connection.address for connection in server.connections} == {local}

    run(main)


@on_a_loop
async def test_local_addresses_that_cannot_be_had() -> None:
    with pytest.raises(OSError, match=r"cannot send from 192\.0\.2\.1:0: "):
        await aio.connect(LOCAL, 5, local_address=gs.Address("192.0.2.1", 0))
    with pytest.raises(ValueError, match="they are of different families"):
        await aio.connect(LOCAL, 5, local_address=gs.Address("::1", 0))
    wrong: Any = "127.0.0.1"
    with pytest.raises(TypeError, match="local_address must be Address"):
        await aio.connect(LOCAL, 5, local_address=wrong)


# ---------------------------------------------------------------------- bad input

BAD_TARGETS = [
    (("127.0.0.1", 65536), ValueError, "port must be an integer in [01]..65535, not 65536"),
    (("127.0.0.1", -1), ValueError, "port must be"),
    (("127.0.0.1", "80"), TypeError, "port must be int, not '80'"),
    (("127.0.0.1",), ValueError, "'127.0.0.1' must end in a port of [01]..65535, as in 'play.example:27015'"),
    (("http://play.example:27015",), ValueError, "without '//', as in 'play.example:27015'"),
    (("::1:27015",), ValueError, r"in brackets, as in '\[::1\]:27015'"),
    (("localhost:5", 5), ValueError, "must be a name or an IP address, without a port"),
    ((gs.Address(LOCAL, 1), 1), ValueError, "leave out port"),
    ((None, 1), TypeError, "host must be str or Address, not None"),
    ((("127.0.0.1", 1),), TypeError, "host must be"),
]


@pytest.mark.parametrize(("target", "error", "text"), BAD_TARGETS)
def test_targets_that_are_none(target: tuple[Any, ...], error: type[Exception], text: str) -> None:
    async def main() -> None:
        with pytest.raises(error, match=text):
            await aio.connect(*target)
        with pytest.raises(error, match=text):
            await aio.serve(echo, *target)
        with pytest.raises(error, match=text):
            async with aio.connect(*target):
                pass

    run(main)


BAD_OPTIONS = [
    ({"identity": "me"}, TypeError, "identity must be a NetworkingIdentity or None, not str"),
    ({"config": [1]}, TypeError, "config must be Mapping"),
    ({"config": {V.NAGLE_TIME: "no number"}}, ValueError, "NagleTime"),
    ({"config": {V.SYMMETRIC_CONNECT: 1}}, ValueError, "SYMMETRIC_CONNECT"),
]


@pytest.mark.parametrize(("options", "error", "text"), BAD_OPTIONS)
def test_options_that_cannot_be_used(options: dict[str, Any], error: type[Exception], text: str) -> None:
    async def main() -> None:
        with pytest.raises(error, match=text):
            await aio.connect(LOCAL, 1, **options)
        with pytest.raises(error, match=text):
            await aio.serve(echo, LOCAL, 0, **options)

    run(main)


@on_a_loop
async def test_nobody_can_be_reached_at_port_0() -> None:
    with pytest.raises(ValueError, match=r"port must be an integer in 1\.\.65535, not 0"):
        await aio.connect(LOCAL, 0)
    with pytest.raises(ValueError, match=r"1\.\.65535"):
        await aio.connect(gs.Address(LOCAL, 0))


# ---------------------------------------------------------------------- peers that do not want


@on_every_loop
async def test_a_peer_that_never_answers() -> None:
    with silent_address() as address, pytest.raises(gs.ConnectionFailed) as failure:
        await aio.connect(address, config=IMPATIENT)
    assert failure.value.reason == gs.EndReason.MISC_TIMEOUT
    assert failure.value.debug == "Timed out attempting to connect"


@on_a_loop
async def test_asyncio_timeout_around_a_peer_that_never_answers() -> None:
    with silent_address() as address:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await aio.connect(address)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(aio.connect(address), 0.02)


@on_every_loop
async def test_a_peer_that_refuses() -> None:
    async with aio.serve(keep, LOCAL, 0, admit=lambda _: aio.Refusal(1007, "not today")) as server:
        with pytest.raises(gs.ConnectionFailed) as failure:
            await aio.connect(server.address)
        assert (failure.value.reason, failure.value.debug) == (1007, "not today")
        assert server.connections == frozenset()


# ---------------------------------------------------------------------- identity and configuration


@on_a_loop
async def test_identities_are_seen_on_the_other_side() -> None:
    async with aio.serve(keep, LOCAL, 0, identity=gs.NetworkingIdentity.generic_string("host")) as server:
        async with aio.connect(server.address, identity=gs.NetworkingIdentity.generic_string("guest")) as client:
            assert str(client.identity) == "str:host"
            await until(lambda: server.connections)
            (theirs,) = server.connections
            assert str(theirs.identity) == "str:guest"
            assert theirs.address.ip == LOCAL


@on_a_loop
async def test_the_library_s_identity_is_the_default() -> None:
    gs.Library.initialize(gs.NetworkingIdentity.generic_string("everybody"))
    try:
        async with linked() as (client, theirs):
            assert str(client.identity) == str(theirs.identity) == "str:everybody"
    finally:
        gs.Library.initialize()


@on_a_loop
async def test_configuration_of_one_connection() -> None:
    async with linked({V.SEND_BUFFER_SIZE: 70_000, V.CONNECTION_USER_DATA: 7}) as (client, theirs):
        assert client.get_configuration_value(V.SEND_BUFFER_SIZE) == 70_000
        assert client.user_data == 7
        assert theirs.get_configuration_value(V.SEND_BUFFER_SIZE) != 70_000


# ---------------------------------------------------------------------- socket pairs


def both_kinds(test: "Main[None]") -> None:
    for kind in ("asyncio", "debug", "fallback"):
        run(test, kind)


@pytest.mark.parametrize("use_network_loopback", [False, True])
def test_a_socket_pair_talks(use_network_loopback: bool) -> None:
    identities = [gs.NetworkingIdentity.generic_string(name) for name in ("one", "two")]

    async def main() -> None:
        async with aio.create_socket_pair(use_network_loopback, *identities) as (one, two):
            await meet(one, two)
            assert (str(one.identity), str(two.identity)) == ("str:one", "str:two")
            assert one.address == (two.address if not use_network_loopback else one.address)
            await one.send(b"last", AT_ONCE)
            await two.send(b"", AT_ONCE)
            assert (await one.receive()).data == b""
            await one.close(1500, "bye")
            assert (await two.receive()).data == b"last", "what has arrived can still be read"
            with pytest.raises(gs.ConnectionClosed, match="reason 1500: bye"):
                await two.receive()
            assert two.state == ConnectionState.CLOSED_BY_PEER
            assert one.state == ConnectionState.NONE

    both_kinds(main)


@pytest.mark.parametrize("use_network_loopback", [False, True])
def test_a_task_that_waits_at_one_end_wakes(use_network_loopback: bool) -> None:
    async def main() -> None:
        one, two = await aio.create_socket_pair(use_network_loopback)
        waiting = asyncio.create_task(two.receive())
        ending = asyncio.create_task(one.receive())
        await asyncio.sleep(0)
        await one.send(b"x", AT_ONCE)
        assert (await waiting).data == b"x"
        await two.close()
        with pytest.raises(gs.ConnectionClosed, match="1000"):
            await ending
        await one.close()

    both_kinds(main)


@on_a_loop
async def test_a_pipe_that_was_closed_a_moment_ago_tells_why() -> None:
    """Before the loop had a turn in which it could tell."""
    async with aio.create_socket_pair() as (one, two):
        closing = one.close(1600, "first")
        with pytest.raises(StopIteration):
            closing.send(None)
        with pytest.raises(gs.ConnectionClosed, match="reason 1600: first"):
            await two.send(b"x")


@on_a_loop
async def test_a_pipe_takes_what_its_other_end_takes() -> None:
    async with aio.create_socket_pair() as (one, two):
        await one.send(bytes(1_000_000), gs.SendFlags.RELIABLE)
        assert len((await two.receive()).data) == 1_000_000
        assert two.set_configuration_value(V.RECV_MAX_MESSAGE_SIZE, 1000)
        with pytest.raises(ValueError, match="1001 bytes are more than RECV_MAX_MESSAGE_SIZE of the pipe's other end"):
            await one.send(bytes(1001))


@on_a_loop
async def test_a_pair_of_nobody() -> None:
    bad: Any = "me"
    with pytest.raises(TypeError, match="identity_two must be"):
        await aio.create_socket_pair(False, None, bad)
    with pytest.raises(ValueError, match="identity_one must be a valid identity"):
        async with aio.create_socket_pair(True, gs.NetworkingIdentity.invalid()):
            pass
