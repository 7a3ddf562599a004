"""Unacknowledged segments: every byte is in exactly one account, and the lowest lost one goes first (spec 2, 2.8)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.snp import fast, scripts

from gamesockets.send.reliable import ACKED, IN_FLIGHT, LOST, RetryQueue, Segment, UnackedStream

SCRIPT = scripts(st.tuples(st.sampled_from(("send", "send", "lose", "lose", "repeat", "ack")), st.integers(0, 1000)))


@pytest.mark.rule("2, 2.8.4 rule 1")
@fast
@given(SCRIPT)
def test_the_accounts_are_right_after_every_step(script: list[tuple[str, int]]) -> None:
    """Two lanes, any order of losses, repetitions and acknowledgements."""
    retry = RetryQueue()
    streams = [UnackedStream(0), UnackedStream(1)]
    ends = [1, 1]
    segments: list[Segment] = []
    holes: set[int] = set()
    for number, (verb, amount) in enumerate(script):
        candidates = {
            "lose": [segment for segment in segments if segment.state == IN_FLIGHT],
            "ack": [segment for segment in segments if segment.state != ACKED],
        }.get(verb, [])
        chosen = candidates[amount % len(candidates)] if candidates else None
        if verb == "send":
            lane = amount % 2
            segment = Segment(streams[lane], ends[lane], bytes(1 + amount % 50), ends[lane] - amount % ends[lane], 0)
            streams[lane].add(segment)
            segments.append(segment)
            ends[lane] += len(segment.data)
        elif verb == "repeat":
            lost = [segment for segment in segments if segment.state == LOST]
            first = retry.first()
            assert (first is None) == (not lost)
            if first is not None:
                assert first in lost
                assert first.position == min(other.position for other in lost if other.stream is first.stream)
                transmissions = first.transmissions
                retry.sent_first(number)
                assert (first.state, first.last_packet) == (IN_FLIGHT, number)
                assert first.transmissions == transmissions + 1
        elif chosen is not None:
            if verb == "lose":
                widens_hole = amount % 3 == 0
                retry.add(chosen, widens_hole)
                if not widens_hole:
                    holes.add(id(chosen))
            else:
                retry.acknowledge(chosen)
        for stream in streams:
            mine = [segment for segment in segments if segment.stream is stream]
            assert stream.unacked_bytes == sum(len(segment.data) for segment in mine if segment.state == IN_FLIGHT)
            assert stream.lost_bytes == sum(len(segment.data) for segment in mine if segment.state == LOST)
            unacked = [segment for segment in mine if segment.state != ACKED]
            assert stream.oldest() is (unacked[0] if unacked else None)
            waiting = [segment for segment in unacked if segment.state == LOST or segment.transmissions == 1]
            assert stream.oldest_but_repeats() is (waiting[0] if waiting else None)
        assert retry.lost_bytes == sum(stream.lost_bytes for stream in streams)
        open_holes = [segment for segment in segments if id(segment) in holes and segment.state != ACKED]
        assert retry.open_holes == len(open_holes), "neighbours lost together are one hole for the peer"
        assert retry.waiting_holes == sum(segment.state == LOST for segment in open_holes)


def test_a_segment_acknowledged_while_it_waits_is_not_repeated() -> None:
    """A late ack for a packet that was believed lost."""
    retry, stream = RetryQueue(), UnackedStream(0)
    early, late = Segment(stream, 1, b"ab", 1, 0), Segment(stream, 3, b"cd", 1, 0)
    for segment in (early, late):
        stream.add(segment)
        retry.add(segment, False)
    retry.acknowledge(early)
    assert retry.first() is late
    assert retry.lost_bytes == stream.lost_bytes == 2


@pytest.mark.rule("2, 2.8.1")
def test_the_data_of_acknowledged_segments_is_let_go() -> None:
    retry, stream = RetryQueue(), UnackedStream(0)
    segment = Segment(stream, 1, bytes(1000), 1, 0)
    stream.add(segment)
    retry.acknowledge(segment)
    assert segment.data == b""
    assert stream.oldest() is None
    assert stream.unacked_bytes == 0
