"""The sending side of a connection against a perfect receiver: what leaves, when, and that all of it arrives."""

import random
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.snp import (
    Ack,
    Blocks,
    Piece,
    Reception,
    chances,
    describe,
    fast,
    pieces_of,
    read_payload,
    scripts,
    slow,
)

from gamesockets.config.options import ConnectionOptions
from gamesockets.receive.acks import AckReporter
from gamesockets.send.sender import (
    ACK_WANTED_BYTES,
    HOLD_FROM_TRANSMISSIONS,
    LATE_ARRIVAL_US,
    LATE_HOLES_MAX,
    MAX_OUTSTANDING_PACKETS,
    MAX_UNRELIABLE_BYTES,
    PEER_BUFFER_BYTES,
    PEER_HOLES_MAX,
    UNRELIABLE_RUN_MAX,
    UNSPLIT_MARGIN_BYTES,
    Sender,
)
from gamesockets.values.enums import SendFlags
from gamesockets.values.limits import MAX_MESSAGE_BYTES
from gamesockets.values.moments import NEVER
from gamesockets.values.results import Result
from gamesockets.wire.frames import encode_stop_waiting

FULL: Final = 1232
PING_MS: Final = 40
PROBE_US: Final = PING_MS * 1500 + 60_000
NAGLE_US: Final = 5_000
RELIABLE: Final = int(SendFlags.RELIABLE)
UNRELIABLE: Final = int(SendFlags.UNRELIABLE)
NO_NAGLE: Final = int(SendFlags.NO_NAGLE)

ROOMY = ConnectionOptions(send_buffer_size_bytes=1 << 28)


