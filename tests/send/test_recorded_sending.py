"""Does a reference receiver get what recorded applications sent, if we send it, and in no more packets?

Our packets are different on purpose: adjacent reliable messages share a segment, bulk packets are full, messages that
fit a packet are not cut, and frames that say nothing new are left out (spec 2, 2.16, free choices). So they are not
compared byte by byte but given to the reference model, which must have no complaint.
"""

from random import Random
from typing import Any, Final

import pytest
from tests.support.captures import CAPTURES, OTHER, SENDER, SIDES, Message, content, microseconds, packets, received_by
from tests.support.exchange import Exchange, Network
from tests.support.recorded import load
from tests.support.rig import CLIENT_ADDRESS, PLAIN_ONLY, SERVER_ADDRESS, Rig

from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.states import State
from gamesockets.crypto.credentials import Credentials
from gamesockets.endpoint.endpoint import Endpoint
from gamesockets.endpoint.ids import ConnectionIds
from gamesockets.torture.reference_receiver import IGNORED, REFUSED, ReferenceModel
from gamesockets.values.entropy import SeededEntropy
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.results import Result
from gamesockets.wire.packet import split_packet

UNTIL_QUIET_US: Final = 3_000_000
RELIABLE: Final = 8
UNRELIABLE_MAX_BYTES: Final = 16_500
MAX_PAYLOAD_BYTES: Final = 1_248
IMPERFECT: Final = frozenset(
    (
        "snp-ack-fragmentation",
        "snp-loss-retransmit",
        "snp-loss-retransmit-coalesced",
        "snp-reorder-duplicate",
        "snp-unreliable-loss",
    )
)
"""Captures whose network lost, delayed or copied packets. It does the same to our packets with these numbers."""

LANES: Final[dict[str, tuple[list[int], list[int]]]] = {
    "snp-lanes": ([2, 0, 1, 1], [1, 1, 25, 75]),
    "snp-lanes-1-to-7": ([0] * 8, [1] * 8),
}
"""Priorities and weights of the client, from the descriptions of the captures."""


def rows_of(name: str, side: str) -> list[dict[str, Any]]:
    return [row for row in load(name)["sent_by_application"] if row["side"] == side]


def has_segments(frames: list[dict[str, Any]]) -> bool:
    return any(frame["type"] in ("unreliable", "reliable") for frame in frames)


def network(name: str, side: str) -> Network:
    """What the recorded network did to the packets of one side; perfect beyond the recording."""
    table = {
        packet.number: [arrival - packet.sent_at_us for arrival in packet.arrivals_us]
        for packet in packets(name)
        if packet.sender == side
    }
    one_way = 30_000 if name == "snp-loss-retransmit-coalesced" else 0

    def arrivals(number: int) -> list[int]:
        return table.get(number, [one_way])

    return arrivals


def replay(name: str, side: str) -> Exchange:
    """Our connection is that side: it sends what its application sent, when it did, and gets the same numbers."""
    rig = Rig(is_client=side == "client")
    if name in LANES and side == "client":
        assert rig.connection.configure_lanes(*LANES[name], rig.now) == Result.OK
    exchange = Exchange(rig, ReferenceModel(), network(name, side), network(name, OTHER[side]))
    start = rig.now

    def sending(row: dict[str, Any]) -> Any:
        def send() -> None:
            assert row["result"] == Result.OK
            number = rig.send(content(row["seed"], row["size"]), row["flags"], row["lane"])
            assert number == row["number"]

        return send

    for row in rows_of(name, side):
        exchange.at(start + microseconds(row["t_ms"]), sending(row))
    exchange.run(start + UNTIL_QUIET_US)
    return exchange


def expected_messages(name: str, side: str) -> list[Message]:
    """What one side's application sent, as a receiver sees it: too large unreliable messages become reliable."""
    return [
        Message(
            "",
            row["number"],
            row["lane"],
            bool(row["flags"] & RELIABLE) or row["size"] > UNRELIABLE_MAX_BYTES,
            content(row["seed"], row["size"]),
        )
        for row in rows_of(name, side)
    ]


def of_lane(messages: list[Message], lane: int) -> list[Message]:
    return [message for message in messages if message.lane == lane]


SENDING: Final = [(name, side) for name in CAPTURES for side in SIDES if rows_of(name, side)]


