"""Does one connection live, notice death, and end as the protocol says? (spec 1, parts 3 and 7)"""

from collections.abc import Callable
from itertools import combinations
from typing import Any, Final

import pytest
from tests.support.raw_peers import PING, RawClient, RawPeer, RawServer, Tap, kind, parse

import gamesockets as gs
from gamesockets import sim
from gamesockets.connection import handshake as negotiation
from gamesockets.connection.closing import encode_closed
from gamesockets.connection.states import State
from gamesockets.crypto import credentials as handshake
from gamesockets.crypto.cipher import CIPHER_AES_256_GCM, CIPHER_NULL
from gamesockets.wire import datagram
from gamesockets.wire.messages_pb2 import ConnectOK, ConnectRequest

Value = gs.ConfigurationValue
RELIABLE: Final = gs.SendFlags.RELIABLE
NO_NAGLE: Final = gs.SendFlags.NO_NAGLE
SECOND: Final = 1_000_000
NOBODY: Final = gs.Address("203.0.113.1", 9)


def texts(connection: sim.Connection) -> list[bytes]:
    return [message.data for message in connection.receive()]


def end(connection: sim.Connection) -> tuple[str, int, str]:
    return connection.core.state.name, connection.end_reason, connection.end_debug


def leave_alone(connection: sim.Connection) -> None:
    """A hook that neither accepts nor closes."""


# ---------------------------------------------------------------------- handshake


def test_handshake_takes_four_datagrams_and_two_round_trips() -> None:
    world = sim.World(conditions=sim.Conditions(latency=0.05))
    tap = Tap(world)
    client, server = world.pair()
    assert [(kind(p.data), p.time_us) for p in tap.passages if not p.is_arrival] == [
        ("challenge", 0),
        ("reply", 50_000),
        ("request", 100_000),
        ("ok", 150_000),
    ]
    assert [len(p.data) for p in tap.passages if kind(p.data) == "challenge"] == [512, 512]
    assert client.core.remote_id == server.core.id
    assert server.core.remote_id == client.core.id
    assert client.info().identity == gs.NetworkingIdentity.ip_address(server.host.address)
    assert server.info().identity == gs.NetworkingIdentity.ip_address(client.host.address)
    assert client.status().ping == 100


@pytest.mark.parametrize("lost", [*[(n,) for n in range(4)], *combinations(range(8), 2)])
def test_handshake_survives_any_one_or_two_losses(lost: tuple[int, ...]) -> None:
    """Each costs one retry of half a second at most."""
    world = sim.World(seed=2, conditions=sim.Conditions(latency=0.02))
    count = 0

    def lose(passage: sim.Passage) -> list[bytes]:
        nonlocal count
        count += 1
        return [] if count - 1 in lost else [passage.data]

    world.intercept = lose
    client, server = world.pair()
    assert world.now_us <= 80_000 + len(lost) * 560_000
    client.send(b"up", RELIABLE)
    server.send(b"down", RELIABLE)
    world.run(3)
    assert (texts(client), texts(server)) == ([b"down"], [b"up"])
    assert len(server.host.connections) == 1


def test_every_datagram_of_the_handshake_may_come_twice_and_late() -> None:
    world = sim.World(conditions=sim.Conditions(latency=0.02))
    world.intercept = lambda passage: [passage.data, passage.data]
    client, server = world.pair()
    world.intercept = None
    world.run(1)
    assert client.is_connected
    assert server.is_connected
    assert len(server.host.connections) == 1


def test_client_retries_every_half_second_for_ten_seconds() -> None:
    world = sim.World()
    tap = Tap(world)
    client = world.connect(NOBODY)
    world.run(30)
    sent = tap.sent_by(client.host.address)
    requests = [p.time_us for p in sent if kind(p.data) == "challenge"]
    assert requests == [n * 500_000 for n in range(20)]
    assert len({p.data[3:] for p in sent if kind(p.data) == "challenge"}) == 20  # only the time differs
    closed = [p for p in sent if kind(p.data) == "closed"]
    assert [p.time_us for p in closed] == [10 * SECOND]
    message = parse(closed[0].data)
    assert message.from_connection_id == client.core.id
    assert not message.HasField("to_connection_id")
    assert message.reason_code == 5003
    assert end(client) == ("PROBLEM_DETECTED_LOCALLY", 5003, "Timed out attempting to connect")


