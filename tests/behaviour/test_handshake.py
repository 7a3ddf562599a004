"""Do the two ends get to know each other, and does each see the other as the reference library would?"""

from __future__ import annotations

import pytest
from tests.behaviour import relay as wire
from tests.behaviour.side import Refusal, Side
from tests.behaviour.stage import ON_A_LOOP, Pairing, Stage, only, polling_client, polling_server
from tests.behaviour.traffic import Outgoing, expected
from tests.interop.gns import Config, EndReason, InfoFlag, Result, Send, State

STEAM_ID = "steamid:76561197960265729"
IDENTITIES = [
    pytest.param(None, None, id="both-anonymous"),
    pytest.param("str:alice", None, id="client-named"),
    pytest.param(None, "str:server", id="server-named"),
    pytest.param("str:alice", "str:server", id="both-named"),
    pytest.param("gen:00ff10", STEAM_ID, id="bytes-and-steam-id"),
]


def exchange(sender: Side, connection: int, receiver: Side, received_on: int, seed: int) -> None:
    """One reliable message crosses unharmed, as number 1 of its direction."""
    message = Outgoing(seed, 100, Send.RELIABLE_NO_NAGLE)
    assert sender.send(connection, [message]) == [1]
    assert receiver.wait_for_messages(received_on, 1) == [expected(message, 1)]


def test_default_settings(pairing: Pairing, stage: Stage) -> None:
    """Both ends go from Connecting to Connected, encrypted, and can talk at once."""
    link = stage.link(pairing)
    for side, connection in (link.end("client"), link.end("server")):
        moves = [(event.old_state, event.state) for event in side.events(connection)]
        assert moves == [(State.NONE, State.CONNECTING), (State.CONNECTING, State.CONNECTED)]
        info = side.info(connection)
        assert info is not None
        assert info.flags == InfoFlag.UNAUTHENTICATED | InfoFlag.FAST
        assert (info.state, info.reason, info.text) == (State.CONNECTED, 0, "")
        assert bool(info.listen_socket) == (side is link.server)
    assert link.server.accept_result(link.server_connection) == Result.OK
    exchange(*link.ends("client"), seed=1)
    exchange(*link.ends("server"), seed=2)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize(("client_identity", "server_identity"), IDENTITIES)
def test_identities(
    pairing: Pairing, stage: Stage, host: str, client_identity: str | None, server_identity: str | None
) -> None:
    """Each end sees the other's claimed identity, or its address when it is anonymous (spec 1, part 6)."""
    server = stage.open(pairing.server, "server", server_identity)
    client = stage.open(pairing.client, "client", client_identity)
    link = stage.connect(client, server, address=f"{host}:0")
    for side, connection, claimed in (
        (client, link.client_connection, server_identity),
        (server, link.server_connection, client_identity),
    ):
        info = side.info(connection)
        assert info is not None
        assert info.address.rpartition(":")[0] == host
        if side is client:
            assert info.address == link.address
        assert info.identity == (claimed or f"ip:{info.address}")
        seen_as = f"{claimed}@{info.address}" if claimed else info.address
        assert info.description == f"#{connection} UDP {seen_as}"[: len("#4294967295 UDP ") + 79]
        assert side.wait_for_connected(connection).identity == info.identity
    exchange(*link.ends("client"), seed=1)


@pytest.mark.rule("1, 1.2 rule 3")
def test_wildcard_address_takes_both_families(pairing: Pairing, stage: Stage) -> None:
    """A server on [::] is reached over IPv4 and IPv6, and sees IPv4 clients as such (spec 1, 1.2)."""
    server, client = stage.open(pairing.server, "server"), stage.open(pairing.client, "client")
    port = server.listen("[::]:0").rpartition(":")[2]
    for seed, host in enumerate(("127.0.0.1", "[::1]")):
        link = stage.join(client, server, f"{host}:{port}")
        info = server.info(link.server_connection)
        assert info is not None
        assert info.address.rpartition(":")[0] == host
        assert info.identity == f"ip:{info.address}"
        exchange(*link.ends("client"), seed)


@polling_client
def test_messages_wait_for_the_connection(pairing: Pairing, stage: Stage) -> None:
    """What is sent while Connecting goes out right after, in order (spec 2, 2.7.1)."""
    server, client = stage.open(pairing.server, "server"), stage.open(pairing.client, "client")
    connection = client.connect(server.listen("127.0.0.1:0"))
    messages = [Outgoing(seed, 700, Send.RELIABLE) for seed in range(5)]
    assert client.send(connection, messages) == [1, 2, 3, 4, 5]
    accepted = server.wait_for_requests()[0]
    got = server.wait_for_messages(accepted, len(messages))
    assert got == [expected(message, number) for number, message in enumerate(messages, 1)]


@pytest.mark.rule("1, 13 rule 5")
@polling_server
def test_refused_by_the_application(pairing: Pairing, stage: Stage) -> None:
    """A request that the application closes ends with its reason and text (spec 3, 6.2)."""
    server, client = stage.open(pairing.server, "server"), stage.open(pairing.client, "client")
    server.behave(accepting=False)
    connection = client.connect(server.listen("127.0.0.1:0"))
    request = server.wait_for_requests()[0]
    assert server.close_connection(request, 1234, "the house is full")
    event = client.wait_for_state(connection, State.CLOSED_BY_PEER)
    assert (event.old_state, event.reason, event.text) == (State.CONNECTING, 1234, "the house is full")


