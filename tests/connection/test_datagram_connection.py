"""Does one connection answer as its state asks, notice death, and refuse nonsense? (spec 1, 7.3, 7.6 and 4.6)"""

from collections.abc import Callable
from typing import Final

import pytest
from tests.support.raw_peers import PING, RawClient, RawPeer, Tap, kind, parse
from tests.support.simulated_ends import end, prepare, prepare_client, texts

import gamesockets as gs
from gamesockets import sim
from gamesockets.connection.states import State
from gamesockets.wire import datagram
from gamesockets.wire.messages_pb2 import ConnectOK

Value = gs.ConfigurationValue
RELIABLE: Final = gs.SendFlags.RELIABLE
NO_NAGLE: Final = gs.SendFlags.NO_NAGLE
SECOND: Final = 1_000_000


# ---------------------------------------------------------------------- noticing death


@pytest.mark.rule("1, 7.3 rule 6", "3, 6.4")
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


@pytest.mark.rule("1, 7.3 rule 6")
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


@pytest.mark.rule("1, 7.4 rule 1", "1, 10 rule 7")
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


@pytest.mark.rule("1, 4.8", "1, 7.3 rule 2", "2, 2.4 rule 2")
@pytest.mark.parametrize("sign", ["garbage", "challenge", "request", "none", "closed", "data"])
def test_nothing_that_anybody_can_send_is_a_sign_of_life(sign: str) -> None:
    """Only what opens with the connection's key is (spec 1, 7.3)."""
    world = sim.World()
    tap = Tap(world)
    raw = RawClient(tap, world, world.listen())
    connection = raw.connect()
    began = world.now
    data = {
        "garbage": b"\x21garbage",
        "challenge": raw.challenge_request(),
        "request": raw.connect_request(0, raw.id),
        "none": raw.no_connection(raw.peer_id + 1, raw.id),
        "closed": raw.closed(raw.peer_id + 1, raw.id),
        "data": b"\x80" + raw.peer_id.to_bytes(4, "little") + bytes(60),
    }[sign]
    world.every(0.5, lambda: world.inject(data, raw.address, connection.host))
    assert world.run_until(lambda: not connection.is_connected, 60)
    assert connection.end_reason == 5003
    assert world.now - began <= 22


@pytest.mark.rule("1, 7.3 rule 2")
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


# ---------------------------------------------------------------------- malformed frames and numbers


@pytest.mark.rule("1, 4.6 rule 13", "2, 2.2.11 rule 1", "2, 2.15 rule 2")
def test_undecodable_frames_end_the_connection() -> None:
    raw, connection = prepare("CONNECTED")
    replies = raw.inject(raw.packet(PING))
    raw.inject(raw.packet(b"\x30\x02\x00\x00\x00\x01y\xff"))
    assert connection.core.state == State.PROBLEM_DETECTED_LOCALLY
    assert connection.end_reason == 5002
    assert texts(connection) == [b"x", b"y"]  # what came before the fault counts
    assert all(kind(data) == "data" for data in replies)


@pytest.mark.rule("1, 4.6 rule 7", "1, 13 rule 13", "2, 2.4 rule 2", "2, 2.15 rule 2")
def test_a_jump_of_packet_numbers_beyond_the_limit_ends_the_connection() -> None:
    raw, connection = prepare("CONNECTED")
    raw.number = 1 + 0x4000
    raw.inject(raw.packet(PING))
    assert connection.is_connected
    raw.number = 1 + 0x4000 + 0x4001
    raw.inject(raw.packet(PING))
    assert connection.end_reason == 5001
    assert connection.end_debug.startswith("Pkt number lurch by 16385; 4001->8002")


@pytest.mark.rule("1, 4.6 rule 6")
def test_packet_numbers_before_the_first_are_not_taken() -> None:
    raw, connection = prepare("CONNECTED")
    raw.number = 1
    raw.inject(raw.packet(PING))
    assert connection.receive() == []
    assert connection.host.statistics.duplicates == 1
    raw.inject(raw.packet(PING))
    assert texts(connection) == [b"x"]


# ---------------------------------------------------------------------- the table of spec 1, 7.6


LIVING: Final = ("CONNECTED", "LINGER")
ENDED: Final = ("PROBLEM_DETECTED_LOCALLY", "FIN_WAIT", "CLOSED_BY_PEER")
STATES: Final = ("CONNECTING", *LIVING, *ENDED)


def answers(raw: RawPeer, data: bytes) -> list[str]:
    """What came back at once, data packets left out."""
    return [name for name in map(kind, raw.inject(data)) if name != "data"]


def closing(state: str) -> list[str]:
    return ["none"] if state == "CLOSED_BY_PEER" else ["closed"]


@pytest.mark.rule("1, 3.9 rule 2", "1, 7.6 rule 1")
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


@pytest.mark.rule("1, 3.5 rule 8", "1, 7.6 rule 1", "2, 2.4 rule 3")
@pytest.mark.parametrize("state", STATES)
def test_table_data_with_the_right_id(state: str) -> None:
    raw, connection = prepare(state)
    for _ in range(2):
        data = raw.packet(PING) if state != "CONNECTING" else b"\x80" + raw.peer_id.to_bytes(4, "little") + bytes(40)
        assert answers(raw, data) == (closing(state) if state in ENDED else [])
    assert connection.core.state.name == state
    assert len(connection.receive()) == (2 if state == "CONNECTED" else 0)


