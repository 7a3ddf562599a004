"""Does one server serve 200 clients at once?"""

from __future__ import annotations

from tests.behaviour.side import PATIENT_OPTIONS
from tests.behaviour.stage import ON_A_LOOP, Pairing, Stage
from tests.behaviour.traffic import Outgoing, expected
from tests.interop.gns import Send, State

CLIENTS = 200


def test_two_hundred_clients(pairing: Pairing, stage: Stage) -> None:
    """200 connections of one process are accepted, each gets its own echo, and each is closed by name."""
    server, client = stage.open(pairing.server, "server"), stage.open(pairing.client, "client")
    server.behave(echoing=True)
    address = server.listen("127.0.0.1:0", PATIENT_OPTIONS)
    connections = [client.connect(address, PATIENT_OPTIONS) for _ in range(CLIENTS)]
    for connection in connections:
        client.wait_for_connected(connection)
    accepted = server.wait_for_requests(CLIENTS)
    assert len(accepted) == CLIENTS
    for handles in (connections, accepted):
        assert all(handle >> 16 and handle & 0xFFFF for handle in handles)
        # The lower half is unique for one socket's sake, and a client of aio has one to itself.
        has_own_sockets = handles is connections and pairing.client in ON_A_LOOP
        assert len({handle if has_own_sockets else handle & 0xFFFF for handle in handles}) == CLIENTS

    messages = [Outgoing(seed, 64, Send.RELIABLE_NO_NAGLE) for seed in range(CLIENTS)]
    for connection, message in zip(connections, messages, strict=True):
        assert client.send(connection, [message]) == [1]
    for connection, message in zip(connections, messages, strict=True):
        assert client.wait_for_messages(connection, 1) == [expected(message, 1)]

    for number, connection in enumerate(connections):
        assert client.close_connection(connection, 1000 + number)
    reasons = {server.wait_for_state(handle, State.CLOSED_BY_PEER).reason for handle in accepted}
    assert reasons == {1000 + number for number in range(CLIENTS)}
