"""How do two sides agree, in which versions, and what ends the attempt? (spec 1, part 3)"""

from itertools import combinations
from typing import Any, Final

import pytest
from tests.support.raw_peers import PING, RawClient, RawServer, Tap, kind, parse
from tests.support.simulated_ends import NOBODY, end, leave_alone, prepare_client, texts

import gamesockets as gs
from gamesockets import sim
from gamesockets.connection import handshake
from gamesockets.crypto import credentials
from gamesockets.crypto.cipher import CIPHER_AES_256_GCM, CIPHER_NULL
from gamesockets.wire import datagram
from gamesockets.wire.messages_pb2 import ConnectRequest

Value = gs.ConfigurationValue
RELIABLE: Final = gs.SendFlags.RELIABLE
SECOND: Final = 1_000_000


# ---------------------------------------------------------------------- handshake


@pytest.mark.rule("1, 3")
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


@pytest.mark.rule("1, 3.2 rule 3", "3, 6.3 rule 3")
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


@pytest.mark.rule("1, 3.2 rule 2", "1, 3.2 rule 5", "1, 3.2 rule 6", "1, 7.2", "1, 10 rule 3")
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


@pytest.mark.rule("1, 3.2 rule 1", "1, 3.2 rule 2", "1, 3.2 rule 3")
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


@pytest.mark.rule("1, 3.2 rule 5")
def test_timeout_of_connecting_is_an_option() -> None:
    world = sim.World()
    client = world.connect(NOBODY, config={Value.TIMEOUT_INITIAL: 1200})
    world.run(1.19)
    assert client.state == gs.ConnectionState.CONNECTING
    world.run(0.02)
    assert client.end_reason == 5003


@pytest.mark.rule("1, 3.5 rule 7", "3, 6.3 rule 5")
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


@pytest.mark.rule("1, 13 rule 5")
def test_connection_refused_by_the_application() -> None:
    world = sim.World()
    server = world.listen(on_connecting=lambda connection: connection.close(1017, "go away"))
    client = world.connect(server)
    world.run(0.1)
    assert end(client) == ("CLOSED_BY_PEER", 1017, "go away")
    assert server.connections == []
    world.run(6)
    assert not server.endpoint.connections


@pytest.mark.rule("1, 11 rule 6", "2, 2.7.1 rule 10", "3, 6.3 rule 2")
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


@pytest.mark.rule("1, 3.2 rule 8", "1, 3.6 rule 4")
@pytest.mark.parametrize(
    ("elapsed_us", "held_us", "sample_ms"),
    [
        (0, 0, 0),
        (499, 0, 0),
        (500, 0, 1),
        (1_499, 0, 1),
        (2_000_000, 0, 2000),
        (2_000_001, 0, -1),
        (-1, 0, -1),
        (1_040_000, 1_000_000, 40),
        (1_000_000, 1_000_001, -1),
        (2_500_000, 500_000, 2000),
        (2_500_001, 500_000, -1),
    ],
)
def test_a_ping_sample_is_rounded_and_one_that_makes_no_sense_is_left_out(
    elapsed_us: int, held_us: int, sample_ms: int
) -> None:
    assert handshake.round_trip_ms(7_000_000 + elapsed_us, 7_000_000, held_us) == sample_ms


@pytest.mark.rule("1, 3.2 rule 9", "1, 3.6 rule 4")
def test_the_client_tells_its_ping_and_does_not_count_how_long_it_waited() -> None:
    world = sim.World(conditions=sim.Conditions(latency=0.03))
    tap = Tap(world)
    server = world.listen(on_connecting=leave_alone)
    client = world.connect(server)
    world.run(1.1)
    [request] = [p.data for p in tap.sent_by(client.host.address) if kind(p.data) == "request"][:1]
    assert parse(request).ping_est_ms == 60
    assert server.connections[0].accept() == gs.Result.OK
    world.run(0.1)
    assert client.is_connected
    assert client.status().ping == 60


@pytest.mark.rule("1, 3.5 rule 6")
@pytest.mark.parametrize(("told_ms", "ping"), [(0, 0), (70, 70), (1500, 1500), (1501, -1), (1 << 31, -1)])
def test_the_server_takes_the_clients_ping_for_a_first_sample(told_ms: int, ping: int) -> None:
    world = sim.World()
    tap = Tap(world)
    raw = RawClient(tap, world, world.listen(on_connecting=leave_alone))
    message = ConnectRequest(client_connection_id=raw.id, challenge=raw.get_challenge(), ping_est_ms=told_ms)
    raw.credentials.fill(message)
    raw.inject(datagram.encode_control(datagram.CONNECT_REQUEST, message))
    assert raw.host.connections[0].status().ping == ping


@pytest.mark.rule("1, 6 rule 10")
def test_names_reach_the_other_side() -> None:
    world = sim.World()
    server = world.listen(identity=gs.NetworkingIdentity.parse("str:server"))
    client = world.connect(server, identity=gs.NetworkingIdentity.parse("gen:0102"))
    world.run(0.1)
    assert str(client.info().identity) == "str:server"
    assert str(server.connections[0].info().identity) == "gen:0102"


@pytest.mark.rule("1, 5.9 rule 1", "3, 13.2")
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
    assert strict.statistics.bad_requests > 0


# ---------------------------------------------------------------------- encryption


@pytest.mark.rule("1, 4.3", "1, 4.7", "3, 13.1 rule 1")
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


@pytest.mark.rule("1, 3.7", "1, 4.3", "1, 11 rule 4")
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


# ---------------------------------------------------------------------- other versions of the protocol


def everyone_speaks(monkeypatch: pytest.MonkeyPatch, version: int) -> None:
    monkeypatch.setattr(credentials, "PROTOCOL_VERSION", version)
    monkeypatch.setattr(handshake, "PROTOCOL_VERSION", version)
    monkeypatch.setattr("gamesockets.endpoint.strangers.PROTOCOL_VERSION", version)


@pytest.mark.rule("1, 3.8", "1, 4.6 rule 1", "2, 2.16 rule 8")
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


@pytest.mark.rule("1, 3.8")
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


@pytest.mark.rule("1, 3.8")
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


@pytest.mark.rule("1, 2.2", "1, 3.2 rule 7", "1, 3.8")
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
    assert server.statistics.bad_requests == 1


@pytest.mark.rule("1, 11 rule 4")
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


@pytest.mark.rule("1, 3.8", "2, 2.10 rule 1", "2, 2.15 rule 2")
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


@pytest.mark.rule("2, 2.10 rule 1")
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


@pytest.mark.rule("1, 1.6 rule 1")
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