class Line:
    """A sender, a receiver that loses nothing of what it gets, and a test that decides what it gets.

    Every packet is checked as it leaves: its size, and that no reliable range is ever cut a second time.
    """

    def __init__(
        self, options: ConnectionOptions = ROOMY, payload_bytes_max: int = FULL, ping_ms: int = PING_MS
    ) -> None:
        self.sender = Sender(options, 2)
        self.sender.payload_bytes_max = payload_bytes_max
        self.sender.ping_ms = ping_ms
        self.sender.configure(options)
        self.sender.pacer.connected(ping_ms, 0)
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
        if sender.peer_has_holes:
            prefix = encode_stop_waiting(number - sender.minimum_waited_for - 1)
            if len(prefix) > sender.payload_bytes_max - sender.retry_bytes(self.now):
                prefix = b""
        payload = sender.build(prefix, sender.payload_bytes_max, self.now)
        assert payload.startswith(prefix)
        assert len(payload) <= sender.payload_bytes_max
        assert sender.built_nothing == (len(payload) == len(prefix))
        segments = sender.built_segments
        sender.flight.add(self.now, segments, mark)
        sender.pacer.spend(len(payload) + 23)
        reliable = [piece for piece in pieces_of(payload) if piece.is_reliable]
        assert {(segment.lane.index, segment.position) for segment in segments} == {
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
            if self.sender.built_nothing:
                assert not self.wants(), "a storm of empty packets"
                break
            numbers.append(number)
            assert len(numbers) < limit
        return numbers

    # ------------------------------------------------------------------ the receiver's side

    def arrive(self, *numbers: int) -> None:
        for number in numbers:
            for message in self.reception.take(self.payloads[number]):
                is_reliable = message.flags == SendFlags.RELIABLE
                self.delivered.append((message.lane, message.message_number, message.data, is_reliable))
            assert not self.reception.receiver.fault
            for offset in self.reception.feedback.offsets:
                assert 0 <= number - offset - 1 < number
                self.peer_minimum = max(self.peer_minimum, number - offset - 1)
            self.reception.feedback.offsets.clear()
            if self.reception.receiver.acknowledgeable:
                self.received.add(number)

    def report(self, latest: int) -> tuple[int, Blocks]:
        """What the receiver would say now about packets up to `latest`: every hole above the stop-waiting value."""
        return latest, describe(self.received, max(self.peer_minimum, 2), latest)

    def hear(self, report: tuple[int, Blocks]) -> None:
        latest, blocks = report
        assert self.sender.acknowledge(latest, blocks, self.now) == ""

    def ack(self) -> None:
        """Everything that arrived so far is reported and heard."""
        if self.received:
            self.hear(self.report(max(self.received)))

    # ------------------------------------------------------------------ both

    def check_books(self) -> None:
        sender = self.sender
        lanes = sender.lanes.lanes
        lost = sum(lane.unacked.lost_bytes for lane in lanes)
        assert sender.queued_bytes == sum(lane.pending_reliable + lane.pending_unreliable for lane in lanes) >= 0
        assert sender.pending_bytes() == sender.queued_bytes + lost
        assert sender.has_lost() == (lost > 0)
        assert sender.in_flight_bytes() == sum(lane.unacked.unacked_bytes for lane in lanes) >= 0
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
        """From now on the network is perfect: everything must come to rest, and whole."""
        for _ in range(turns):
            self.sender.handle_timer(self.now)
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


# ---------------------------------------------------------------------- everything arrives


SIZES = st.one_of(
    st.integers(0, 200),
    st.sampled_from((0, 31, 32, 1131, 1132, 1133, 1219, 1227, 1228, 3000, 16_500, 16_501, 40_000)),
)
CONVERSATION = scripts(
    st.one_of(
        st.tuples(st.just("send"), SIZES, st.integers(0, 7)),
        st.tuples(st.just("packet"), st.sampled_from(("arrives", "arrives", "lost", "late")), st.integers(1, 4)),
        st.tuples(st.sampled_from(("late", "ack", "keep", "stale")), st.integers(0, 1000), st.integers(0, 3)),
        st.tuples(st.just("wait"), st.integers(0, 150_000), st.just(0)),
        st.tuples(st.just("flush"), st.just(0), st.just(0)),
    )
)


@fast
@given(CONVERSATION, st.sampled_from((1, 1, 3)), st.sampled_from((FULL, FULL, 1248, 132)))
def test_whatever_is_lost_late_or_told_twice_reliable_messages_all_arrive(
    script: list[tuple[str, int | str, int]], lanes: int, payload_bytes_max: int
) -> None:
    """Random losses, overtaking, lost and stale acks, probes: nothing missing, nothing twice, in order."""
    line = Line(payload_bytes_max=payload_bytes_max)
    if lanes > 1:
        line.sender.lanes.configure([0, 1, 0], [1, 1, 5])
    late: list[int] = []
    kept: list[tuple[int, Blocks]] = []
    for step, (verb, amount, extra) in enumerate(script):
        if verb == "send":
            assert isinstance(amount, int)
            flags = (RELIABLE if extra & 1 else UNRELIABLE) | (NO_NAGLE if extra & 2 else 0)
            line.send(random.Random(step).randbytes(amount), flags, (extra >> 1) % lanes)
        elif verb == "packet":
            for _ in range(extra):
                if not line.wants():
                    break
                number = line.packet()
                assert not line.sender.built_nothing
                if amount == "arrives":
                    line.arrive(number)
                elif amount == "late":
                    late.append(number)
        elif verb == "late" and late:
            assert isinstance(amount, int)
            line.arrive(late.pop(amount % len(late)))
        elif verb in ("ack", "keep") and line.received:
            report = line.report(max(max(line.received) - extra, 1))
            if verb == "ack":
                line.hear(report)
            else:
                kept.append(report)
        elif verb == "stale" and kept:
            assert isinstance(amount, int)
            line.hear(kept[amount % len(kept)])
        elif verb == "wait":
            assert isinstance(amount, int)
            line.now += amount
            line.sender.handle_timer(line.now)
        elif verb == "flush":
            line.sender.flush()
        line.check_books()
    line.finish()


@pytest.mark.parametrize("loss", [0.0, 0.02, 0.2])
@pytest.mark.parametrize("lanes", [1, 3])
def test_bulk_data_through_a_lossy_link_with_delay(loss: float, lanes: int) -> None:
    """2 MB, acks after 40 ms: nothing stalls, and unless the link is terrible the receiver refuses nothing."""
    chance = random.Random(7)
    line = Line()
    if lanes > 1:
        line.sender.lanes.configure([0] * lanes, [1] * lanes)
    remaining = 2_000_000
    while remaining > 0:
        size = chance.choice((10, 100, 1000, 1000, 60_000))
        line.send(chance.randbytes(size), RELIABLE, chance.randrange(lanes))
        remaining -= size
    reports: list[tuple[int, tuple[int, Blocks]]] = []
    while line.sender.has_reliable_data():
        line.now += 2_000
        assert line.now < 30_000_000, "stalled"
        while reports and reports[0][0] <= line.now:
            line.hear(reports.pop(0)[1])
        line.sender.handle_timer(line.now)
        for _ in range(25):
            if not line.wants():
                break
            number = line.packet()
            if chance.random() >= loss:
                line.arrive(number)
        if line.received:
            reports.append((line.now + 40_000, line.report(max(line.received))))
    line.check_reliable()
    if loss < 0.1:
        assert line.reception.receiver.queue_full == 0
        segments = [piece.data for number in line.payloads for piece in pieces_in(line, number) if piece.is_reliable]
        once = sum(len(data) for data in line.ranges.values())
        assert sum(map(len, segments)) <= once * (1 + 1.5 * loss), "hardly more than what was lost is sent again"


@slow
@given(chances, st.sampled_from((0.0, 0.05, 0.3)), st.sampled_from((0, 5_000, 40_000)))
def test_with_the_reports_of_our_own_receiver(chance: random.Random, loss: float, delay_us: int) -> None:
    """Packets and reports delayed unevenly, so that they overtake each other, and lost in both directions."""
    line = Line()
    reporter = AckReporter(2)
    for _ in range(60):
        line.send(chance.randbytes(chance.choice((1, 50, 1000, 5000))), chance.choice((RELIABLE, UNRELIABLE)))
    line.sender.flush()
    on_their_way: list[tuple[int, int, int, bytes]] = []
    for turn in range(6_000):
        line.now += 1_000
        due = sorted(entry for entry in on_their_way if entry[0] <= line.now)
        on_their_way = [entry for entry in on_their_way if entry[0] > line.now]
        for _, _, number, frame in due:
            if frame:
                meaning = read_payload(frame)[0][0]
                assert isinstance(meaning, Ack)
                line.hear((meaning.latest, list(meaning.blocks)))
            else:
                line.arrive(number)
                assert reporter.stop_waiting(line.peer_minimum, number) or number <= max(line.received)
                reporter.received(number, line.reception.receiver.has_reliable, line.now)
        line.sender.handle_timer(line.now)
        leaving = [(line.packet(), b"")] if line.wants() else []
        if reporter.deadline() <= line.now or reporter.nack_wanted_at() <= line.now or line.sender.ack_request_wanted:
            line.sender.ack_request_wanted = False
            leaving.append((0, reporter.frame(line.now, line.now, 1200)))
        for number, frame in leaving:
            if chance.random() >= loss:
                on_their_way.append((line.now + chance.randint(0, delay_us), turn, number, frame))
        line.check_books()
        if not line.sender.has_reliable_data() and not line.wants():
            break
    else:
        pytest.fail("stalled")
    assert set(line.delivered) <= set(line.sent)
    line.check_reliable()


# ---------------------------------------------------------------------- queueing


def test_numbers_are_given_per_lane_and_shared_by_both_kinds() -> None:
    line = Line()
    line.sender.lanes.configure([0, 0], [1, 1])
    assert [line.send(b"", flags, lane) for flags, lane in ((RELIABLE, 0), (UNRELIABLE, 0), (UNRELIABLE, 1))] == [
        1,
        2,
        1,
    ]


@pytest.mark.parametrize(
    ("size", "lane"), [(0, 1), (0, -1), (0, 255), (MAX_MESSAGE_BYTES + 1, 0)], ids=["lane", "below", "far", "size"]
)
def test_impossible_messages_are_refused_and_use_no_number(size: int, lane: int) -> None:
    line = Line()
    assert line.send(bytes(size), RELIABLE, lane) == -Result.INVALID_PARAM
    assert line.sender.queued_bytes == 0
    assert line.send(b"x") == 1


def test_the_largest_message_can_be_sent() -> None:
    line = Line()
    assert line.send(bytes(MAX_MESSAGE_BYTES)) == 1
    line.finish()


def test_the_send_buffer_is_exact() -> None:
    """Exactly full is allowed; what is over it, if only by a header, refuses even an empty message (2.7.1)."""
    line = Line(ConnectionOptions(send_buffer_size_bytes=4096))
    assert line.send(bytes(4000), UNRELIABLE) == 1
    assert line.send(bytes(97), UNRELIABLE) == -Result.LIMIT_EXCEEDED
    assert line.send(bytes(96), UNRELIABLE) == 2
    assert line.send(b"x", UNRELIABLE) == -Result.LIMIT_EXCEEDED
    assert line.send(b"", UNRELIABLE) == 3
    assert line.send(b"", RELIABLE) == 4, "its header pushes the account over"
    assert line.sender.queued_bytes == 4098
    assert line.send(b"", UNRELIABLE) == -Result.LIMIT_EXCEEDED
    line.now = NAGLE_US
    line.all_wanted()
    assert line.send(bytes(4096), UNRELIABLE) == 5


def test_lost_bytes_count_against_the_send_buffer_but_bytes_in_flight_do_not() -> None:
    line = Line(ConnectionOptions(send_buffer_size_bytes=4096))
    line.send(bytes(1000), RELIABLE | NO_NAGLE)
    first = line.packet()
    line.send(b"x", RELIABLE | NO_NAGLE)
    line.arrive(line.packet())
    assert line.sender.pending_bytes() == 0
    line.hear((3, [(1, 1)]))
    assert line.sender.pending_bytes() == 1002
    assert line.send(bytes(4096 - 1001)) == -Result.LIMIT_EXCEEDED
    assert line.send(bytes(4096 - 1002)) > 0
    assert first == 2


@pytest.mark.parametrize(("size", "is_reliable"), [(MAX_UNRELIABLE_BYTES, False), (MAX_UNRELIABLE_BYTES + 1, True)])
def test_unreliable_messages_above_the_limit_become_reliable(size: int, is_reliable: bool) -> None:
    line = Line()
    line.send(bytes(size), UNRELIABLE | NO_NAGLE)
    line.arrive(*line.all_wanted())
    assert [(len(data), reliable) for _, _, data, reliable in line.delivered] == [(size, is_reliable)]


# ---------------------------------------------------------------------- Nagle


def test_a_small_message_waits_for_company() -> None:
    """5 ms from the first message on, however many join it (2.7.1)."""
    line = Line()
    assert line.sender.wants_at(0) == NEVER
    line.now = 100
    line.send(b"a")
    line.now = 3_000
    line.send(b"b", UNRELIABLE)
    assert line.sender.wants_at(3_000) == 100 + NAGLE_US
    assert line.sender.next_time(3_000) == 100 + NAGLE_US
    assert not line.wants()
    line.now = 100 + NAGLE_US
    assert line.wants()
    assert [piece.data for piece in pieces_in(line, line.packet())] == [b"\x01a", b"b"]
    assert line.sender.nagle_until == NEVER


def test_the_next_message_waits_anew() -> None:
    line = Line()
    line.send(b"a", UNRELIABLE | NO_NAGLE)
    line.packet()
    line.now = 70_000
    line.send(b"b", UNRELIABLE)
    assert line.sender.wants_at(70_000) == 70_000 + NAGLE_US


def test_no_nagle_lets_everything_before_it_go_too() -> None:
    line = Line()
    line.send(b"a")
    line.send(b"", UNRELIABLE | NO_NAGLE)
    assert line.wants()
    assert len(pieces_in(line, line.packet())) == 2


def test_flushing_ends_the_wait() -> None:
    line = Line()
    line.sender.flush()
    assert line.sender.wants_at(0) == NEVER
    line.send(b"a")
    line.sender.flush()
    assert line.wants()
    line.packet()
    line.sender.flush()
    line.now = 10
    line.send(b"b")
    assert line.sender.wants_at(10) == 10 + NAGLE_US, "flushing an empty queue has no effect later"


def test_a_full_packet_does_not_wait() -> None:
    line = Line()
    line.send(bytes(FULL - 100), UNRELIABLE)
    assert not line.wants()
    line.send(bytes(100), UNRELIABLE)
    assert line.wants()


def test_without_nagle_time_nothing_waits() -> None:
    line = Line(ConnectionOptions(nagle_time_us=0))
    line.send(b"a")
    assert line.wants()


def test_an_empty_message_is_sent_as_well() -> None:
    line = Line()
    line.send(b"", UNRELIABLE)
    line.now = NAGLE_US
    line.arrive(*line.all_wanted())
    assert line.delivered == [(0, 1, b"", False)]
    assert line.sender.nagle_until == NEVER


# ---------------------------------------------------------------------- filling packets


def test_adjacent_reliable_messages_share_a_segment() -> None:
    """That saves two bytes and a frame for each of them (2.16)."""
    line = Line()
    for number in range(30):
        line.send(bytes((number,)) * 20)
    line.now = NAGLE_US
    (piece,) = pieces_in(line, line.packet())
    assert len(piece.data) == 30 * 21
    line.finish()


def test_bulk_data_fills_every_packet_to_the_last_byte() -> None:
    line = Line()
    line.send(bytes(100_000))
    numbers = line.all_wanted()
    assert {len(line.payloads[number]) for number in numbers[:-1]} == {FULL}
    assert len(numbers) == -(-100_004 // (FULL - 7))


def test_the_order_within_a_lane_is_kept_whatever_the_kinds() -> None:
    line = Line()
    kinds = [RELIABLE, UNRELIABLE, UNRELIABLE, RELIABLE, RELIABLE, UNRELIABLE]
    for number, flags in enumerate(kinds):
        line.send(bytes((number,)), flags)
    line.now = NAGLE_US
    line.arrive(line.packet())
    assert [data[0] for _, _, data, _ in line.delivered] == list(range(6))


@fast
@given(st.lists(st.tuples(st.integers(0, FULL - UNSPLIT_MARGIN_BYTES), st.booleans()), max_size=40), st.booleans())
def test_an_unreliable_message_that_fits_a_packet_is_never_split(
    messages: list[tuple[int, bool]], several: bool
) -> None:
    """Half a message is twice the loss."""
    line = Line()
    if several:
        line.sender.lanes.configure([0, 0], [1, 2])
    for place, (size, is_reliable) in enumerate(messages):
        line.send(bytes(size), RELIABLE if is_reliable else UNRELIABLE, place % 2 if several else 0)
    line.sender.flush()
    for number in line.all_wanted():
        line.arrive(number)
        for piece in pieces_in(line, number):
            assert piece.is_reliable or (piece.offset, piece.is_last) == (0, True)
    assert sorted(line.delivered) == sorted(line.sent)


@pytest.mark.parametrize("size", [1228, 1300, 5000, MAX_UNRELIABLE_BYTES])
@pytest.mark.parametrize("before", [0, 500, 1215])
def test_larger_unreliable_messages_are_cut_into_full_packets(size: int, before: int) -> None:
    line = Line()
    if before:
        line.send(bytes(before), UNRELIABLE)
    data = random.Random(size).randbytes(size)
    line.send(data, UNRELIABLE)
    line.sender.flush()
    numbers = line.all_wanted()
    pieces = [piece for number in numbers for piece in pieces_in(line, number) if piece.place == 1 + (before > 0)]
    assert [piece.is_last for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert all(len(piece.data) >= 16 for piece in pieces[:-1])
    assert b"".join(piece.data for piece in pieces) == data
    assert [piece.offset for piece in pieces] == [
        sum(len(piece.data) for piece in pieces[:place]) for place in range(len(pieces))
    ]
    line.arrive(*numbers)
    assert line.delivered[-1][2] == data


@fast
@given(st.lists(st.tuples(SIZES, st.booleans(), st.integers(0, 2)), max_size=25), st.integers(0, 90))
def test_every_packet_wanted_carries_something_and_fits_beside_reports(
    messages: list[tuple[int, bool, int]], reports: int
) -> None:
    line = Line()
    line.sender.lanes.configure([1, 0, 1], [1, 1, 7])
    for size, is_reliable, lane in messages:
        line.send(bytes(size), RELIABLE if is_reliable else UNRELIABLE, lane)
    line.sender.flush()
    prefix = encode_stop_waiting(7) * (reports // 2)
    while line.wants():
        payload = line.sender.build(prefix, FULL, 0)
        assert len(prefix) < len(payload) <= FULL
        assert not line.sender.built_nothing
        line.sender.flight.add(0, line.sender.built_segments, 0)
    assert line.sender.queued_bytes == 0


def test_lanes_go_by_priority_and_a_late_urgent_message_overtakes() -> None:
    line = Line()
    line.sender.lanes.configure([1, 0], [1, 1])
    line.send(bytes(10_000), RELIABLE | NO_NAGLE, 0)
    line.packet()
    line.send(b"urgent", RELIABLE | NO_NAGLE, 1)
    number = line.packet()
    assert [piece.data for piece in pieces_in(line, number) if piece.lane == 1] == [b"\x06urgent"]
    line.finish()


@slow
@given(chances)
def test_lanes_share_the_packets_by_weight(chance: random.Random) -> None:
    line = Line()
    weights = [chance.randint(1, 9) for _ in range(3)]
    line.sender.lanes.configure([0, 0, 0], weights)
    for lane in range(3):
        for _ in range(100):
            line.send(bytes(chance.randint(1, 2000)), RELIABLE, lane)
    for _ in range(40):
        line.packet()
    total = sum(line.edge.values())
    for lane, weight in enumerate(weights):
        share = total * weight / sum(weights)
        assert abs(line.edge.get(lane, 1) - share) < 0.05 * share + 3 * FULL


def test_lanes_share_even_within_a_packet() -> None:
    """Adjacent messages of a lane are merged only as long as it is this lane's turn."""
    line = Line()
    line.sender.lanes.configure([0, 0], [1, 1])
    for lane in (0, 1):
        for _ in range(100):
            line.send(bytes(20), RELIABLE, lane)
    pieces = pieces_in(line, line.packet())
    shares = [sum(len(piece.data) for piece in pieces if piece.lane == lane) for lane in (0, 1)]
    assert abs(shares[0] - shares[1]) <= 2 * 21
    line.finish()


# ---------------------------------------------------------------------- the peer's limits


def test_no_more_is_in_flight_than_the_peer_can_hold() -> None:
    """1 MiB a lane, counted from the start of the oldest message that is not acknowledged completely (2.16 rule 3)."""
    line = Line()
    for _ in range(6):
        line.send(bytes(400_000))
    numbers = line.all_wanted()
    assert PEER_BUFFER_BYTES - 16 < line.edge[0] - 1 <= PEER_BUFFER_BYTES
    end_of_first = 400_004
    inner = [number for number in numbers if pieces_in(line, number)[0].place < end_of_first][:-1]
    line.arrive(*inner)
    line.ack()
    line.all_wanted()
    assert line.edge[0] - 1 <= PEER_BUFFER_BYTES, "the first message still occupies all its room"
    line.arrive(*(number for number in numbers if number not in inner))
    line.ack()
    line.all_wanted()
    begin_of_third = 2 * 400_004 + 1
    assert 0 <= begin_of_third + PEER_BUFFER_BYTES - line.edge[0] < 16
    assert line.reception.receiver.queue_full == 0


@pytest.mark.parametrize("size", [64, 9_000, 524_288])
def test_a_receiver_with_default_settings_never_refuses_what_waits_behind_a_hole(size: int) -> None:
    """The first packet is lost again and again; the peer has to hold everything behind it."""
    line = Line()
    for _ in range(2_500_000 // size):
        line.send(bytes(size))
    line.arrive(*line.all_wanted()[1:])
    assert line.edge[0] - 1 > PEER_BUFFER_BYTES - 16
    for _ in range(5):
        line.now += 100_000
        line.ack()
        line.arrive(*line.all_wanted()[1:])
        line.sender.handle_timer(line.now)
    assert line.reception.receiver.queue_full == 0
    assert line.edge[0] - 1 <= PEER_BUFFER_BYTES
    line.finish()


def test_a_full_lane_does_not_hold_up_the_others() -> None:
    line = Line()
    line.sender.lanes.configure([0, 1], [1, 1])
    for _ in range(4):
        line.send(bytes(400_000), RELIABLE, 0)
    line.all_wanted()
    assert line.edge[0] - 1 <= PEER_BUFFER_BYTES
    line.send(b"other", RELIABLE | NO_NAGLE, 1)
    assert line.wants()
    assert [piece.data for piece in pieces_in(line, line.packet())] == [b"\x05other"]


def test_a_full_peer_draws_no_storm_of_empty_packets() -> None:
    """Acks that free nothing at the front of the stream let nothing new leave."""
    line = Line()
    for _ in range(4):
        line.send(bytes(400_000))
    numbers = line.all_wanted()
    line.arrive(*numbers[1:50])
    line.ack()
    assert [pieces_in(line, number)[0].place for number in line.all_wanted()] == [1]
    for number in numbers[50:60]:
        line.arrive(number)
        line.ack()
        assert line.all_wanted() == []


def test_new_data_waits_while_the_peer_has_too_many_holes() -> None:
    """A receiver refuses more than 20 to 30; then everything would have to be sent again (2.5.2)."""
    line = Line()
    line.send(bytes(200_000))
    numbers = [line.packet() for _ in range(2 * (PEER_HOLES_MAX + 4))]
    line.arrive(*numbers[1::2])
    line.ack()
    edge = line.edge[0]
    line.all_wanted()
    assert line.edge[0] == edge
    assert line.reception.receiver.queue_full == 0
    line.finish()


def test_without_any_report_the_sender_stops_before_numbers_jump_too_far() -> None:
    """A receiver gives up when a number is 16384 above the newest it knows (2.16 rule 1)."""
    line = Line()
    for _ in range(MAX_OUTSTANDING_PACKETS + 500):
        line.sender.send(b"x", UNRELIABLE | NO_NAGLE, 0, 0)
        if not line.wants():
            break
        line.sender.build(b"", FULL, 0)
        line.sender.flight.add(0, (), 0)
    assert not line.wants()
    assert line.sender.build(b"", FULL, 0) == b""
    assert MAX_OUTSTANDING_PACKETS <= line.sender.flight.next_number < MAX_OUTSTANDING_PACKETS + 10
    assert line.sender.ack_request_wanted, "and it asked for a report long before"
    line.hear((5_000, []))
    assert line.wants()


def test_much_unreported_reliable_data_asks_for_an_immediate_ack() -> None:
    """A reference receiver would wait 50 ms otherwise."""
    line = Line()
    line.send(bytes(500_000))
    sent_before_asking = 0
    for _ in range(3):
        while not line.sender.ack_request_wanted:
            line.packet()
        line.sender.ack_request_wanted = False
        sent = line.edge[0] - 1 - sent_before_asking
        assert ACK_WANTED_BYTES <= sent < ACK_WANTED_BYTES + FULL
        sent_before_asking = line.edge[0] - 1


@pytest.mark.parametrize("lost", [3_999, 4_001, 10_001, 40_000])
@pytest.mark.parametrize("lane", [0, 9])
def test_any_number_of_lost_unreliable_messages_may_precede_a_reliable_one(lost: int, lane: int) -> None:
    """A receiver refuses numbers that jump ahead of what it has seen, so they are mentioned first (2.16 rule 7)."""
    line = Line()
    if lane:
        line.sender.lanes.configure([0] * 10, [1] * 10)
    for _ in range(lost):
        line.sender.send(b"", UNRELIABLE, lane, 0)
    line.all_wanted()
    line.send(bytes(FULL), RELIABLE, lane)
    line.send(b"sure", RELIABLE, lane)
    lost_first, *others = line.all_wanted()
    line.arrive(*others)
    line.now = line.sender.probe_at()
    line.sender.handle_timer(line.now)
    assert lost_first not in line.received
    line.finish()
    assert [number for _, number, _, is_reliable in line.delivered if is_reliable] == [lost + 1, lost + 2]


def test_after_very_many_unreliable_messages_one_goes_reliably() -> None:
    """The increment between reliable messages must stay below a million, or the receiver gives up."""
    line = Line()
    lane = line.sender.lanes.lanes[0]
    lane.last_number = UNRELIABLE_RUN_MAX - 1
    line.sender.send(b"x", UNRELIABLE, 0, 0)
    assert lane.pending_reliable == 0
    line.sender.send(b"x", UNRELIABLE, 0, 0)
    assert lane.pending_reliable > 0
    line.sender.send(b"x", UNRELIABLE, 0, 0)
    assert lane.pending_unreliable == 2


def test_the_end_of_a_large_message_stands_alone() -> None:
    """A receiver with little room can always take it, but not what follows."""
    line = Line()
    line.send(bytes(2 * FULL))
    line.send(b"next")
    pieces = [piece for number in line.all_wanted() for piece in pieces_in(line, number)]
    assert 1 + 2 + 2 * FULL in {piece.place + len(piece.data) for piece in pieces}
    line.finish()


# ---------------------------------------------------------------------- losses


def lossy(count: int = 3, size: int = 1500) -> Line:
    """A line on which the first of some reliable packets was lost, and the peer has not said so yet."""
    line = Line()
    line.send(bytes(size))
    line.send(bytes(size * count))
    line.arrive(*line.all_wanted()[1:])
    return line


def test_a_reported_hole_is_filled_at_once() -> None:
    """The reference waits for its next timer (2.8.4)."""
    line = lossy()
    assert not line.wants()
    line.ack()
    assert line.wants()
    assert pieces_in(line, line.packet())[0].place == 1
    assert not line.wants()


def test_lost_bytes_go_before_new_ones() -> None:
    line = lossy()
    line.send(b"new", RELIABLE | NO_NAGLE)
    line.ack()
    number = line.packet()
    places = [piece.place for piece in pieces_in(line, number)]
    assert places[0] == 1
    assert line.packet() == number + 1


def test_a_full_segment_still_fits_beside_the_stop_waiting_value() -> None:
    """The peer has holes exactly then; the value waits rather than the data."""
    line = Line()
    line.send(bytes(50_000))
    line.arrive(*line.all_wanted()[1:])
    line.ack()
    assert line.sender.peer_has_holes
    assert pieces_in(line, line.packet())[0].place == 1


def test_a_full_segment_is_repeated_even_if_lanes_were_configured_meanwhile() -> None:
    line = Line()
    line.send(bytes(50_000))
    line.arrive(*line.all_wanted()[1:])
    line.sender.lanes.configure([0, 0], [1, 1])
    line.ack()
    number = line.packet()
    assert [piece.place for piece in pieces_in(line, number)] == [1]
    line.arrive(number)
    line.finish()


def test_a_hole_is_believed_once() -> None:
    """The report is repeated until stop-waiting passes it; the repetition is not (2.8.2)."""
    line = lossy()
    line.ack()
    repeated = line.packet()
    for _ in range(5):
        line.hear(line.report(max(line.received)))
        assert not line.wants()
    assert repeated not in line.received


def test_a_packet_reported_missing_may_still_be_acknowledged_late() -> None:
    line = lossy()
    line.ack()
    assert line.wants()
    line.arrive(2)
    line.hear((max(line.received), [(max(line.received) - 1, 0)]))
    assert not line.wants()
    assert not line.sender.has_reliable_data()


def test_what_lies_below_the_blocks_counts_as_received_down_to_stop_waiting_only() -> None:
    """A packet once reported missing, and given up by stop-waiting, is not acknowledged by silence (2.8.2)."""
    line = Line()
    line.send(bytes(5000))
    assert line.all_wanted() == [2, 3, 4, 5, 6]
    line.now += 1_000_000
    line.hear((4, [(1, 1)]))
    assert line.sender.minimum_waited_for == 4
    line.hear((6, []))
    assert line.sender.in_flight_bytes() == 0
    assert line.sender.pending_bytes() == FULL - 7, "packet 3"
    line.hear((6, [(4, 0)]))
    assert not line.sender.has_reliable_data()


def test_a_packet_reported_missing_just_now_is_still_waited_for() -> None:
    """Stop-waiting stays below it, so the peer keeps reporting it, and a frame without it says that it came late."""
    line = Line()
    line.send(bytes(5000))
    line.all_wanted()
    line.hear((4, [(1, 1)]))
    assert line.sender.minimum_waited_for == 3
    line.hear((6, []))
    assert not line.sender.has_reliable_data()


def test_after_a_while_what_was_reported_missing_is_given_up() -> None:
    """Else the peer would have to report old holes for ever; and only a few are waited for at any time."""
    line = lossy()
    line.ack()
    assert line.sender.minimum_waited_for == 2
    line.now += PING_MS * 1500 + LATE_ARRIVAL_US + 1
    line.ack()
    assert line.sender.minimum_waited_for == max(line.received)
    many = Line()
    many.send(bytes(100_000))
    numbers = many.all_wanted()
    many.arrive(*numbers[1::2])
    many.ack()
    assert many.sender.minimum_waited_for >= max(many.received) - 2 * LATE_HOLES_MAX


@pytest.mark.parametrize("blocks", [[(8, 0)], [(1, 7)], [(1, 1), (1, 5)], [(1 << 40, 0)]])
def test_runs_that_reach_below_zero_are_a_fault(blocks: Blocks) -> None:
    line = Line()
    line.send(bytes(8000))
    line.all_wanted()
    assert line.sender.acknowledge(6, blocks, 0) != ""


def test_acks_for_packets_long_settled_are_ignored() -> None:
    line = Line()
    line.send(bytes(5000))
    line.arrive(*line.all_wanted())
    line.ack()
    for report in ((6, []), (3, [(1, 1)]), (6, [(2, 3), (1, 0)])):
        line.hear(report)
    assert not line.sender.has_reliable_data()
    assert not line.wants()


def test_unreliable_data_is_never_repeated() -> None:
    line = Line()
    line.send(b"gone", UNRELIABLE | NO_NAGLE)
    line.packet()
    line.send(b"sure", RELIABLE | NO_NAGLE)
    line.arrive(line.packet())
    line.ack()
    assert not line.wants()
    assert not line.sender.has_reliable_data()


# ---------------------------------------------------------------------- probes


def test_silence_is_answered_by_a_probe_that_backs_off() -> None:
    """One and a half round trips, the peer's 50 ms and some slack; then twice as long, but at most every second."""
    line = Line()
    line.send(bytes(3000))
    line.all_wanted()
    sent_at = line.now
    waits: list[int] = []
    for _ in range(6):
        line.now = line.sender.probe_at()
        waits.append(line.now - sent_at)
        sent_at = line.now
        line.sender.handle_timer(line.now)
        assert line.sender.ack_request_wanted, "one ack tells the fate of everything"
        line.sender.ack_request_wanted = False
        assert pieces_in(line, line.packet())[0].place == 1, "the oldest bytes, which the peer may be waiting for"
        assert not line.wants(), "one segment is enough"
        assert line.now < line.sender.next_time(line.now) <= line.sender.probe_at()
    assert waits == [PROBE_US, 2 * PROBE_US, 4 * PROBE_US, 8 * PROBE_US, 1_000_000, 1_000_000]


@pytest.mark.parametrize(("ping_ms", "wait_us"), [(-1, 1_000_000), (0, 60_000), (100, 210_000), (2000, 3_060_000)])
def test_how_long_silence_lasts_until_it_means_something(ping_ms: int, wait_us: int) -> None:
    line = Line(ping_ms=ping_ms)
    line.send(b"x", RELIABLE | NO_NAGLE)
    assert line.sender.probe_at() == NEVER
    line.packet()
    assert line.sender.probe_at() == wait_us


def test_progress_ends_the_back_off() -> None:
    line = Line()
    line.send(bytes(3000))
    numbers = line.all_wanted()
    for _ in range(3):
        line.now = line.sender.probe_at()
        line.sender.handle_timer(line.now)
        line.all_wanted()
    line.arrive(numbers[0])
    line.hear((2, []))
    assert line.sender.probe_at() == line.now + PROBE_US
    line.arrive(*numbers[1:])
    line.ack()
    assert line.sender.probe_at() == NEVER


def test_unreliable_data_alone_is_never_probed_for() -> None:
    line = Line()
    line.send(b"x", UNRELIABLE | NO_NAGLE)
    line.packet()
    assert line.sender.probe_at() == NEVER


def test_a_probe_of_a_segment_that_waits_already_only_asks() -> None:
    line = lossy()
    line.ack()
    lost = line.sender.pending_bytes()
    line.now = line.sender.probe_at()
    line.sender.handle_timer(line.now)
    assert line.sender.pending_bytes() == lost
    assert line.sender.ack_request_wanted


def test_what_is_refused_again_and_again_is_not_hurried() -> None:
    """A receiver whose application does not read refuses everything: growing pauses, but never a standstill."""
    line = lossy(1)
    holds: list[int] = []
    for _ in range(HOLD_FROM_TRANSMISSIONS + 6):
        line.now += 1
        line.ack()
        wanted = line.sender.wants_at(line.now)
        holds.append(wanted - line.now)
        line.now = wanted
        number = line.packet()
        assert pieces_in(line, number)[0].place == 1
        line.send(b"", UNRELIABLE | NO_NAGLE)
        line.arrive(line.packet())
    growing = [min((PING_MS * 500 + 5_000) << doublings, 250_000) for doublings in range(7)]
    assert holds == [0] * (HOLD_FROM_TRANSMISSIONS - 1) + growing


def test_a_probe_ends_the_pause() -> None:
    """Silence is no refusal: what is asked for then goes out at once."""
    line = lossy(1)
    for _ in range(HOLD_FROM_TRANSMISSIONS + 4):
        line.ack()
        line.now = line.sender.wants_at(line.now)
        line.packet()
        line.send(b"", UNRELIABLE | NO_NAGLE)
        line.arrive(line.packet())
    line.ack()
    held_until = line.sender.wants_at(line.now)
    assert held_until > line.sender.probe_at() > line.now
    line.now = line.sender.probe_at()
    line.sender.handle_timer(line.now)
    assert line.wants()
    assert pieces_in(line, line.packet())[0].place == 1


def test_other_data_flows_while_refused_segments_are_held() -> None:
    line = lossy(1)
    for _ in range(HOLD_FROM_TRANSMISSIONS - 1):
        line.ack()
        line.all_wanted()
        line.send(b"", UNRELIABLE | NO_NAGLE)
        line.arrive(line.packet())
    line.ack()
    assert line.sender.wants_at(line.now) > line.now
    line.send(b"meanwhile", UNRELIABLE | NO_NAGLE)
    assert [piece.data for piece in pieces_in(line, line.packet())] == [b"meanwhile"]
    line.finish()


# ---------------------------------------------------------------------- old records, statistics


def test_records_too_old_to_matter_are_forgotten() -> None:
    """What they carried and nobody acknowledged is lost; a mark in them is reported as lost."""
    line = Line()
    line.send(b"x", UNRELIABLE | NO_NAGLE)
    line.packet(mark=5)
    while line.sender.next_time(line.now) < NEVER:
        line.now = line.sender.next_time(line.now)
        line.sender.handle_timer(line.now)
    assert line.now <= 20_000_000
    assert line.sender.flight.oldest_sent_at() == NEVER
    assert line.sender.lost_marks == [5]
    assert line.sender.next_time(line.now) == NEVER


def test_packets_without_data_are_forgotten_too() -> None:
    """A peer that only sends, and acknowledges nothing, makes us send acks: their records must not pile up."""
    line = Line()
    for _ in range(1000):
        line.now += 10_000
        line.sender.flight.add(line.now, (), 0)
        if line.sender.next_time(line.now) <= line.now:
            line.sender.handle_timer(line.now)
    assert len(line.sender.flight.open_range(0, 1 << 40)) < 900


def test_statistics_marks_tell_which_reports_arrived() -> None:
    line = Line()
    for mark in (1, 2, 3):
        line.send(b"x", UNRELIABLE | NO_NAGLE)
        line.packet(mark)
    line.hear((4, [(1, 1)]))
    assert line.sender.reported_marks == [3, 1]
    assert line.sender.lost_marks == [2]
    line.hear((4, [(1, 1)]))
    assert line.sender.lost_marks == [2], "told once"


# ---------------------------------------------------------------------- rate


def test_data_leaves_when_the_rate_allows() -> None:
    line = Line()
    line.send(bytes(100_000))
    assert line.sender.data_at(0) == 0
    for _ in range(3):
        line.packet()
    assert line.sender.data_at(0) > 0
    assert line.sender.next_time(0) == line.sender.pacer.ready_at(0) == line.sender.data_at(0)
    idle = Line()
    assert idle.sender.data_at(0) == NEVER
    assert idle.sender.next_time(0) == NEVER
    idle.send(b"x")
    assert idle.sender.data_at(0) == NAGLE_US


def test_a_new_rate_is_in_force_at_once() -> None:
    line = Line()
    line.sender.configure(ConnectionOptions(send_rate_min=1_000_000, send_rate_max=1_000_000))
    assert line.sender.pacer.rate == 1_000_000


def test_numbering_can_start_elsewhere() -> None:
    """For peers that do not count the handshake as a packet."""
    line = Line()
    line.sender.start_numbering_at(1)
    line.send(b"x", RELIABLE | NO_NAGLE)
    assert line.packet() == 1
    line.hear((1, []))
    assert not line.sender.has_reliable_data()
