"""Does a reference receiver get what recorded applications sent, if we send it, and in no more packets?

Our packets are different on purpose: adjacent reliable messages share a segment, bulk packets are full, messages that
fit a packet are not cut, and frames that say nothing new are left out (spec 2, 2.16, free choices). So they are not
compared byte by byte but given to the reference model, which must not have a single complaint.
"""

from typing import Any, Final

import pytest
from tests.support.captures import CAPTURES, OTHER, SENDER, SIDES, Message, content, microseconds, packets, received_by
from tests.support.exchange import Exchange, Network
from tests.support.recorded import load
from tests.support.reference_model import IGNORED, ReferenceModel
from tests.support.rig import CLIENT_ADDRESS, PLAIN_ONLY, SERVER_ADDRESS, Rig

from gamesockets.config import ConnectionOptions
from gamesockets.connection.entropy import SeededEntropy
from gamesockets.connection.states import State
from gamesockets.endpoint import ConnectionIds, Endpoint
from gamesockets.identity import NetworkingIdentity
from gamesockets.types import Result
from gamesockets.wire.packet import split_packet

UNTIL_QUIET_US: Final = 3_000_000
RELIABLE: Final = 8
UNRELIABLE_MAX_BYTES: Final = 16_500
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
        assert len(packet.payload) <= 1248
    assert ours <= len(recorded)


def test_queued_while_connecting() -> None:
    """Messages sent before the handshake is over leave together, in order, as soon as it is."""
    name = "snp-queued-while-connecting"
    entropy = SeededEntropy(3)
    ids = ConnectionIds(entropy)
    options = ConnectionOptions(unencrypted=PLAIN_ONLY)
    ends = {
        side: Endpoint(entropy, ids, NetworkingIdentity.localhost(), options, accepts=side == "server")
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
    for now in range(start, start + 10_000, 1_000):  # longer than small messages wait for company
        for side in SIDES:
            ends[side].handle_timer(now)
            for datagrams, address in ends[side].datagrams_to_send(now):
                assert address == peer[side]
                for data in datagrams:
                    if data[0] & 0x80:
                        packet = split_packet(data)
                        assert packet is not None
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