def test_request_restarts_the_retry_timer_and_repeats_the_same_credentials() -> None:
    world = sim.World()
    tap = Tap(world)
    client = world.connect(NOBODY)
    server = RawServer(tap, world, client)
    world.run(0.3)
    tap.clear()
    server.new()
    requests = [parse(server.inject(server.challenge_reply())[0]) for _ in range(2)]
    assert requests[0].cert == requests[1].cert
    assert requests[0].crypt == requests[1].crypt
    assert requests[0].challenge == 77
    world.run(1.2)
    times = [p.time_us for p in tap.sent_by(client.host.address) if kind(p.data) == "challenge"]
    assert times == [800_000, 1_300_000]


def test_timeout_of_connecting_is_an_option() -> None:
    world = sim.World()
    client = world.connect(NOBODY, config={Value.TIMEOUT_INITIAL: 1200})
    world.run(1.19)
    assert client.state == gs.ConnectionState.CONNECTING
    world.run(0.02)
    assert client.end_reason == 5003


def test_application_that_does_not_accept_in_time() -> None:
    world = sim.World()
    tap = Tap(world)
    server = world.listen(on_connecting=leave_alone)
    client = world.connect(server, config={Value.TIMEOUT_INITIAL: 20_000})
    world.run(9.99)
    assert [kind(p.data) for p in tap.sent_by(server.address)].count("closed") == 0
    world.run(0.02)
    text = "App didn't accept or close incoming connection in time."
    assert end(server.connections[0]) == ("PROBLEM_DETECTED_LOCALLY", 5003, text)
    assert end(client) == ("CLOSED_BY_PEER", 5003, text)


def test_connection_refused_by_the_application() -> None:
    world = sim.World()
    server = world.listen(on_connecting=lambda connection: connection.close(1017, "go away"))
    client = world.connect(server)
    world.run(0.1)
    assert end(client) == ("CLOSED_BY_PEER", 1017, "go away")
    assert server.connections == []
    world.run(6)
    assert not server.endpoint.connections


def test_messages_wait_for_the_connection_and_leave_in_order() -> None:
    world = sim.World(conditions=sim.Conditions(latency=0.05))
    server = world.listen()
    client = world.connect(server)
    assert client.send(b"0", RELIABLE) == gs.Result.OK
    assert client.send(b"1") == gs.Result.OK
    assert client.send(b"2", RELIABLE | gs.SendFlags.NO_DELAY) == gs.Result.IGNORED
    assert client.send(b"3", RELIABLE) == gs.Result.OK
    assert client.flush() == gs.Result.IGNORED
    world.run(0.26)
    received = server.connections[0].receive()
    assert sorted(message.data for message in received) == [b"0", b"1", b"3"]
    assert [message.data for message in received if message.flags] == [b"0", b"3"]
    assert {message.data: message.message_number for message in received} == {b"0": 1, b"1": 2, b"3": 3}


def test_a_round_trip_of_two_seconds_still_connects() -> None:
    world = sim.World(conditions=sim.Conditions(latency=1.0))
    client, server = world.pair()
    assert world.now <= 5
    client.send(b"far away", RELIABLE)
    world.run(3)
    assert texts(server) == [b"far away"]


def test_names_reach_the_other_side() -> None:
    world = sim.World()
    server = world.listen(identity=gs.NetworkingIdentity.parse("str:server"))
    client = world.connect(server, identity=gs.NetworkingIdentity.parse("gen:0102"))
    world.run(0.1)
    assert str(client.info().identity) == "str:server"
    assert str(server.connections[0].info().identity) == "gen:0102"


def test_a_name_without_proof_is_refused_where_proof_is_wanted() -> None:
    """AllowWithoutAuth 1: own unsigned certificates cannot be used; 0: anonymous peers are not answered."""
    world = sim.World()
    name = gs.NetworkingIdentity.generic_string("me")
    client = world.connect(world.listen(), identity=name, config={Value.IP_ALLOW_WITHOUT_AUTH: 1})
    world.run(1)
    assert end(client) == ("PROBLEM_DETECTED_LOCALLY", 5002, "Need a cert authority!")
    strict = world.listen(config={Value.IP_ALLOW_WITHOUT_AUTH: 0})
    client = world.connect(strict)
    world.run(11)
    assert client.end_reason == 5003
    assert strict.connections == []
    assert strict.counters.bad_requests > 0


# ---------------------------------------------------------------------- encryption


