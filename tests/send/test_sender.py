"""The sending side of a connection against a perfect receiver: what leaves, when, and that all of it arrives."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.line import FULL, NAGLE_US, NO_NAGLE, RELIABLE, SIZES, UNRELIABLE, Line, pieces_in
from tests.support.snp import Ack, Blocks, chances, fast, read_payload, scripts, slow

from gamesockets.config.options import ConnectionOptions
from gamesockets.receive.acks import AckReporter
from gamesockets.receive.receiver import ACKNOWLEDGED_SOON
from gamesockets.send.sender import MAX_UNRELIABLE_BYTES, UNRELIABLE_RUN_MAX
from gamesockets.values.limits import MAX_MESSAGE_BYTES
from gamesockets.values.moments import NEVER
from gamesockets.values.results import Result

CONVERSATION = scripts(
    st.one_of(
        st.tuples(st.just("send"), SIZES, st.integers(0, 7)),
        st.tuples(st.just("packet"), st.sampled_from(("arrives", "arrives", "lost", "late")), st.integers(1, 4)),
        st.tuples(st.sampled_from(("late", "ack", "keep", "stale")), st.integers(0, 1000), st.integers(0, 3)),
        st.tuples(st.just("wait"), st.integers(0, 150_000), st.just(0)),
        st.tuples(st.just("flush"), st.just(0), st.just(0)),
    )
)


@pytest.mark.rule("2, 2.5.3 rule 5", "2, 2.16 rule 2", "3, 7.2 rule 2", "3, 14.4 rule 6")
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
                assert not line.sender.filling.added_nothing
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
            line.sender.loss.handle_timer(line.now)
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
        line.sender.loss.handle_timer(line.now)
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
                reporter.received(number, line.reception.verdict == ACKNOWLEDGED_SOON, line.now)
        line.sender.loss.handle_timer(line.now)
        leaving = [(line.packet(), b"")] if line.wants() else []
        if reporter.deadline() <= line.now or reporter.nack_wanted_at() <= line.now or line.sender.ack_requests.wanted:
            line.sender.ack_requests.wanted = False
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


@pytest.mark.rule("2, 2.7.1 rule 4", "3, 7.2 rule 1")
def test_numbers_are_given_per_lane_and_shared_by_both_kinds() -> None:
    line = Line()
    line.sender.lanes.configure([0, 0], [1, 1])
    assert [line.send(b"", flags, lane) for flags, lane in ((RELIABLE, 0), (UNRELIABLE, 0), (UNRELIABLE, 1))] == [
        1,
        2,
        1,
    ]


@pytest.mark.rule("2, 2.7.1 rule 1", "2, 2.12.1 rule 1")
@pytest.mark.parametrize(
    ("size", "lane", "why"),
    [
        (0, 1, Result.INVALID_PARAM),
        (0, -1, Result.INVALID_PARAM),
        (0, 255, Result.INVALID_PARAM),
        (MAX_MESSAGE_BYTES + 1, 0, Result.VALUE_OUT_OF_RANGE),
    ],
    ids=["lane", "below", "far", "size"],
)
def test_impossible_messages_are_refused_and_use_no_number(size: int, lane: int, why: Result) -> None:
    line = Line()
    assert line.send(bytes(size), RELIABLE, lane) == -why
    assert line.sender.lanes.queued_bytes == 0
    assert line.send(b"x") == 1


def test_the_largest_message_can_be_sent() -> None:
    line = Line()
    assert line.send(bytes(MAX_MESSAGE_BYTES)) == 1
    line.finish()


@pytest.mark.rule("2, 2.7.1 rule 2", "3, 7.1 rule 4")
def test_the_send_buffer_is_exact() -> None:
    """Exactly full is allowed; what is over it, if only by a header, refuses even an empty message (spec 2, 2.7.1)."""
    line = Line(ConnectionOptions(send_buffer_size_bytes=4096))
    assert line.send(bytes(4000), UNRELIABLE) == 1
    assert line.send(bytes(97), UNRELIABLE) == -Result.LIMIT_EXCEEDED
    assert line.send(bytes(96), UNRELIABLE) == 2
    assert line.send(b"x", UNRELIABLE) == -Result.LIMIT_EXCEEDED
    assert line.send(b"", UNRELIABLE) == 3
    assert line.send(b"", RELIABLE) == 4, "its header pushes the account over"
    assert line.sender.lanes.queued_bytes == 4098
    assert line.send(b"", UNRELIABLE) == -Result.LIMIT_EXCEEDED
    line.now = NAGLE_US
    line.all_wanted()
    assert line.send(bytes(4096), UNRELIABLE) == 5


@pytest.mark.rule("2, 2.7.1 rule 2")
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


@pytest.mark.rule("2, 2.7.1 rule 3", "3, 7.1 rule 6")
@pytest.mark.parametrize(("size", "is_reliable"), [(MAX_UNRELIABLE_BYTES, False), (MAX_UNRELIABLE_BYTES + 1, True)])
def test_unreliable_messages_above_the_limit_become_reliable(size: int, is_reliable: bool) -> None:
    line = Line()
    line.send(bytes(size), UNRELIABLE | NO_NAGLE)
    line.arrive(*line.all_wanted())
    assert [(len(data), reliable) for _, _, data, reliable in line.delivered] == [(size, is_reliable)]


@pytest.mark.rule("2, 2.7.1 rule 9")
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


@pytest.mark.rule("2, 2.9.3")
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


@pytest.mark.rule("2, 2.7.1 rule 8")
def test_data_is_due_now_or_before_somebody_looks_anyway() -> None:
    line = Line()
    assert not line.sender.is_due(0, NEVER)
    line.send(b"waits", UNRELIABLE)
    assert line.sender.is_due(0, NEVER), "a timer has to be set"
    assert line.sender.is_due(0, NAGLE_US + 1)
    assert not line.sender.is_due(0, NAGLE_US), "the timer that is set already does"
    line.send(bytes(FULL), UNRELIABLE)
    assert line.sender.is_due(0, 1), "a full packet waits for nothing"


def test_data_that_waits_for_the_rate_is_due_when_the_rate_allows_it() -> None:
    line = Line()
    line.send(bytes(100_000), RELIABLE | NO_NAGLE)
    for _ in range(3):
        line.packet()
    ready_at = line.sender.data_at(0)
    assert ready_at > 0
    assert line.sender.is_due(0, ready_at + 1)
    assert not line.sender.is_due(0, ready_at)
    assert line.sender.is_due(ready_at, ready_at)


def test_a_pause_saves_up_no_more_than_a_burst_although_nobody_asks_meanwhile() -> None:
    """Data waited for the rate, and left; the next comes much later, without that anybody looked in between."""
    line = Line()
    line.send(bytes(FULL - 10), UNRELIABLE | NO_NAGLE)
    assert line.sender.data_at(0) == 0
    line.packet()
    assert line.sender.data_at(0) == NEVER
    now = line.now = 60_000_000
    for _ in range(20):
        line.send(bytes(FULL - 10), UNRELIABLE | NO_NAGLE)
    left = 0
    while line.sender.data_at(now) <= now:
        line.packet()
        left += 1
    assert 1 <= left <= 3


def test_a_new_rate_is_in_force_at_once() -> None:
    line = Line()
    line.sender.configure(ConnectionOptions(send_rate_min=1_000_000, send_rate_max=1_000_000))
    assert line.sender.pacer.rate == 1_000_000


def test_numbering_can_start_elsewhere() -> None:
    """For peers that do not count the handshake as a packet."""
    line = Line()
    line.sender.flight.start_at(1)
    line.send(b"x", RELIABLE | NO_NAGLE)
    assert line.packet() == 1
    line.hear((1, []))
    assert not line.sender.has_reliable_data()