@pytest.mark.rule("2, 2.7.2 rule 4", "2, 2.16 rule 1", "2, 2.16 rule 12")
@pytest.mark.parametrize(("name", "side"), SENDING)
def test_a_reference_receiver_gets_everything(name: str, side: str) -> None:
    """All reliable messages, in order and once; on a perfect network all unreliable ones too, exactly as recorded."""
    exchange = replay(name, side)
    sent = expected_messages(name, side)
    received = exchange.received
    lanes = {message.lane for message in sent}
    if name in IMPERFECT:
        assert [message for message in received if message.reliable] == [
            message for message in sent if message.reliable
        ]
        assert all(received.count(message) == 1 and message in sent for message in received)
    else:
        for lane in lanes:
            assert of_lane(received, lane) == of_lane(sent, lane)
        recorded = [Message("", row.number, row.lane, row.reliable, row.data) for row in received_by(name, OTHER[side])]
        key = [(row.lane, row.number) for row in recorded]
        assert sorted(received, key=lambda row: key.index((row.lane, row.number))) == recorded
    copies = [complaint for complaint in exchange.model.complaints if f"was {IGNORED}" in complaint]
    assert exchange.model.complaints == copies
    assert not copies or name == "snp-reorder-duplicate"
    assert not exchange.model.closed
    assert exchange.rig.connection.state == State.CONNECTED
    assert not exchange.rig.connection.sender.has_reliable_data()
    assert exchange.rig.connection.sender.pending_bytes() == 0


NOT_COMPARABLE: Final[dict[str, str]] = {
    **dict.fromkeys(IMPERFECT, "how often something is repeated depends on the luck of the network"),
    "snp-queued-while-connecting": "has a test of its own, in which the messages really wait for the connection",
    "snp-stop-waiting-16bit": "two pairs of messages met in a packet, but not by their recorded times (spec 2, 2.17)",
}


@pytest.mark.rule("1, 1.4", "2, 2.1", "2, 2.7.2 rule 1")
@pytest.mark.parametrize(("name", "side"), [row for row in SENDING if row[0] not in NOT_COMPARABLE])
def test_no_more_packets_than_the_reference(name: str, side: str) -> None:
    """Counted are packets with data. All that need not leave at once is as full as it can be."""
    recorded = [packet for packet in packets(name) if packet.sender == side and has_segments(packet.frames)]
    exchange = replay(name, side)
    ours = 0
    for packet in exchange.rig.sent:
        reader = ReferenceModel(next_to_send=1 << 14)
        reader.newest = packet.number - 1
        reader.receive(packet.number, packet.payload, 0)
        ours += has_segments(reader.frames)
        assert len(packet.payload) <= MAX_PAYLOAD_BYTES
    assert ours <= len(recorded)


@pytest.mark.rule("2, 2.10 rule 7")
def test_more_lanes_than_any_recording_has() -> None:
    """Full packets with many lane sections stay within the limit, and every select-lane form is understood.

    The reference sender cannot do this: it drops the number of lanes from 8 on (spec 2, 2.10, defect a).
    """
    lanes = 40
    rig = Rig()
    assert rig.connection.configure_lanes([0] * lanes, [1] * lanes, rig.now) == Result.OK
    exchange = Exchange(rig, ReferenceModel())
    sent = []
    for lane in range(lanes):
        for seed, flags in ((lane, RELIABLE), (lane + 100, 0)):
            number = rig.send(content(seed, 70), flags, lane)
            is_reliable = flags == RELIABLE
            sent.append(Message("", number, lane, is_reliable, content(seed, 70)))
    exchange.run(rig.now + UNTIL_QUIET_US)
    assert sorted(exchange.received, key=sent.index) == sent
    assert not exchange.model.complaints
    assert max(len(packet.payload) for packet in rig.sent) <= MAX_PAYLOAD_BYTES


def lossy_transfer(rate: int, one_way_us: int, loss: float) -> Exchange:
    """One lane's reliable messages, 3 MB, over a network that loses packets of both directions."""
    options = ConnectionOptions(
        unencrypted=PLAIN_ONLY, send_rate_min=rate, send_rate_max=rate, send_buffer_size_bytes=1 << 22
    )
    rig = Rig(options)
    random = Random(2)

    def network_with_loss(number: int) -> list[int]:
        return [] if random.random() < loss else [one_way_us]

    exchange = Exchange(rig, ReferenceModel(), network_with_loss, network_with_loss)
    sent = []
    for index in range(650):
        data = content(index, 100 + 37 * (index * 13 % 250))
        sent.append(Message("", rig.send(data, RELIABLE), 0, True, data))
    exchange.run(rig.now + 10 * UNTIL_QUIET_US)
    assert exchange.received == sent
    assert not rig.connection.sender.has_reliable_data()
    return exchange


