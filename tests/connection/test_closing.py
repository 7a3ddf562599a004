"""Does the end of a connection reach the peer, in time and in the right words? (spec 1, 7.5)"""

from typing import Final

import pytest
from tests.support.raw_peers import PING, RawClient, Tap, kind, parse
from tests.support.simulated_ends import end, texts

import gamesockets as gs
from gamesockets import sim
from gamesockets.connection.closing import CLOSE_REPEAT_US, Farewell, encode_closed
from gamesockets.connection.states import State
from gamesockets.values.moments import NEVER

RELIABLE: Final = gs.SendFlags.RELIABLE
GAMES_RATE: Final = {
    gs.ConfigurationValue.SEND_RATE_MIN: 262_144,
    gs.ConfigurationValue.SEND_RATE_MAX: 262_144,
}
"""Slow enough to see something linger."""
NO_NAGLE: Final = gs.SendFlags.NO_NAGLE


# ---------------------------------------------------------------------- closing


REASONS: Final = [
    (0, "", 1000, "Application closed connection"),
    (1000, "", 1000, "Application closed connection"),
    (1500, "bye", 1500, "bye"),
    (2000, "", 2000, "Application closed connection in an unusual way"),
    (2999, "worst", 2999, "worst"),
    (3, "low", 1999, "Invalid numeric reason code"),
    (3000, "high", 1999, "Invalid numeric reason code"),
    (1001, "x" * 300, 1001, "x" * 127),
]


@pytest.mark.rule("1, 7.5 rule 1", "1, 7.5 rule 3", "1, 7.8 rule 1")
@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize(("reason", "debug", "told", "text"), REASONS)
def test_the_reason_reaches_the_peer(side: int, reason: int, debug: str, told: int, text: str) -> None:
    world = sim.World()
    pair = world.pair()
    pair[side].close(reason, debug)
    world.run(0.1)
    assert end(pair[1 - side]) == ("CLOSED_BY_PEER", told, text)
    assert pair[side].state == gs.ConnectionState.NONE
    world.run(10)
    assert pair[side].core.state == State.DEAD
    assert pair[1 - side].state == gs.ConnectionState.CLOSED_BY_PEER
    pair[1 - side].close(2222, "too late")
    assert end(pair[1 - side]) == ("FIN_WAIT", told, text)
    world.run(10)
    assert not pair[1 - side].host.endpoint.connections


@pytest.mark.rule("1, 7.5 rule 6", "1, 7.5 rule 8", "1, 13 rule 8")
def test_the_closing_message_is_repeated_until_it_is_answered() -> None:
    world = sim.World(conditions=sim.Conditions(latency=0.01))
    tap = Tap(world)
    client, server = world.pair()
    client.outgoing.conditions = sim.Conditions(loss=1.0)
    tap.clear()
    client.close(1001)
    world.run(0.4)
    assert server.is_connected
    client.outgoing.conditions = sim.Conditions()
    world.run(10)
    assert end(server)[:2] == ("CLOSED_BY_PEER", 1001)
    sent = [kind(p.data) for p in tap.sent_by(client.host.address)]
    assert 2 <= len(sent) <= 3
    assert set(sent) == {"closed"}


@pytest.mark.rule("1, 7.5 rule 6")
def test_the_closing_message_is_not_repeated_for_ever() -> None:
    world = sim.World()
    tap = Tap(world)
    client, server = world.pair()
    server.host.crash()
    tap.clear()
    client.close(1001)
    world.run(20)
    assert 2 <= len(tap.sent_by(client.host.address)) <= 5
    assert client.core.state == State.DEAD


@pytest.mark.rule("1, 7.5 rule 6")
def test_an_answered_closing_message_is_sent_once() -> None:
    world = sim.World(conditions=sim.Conditions(latency=0.01))
    tap = Tap(world)
    client, server = world.pair()
    tap.clear()
    client.close(1001)
    world.run(20)
    assert [kind(p.data) for p in tap.passages if not p.is_arrival] == ["closed", "none"]
    assert server.state == gs.ConnectionState.CLOSED_BY_PEER


def test_simultaneous_close() -> None:
    world = sim.World(conditions=sim.Conditions(latency=0.05))
    tap = Tap(world)
    client, server = world.pair()
    tap.clear()
    client.close(1001, "client")
    server.close(1002, "server")
    world.run(20)
    assert client.end_reason == 1001
    assert server.end_reason == 1002
    assert client.core.state == server.core.state == State.DEAD
    assert len([p for p in tap.passages if not p.is_arrival]) == 4