@pytest.mark.rule("1, 3.5 rule 8", "1, 3.5 rule 10", "1, 7.6 rule 1", "1, 13 rule 6")
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
    # From the port of a connection that we closed, or whose peer may have been restarted, somebody else may begin.
    may_begin = repeated == "challenge" and state in (*LIVING, "FIN_WAIT")
    assert answers(raw, make(raw.id + 1)) == (["reply"] if may_begin else [])
    assert connection.core.state.name == state


@pytest.mark.rule("1, 3.2 rule 7", "1, 7.6 rule 1")
@pytest.mark.parametrize("state", STATES)
def test_table_challenge_reply_to_a_server(state: str) -> None:
    raw, connection = prepare(state)
    assert answers(raw, b"\x21" + raw.peer_id.to_bytes(4, "little")) == []
    assert connection.core.state.name == state


@pytest.mark.rule("1, 2.5", "1, 4.8", "1, 7.6 rule 1", "1, 7.6 rule 2")
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


@pytest.mark.rule("1, 2.5", "1, 7.6 rule 4")
def test_a_closing_message_without_reason_or_text() -> None:
    raw, connection = prepare("CONNECTED")
    message = raw.closed(raw.peer_id, raw.id)
    parsed = parse(message)
    parsed.ClearField("reason_code")
    raw.inject(datagram.encode_control(datagram.CONNECTION_CLOSED, parsed))
    assert end(connection) == ("CLOSED_BY_PEER", 0, "The remote host closed the connection.")


@pytest.mark.rule("1, 3.9 rule 2", "1, 7.6 rule 1")
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


@pytest.mark.rule("1, 2.6", "1, 7.6 rule 1", "1, 7.6 rule 2", "1, 7.6 rule 6")
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


@pytest.mark.rule("1, 2.6", "1, 7.6 rule 1")
@pytest.mark.parametrize("state", STATES)
def test_table_no_connection_otherwise(state: str) -> None:
    raw, connection = prepare(state)
    for to_id, from_id in ((raw.peer_id, 0), (0, raw.id), (raw.peer_id, raw.id + 1), (raw.peer_id + 1, raw.id)):
        assert answers(raw, raw.no_connection(to_id, from_id)) == []
    assert connection.core.state.name == state


@pytest.mark.rule("1, 2.2", "1, 3.2 rule 7", "1, 7.6 rule 1")
@pytest.mark.parametrize("state", STATES)
def test_client_table_challenge_reply(state: str) -> None:
    raw, client = prepare_client(state)
    assert answers(raw, raw.challenge_reply()) == (["request"] if state == "CONNECTING" else [])
    assert answers(raw, raw.challenge_reply(raw.peer_id + 1)) == []
    assert client.core.state.name == state


@pytest.mark.rule("1, 2.4", "1, 3.2 rule 4", "1, 3.6 rule 1", "1, 3.6 rule 5", "1, 3.6 rule 8", "1, 7.6 rule 1")
@pytest.mark.parametrize("state", STATES)
def test_client_table_connect_ok(state: str) -> None:
    raw, client = prepare_client(state)
    assert answers(raw, raw.connect_ok(raw.peer_id + 1)) == []
    assert answers(raw, raw.connect_ok()) == (closing(state) if state in ENDED else [])
    assert client.core.state.name == ("CONNECTED" if state == "CONNECTING" else state)


@pytest.mark.rule("1, 7.6 rule 1")
@pytest.mark.parametrize("state", STATES)
def test_client_table_requests_are_ignored_unless_ended(state: str) -> None:
    """Nobody sends these to a client; whatever is answered, nothing changes."""
    raw, client = prepare_client(state)
    request = RawClient(raw.tap, raw.world, client.host).challenge_request(raw.id)
    if state not in ENDED:
        assert answers(raw, request) == []
    assert client.core.state.name == state


@pytest.mark.rule("1, 7.6 rule 2", "1, 11 rule 3")
def test_client_believes_a_refusal_addressed_to_its_id_only() -> None:
    raw, client = prepare_client("CONNECTING")
    assert answers(raw, raw.closed(raw.peer_id + 1, raw.id)) == ["none"]
    assert client.core.state == State.CONNECTING
    assert answers(raw, raw.no_connection(raw.peer_id, raw.id)) == []
    assert client.core.state == State.CONNECTING
    assert answers(raw, raw.closed(raw.peer_id, 0, 5001, b"no")) == ["none"]
    assert end(client) == ("CLOSED_BY_PEER", 5001, "no")


@pytest.mark.rule("1, 7.6 rule 2")
def test_client_that_knows_no_server_id_expects_none_in_no_connection() -> None:
    raw, client = prepare_client("CONNECTING")
    raw.inject(raw.no_connection(raw.peer_id, 0))
    assert client.end_reason == 5010


@pytest.mark.rule("1, 3.6 rule 9")
def test_client_takes_a_connect_ok_without_any_challenge() -> None:
    """A very late duplicate of another attempt's reply must not be needed (spec 1, 3.6)."""
    raw, client = prepare_client("CONNECTING")
    raw.inject(raw.connect_ok())
    assert client.is_connected


@pytest.mark.rule("1, 2.4", "1, 3.1 rule 2", "1, 3.6 rule 6")
def test_client_refuses_a_server_without_id() -> None:
    raw, client = prepare_client("CONNECTING")
    [told] = raw.inject(raw.connect_ok(own_id=0x7777_0000))
    assert end(client) == ("PROBLEM_DETECTED_LOCALLY", 4002, "Didn't send valid connection ID")
    assert kind(told) == "closed"


@pytest.mark.rule("1, 2.4", "1, 3.5 rule 10", "1, 11 rule 5")
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
