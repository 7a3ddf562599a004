"""Do both ends come through bad handshakes and bad networks, told from what passed between them, decrypted?

Ours, driven by threads, is at one end, because a test can borrow its keys; the reference library is at the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
from tests.behaviour.ours_threads import OursOnThreads
from tests.behaviour.relay import Datagram, Relay
from tests.behaviour.side import Side
from tests.behaviour.stage import Link, Pairing, Stage, one_driver, only
from tests.behaviour.traffic import Received, assert_in_order, mixture, numbered
from tests.interop.capture import Direction, Weather, assert_true_acks, messages_of, read
from tests.interop.gns import Config, Options, Send, State

import gamesockets as gs
from gamesockets.connection.datagram_connection import DatagramConnection

OPTIONS: Final[Options] = {
    Config.TIMEOUT_INITIAL: 25_000,
    Config.SEND_RATE_MIN: 1_000_000,
    Config.SEND_RATE_MAX: 1_000_000,
    Config.SEND_BUFFER_SIZE: 4 << 20,
}
"""A round of the handshake takes half a second where a datagram of it is lost."""
COUNT: Final = 120
LARGEST: Final = 8_000
ATTEMPTS: Final = 12

with_ours: Final = only(lambda pairing: "threads" in pairing and pairing.client != pairing.server)


def both_ways(up: Weather, down: Weather) -> Callable[[Datagram], bytes | None]:
    return lambda datagram: (up if datagram.upwards else down)(datagram.data)


def try_to_join(stage: Stage, client: Side, server: Side, relay: Relay) -> Link | None:
    """A connection through the relay; None if it does not come to be."""
    earlier = len(server.requests())
    connection = client.connect(relay.address, OPTIONS)

    def ended() -> int | None:
        return next((event.state for event in client.events(connection) if event.state != State.CONNECTING), None)

    if client.wait_until(ended, "the end of an attempt", 40) != State.CONNECTED:
        client.close_connection(connection)
        return None
    accepted = server.wait_for_requests(earlier + 1)[-1]
    server.wait_for_connected(accepted)
    return Link(client, server, connection, accepted, relay.address)


def read_capture(link: Link, relay: Relay, ours: OursOnThreads, handle: int) -> dict[bool, Direction]:
    """What passed so far, with the keys of our end."""
    core = ours.sockets._node.members[handle].connection
    assert isinstance(core, DatagramConnection)
    sealing, opening = core.traffic._sealing, core.traffic._opening
    is_client = ours is link.client
    opens = {is_client: sealing.open, not is_client: opening.open}
    return read(relay.capture(), opens, {is_client: core.remote_id, not is_client: core.id})


def talk(link: Link, seed: int) -> dict[bool, list[Received]]:
    """Both ends send messages of both kinds on three lanes; what each sent, the client's under True."""
    sent = {}
    for is_client, (side, connection) in ((True, link.end("client")), (False, link.end("server"))):
        assert side.configure_lanes(connection, [0, 0, 1], [1, 2, 1]) == gs.Result.OK
        messages = mixture(seed + is_client, COUNT, range(3), LARGEST)
        sent[is_client] = numbered(messages, side.send(connection, messages))
    return sent


def assert_all_is_well(link: Link, relay: Relay, pairing: Pairing, seed: int) -> None:
    """Messages go both ways; applications, and the wire, tell the same."""
    sent = talk(link, seed)
    for is_client, (side, connection) in ((False, link.end("client")), (True, link.end("server"))):
        side.wait_for_reliable(connection, sent[is_client])
        assert_in_order(side.received(connection), sent[is_client], 0.0)
    ours, handle = link.end("client" if pairing.client == "threads" else "server")
    assert isinstance(ours, OursOnThreads)
    passed = read_capture(link, relay, ours, handle)
    for upwards, direction in passed.items():
        assert assert_true_acks(passed[not upwards], direction) > 0
        on_the_wire = messages_of(direction)
        reliable = [message for message in sent[upwards] if message.flags & Send.RELIABLE]
        for lane in range(3):
            assert [m for m in on_the_wire if m.lane == lane and m.flags & Send.RELIABLE] == [
                m for m in reliable if m.lane == lane
            ]
        assert {m for m in on_the_wire if not m.flags & Send.RELIABLE} <= set(sent[upwards])


@one_driver
@with_ours
@pytest.mark.parametrize("seed", range(3))
def test_handshake_and_traffic_under_bursts_of_loss(pairing: Pairing, stage: Stage, seed: int) -> None:
    """30 % of all datagrams are lost, three in a row on average, in both directions and from the first on."""
    server, client = stage.open(pairing.server, "server"), stage.open(pairing.client, "client")
    weather = both_ways(Weather(2 * seed, 0.3, 3), Weather(2 * seed + 1, 0.3, 3))
    relay = stage.relay(server.listen("127.0.0.1:0", OPTIONS), weather)
    link = try_to_join(stage, client, server, relay)
    assert link is not None, "not connected in 25 s"
    assert_all_is_well(link, relay, pairing, seed)


@one_driver
@with_ours
@pytest.mark.parametrize("seed", range(3))
def test_handshake_and_traffic_under_corruption(pairing: Pairing, stage: Stage, seed: int) -> None:
    """In 30 % of all datagrams one bit is altered: no handshake is agreed on twice, and nothing altered is believed.

    An altered ConnectRequest may make a connection that nobody can use, with either library. The client then tries
    again from another port.
    """
    server, client = stage.open(pairing.server, "server"), stage.open(pairing.client, "client")
    address = server.listen("127.0.0.1:0", OPTIONS)
    weather = both_ways(Weather(2 * seed + 100, corruption=0.3), Weather(2 * seed + 101, corruption=0.3))
    for _ in range(ATTEMPTS):
        relay = stage.relay(address, weather)
        link = try_to_join(stage, client, server, relay)
        if link is not None:
            break
    else:
        pytest.fail(f"not connected in {ATTEMPTS} attempts")
    assert_all_is_well(link, relay, pairing, seed)


@one_driver
@with_ours
def test_a_quiet_network_shows_the_shape_of_a_connection(pairing: Pairing, stage: Stage) -> None:
    """Four datagrams of handshake, packet numbers from 2 on without a gap, and no control message until the end."""
    server, client = stage.open(pairing.server, "server"), stage.open(pairing.client, "client")
    relay = stage.relay(server.listen("127.0.0.1:0", OPTIONS), both_ways(Weather(1), Weather(2)))
    link = try_to_join(stage, client, server, relay)
    assert link is not None
    assert_all_is_well(link, relay, pairing, 7)
    ours, handle = link.end("client" if pairing.client == "threads" else "server")
    assert isinstance(ours, OursOnThreads)
    passed = read_capture(link, relay, ours, handle)
    assert [data[0] for data in passed[True].controls] == [32, 34]
    assert [data[0] for data in passed[False].controls] == [33, 35]
    assert all(direction.packets[0].number == 2 for direction in passed.values())