@pytest.mark.parametrize("server_option", range(4))
@pytest.mark.parametrize("client_option", range(4))
def test_unencrypted_matrix(client_option: int, server_option: int) -> None:
    """The server's preference wins among what both allow; nothing in common is 4002 (spec 1, 4.3)."""
    lists = ["A", "AN", "NA", "N"]
    common = [cipher for cipher in lists[server_option] if cipher in lists[client_option]]
    world = sim.World()
    server = world.listen(config={Value.UNENCRYPTED: server_option})
    client = world.connect(server, config={Value.UNENCRYPTED: client_option})
    world.run(0.1)
    if not common:
        assert client.end_reason == 4002
        assert server.connections[0].end_reason == 4002
        return
    tap = Tap(world)
    client.send(b"secret? " * 4, RELIABLE)
    server.connections[0].send(b"secret? " * 4)
    world.run(0.1)
    assert texts(client) == texts(server.connections[0]) == [b"secret? " * 4]
    in_the_clear = any(b"secret? " in p.data for p in tap.passages)
    assert in_the_clear == (common[0] == "N")
    for connection in (client, server.connections[0]):
        flags = connection.info().flags
        assert bool(flags & gs.ConnectionInfoFlags.UNENCRYPTED) == in_the_clear


def test_server_must_choose_one_cipher_that_was_offered() -> None:
    for ciphers, text in (
        ([CIPHER_AES_256_GCM, CIPHER_NULL], "Server must select exactly only one cipher!"),
        ([CIPHER_NULL], "Failed to negotiate mutually-agreeable cipher"),
    ):
        world = sim.World()
        tap = Tap(world)
        client = world.connect(NOBODY)
        server = RawServer(tap, world, client, ciphers=ciphers)
        server.inject(server.challenge_reply())
        [told] = server.inject(server.connect_ok())
        assert end(client) == ("PROBLEM_DETECTED_LOCALLY", 4002, text)
        assert parse(told).reason_code == 4002


# ---------------------------------------------------------------------- noticing death


@pytest.mark.parametrize("side", ["client", "server"])
def test_an_idle_peer_that_fell_silent(side: str) -> None:
    """Keepalive at 10.0 s, first probe at about 10.45 s, then every 0.2 s, the end at 20.5 s (spec 1, 7.3)."""
    world = sim.World()
    tap = Tap(world)
    pair = world.pair()
    heard = world.now_us
    watched = pair[0] if side == "client" else pair[1]
    (pair[1] if side == "client" else pair[0]).host.crash()
    tap.clear()
    world.run(30)
    sent = [((p.time_us - heard) / SECOND, kind(p.data), p.data[0]) for p in tap.sent_by(watched.host.address)]
    assert sent[0][0] == pytest.approx(10.0, abs=0.001)
    assert sent[0][1:] == ("data", 0x81)
    probes = [when for when, name, _ in sent[1:] if name == "data"]
    assert probes[0] == pytest.approx(10.45, abs=0.01)
    assert probes == pytest.approx([probes[0] + 0.2 * n for n in range(len(probes))], abs=0.01)
    [(ended, _, _)] = [entry for entry in sent if entry[1] == "closed"]
    assert ended == pytest.approx(20.5, abs=0.06)
    assert end(watched) == ("PROBLEM_DETECTED_LOCALLY", 5003, "Connection dropped")


def test_unanswered_reliable_data_starts_the_search_at_once() -> None:
    world = sim.World()
    client, server = world.pair()
    world.run(3)
    server.host.crash()
    begin = world.now
    client.send(b"anybody?", RELIABLE | NO_NAGLE)
    assert world.run_until(lambda: not client.is_connected)
    assert world.now - begin == pytest.approx(10.45, abs=0.1)


def test_timeout_of_a_connection_is_an_option_that_changes_while_connected() -> None:
    world = sim.World()
    client, server = world.pair()
    client.configure({Value.TIMEOUT_CONNECTED: 3000})
    server.host.crash()
    begin = world.now
    assert world.run_until(lambda: not client.is_connected)
    assert world.now - begin == pytest.approx(13.5, abs=0.1)


def test_an_idle_pair_exchanges_next_to_nothing_and_lives() -> None:
    """One packet and one ack every ten seconds, and a message is worth no more."""
    world = sim.World(conditions=sim.Conditions(latency=0.05))
    client, server = world.pair()
    tap = Tap(world)
    world.run(600)
    assert client.is_connected
    assert server.is_connected
    sent = [p for p in tap.passages if not p.is_arrival]
    assert 110 <= len(sent) <= 250
    client.send(b"still here", RELIABLE)
    world.run(1)
    assert texts(server) == [b"still here"]