def test_a_peer_that_closes_at_the_same_time_is_not_told_again() -> None:
    """Its socket may be gone already, so that no NoConnection comes back."""
    world = sim.World()
    tap = Tap(world)
    raw = RawClient(tap, world, world.listen())
    connection = raw.connect()
    connection.close(1005, "over")
    assert not connection.core.is_farewell_over()
    raw.inject(encode_closed(raw.id, raw.peer_id, 1006, "over here too"))
    assert connection.core.is_farewell_over()
    raw.new()
    world.run(4)
    assert raw.new() == []
    assert connection.end_reason == 1005


@pytest.mark.rule("1, 7.2", "1, 7.5 rule 5", "1, 10 rule 8", "3, 6.5 rule 2")
def test_fin_wait_answers_five_seconds_then_nothing_is_known_and_the_address_is_free() -> None:
    world = sim.World()
    tap = Tap(world)
    server = world.listen()
    raw = RawClient(tap, world, server)
    connection = raw.connect()
    connection.close(1005, "over")
    for _ in range(4):
        raw.new()
        world.run(1.2)
        [answer] = [data for data in raw.inject(raw.packet(PING)) if kind(data) == "closed"]
        assert parse(answer).reason_code == 1005
        assert parse(answer).to_connection_id == raw.id
        assert parse(answer).from_connection_id == raw.peer_id
    world.run(0.21)
    assert not server.endpoint.connections
    assert [kind(data) for data in raw.inject(raw.packet(PING))] == ["none"]
    again = RawClient(tap, world, server, own_id=0x4321_8765)
    again._seen = len(tap.sent_to(again.address))
    assert again.connect().is_connected


@pytest.mark.rule("1, 7.6 rule 3", "1, 13 rule 7")
def test_somebody_else_connects_from_the_port_of_a_connection_closed_a_moment_ago() -> None:
    """Systems give ports out again at once; the old connection's last packets still get their answer until then."""
    world = sim.World()
    tap = Tap(world)
    server = world.listen()
    raw = RawClient(tap, world, server)
    connection = raw.connect()
    connection.close(1005, "over")
    again = RawClient(tap, world, server, own_id=0x4321_8765)
    again._seen = len(tap.sent_to(again.address))
    assert again.connect().is_connected
    assert connection.core.is_farewell_over()
    assert len(server.endpoint.connections) == 1


def test_the_same_address_connects_again_after_a_close_by_the_client() -> None:
    world = sim.World()
    host, server = world.host(), world.listen()
    client = world.connect(server, host=host)
    world.run(0.1)
    client.close()
    world.run(0.1)
    with pytest.raises(ValueError, match="already a connection"):
        world.connect(server, host=host)
    server.connections[0].close()
    world.run(5.1)
    again = world.connect(server, host=host)
    world.run(0.1)
    assert again.is_connected
    assert server.connections[0].is_connected


@pytest.mark.rule("1, 1.2 rule 1", "1, 7.5 rule 5", "1, 13 rule 7")
def test_an_address_is_occupied_until_five_seconds_after_the_application_closed() -> None:
    """The client's old connection is gone while the server's application has not looked yet (spec 1, 13 rule 7)."""
    world = sim.World()
    host, server = world.host(), world.listen()
    client = world.connect(server, host=host)
    world.run(0.1)
    client.close()
    world.run(6)
    again = world.connect(server, host=host)
    world.run(2)
    assert again.state == gs.ConnectionState.CONNECTING
    server.connections[0].close()
    world.run(6)
    assert again.is_connected


@pytest.mark.rule("1, 7.1 rule 2")
def test_unread_messages_survive_the_peers_close_but_not_ones_own() -> None:
    world = sim.World()
    client, server = world.pair()
    client.send(b"last words", NO_NAGLE)
    world.run(0.01)
    client.close()
    world.run(0.1)
    assert server.state == gs.ConnectionState.CLOSED_BY_PEER
    assert texts(server) == [b"last words"]
    client, server = world.pair()
    client.send(b"unheard", NO_NAGLE)
    world.run(0.01)
    server.close()
    assert texts(server) == []