@pytest.mark.rule("2, 2.16 rule 3")
@pytest.mark.parametrize(("rate", "one_way_us", "loss"), [(8_000_000, 20_000, 0.05), (20_000_000, 50_000, 0.02)])
def test_bulk_over_a_lossy_network_is_not_refused(rate: int, one_way_us: int, loss: float) -> None:
    """A receiver with default limits has room for all that comes, in its buffer and among its holes.

    The reference library's own sender runs into refusals under these conditions (spec 2, 2.16, table).
    """
    exchange = lossy_transfer(rate, one_way_us, loss)
    assert not exchange.model.complaints


@pytest.mark.rule("2, 2.16 rule 2")
def test_bulk_over_a_very_lossy_network_arrives() -> None:
    """When a round trip holds more losses than a receiver has holes for, some packets are refused, none in another way.

    The sender cannot know of those losses in time; it repeats what was refused.
    """
    exchange = lossy_transfer(20_000_000, 50_000, 0.15)
    assert all(f"was {REFUSED}" in complaint for complaint in exchange.model.complaints)
    assert len(exchange.model.complaints) < len(exchange.rig.sent) / 2


@pytest.mark.rule("2, 2.16 rule 7")
def test_a_reliable_message_behind_many_lost_ones() -> None:
    """A receiver that saw none of 12,000 messages would close over the number of the next one (spec 2, 2.16 rule 7)."""
    rig = Rig(ConnectionOptions(unencrypted=PLAIN_ONLY, send_rate_min=10_000_000, send_rate_max=10_000_000))
    is_down = True

    def broken_network(number: int) -> list[int]:
        return [] if is_down else [0]

    exchange = Exchange(rig, ReferenceModel(), broken_network)
    for count in range(12_000):
        rig.send(b"", 0)
        if count % 1000 == 999:
            exchange.run(rig.now + 20_000)
    assert not exchange.received
    is_down = False
    number = rig.send(b"at last", RELIABLE)
    exchange.run(rig.now + UNTIL_QUIET_US)
    assert exchange.received == [Message("", number, 0, True, b"at last")]
    assert not exchange.model.complaints


@pytest.mark.rule("2, 2.7.1 rule 10")
def test_queued_while_connecting() -> None:
    """Messages sent before the handshake is over leave together, in order, as soon as it is."""
    name = "snp-queued-while-connecting"
    entropy = SeededEntropy(3)
    ids = ConnectionIds(entropy)
    options = ConnectionOptions(unencrypted=PLAIN_ONLY)
    ends = {
        side: Endpoint(entropy, ids, Credentials(NetworkingIdentity.localhost()), options, accepts=side == "server")
        for side in SIDES
    }
    peer = {"client": SERVER_ADDRESS, "server": CLIENT_ADDRESS}
    now = start = 1_000_000
    client = ends["client"].connect(SERVER_ADDRESS, options, now)
    assert client is not None
    connections = {"client": client}
    models = {side: ReferenceModel() for side in SIDES}
    got: dict[str, list[Message]] = {side: [] for side in SIDES}
    counts = dict.fromkeys(SIDES, 0)

    def send_all(side: str) -> None:
        for row in rows_of(name, side):
            assert connections[side].state == State.CONNECTING
            number = connections[side].send(content(row["seed"], row["size"]), row["flags"], row["lane"], now)
            assert number == row["number"]

    send_all("client")
    for now in range(start, start + 10_000, 1_000):  # longer than the Nagle wait
        for side in SIDES:
            ends[side].handle_timer(now)
            for datagrams, path in ends[side].datagrams_to_send(now):
                assert path.remote == peer[side]
                for data in datagrams:
                    if data[0] & 0x80:
                        packet = split_packet(data)
                        counts[side] += 1
                        models[side].next_to_send += 1
                        models[OTHER[side]].receive(packet[0], packet[3], now)
                    ends[OTHER[side]].receive_datagram(data, peer[OTHER[side]], now)
            if "server" not in connections and CLIENT_ADDRESS in ends["server"].connections:
                connections["server"] = ends["server"].connections[CLIENT_ADDRESS]
                send_all("server")
                assert ends["server"].accept(connections["server"], now) == Result.OK
    for side in SIDES:
        assert connections[side].state == State.CONNECTED
        got[side] = [Message(side, row.number, row.lane, row.reliable, row.data) for row in models[side].take()]
        assert got[side] == received_by(name, side)
        assert not models[side].complaints
        recorded = load(name)["packets"]
        assert 0 < counts[side] <= sum(SENDER[packet["dir"]] == side for packet in recorded)
