"""One direction of a connection in a test's hands: what leaves, what of it arrives, and which acks are heard."""

from typing import Final

import pytest
from hypothesis import strategies as st
from tests.support.snp import Blocks, Piece, Reception, StopWaiting, describe, pieces_of, read_payload

from gamesockets.config.options import ConnectionOptions
from gamesockets.send.builder import PacketBuilder
from gamesockets.send.sender import MAX_UNRELIABLE_BYTES, Sender
from gamesockets.values.entropy import SeededEntropy
from gamesockets.values.enums import SendFlags
from gamesockets.values.moments import NEVER
from gamesockets.wire.frames import encode_stop_waiting

FULL: Final = 1232
PING_US: Final = 40_000
NAGLE_US: Final = 5_000
RELIABLE: Final = int(SendFlags.RELIABLE)
UNRELIABLE: Final = int(SendFlags.UNRELIABLE)
NO_NAGLE: Final = int(SendFlags.NO_NAGLE)

ROOMY = ConnectionOptions(send_buffer_size_bytes=1 << 28)

SIZES = st.one_of(
    st.integers(0, 200),
    st.sampled_from((0, 31, 32, 1131, 1132, 1133, 1219, 1227, 1228, 3000, 16_500, 16_501, 40_000)),
)


class Line:
    """A sender, a receiver that loses nothing of what it gets, and a test that decides what it gets.

    Every packet is checked as it leaves: its size, and that no reliable range is ever cut a second time.
    """

    def __init__(
        self, options: ConnectionOptions = ROOMY, payload_bytes_max: int = FULL, round_trip_us: int = PING_US
    ) -> None:
        self.sender = Sender(options, 2, PacketBuilder(), SeededEntropy(1))
        self.sender.filling.payload_bytes_max = payload_bytes_max
        if round_trip_us >= 0:
            self.sender.path.on_round_trip(round_trip_us, 0)
        self.sender.configure(options)
        self.sender.path.on_connected(0)
        self.now = 0
        self.payloads: dict[int, bytes] = {}
        self.ranges: dict[tuple[int, int], bytes] = {}
        self.edge: dict[int, int] = {}
        self.reception = Reception(ConnectionOptions(recv_buffer_messages=1 << 28))
        self.received: set[int] = set()
        self.peer_minimum = 0
        self.delivered: list[tuple[int, int, bytes, bool]] = []
        self.sent: list[tuple[int, int, bytes, bool]] = []

    # ------------------------------------------------------------------ the sender's side

    def send(self, data: bytes, flags: int = RELIABLE, lane: int = 0) -> int:
        number = self.sender.send(data, flags, lane, self.now)
        if number > 0:
            is_reliable = bool(flags & RELIABLE) or len(data) > MAX_UNRELIABLE_BYTES
            self.sent.append((lane, number, data, is_reliable))
        return number

    def wants(self) -> bool:
        return self.sender.wants_at(self.now) <= self.now

    def packet(self, mark: int = 0) -> int:
        """One packet as the conductor makes it, stop-waiting value included where there is room; its number."""
        sender = self.sender
        number = sender.flight.next_number
        prefix = b""
        if sender.loss.peer_has_holes:
            prefix = encode_stop_waiting(number - sender.loss.minimum_waited_for - 1)
            if len(prefix) > sender.filling.payload_bytes_max - sender.filling.retry_bytes(self.now):
                prefix = b""
        payload = sender.filling.fill(prefix, sender.filling.payload_bytes_max, self.now)
        assert payload.startswith(prefix)
        assert len(payload) <= sender.filling.payload_bytes_max
        assert sender.filling.added_nothing == (len(payload) == len(prefix))
        segments = sender.filling.segments
        sender.path.on_sent(len(payload) + 23, segments, False, self.now)
        if mark:
            sender.loss.on_statistics_sent(number, mark)
        reliable = [piece for piece in pieces_of(payload) if piece.is_reliable]
        assert {(segment.stream.index, segment.position) for segment in segments} == {
            (piece.lane, piece.place) for piece in reliable
        }
        assert len(segments) == len(reliable)
        for piece in reliable:
            self._check_cut(piece)
        self.payloads[number] = payload
        return number

    def _check_cut(self, piece: Piece) -> None:
        key = (piece.lane, piece.place)
        if key in self.ranges:
            assert self.ranges[key] == piece.data, "repeated, but cut differently"
        else:
            assert piece.place == self.edge.get(piece.lane, 1), "new data must continue the stream"
            self.ranges[key] = piece.data
            self.edge[piece.lane] = piece.place + len(piece.data)

    def all_wanted(self, limit: int = 100_000) -> list[int]:
        """Everything queued and lost, as far as it may leave now, the rate and Nagle left aside."""
        self.sender.flush()
        numbers: list[int] = []
        while self.wants():
            number = self.packet()
            if self.sender.filling.added_nothing:
                assert not self.wants(), "a storm of empty packets"
                break
            numbers.append(number)
            assert len(numbers) < limit
        return numbers

    # ------------------------------------------------------------------ the receiver's side

    def arrive(self, *numbers: int) -> None:
        for number in numbers:
            payload = self.payloads[number]
            self.reception.process(payload, number, 0)
            assert not self.reception.has_fault()
            for message in self.reception.inbox.take(1 << 30):
                is_reliable = message.flags == SendFlags.RELIABLE
                self.delivered.append((message.lane, message.message_number, message.data, is_reliable))
            frame = read_payload(payload)[0][0] if payload else None
            if isinstance(frame, StopWaiting):
                assert 0 <= number - frame.offset - 1 < number
                self.peer_minimum = max(self.peer_minimum, number - frame.offset - 1)
            if self.reception.acknowledges():
                self.received.add(number)

    def report(self, latest: int) -> tuple[int, Blocks]:
        """What the receiver would say now about packets up to `latest`: every hole above the stop-waiting value."""
        return latest, describe(self.received, max(self.peer_minimum, 2), latest)

    def hear(self, report: tuple[int, Blocks]) -> None:
        latest, blocks = report
        is_progress = self.sender.loss.acknowledge(latest, blocks, self.now)
        self.sender.loss.judge_suspects(self.now)
        if is_progress:
            self.sender.loss.on_progress(self.now)

    def ack(self) -> None:
        """Everything that arrived so far is reported and heard."""
        if self.received:
            self.hear(self.report(max(self.received)))

    # ------------------------------------------------------------------ both

    def check_books(self) -> None:
        sender = self.sender
        lanes = sender.lanes.lanes
        lost = sum(lane.unacked.lost_bytes for lane in lanes)
        assert sender.lanes.queued_bytes == sum(lane.pending_reliable + lane.pending_unreliable for lane in lanes) >= 0
        assert sender.pending_bytes() == sender.lanes.queued_bytes + lost
        assert (sender.retries.lost_bytes > 0) == (lost > 0)
        assert sender.unacked_reliable_bytes() == sum(lane.unacked.unacked_bytes for lane in lanes) >= 0
        if sender.has_reliable_data():
            assert sender.next_time(self.now) < NEVER, "nobody would ever wake it again"
        else:
            self.check_reliable()

    def check_reliable(self) -> None:
        """All reliable messages arrived, once and in order."""
        for lane in {entry[0] for entry in self.sent}:
            sent = [entry for entry in self.sent if entry[0] == lane and entry[3]]
            assert [entry for entry in self.delivered if entry[0] == lane and entry[3]] == sent

    def finish(self, turns: int = 400) -> None:
        """From now on the network is perfect: everything must arrive whole, and then nothing more is sent."""
        for _ in range(turns):
            self.sender.loss.handle_timer(self.now)
            self.arrive(*self.all_wanted())
            self.ack()
            self.check_books()
            if not self.sender.has_reliable_data() and self.sender.wants_at(self.now) == NEVER:
                break
            self.now = max(self.now + 1000, min(self.sender.next_time(self.now), self.now + 1_000_000))
        else:
            pytest.fail("the sender did not come to rest")
        self.check_reliable()
        assert set(self.delivered) <= set(self.sent)


def pieces_in(line: Line, number: int) -> list[Piece]:
    return pieces_of(line.payloads[number])


def lossy(count: int = 3, size: int = 1500) -> Line:
    """A line on which the first of some reliable packets was lost, and the peer has not said so yet."""
    line = Line()
    line.send(bytes(size))
    line.send(bytes(size * count))
    line.arrive(*line.all_wanted()[1:])
    return line