@pytest.mark.rule("2, 2.7.1 rule 11", "2, 2.12.1 rule 1", "3, 7.1 rule 2", "3, 7.3 rule 3")
def test_sending_in_each_state() -> None:
    world = sim.World()
    client, server = world.pair()
    assert client.send(b"") == gs.Result.OK
    assert client.send(b"", lane=1) == gs.Result.INVALID_PARAM
    assert client.send(bytes(524_289)) == gs.Result.VALUE_OUT_OF_RANGE
    server.close()
    world.run(0.1)
    assert client.send(b"") == gs.Result.NO_CONNECTION
    assert client.flush() == gs.Result.NO_CONNECTION
    assert client.configure_lanes([0, 0]) == gs.Result.INVALID_STATE
    client.close()
    assert client.send(b"") == gs.Result.INVALID_PARAM
    other, _ = world.pair()
    other.send(bytes(100_000), RELIABLE)
    other.close(enable_linger=True)
    assert other.core.state == State.LINGER
    assert other.send(b"") == gs.Result.INVALID_PARAM


@pytest.mark.rule("3, 6.3 rule 1")
def test_accepting_what_cannot_be_accepted() -> None:
    """The state is looked at first, whichever side began (spec 3, 6.7)."""
    world = sim.World()
    client, server = world.pair()
    assert client.accept() == server.accept() == gs.Result.INVALID_STATE
    server.close()
    world.run(0.1)
    assert client.accept() == gs.Result.INVALID_STATE
    connecting = world.connect(gs.Address("10.9.9.9", 9))
    assert connecting.accept() == gs.Result.INVALID_PARAM


# ---------------------------------------------------------------------- linger


@pytest.mark.rule("2, 2.12.3")
def test_linger_delivers_all_reliable_data_before_closing() -> None:
    bad = sim.Conditions(latency=0.05, loss=0.1)
    world = sim.World(seed=3)
    client, server = world.pair(up=bad, down=bad)
    data = bytes(range(256)) * 800
    client.send(data, RELIABLE)
    client.close(1003, "flushed", enable_linger=True)
    assert client.state == gs.ConnectionState.NONE
    assert world.run_until(lambda: not server.is_connected, 30)
    assert texts(server) == [data]
    assert end(server) == ("CLOSED_BY_PEER", 1003, "flushed")
    world.run(6)
    assert client.core.state == State.DEAD


@pytest.mark.rule("2, 2.12.3")
def test_linger_without_reliable_data_closes_at_once() -> None:
    world = sim.World()
    client, server = world.pair()
    client.send(b"dropped")
    client.close(enable_linger=True)
    assert client.core.state == State.FIN_WAIT
    world.run(1)
    assert texts(server) == []


@pytest.mark.rule("2, 2.12.3")
def test_linger_does_not_wait_for_the_nagle_timer_and_ends_with_the_last_ack() -> None:
    world = sim.World(conditions=sim.Conditions(latency=0.05))
    client, server = world.pair()
    client.send(b"one", RELIABLE)
    begin = world.now
    client.close(enable_linger=True)
    assert world.run_until(lambda: not server.is_connected, 5)
    assert world.now - begin <= 0.05 + 0.05 + 0.05 + 0.051


@pytest.mark.rule("1, 7.5 rule 7")
def test_linger_ends_when_the_peer_closes_or_dies() -> None:
    for ending in ("close", "crash"):
        world = sim.World(conditions=sim.Conditions(latency=0.02))
        client, server = world.pair()
        client.outgoing.conditions = sim.Conditions(loss=1.0)
        client.send(b"never arrives", RELIABLE)
        client.close(1004, "mine", enable_linger=True)
        assert client.core.state == State.LINGER
        if ending == "close":
            server.close(1005, "yours")
            world.run(1)
            assert end(client) == ("FIN_WAIT", 1004, "mine")
        else:
            server.host.crash()
            world.run(9)
            assert client.core.state == State.LINGER
            world.run(3)
            assert end(client) == ("FIN_WAIT", 5003, "Connection dropped")


@pytest.mark.rule("2, 2.5.1 rule 1")
def test_a_lingering_side_discards_what_it_receives_but_acknowledges_reliable_data() -> None:
    world = sim.World(conditions=sim.Conditions(latency=0.02), config=GAMES_RATE)
    client, server = world.pair()
    client.send(bytes(400_000), RELIABLE)
    client.close(enable_linger=True)
    server.send(b"nobody reads this", RELIABLE | NO_NAGLE)
    server.send(b"nor this", NO_NAGLE)
    world.run(0.4)
    assert client.core.state == State.LINGER
    assert client.receive() == []
    assert server.status().sent_unacked_reliable == 0


