"""Is a trace sink told of every packet and message, and does watching change nothing?"""

from typing import Final

import pytest
from tests.support.rig import CLIENT_ADDRESS, PLAIN_ONLY, SERVER_ADDRESS, pair

from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.inbox import Inbox
from gamesockets.connection.trace import Tee, TraceSink
from gamesockets.values.message import NetworkingMessage
from gamesockets.values.results import Result
from gamesockets.wire.frames import AckBlock, encode_ack
from gamesockets.wire.packet import NO_TIME, encode_header

RELIABLE: Final = 8
NO_NAGLE: Final = 1


class Notes(TraceSink):
    """Writes everything down."""

    def __init__(self) -> None:
        self.received: list[tuple[int, int, int]] = []
        self.sent: list[tuple[int, int]] = []
        self.payloads: list[bytes] = []
        self.acks: list[tuple[int, int, int, list[AckBlock]]] = []
        self.queued: list[tuple[int, int, int, int]] = []
        self.messages: list[tuple[int, bytes, bool]] = []
        self.lost: list[tuple[int, int]] = []
        self.order: list[str] = []

    def packet_received(self, number: int, expected: int, payload: bytes, size_bytes: int, now: int) -> None:
        self.received.append((number, expected, size_bytes))
        self.payloads.append(payload)
        self.order.append("packet received")

    def packet_sent(self, number: int, payload: bytes, size_bytes: int, now: int) -> None:
        self.sent.append((number, size_bytes))
        self.payloads.append(payload)
        self.order.append("packet sent")

    def acknowledged(self, latest: int, delay_us: int, round_trip_us: int, blocks: list[AckBlock]) -> None:
        self.acks.append((latest, delay_us, round_trip_us, blocks))
        self.order.append("ack")

    def packet_lost(self, number: int, size_bytes: int, now: int) -> None:
        self.lost.append((number, size_bytes))
        self.order.append("lost")

    def message_queued(self, outcome: int, size_bytes: int, flags: int, lane: int) -> None:
        self.queued.append((outcome, size_bytes, flags, lane))
        self.order.append("queued")

    def message_received(self, message: NetworkingMessage, is_late: bool) -> None:
        self.messages.append((message.message_number, bytes(message.data), is_late))
        self.order.append("message")


class Two:
    """A client that sends and a server that receives; packets go by hand."""

    def __init__(self) -> None:
        self.now = 1_000_000
        options = ConnectionOptions(unencrypted=PLAIN_ONLY)
        self.client_end, self.client, self.server_end, self.server = pair(options, self.now)
        self.wire: list[bytes] = []

    def send(self, data: bytes, flags: int = NO_NAGLE | RELIABLE) -> list[bytes]:
        self.client.send(data, flags, 0, self.now)
        return self.from_client()

    def from_client(self) -> list[bytes]:
        self.client_end.touch(self.client)
        datagrams = [x for some, _ in self.client_end.datagrams_to_send(self.now) for x in some]
        self.wire += datagrams
        return datagrams

    def to_server(self, datagrams: list[bytes]) -> None:
        self.server_end.receive_datagrams(datagrams, CLIENT_ADDRESS, self.now)

    def acks(self) -> None:
        self.now += 100_000
        self.server_end.handle_timer(self.now)
        for datagrams, _ in self.server_end.datagrams_to_send(self.now):
            self.wire += datagrams
            self.client_end.receive_datagrams(datagrams, SERVER_ADDRESS, self.now)


def test_packets_messages_and_acks_are_told_in_order() -> None:
    two = Two()
    ours, theirs = Notes(), Notes()
    two.client.set_trace(ours)
    two.server.set_trace(theirs)
    datagrams = two.send(b"hello")
    assert ours.order == ["queued", "packet sent"]
    assert ours.queued == [(1, 5, NO_NAGLE | RELIABLE, 0)]
    number = ours.sent[0][0]
    assert ours.sent == [(number, len(datagrams[0]))]
    assert b"hello" in ours.payloads[0]
    two.to_server(datagrams)
    assert theirs.received == [(number, number, len(datagrams[0]))]
    assert theirs.messages == [(1, b"hello", False)]
    assert theirs.order[:2] == ["packet received", "message"]
    two.acks()
    (latest, delay_us, round_trip_us, blocks) = ours.acks[0]
    assert latest == number
    assert blocks == []
    assert 0 <= delay_us <= 100_000
    assert delay_us + round_trip_us == 100_000