def test_refused_at_once(pairing: Pairing, stage: Stage) -> None:
    """So does a request that is refused as soon as the application hears of it; the next may be let in."""
    server, client = stage.open(pairing.server, "server"), stage.open(pairing.client, "client")
    server.behave(refusal=Refusal(1234, "the house is full"))
    address = server.listen("127.0.0.1:0")
    connection = client.connect(address)
    event = client.wait_for_state(connection, State.CLOSED_BY_PEER)
    assert (event.old_state, event.reason, event.text) == (State.CONNECTING, 1234, "the house is full")
    server.wait_for_requests()
    server.behave()
    exchange(*stage.join(client, server, address).ends("client"), seed=1)


@pytest.mark.rule("1, 3.5 rule 7")
@polling_server
def test_never_accepted(pairing: Pairing, stage: Stage) -> None:
    """An application that does not decide in time ends the request by timeout at both ends (spec 3, 6.2)."""
    server, client = stage.open(pairing.server, "server"), stage.open(pairing.client, "client")
    server.behave(accepting=False)
    connection = client.connect(server.listen("127.0.0.1:0", {Config.TIMEOUT_INITIAL: 1000}))
    request = server.wait_for_requests()[0]
    assert client.wait_for_state(connection, State.CLOSED_BY_PEER).reason == EndReason.MISC_TIMEOUT
    ended = server.wait_for_state(request, State.PROBLEM_DETECTED_LOCALLY)
    assert ended.reason == EndReason.MISC_TIMEOUT


@polling_client
@polling_server
def test_client_gives_up_before_it_is_accepted(pairing: Pairing, stage: Stage) -> None:
    """The waiting request ends with the client's reason (spec 3, 6.2)."""
    server, client = stage.open(pairing.server, "server"), stage.open(pairing.client, "client")
    server.behave(accepting=False)
    connection = client.connect(server.listen("127.0.0.1:0"))
    request = server.wait_for_requests()[0]
    assert client.close_connection(connection, 1500, "changed my mind")
    event = server.wait_for_state(request, State.CLOSED_BY_PEER)
    assert (event.reason, event.text) == (1500, "changed my mind")


@polling_server
@only(lambda pairing: pairing.client in ON_A_LOOP)  # only there connecting is a call that can be cancelled
def test_cancelled_connect(pairing: Pairing, stage: Stage) -> None:
    """Cancelling a connect that waits to be accepted ends the request, as an application that closes."""
    server, client = stage.open(pairing.server, "server"), stage.open(pairing.client, "client")
    server.behave(accepting=False)
    connection = client.connect(server.listen("127.0.0.1:0"))
    request = server.wait_for_requests()[0]
    assert client.close_connection(connection)
    assert server.wait_for_state(request, State.CLOSED_BY_PEER).reason == EndReason.APP_GENERIC


@pytest.mark.rule("1, 3")
def test_on_the_wire(pairing: Pairing, stage: Stage) -> None:
    """Control datagrams have the sizes, ids and versions of the protocol; data packets keep to spec 1, 1.4."""
    server, client = stage.open(pairing.server, "server"), stage.open(pairing.client, "client")
    relay = stage.relay(server.listen("127.0.0.1:0"))
    link = stage.join(client, server, relay.address)
    exchange(*link.ends("client"), seed=1)
    exchange(*link.ends("server"), seed=2)
    assert client.close_connection(link.client_connection, 1000, "done")
    server.wait_for_state(link.server_connection, State.CLOSED_BY_PEER)
    relay.wait_for(lambda datagram: datagram.kind == wire.NO_CONNECTION, "answer to closing")

    request = relay.seen(True, wire.CHALLENGE_REQUEST)[0]
    reply = relay.seen(False, wire.CHALLENGE_REPLY)[0]
    connect = relay.seen(True, wire.CONNECT_REQUEST)[0]
    accepted = relay.seen(False, wire.CONNECT_OK)[0]
    client_id, server_id = request.fields()[1], accepted.fields()[5]
    for wire_id in (client_id, server_id):
        assert isinstance(wire_id, int)
        assert wire_id & 0xFFFF
        assert wire_id >> 16
    assert len(request.data) == wire.PADDED_BYTES_MIN
    assert request.fields()[4] in client.protocol_versions
    assert reply.fields()[4] in server.protocol_versions
    assert reply.fields()[1] == connect.fields()[1] == accepted.fields()[1] == client_id
    assert reply.fields()[3] == request.fields()[3]
    assert connect.fields()[2] == reply.fields()[2]
    for upwards, recipient in ((True, server_id), (False, client_id)):
        packets = [datagram.data for datagram in relay.seen(upwards, 0x80)]
        assert packets
        assert max(map(len, packets)) <= 1300
        assert {int.from_bytes(packet[1:5], "little") for packet in packets} == {recipient}
        numbers = [int.from_bytes(packet[5:7], "little") for packet in packets]
        assert numbers == list(range(2, 2 + len(numbers)))
    closing = relay.seen(True, wire.CONNECTION_CLOSED)[0]
    assert len(closing.data) == wire.PADDED_BYTES_MIN
    assert closing.fields() == {2: b"done", 3: 1000, 4: server_id, 5: client_id}
    assert relay.seen(False, wire.NO_CONNECTION)[0].fields() == {2: server_id, 3: client_id}