@pytest.mark.parametrize("busy", [False, True])
def test_a_closed_laptop_lid(busy: bool) -> None:
    """Five seconds are survived; thirty end both sides."""
    world = sim.World(conditions=sim.Conditions(latency=0.03))
    client, server = world.pair()

    def tick() -> None:
        for connection in (client, server):
            connection.send(b"busy", RELIABLE)

    if busy:
        world.every(0.1, tick)
    world.run(2)
    world.partition(client)
    world.run(5)
    world.heal()
    world.run(3)
    assert client.is_connected
    assert server.is_connected
    world.partition(client)
    world.run(30)
    world.heal()
    world.run(3)
    for connection in (client, server):
        assert end(connection) == ("PROBLEM_DETECTED_LOCALLY", 5003, "Connection dropped")


def test_nothing_reliable_is_lost_by_a_short_partition() -> None:
    world = sim.World(conditions=sim.Conditions(latency=0.03))
    client, server = world.pair()
    sent: list[bytes] = []

    def tick() -> bool:
        sent.append(b"%d" % len(sent))
        client.send(sent[-1], RELIABLE)
        return len(sent) < 100

    world.every(0.1, tick)
    world.run(2)
    world.partition(client)
    world.run(5)
    world.heal()
    world.run(5)
    assert texts(server) == sent
    assert len(sent) == 100


def test_any_control_datagram_of_the_peer_is_a_sign_of_life() -> None:
    """Even a malformed one (spec 1, 4.8)."""
    world = sim.World()
    tap = Tap(world)
    raw = RawClient(tap, world, world.listen())
    connection = raw.connect()
    for _ in range(12):
        world.run(5)
        raw.inject(b"\x21garbage")
    assert connection.is_connected
    world.run(25)
    assert connection.end_reason == 5003


def test_replays_of_data_packets_are_no_sign_of_life() -> None:
    world = sim.World()
    tap = Tap(world)
    raw = RawClient(tap, world, world.listen())
    connection = raw.connect()
    packet = raw.packet(PING)
    for _ in range(25):
        raw.inject(packet)
        world.run(1)
    assert connection.end_reason == 5003
    assert texts(connection) == [b"x"]


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


def test_fin_wait_answers_five_seconds_then_silence_and_the_address_is_free() -> None:
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
    assert raw.inject(raw.packet(PING)) == []
    again = RawClient(tap, world, server, own_id=0x4321_8765)
    again._seen = len(tap.sent_to(again.address))
    assert again.connect().is_connected


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


def test_an_address_is_occupied_until_five_seconds_after_the_application_closed() -> None:
    """The client's old connection is gone while the server's application has not looked yet (spec 1, 13.7)."""
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


def test_sending_in_each_state() -> None:
    world = sim.World()
    client, server = world.pair()
    assert client.send(b"") == gs.Result.OK
    assert client.send(b"", lane=1) == gs.Result.INVALID_PARAM
    assert client.send(bytes(524_289)) == gs.Result.INVALID_PARAM
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


def test_linger_without_reliable_data_closes_at_once() -> None:
    world = sim.World()
    client, server = world.pair()
    client.send(b"dropped")
    client.close(enable_linger=True)
    assert client.core.state == State.FIN_WAIT
    world.run(1)
    assert texts(server) == []


def test_linger_does_not_wait_for_the_nagle_timer_and_ends_with_the_last_ack() -> None:
    world = sim.World(conditions=sim.Conditions(latency=0.05))
    client, server = world.pair()
    client.send(b"one", RELIABLE)
    begin = world.now
    client.close(enable_linger=True)
    assert world.run_until(lambda: not server.is_connected, 5)
    assert world.now - begin <= 0.05 + 0.05 + 0.05 + 0.051


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


def test_a_lingering_side_discards_what_it_receives_but_acknowledges_reliable_data() -> None:
    world = sim.World(conditions=sim.Conditions(latency=0.02))
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
    world = sim.World(conditions=sim.Conditions(latency=0.02))
    client, server = world.pair()
    client.send(bytes(400_000), RELIABLE)
    client.close(enable_linger=True)
    world.run(0.5)
    assert client.core.state == State.LINGER
    assert not client.core.is_farewell_over()
    farewell_at_us(world, client)
    assert texts(server) == [bytes(400_000)]


def test_the_farewell_of_who_was_closed_is_over_with_its_answer() -> None:
    world = sim.World()
    client, server = world.pair()
    client.close()
    world.run(0.001)
    assert not server.core.is_farewell_over(), "its application has not closed it"
    server.close()
    assert farewell_at_us(world, server) == 0


# ---------------------------------------------------------------------- the table of spec 1, 7.6