def test_dropping_ends_lingering_and_tells_the_peer() -> None:
    world = sim.World()
    client, _ = world.pair()
    client.send(bytes(400_000), RELIABLE)
    client.close(1003, "no longer", enable_linger=True)
    assert client.core.state == State.LINGER
    client.core.drop(world.now_us)
    assert end(client) == ("FIN_WAIT", 1003, "no longer")
    (farewell,) = client.core.datagrams_to_send(world.now_us)
    assert kind(farewell) == "closed"


def test_dropping_changes_nothing_in_other_states() -> None:
    world = sim.World()
    client, server = world.pair()
    client.core.drop(world.now_us)
    assert client.core.state == State.CONNECTED
    client.close(1003, "closed")
    client.core.drop(world.now_us)
    assert end(client) == ("FIN_WAIT", 1003, "closed")
    world.run(1)
    server.core.drop(world.now_us)
    assert end(server) == ("CLOSED_BY_PEER", 1003, "closed")


# ---------------------------------------------------------------------- the farewell


def farewell_at_us(world: sim.World, connection: sim.Connection) -> int:
    """How long after now the farewell is over."""
    began = world.now_us
    assert world.run_until(connection.core.is_farewell_over, 60)
    return world.now_us - began


@pytest.mark.rule("1, 7.5 rule 8")
def test_the_farewell_is_over_when_the_peer_has_confirmed_the_end() -> None:
    world = sim.World(conditions=sim.Conditions(latency=0.02))
    client, _ = world.pair()
    assert not client.core.is_farewell_over()
    client.close()
    assert not client.core.is_farewell_over()
    assert farewell_at_us(world, client) == 40_000


def test_the_farewell_is_over_when_a_silent_peer_was_told_four_times() -> None:
    world = sim.World()
    tap = Tap(world)
    client, server = world.pair()
    server.host.crash()
    client.close()
    assert farewell_at_us(world, client) == 1_750_000
    told = [p.time_us for p in tap.passages if kind(p.data) == "closed" and not p.is_arrival]
    assert [later - told[0] for later in told] == [0, 250_000, 750_000, 1_750_000]


def test_the_farewell_is_not_over_while_reliable_data_lingers() -> None:
    world = sim.World(conditions=sim.Conditions(latency=0.02), config=GAMES_RATE)
    client, server = world.pair()
    client.send(bytes(400_000), RELIABLE)
    client.close(enable_linger=True)
    world.run(0.5)
    assert client.core.state == State.LINGER
    assert not client.core.is_farewell_over()
    farewell_at_us(world, client)
    assert texts(server) == [bytes(400_000)]


@pytest.mark.rule("1, 7.5 rule 2")
def test_the_farewell_of_who_was_closed_is_over_with_its_answer() -> None:
    world = sim.World()
    client, server = world.pair()
    client.close()
    world.run(0.001)
    assert not server.core.is_farewell_over(), "its application has not closed it"
    server.close()
    assert farewell_at_us(world, server) == 0


@pytest.mark.rule("1, 7.5 rule 4")
def test_a_farewell_of_our_own_is_owed_at_once_and_repeated_after_the_close() -> None:
    farewell = Farewell(closed_by_peer=False)
    assert farewell.next_timer() == 0
    farewell.told(5)
    assert farewell.next_timer() == NEVER
    assert farewell.is_over()
    farewell.begin_repeating(10)
    assert farewell.next_timer() == 0
    farewell.told(10)
    times = []
    while not farewell.is_over():
        times.append(farewell.next_timer())
        farewell.told(times[-1])
    assert times == [250_010, 750_010, 1_750_010]
    assert farewell.next_timer() == NEVER


def test_an_answer_between_two_repetitions_moves_neither() -> None:
    farewell = Farewell(closed_by_peer=False)
    farewell.begin_repeating(0)
    farewell.told(0)
    farewell.is_owed = True
    assert farewell.next_timer() == 0
    farewell.told(100_000)
    assert farewell.next_timer() == CLOSE_REPEAT_US


@pytest.mark.rule("1, 7.5 rule 2")
def test_a_peer_that_closed_is_told_once_and_when_it_asks() -> None:
    farewell = Farewell(closed_by_peer=True)
    assert farewell.next_timer() == NEVER
    farewell.begin_repeating(0)
    assert farewell.next_timer() == 0
    assert not farewell.is_over()
    farewell.told(0)
    assert farewell.is_over()


def test_a_farewell_that_stops_owes_nothing() -> None:
    farewell = Farewell(closed_by_peer=False)
    farewell.begin_repeating(0)
    farewell.stop()
    assert farewell.is_over()
    assert farewell.next_timer() == NEVER
