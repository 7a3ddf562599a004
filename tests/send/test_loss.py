"""What became of the packets: holes, late arrivals, old records, statistics in them (spec 2, 2.8)."""

import pytest
from tests.support.line import FULL, NO_NAGLE, PING_US, RELIABLE, UNRELIABLE, Line, lossy, pieces_in

from gamesockets.send.loss import LATE_HOLES_MAX, LATE_HOLES_OURS_MAX
from gamesockets.send.path_feedback import LATE_ARRIVAL_US
from gamesockets.values.moments import NEVER


@pytest.mark.rule("2, 2.8.4 rule 4", "2, 2.16 rule 13")
def test_a_reported_hole_is_filled_at_once() -> None:
    """The reference library waits for its next timer (spec 2, 2.8.4)."""
    line = lossy()
    assert not line.wants()
    line.ack()
    assert line.wants()
    assert pieces_in(line, line.packet())[0].place == 1
    assert not line.wants()


@pytest.mark.rule("2, 2.8.4 rule 1", "2, 2.9.4 rule 2")
def test_lost_bytes_go_before_new_ones() -> None:
    line = lossy()
    line.send(b"new", RELIABLE | NO_NAGLE)
    line.ack()
    number = line.packet()
    places = [piece.place for piece in pieces_in(line, number)]
    assert places[0] == 1
    assert line.packet() == number + 1


@pytest.mark.rule("2, 2.7.3 rule 1")
def test_a_full_segment_still_fits_beside_the_stop_waiting_value() -> None:
    """The peer has holes exactly then; the value waits rather than the data."""
    line = Line()
    line.send(bytes(50_000))
    line.arrive(*line.all_wanted()[1:])
    line.ack()
    assert line.sender.loss.peer_has_holes
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


@pytest.mark.rule("2, 2.8.2", "2, 2.8.4 rule 3")
def test_a_hole_is_believed_once() -> None:
    """The report is repeated until stop-waiting passes it; the repetition is not (spec 2, 2.8.2)."""
    line = lossy()
    line.ack()
    repeated = line.packet()
    for _ in range(5):
        line.hear(line.report(max(line.received)))
        assert not line.wants()
    assert repeated not in line.received


@pytest.mark.rule("2, 2.8.2")
def test_a_packet_reported_missing_may_still_be_acknowledged_late() -> None:
    line = lossy()
    line.ack()
    assert line.wants()
    line.arrive(2)
    line.hear((max(line.received), [(max(line.received) - 1, 0)]))
    assert not line.wants()
    assert not line.sender.has_reliable_data()


@pytest.mark.rule("2, 2.2.9 rule 2", "2, 2.8.2")
def test_what_lies_below_the_blocks_counts_as_received_down_to_stop_waiting_only() -> None:
    """A packet once reported missing, and given up by stop-waiting, is not acknowledged by silence (spec 2, 2.8.2)."""
    line = Line()
    line.send(bytes(5000))
    assert line.all_wanted() == [2, 3, 4, 5, 6]
    line.now += 1_000_000
    line.hear((4, [(1, 1)]))
    assert line.sender.loss.minimum_waited_for == 4
    line.hear((6, []))
    assert line.sender.unacked_reliable_bytes() == 0
    assert line.sender.pending_bytes() == FULL - 7, "packet 3"
    line.hear((6, [(4, 0)]))
    assert not line.sender.has_reliable_data()


@pytest.mark.rule("2, 2.7.3 rule 2")
def test_a_packet_reported_missing_just_now_is_still_waited_for() -> None:
    """Stop-waiting stays below it, so the peer keeps reporting it, and a frame without it says that it came late."""
    line = Line()
    line.send(bytes(5000))
    line.all_wanted()
    line.hear((4, [(1, 1)]))
    assert line.sender.loss.minimum_waited_for == 3
    line.hear((6, []))
    assert not line.sender.has_reliable_data()


@pytest.mark.rule("2, 2.7.3 rule 2")
def test_after_a_while_what_was_reported_missing_is_given_up() -> None:
    """Else the peer would have to report old holes for ever; and only a few are waited for at any time."""
    line = lossy()
    line.ack()
    assert line.sender.loss.minimum_waited_for == 2
    line.now += 3 * PING_US // 2 + LATE_ARRIVAL_US + 1
    line.ack()
    assert line.sender.loss.minimum_waited_for == max(line.received)
    many = Line()
    many.send(bytes(100_000))
    numbers = many.all_wanted()
    many.arrive(*numbers[1::2])
    many.ack()
    assert many.sender.loss.minimum_waited_for >= max(many.received) - 2 * LATE_HOLES_MAX


@pytest.mark.parametrize("is_orderly", [True, False])
def test_a_peer_of_ours_keeps_more_holes_where_packets_are_late(is_orderly: bool) -> None:
    line = Line()
    line.sender.loss.late_holes_max = LATE_HOLES_OURS_MAX
    if not is_orderly:
        line.sender.path.reordering.on_late(100_000, line.now)
    line.send(bytes(400_000))
    numbers = line.all_wanted()
    line.arrive(*numbers[1::2])
    line.ack()
    kept = (max(line.received) - line.sender.loss.minimum_waited_for + 1) // 2
    assert kept == (LATE_HOLES_MAX if is_orderly else len(line.received))
    assert LATE_HOLES_MAX < len(line.received) <= LATE_HOLES_OURS_MAX


@pytest.mark.rule("2, 2.8.2")
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


@pytest.mark.rule("2, 2.8.3 rule 3")
def test_records_too_old_to_matter_are_forgotten() -> None:
    """What they carried and nobody acknowledged is lost; a mark in them is reported as lost."""
    line = Line()
    line.send(b"x", UNRELIABLE | NO_NAGLE)
    line.packet(mark=5)
    while line.sender.next_time(line.now) < NEVER:
        line.now = line.sender.next_time(line.now)
        line.sender.loss.handle_timer(line.now)
    assert line.now <= 20_000_000
    assert line.sender.flight.oldest_sent_at() == NEVER
    assert line.sender.loss.lost_marks == [5]
    assert line.sender.next_time(line.now) == NEVER


@pytest.mark.rule("2, 2.8.3 rule 3")
def test_packets_without_data_are_forgotten_too() -> None:
    """A peer that only sends, and acknowledges nothing, makes us send acks: their records must not pile up."""
    line = Line()
    for _ in range(1000):
        line.now += 10_000
        line.sender.path.on_sent(30, (), True, line.now)
        if line.sender.next_time(line.now) <= line.now:
            line.sender.loss.handle_timer(line.now)
    assert len(line.sender.flight.take_range(0, 1 << 40)) < 900


def test_statistics_marks_tell_which_reports_arrived() -> None:
    line = Line()
    for mark in (1, 2, 3):
        line.send(b"x", UNRELIABLE | NO_NAGLE)
        line.packet(mark)
    line.hear((4, [(1, 1)]))
    assert line.sender.loss.reported_marks == [3, 1]
    assert line.sender.loss.lost_marks == [2]
    line.hear((4, [(1, 1)]))
    assert line.sender.loss.lost_marks == [2], "told once"