def prepare(state: str) -> tuple[RawClient, sim.Connection]:
    """A server's connection in that state, and its hand-made client."""
    world = sim.World()
    tap = Tap(world)
    server = world.listen(on_connecting=leave_alone if state == "CONNECTING" else sim.Connection.accept)
    raw = RawClient(tap, world, server)
    connection = raw.connect()
    if state == "LINGER":
        connection.send(bytes(100_000), RELIABLE)
        connection.close(1010, "lingering", enable_linger=True)
    elif state == "FIN_WAIT":
        connection.close(1010, "closed here")
    elif state == "CLOSED_BY_PEER":
        raw.inject(raw.closed(raw.peer_id, raw.id, 1011))
    elif state == "PROBLEM_DETECTED_LOCALLY":
        raw.inject(raw.packet(b"\xff"))
    world.run(0.001)
    assert connection.core.state.name == state
    raw.peer_id = connection.core.id
    return raw, connection


LIVING: Final = ("CONNECTED", "LINGER")
ENDED: Final = ("PROBLEM_DETECTED_LOCALLY", "FIN_WAIT", "CLOSED_BY_PEER")
STATES: Final = ("CONNECTING", *LIVING, *ENDED)


def answers(raw: RawPeer, data: bytes) -> list[str]:
    """What came back at once, data packets left out."""
    return [name for name in map(kind, raw.inject(data)) if name != "data"]


def closing(state: str) -> list[str]:
    return ["none"] if state == "CLOSED_BY_PEER" else ["closed"]


@pytest.mark.parametrize("state", STATES)
def test_table_data_with_a_wrong_id(state: str) -> None:
    raw, connection = prepare(state)
    header = b"\x80" + (0x0102_0304).to_bytes(4, "little") + b"\x05\x00"
    replies = [parse(data) for data in raw.inject(header + bytes(40)) if kind(data) == "none"]
    assert [reply.from_connection_id for reply in replies] == [0x0102_0304]
    assert answers(raw, header + bytes(40)) == []  # rate-limited
    raw.world.run(0.3)
    raw.new()
    assert answers(raw, header + bytes(40)) == ["none"]
    assert connection.core.state.name == state


@pytest.mark.parametrize("state", STATES)
def test_table_data_with_the_right_id(state: str) -> None:
    raw, connection = prepare(state)
    for _ in range(2):
        data = raw.packet(PING) if state != "CONNECTING" else b"\x80" + raw.peer_id.to_bytes(4, "little") + bytes(40)
        assert answers(raw, data) == (closing(state) if state in ENDED else [])
    assert connection.core.state.name == state
    assert len(connection.receive()) == (2 if state == "CONNECTED" else 0)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("repeated", ["challenge", "request"])
def test_table_repeated_requests(state: str, repeated: str) -> None:
    raw, connection = prepare(state)
    expected = [] if state == "CONNECTING" else ["ok"] if state in LIVING else closing(state)
    make: Callable[[int], bytes] = (
        raw.challenge_request if repeated == "challenge" else lambda own_id: raw.connect_request(0, own_id)
    )
    assert answers(raw, make(raw.id)) == expected
    assert answers(raw, make(raw.id)) == expected
    # From the port of a connection that we closed, somebody else may begin.
    assert answers(raw, make(raw.id + 1)) == (["reply"] if state == "FIN_WAIT" and repeated == "challenge" else [])
    assert connection.core.state.name == state


@pytest.mark.parametrize("state", STATES)
def test_table_challenge_reply_to_a_server(state: str) -> None:
    raw, connection = prepare(state)
    assert answers(raw, b"\x21" + raw.peer_id.to_bytes(4, "little")) == []
    assert connection.core.state.name == state


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("ids", ["both", "to", "from"])
def test_table_connection_closed_for_us(state: str, ids: str) -> None:
    raw, connection = prepare(state)
    to_id = raw.peer_id if ids != "from" else 0
    from_id = raw.id if ids != "to" else 0
    replies = [data for data in raw.inject(raw.closed(to_id, from_id, 1234, b"peer")) if kind(data) != "data"]
    assert [kind(data) for data in replies] == (["none", "closed"] if state == "LINGER" else ["none"])
    reply = parse(replies[0])
    assert (reply.from_connection_id, reply.to_connection_id) == (to_id, from_id)
    if state in ("CONNECTING", "CONNECTED"):
        assert end(connection) == ("CLOSED_BY_PEER", 1234, "peer")
    elif state == "LINGER":
        assert end(connection) == ("FIN_WAIT", 1010, "lingering")
    else:
        assert connection.core.state.name == state