def test_gaps_and_late_packets_show_in_the_numbers() -> None:
    two = Two()
    first, second, third = two.send(b"1", NO_NAGLE), two.send(b"2", NO_NAGLE), two.send(b"3", NO_NAGLE)
    ours, theirs = Notes(), Notes()
    two.client.set_trace(ours)
    two.server.set_trace(theirs)
    two.to_server(first + third)
    two.acks()
    assert ours.acks[0][3] == [(1, 1)]
    two.now += 1_000_000
    two.client_end.handle_timer(two.now)  # it might have been overtaken until now
    assert ours.lost == [(ours.acks[0][0] - 1, len(second[0]))]
    assert ours.order[-2:] == ["ack", "lost"]
    two.to_server(second)
    two.to_server(second)
    (one, _, _), (three, expected, _), (late, newest, _) = theirs.received
    assert (three, expected) == (one + 2, one + 1)
    assert (late, newest) == (one + 1, three + 1)
    assert theirs.messages == [(1, b"1", False), (3, b"3", False), (2, b"2", True)]
    assert [bytes(message.data) for message in two.server.inbox.take(10)] == [b"1", b"2", b"3"]


def test_an_ack_without_delay_or_of_a_settled_packet_has_no_round_trip() -> None:
    two = Two()
    ours = Notes()
    two.client.set_trace(ours)
    two.to_server(two.send(b"x"))
    two.acks()
    two.now += 1_000_000
    settled = encode_header(two.client.id, 50, b"", NO_TIME) + encode_ack(ours.sent[0][0], 0, [])
    two.client_end.receive_datagrams([settled], SERVER_ADDRESS, two.now)
    assert ours.acks[-1] == (ours.sent[0][0], -1, -1, [])
    assert len(ours.acks) == 2


def test_refused_messages_are_told_with_their_result() -> None:
    two = Two()
    ours = Notes()
    two.client.set_trace(ours)
    two.client.send(b"x", 0, 9, two.now)
    assert ours.queued == [(-Result.INVALID_PARAM, 1, 0, 9)]


def test_a_trace_follows_to_another_inbox_and_ends_when_it_is_taken_away() -> None:
    two = Two()
    notes = Notes()
    two.server.set_trace(notes)
    group = Inbox(set())
    two.server.deliver_to(group)
    two.to_server(two.send(b"1"))
    assert len(notes.messages) == len(group) == 1
    two.server.set_trace(None)
    two.to_server(two.send(b"2"))
    assert len(notes.messages) == 1
    assert len(notes.received) == 1
    assert [bytes(message.data) for message in group.take(10)] == [b"1", b"2"]


def test_packets_that_nobody_reports_on_count_as_lost_after_a_while() -> None:
    two = Two()
    ours = Notes()
    two.client.set_trace(ours)
    [datagram] = two.send(b"1")
    two.now += 5_000_000
    two.client_end.handle_timer(two.now)
    assert ours.lost == [(ours.sent[0][0], len(datagram))]


def test_losses_from_before_nobody_watched_are_not_told() -> None:
    two = Two()
    two.to_server(two.send(b"1")[:0] + two.send(b"2"))
    ours = Notes()
    two.acks()
    two.client.set_trace(ours)
    two.to_server(two.send(b"3"))
    two.acks()
    assert ours.lost == []


def test_two_sinks_are_told_the_same() -> None:
    two = Two()
    one, other = Notes(), Notes()
    two.client.set_trace(Tee(one, other))
    two.server.set_trace(Tee(one, other))
    first, second, third = two.send(b"1", NO_NAGLE), two.send(b"2", NO_NAGLE), two.send(b"3", NO_NAGLE)
    two.to_server(first + third)
    two.acks()
    two.now += 1_000_000
    two.client_end.handle_timer(two.now)
    two.to_server(second)
    assert one.__dict__ == other.__dict__
    assert set(one.order) == {"queued", "packet sent", "packet received", "message", "ack", "lost"}


@pytest.mark.parametrize("flags", [0, NO_NAGLE, RELIABLE, RELIABLE | NO_NAGLE])
def test_watching_changes_nothing(flags: int) -> None:
    wires = []
    for is_watched in (False, True):
        two = Two()
        if is_watched:
            two.client.set_trace(Notes())
            two.server.set_trace(Notes())
        for size in (0, 1, 100, 2000, 40_000):
            datagrams = two.send(bytes(size), flags)
            two.to_server(datagrams[::2])
            two.acks()
            two.client_end.handle_timer(two.now)
            two.to_server(two.from_client())
        wires.append((two.wire, [message.data for message in two.server.inbox.take(100)]))
    assert wires[0] == wires[1]
    assert wires[0][1]
