"""Are the addresses of a name asked in turn, and is the first that answers taken, whatever the others do?"""

import pytest
from tests.support.listening import make_endpoint

from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.closing import encode_closed
from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.connection.path import NOWHERE
from gamesockets.connection.states import State
from gamesockets.endpoint.endpoint import Endpoint
from gamesockets.endpoint.search import ADDRESSES_MAX, NEXT_ADDRESS_AFTER_US
from gamesockets.values.address import SocketAddress
from gamesockets.wire import datagram
from gamesockets.wire.messages_pb2 import ChallengeReply, ChallengeRequest

SIX: SocketAddress = ("2001:db8::1", 27015, 0, 0)
FOUR: SocketAddress = ("192.0.2.1", 27015)
OTHER: SocketAddress = ("192.0.2.2", 27015)
CLIENT: SocketAddress = ("203.0.113.5", 40000)


class Looking:
    """A connection that looks for its peer."""

    def __init__(self, addresses: list[SocketAddress]) -> None:
        self.endpoint = make_endpoint(accepts=False)
        connection = self.endpoint.look_for_peer(ConnectionOptions.default(), 0)
        assert connection is not None
        self.connection: DatagramConnection = connection
        assert self.leave(0) == [], "nobody is known yet"
        self.endpoint.search(connection, addresses, 0)

    def leave(self, now: int) -> list[tuple[SocketAddress, type]]:
        """Where datagrams go at that time, and what they are."""
        self.endpoint.handle_timer(now)
        return [
            (path.remote, type(datagram.decode_control(data)))
            for datagrams, path in self.endpoint.datagrams_to_send(now)
            for data in datagrams
        ]

    def asked(self, now: int) -> list[SocketAddress]:
        left = self.leave(now)
        assert {kind for _, kind in left} <= {ChallengeRequest}
        return [remote for remote, _ in left]

    def answer(self, remote: SocketAddress, now: int, connection_id: int = 0) -> None:
        reply = ChallengeReply(
            connection_id=connection_id or self.connection.id, challenge=1, your_timestamp=0, protocol_version=13
        )
        self.endpoint.receive_datagram(datagram.encode_control(datagram.CHALLENGE_REPLY, reply), remote, now)

    def refuse(self, remote: SocketAddress, now: int) -> None:
        self.endpoint.receive_datagram(encode_closed(9, self.connection.id, 1001, "full"), remote, now)


def serve(server: Endpoint, looking: Looking, at: SocketAddress, now: int) -> None:
    """Carries everything between the connection and a server at that address until both are silent."""
    while True:
        looking.endpoint.handle_timer(now)
        to_server = [data for datagrams, path in looking.endpoint.datagrams_to_send(now) for data in datagrams]
        for data in to_server:
            server.receive_datagram(data, CLIENT, now)
        for connection in server.connections.values():
            if connection.state == State.CONNECTING:
                server.accept(connection, now)
        to_client = [data for datagrams, _ in server.datagrams_to_send(now) for data in datagrams]
        for data in to_client:
            looking.endpoint.receive_datagram(data, at, now)
        if not to_client and not to_server:
            return


@pytest.mark.rule("1, 1.2 rule 2")
def test_addresses_are_asked_a_quarter_of_a_second_apart() -> None:
    looking = Looking([SIX, FOUR])
    assert looking.asked(0) == [SIX]
    assert looking.endpoint.next_timer() == NEXT_ADDRESS_AFTER_US
    assert looking.asked(NEXT_ADDRESS_AFTER_US - 1) == []
    assert looking.asked(NEXT_ADDRESS_AFTER_US) == [FOUR]
    assert looking.asked(500_000) == [SIX], "a datagram may have been lost"
    assert looking.asked(750_000) == [FOUR]


@pytest.mark.rule("1, 1.2 rule 2")
def test_the_first_that_answers_is_taken() -> None:
    looking = Looking([SIX, FOUR])
    server = make_endpoint()
    assert looking.asked(0) == [SIX]
    serve(server, looking, FOUR, NEXT_ADDRESS_AFTER_US)
    assert looking.connection.state == State.CONNECTED
    assert looking.connection.path.remote == FOUR
    assert str(looking.connection.address) == "192.0.2.1:27015"
    assert list(looking.endpoint.connections) == [FOUR]
    assert [kind for remote, kind in looking.leave(500_000) if remote == SIX] == []


@pytest.mark.rule("1, 1.2 rule 2")
def test_an_answer_counts_only_from_an_address_that_was_asked_and_with_our_id() -> None:
    looking = Looking([SIX, FOUR])
    looking.asked(0)
    looking.answer(OTHER, 1)
    looking.answer(SIX, 1, connection_id=looking.connection.id ^ 1)
    looking.endpoint.receive_datagram(bytes(600), SIX, 1)
    assert looking.connection.path.remote == NOWHERE
    looking.answer(SIX, 2)
    looking.answer(FOUR, 3)
    assert looking.connection.path.remote == SIX


def test_who_refuses_is_left_out_and_the_last_refusal_counts() -> None:
    looking = Looking([SIX, FOUR])
    looking.asked(0)
    looking.refuse(SIX, 10)
    assert looking.connection.state == State.CONNECTING
    assert looking.asked(500_000) == [FOUR]
    looking.refuse(FOUR, 500_010)
    assert (looking.connection.state, looking.connection.end_debug) == (State.CLOSED_BY_PEER, "full")


def test_one_address_needs_no_search() -> None:
    looking = Looking([FOUR])
    assert looking.asked(0) == [FOUR]
    assert looking.connection.path.remote == FOUR


def test_nobody_answers() -> None:
    looking = Looking([SIX, FOUR])
    now = 0
    while looking.connection.state == State.CONNECTING:
        looking.leave(now)
        now += 50_000
        assert now < 20_000_000
    assert looking.connection.end_debug == "Timed out attempting to connect"
    assert looking.leave(now) == []
    looking.answer(SIX, now)
    assert looking.connection.state == State.PROBLEM_DETECTED_LOCALLY


def test_closing_while_looking_tells_nobody_and_frees_everything() -> None:
    looking = Looking([SIX, FOUR])
    looking.asked(0)
    looking.endpoint.close(looking.connection, 0, "", False, 10)
    assert looking.leave(10) == []
    assert looking.connection.is_farewell_over()
    assert looking.leave(6_000_000) == []
    assert not looking.endpoint.connections


def test_a_name_that_is_found_too_late_changes_nothing() -> None:
    looking = Looking([])
    looking.endpoint.close(looking.connection, 0, "", False, 10)
    looking.endpoint.search(looking.connection, [SIX, FOUR], 20)
    assert looking.leave(20) == []


def test_a_name_with_countless_addresses_is_no_flood() -> None:
    looking = Looking([(f"192.0.2.{number}", 27015) for number in range(1, 200)])
    asked = {remote for now in range(0, 10_000_000, 50_000) for remote in looking.asked(now)}
    assert len(asked) == ADDRESSES_MAX