def test_a_closing_message_without_reason_or_text() -> None:
    raw, connection = prepare("CONNECTED")
    message = raw.closed(raw.peer_id, raw.id)
    parsed = parse(message)
    parsed.ClearField("reason_code")
    raw.inject(datagram.encode_control(datagram.CONNECTION_CLOSED, parsed))
    assert end(connection) == ("CLOSED_BY_PEER", 0, "The remote host closed the connection.")


@pytest.mark.parametrize("state", STATES)
def test_table_connection_closed_for_another(state: str) -> None:
    """Answered, but rarely; without any id there is nobody to name."""
    raw, connection = prepare(state)
    for to_id, from_id in ((raw.peer_id + 1, raw.id), (0, raw.id + 1), (0, 0)):
        raw.world.run(0.3)
        raw.new()
        assert answers(raw, raw.closed(to_id, from_id)) == (["none"] if from_id else [])
        assert answers(raw, raw.closed(to_id, from_id)) == []
    assert connection.core.state.name == state


@pytest.mark.parametrize("state", STATES)
def test_table_no_connection_for_us(state: str) -> None:
    raw, connection = prepare(state)
    expected = ["closed"] if state == "LINGER" else []
    assert answers(raw, raw.no_connection(raw.peer_id, raw.id)) == expected
    if state in ("CONNECTING", "CONNECTED"):
        assert end(connection) == ("CLOSED_BY_PEER", 5010, "Received unexpected 'no connection' from peer")
    elif state == "LINGER":
        assert end(connection) == ("FIN_WAIT", 1010, "lingering")
    else:
        assert connection.core.state.name == state


@pytest.mark.parametrize("state", STATES)
def test_table_no_connection_otherwise(state: str) -> None:
    raw, connection = prepare(state)
    for to_id, from_id in ((raw.peer_id, 0), (0, raw.id), (raw.peer_id, raw.id + 1), (raw.peer_id + 1, raw.id)):
        assert answers(raw, raw.no_connection(to_id, from_id)) == []
    assert connection.core.state.name == state


def prepare_client(state: str) -> tuple[RawServer, sim.Connection]:
    """A client's connection in that state, and its hand-made server."""
    world = sim.World()
    tap = Tap(world)
    client = world.connect(NOBODY)
    raw = RawServer(tap, world, client)
    if state != "CONNECTING":
        raw.accept()
        assert client.is_connected
    if state == "LINGER":
        client.send(bytes(100_000), RELIABLE)
        client.close(1010, "lingering", enable_linger=True)
    elif state == "FIN_WAIT":
        client.close(1010, "closed here")
    elif state == "CLOSED_BY_PEER":
        raw.inject(raw.closed(raw.peer_id, raw.id, 1011))
    elif state == "PROBLEM_DETECTED_LOCALLY":
        raw.inject(raw.packet(b"\xff"))
    world.run(0.001)
    raw.new()
    assert client.core.state.name == state
    return raw, client


@pytest.mark.parametrize("state", STATES)
def test_client_table_challenge_reply(state: str) -> None:
    raw, client = prepare_client(state)
    assert answers(raw, raw.challenge_reply()) == (["request"] if state == "CONNECTING" else [])
    assert answers(raw, raw.challenge_reply(raw.peer_id + 1)) == []
    assert client.core.state.name == state


@pytest.mark.parametrize("state", STATES)
def test_client_table_connect_ok(state: str) -> None:
    raw, client = prepare_client(state)
    assert answers(raw, raw.connect_ok(raw.peer_id + 1)) == []
    assert answers(raw, raw.connect_ok()) == (closing(state) if state in ENDED else [])
    assert client.core.state.name == ("CONNECTED" if state == "CONNECTING" else state)


@pytest.mark.parametrize("state", STATES)
def test_client_table_requests_are_ignored_unless_ended(state: str) -> None:
    """Nobody sends these to a client; whatever is answered, nothing changes."""
    raw, client = prepare_client(state)
    request = RawClient(raw.tap, raw.world, client.host).challenge_request(raw.id)
    if state not in ENDED:
        assert answers(raw, request) == []
    assert client.core.state.name == state


def test_client_believes_a_refusal_addressed_to_its_id_only() -> None:
    raw, client = prepare_client("CONNECTING")
    assert answers(raw, raw.closed(raw.peer_id + 1, raw.id)) == ["none"]
    assert client.core.state == State.CONNECTING
    assert answers(raw, raw.no_connection(raw.peer_id, raw.id)) == []
    assert client.core.state == State.CONNECTING
    assert answers(raw, raw.closed(raw.peer_id, 0, 5001, b"no")) == ["none"]
    assert end(client) == ("CLOSED_BY_PEER", 5001, "no")


def test_client_that_knows_no_server_id_expects_none_in_no_connection() -> None:
    raw, client = prepare_client("CONNECTING")
    raw.inject(raw.no_connection(raw.peer_id, 0))
    assert client.end_reason == 5010


def test_client_takes_a_connect_ok_without_any_challenge() -> None:
    """A very late duplicate of another attempt's reply must not be needed (spec 1, 3.6)."""
    raw, client = prepare_client("CONNECTING")
    raw.inject(raw.connect_ok())
    assert client.is_connected


def test_client_refuses_a_server_without_id() -> None:
    raw, client = prepare_client("CONNECTING")
    [told] = raw.inject(raw.connect_ok(own_id=0x7777_0000))
    assert end(client) == ("PROBLEM_DETECTED_LOCALLY", 4002, "Didn't send valid connection ID")
    assert kind(told) == "closed"


def test_connect_ok_is_repeated_unchanged_but_for_the_delay() -> None:
    raw, _ = prepare("CONNECTED")
    first = parse(raw.inject(raw.challenge_request())[0])
    raw.world.run(1)
    second = parse(raw.inject(raw.connect_request(0))[0])
    raw.world.run(4)
    raw.new()
    third = parse(raw.inject(raw.challenge_request())[0])
    assert isinstance(first, ConnectOK)
    assert first.cert == second.cert == third.cert
    assert first.crypt == second.crypt == third.crypt
    assert first.your_timestamp == second.your_timestamp == 6
    assert second.delay_time_usec - first.delay_time_usec == SECOND
    assert not third.HasField("your_timestamp")
    assert not third.HasField("delay_time_usec")


# ---------------------------------------------------------------------- malformed frames and numbers


def test_undecodable_frames_end_the_connection() -> None:
    raw, connection = prepare("CONNECTED")
    replies = raw.inject(raw.packet(PING))
    raw.inject(raw.packet(b"\x30\x02\x00\x00\x00\x01y\xff"))
    assert connection.core.state == State.PROBLEM_DETECTED_LOCALLY
    assert connection.end_reason == 5002
    assert texts(connection) == [b"x", b"y"]  # what came before the fault counts
    assert all(kind(data) == "data" for data in replies)


def test_a_jump_of_packet_numbers_beyond_the_limit_ends_the_connection() -> None:
    raw, connection = prepare("CONNECTED")
    raw.number = 1 + 0x4000
    raw.inject(raw.packet(PING))
    assert connection.is_connected
    raw.number = 1 + 0x4000 + 0x4001
    raw.inject(raw.packet(PING))
    assert connection.end_reason == 5001
    assert connection.end_debug.startswith("Pkt number lurch by 16385; 4001->8002")


def test_packet_numbers_before_the_first_are_not_taken() -> None:
    raw, connection = prepare("CONNECTED")
    raw.number = 1
    raw.inject(raw.packet(PING))
    assert connection.receive() == []
    assert connection.host.counters.duplicates == 1
    raw.inject(raw.packet(PING))
    assert texts(connection) == [b"x"]


# ---------------------------------------------------------------------- other versions of the protocol


def everyone_speaks(monkeypatch: pytest.MonkeyPatch, version: int) -> None:
    monkeypatch.setattr(handshake, "PROTOCOL_VERSION", version)
    monkeypatch.setattr(negotiation, "PROTOCOL_VERSION", version)
    monkeypatch.setattr("gamesockets.endpoint.strangers.PROTOCOL_VERSION", version)


@pytest.mark.parametrize("version", [8, 9, 10, 11, 12, 13, 14, 200])
def test_both_sides_of_another_version(version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    everyone_speaks(monkeypatch, version)
    world = sim.World(conditions=sim.Conditions(latency=0.02, loss=0.05))
    tap = Tap(world)
    client, server = world.pair()
    assert client.core.protocol_version == server.core.protocol_version == version
    for number in range(50):
        client.send(b"%d" % number, RELIABLE)
        server.send(b"%d" % number, RELIABLE)
        world.run(0.05)
    world.run(2)
    assert texts(client) == texts(server) == [b"%d" % number for number in range(50)]
    first = next(p.data for p in tap.sent_by(client.host.address) if kind(p.data) == "data")
    assert int.from_bytes(first[5:7], "little") == (1 if version < 10 else 2)


@pytest.mark.parametrize("version", [8, 9, 10, 11, 12, 13, 14])
def test_an_old_client_of_a_new_server(version: int) -> None:
    """Numbering from 1 below version 10 in both directions, acks in 16 bits below 13 (spec 1, 3.8)."""
    world = sim.World()
    tap = Tap(world)
    raw = RawClient(tap, world, world.listen(), version=version)
    connection = raw.connect()
    assert connection.core.protocol_version == version
    first = 1 if version < 10 else 2
    raw.number = first
    [answer] = raw.ask(PING)
    assert texts(connection) == [b"x"]
    payload = raw.open(answer, first)
    assert payload[:3] == b"\x98" + first.to_bytes(2, "little")


@pytest.mark.parametrize("version", [8, 9, 10, 11, 12])
def test_a_new_client_of_an_old_server(version: int) -> None:
    world = sim.World()
    tap = Tap(world)
    client = world.connect(NOBODY)
    raw = RawServer(tap, world, client, version=version)
    raw.accept()
    assert client.core.protocol_version == version
    first = 1 if version < 10 else 2
    raw.number = first
    [answer] = raw.ask(PING)
    assert texts(client) == [b"x"]
    assert raw.open(answer, first)


@pytest.mark.parametrize("version", [0, 7])
def test_peers_that_are_too_old(version: int) -> None:
    raw, client = prepare_client("CONNECTING")
    raw.inject(raw.challenge_reply(version=version))
    assert end(client)[1:] == (5001, "Peer is running old software and needs to be udpated")
    world = sim.World()
    tap = Tap(world)
    server = world.listen()
    old = RawClient(tap, world, server, version=version)
    assert old.inject(old.connect_request(old.get_challenge())) == []
    assert server.connections == []
    assert server.counters.bad_requests == 1


def test_a_version_that_changes_during_the_handshake() -> None:
    world = sim.World()
    tap = Tap(world)
    client = world.connect(NOBODY)
    raw = RawServer(tap, world, client, version=12)
    [data] = raw.inject(raw.challenge_reply(version=13))
    assert isinstance(parse(data), ConnectRequest)
    [told] = raw.inject(raw.connect_ok())
    assert end(client)[1:] == (4006, "Claiming protocol V12 now, but earlier was using V13")
    assert parse(told).reason_code == 4006


@pytest.mark.parametrize("version", [10, 11])
def test_lanes_need_version_eleven(version: int) -> None:
    world = sim.World()
    tap = Tap(world)
    raw = RawClient(tap, world, world.listen(), version=version)
    connection = raw.connect()
    assert connection.configure_lanes([0]) == gs.Result.OK
    result = connection.configure_lanes([0, 1])
    text = "Peer is using old protocol and cannot receive multiple lanes"
    if version < 11:
        assert result == gs.Result.FAIL
        assert end(connection) == ("PROBLEM_DETECTED_LOCALLY", 4006, text)
        assert parse(raw.new()[-1]).reason_code == 4006
    else:
        assert result == gs.Result.OK


def test_lanes_of_a_client_that_meets_an_old_server() -> None:
    world = sim.World()
    tap = Tap(world)
    client = world.connect(NOBODY)
    client.configure_lanes([0, 1])
    raw = RawServer(tap, world, client, version=10)
    raw.inject(raw.challenge_reply())
    [told] = raw.inject(raw.connect_ok())
    assert client.end_reason == parse(told).reason_code == 4006


def test_lanes_of_a_server_that_meets_an_old_client() -> None:
    """The lanes are configured while the connection waits to be accepted."""
    world = sim.World()
    tap = Tap(world)
    results: list[Any] = []

    def on_connecting(connection: sim.Connection) -> None:
        results.append(connection.configure_lanes([0, 1]))
        results.append(connection.accept())

    raw = RawClient(tap, world, world.listen(on_connecting=on_connecting), version=10)
    raw.inject(raw.connect_request(raw.get_challenge()))
    [connection] = raw.host.connections
    assert connection.end_reason == 4006
    assert gs.Result.OK not in results[1:]


@pytest.mark.parametrize(("version", "sent"), [(11, False), (12, True), (13, True)])
def test_spacing_is_sent_to_those_who_read_it(version: int, sent: bool) -> None:
    world = sim.World()
    tap = Tap(world)
    config = {Value.SEND_TIME_SINCE_PREVIOUS_PACKET: 1}
    raw = RawClient(tap, world, world.listen(config=config), version=version)
    raw.connect()
    first = raw.ask()
    world.run(0.1)
    second = raw.ask()
    world.run(0.3)
    third = raw.ask()
    assert [bool(data[0] & 2) for data in first + second + third] == [False, sent, False]
