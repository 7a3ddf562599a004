"""A repeat goes out once more a little later, unless its fate is known by then."""

import pytest

from gamesockets.send.reliable import ACKED, IN_FLIGHT, LOST, RetryQueue, Segment, UnackedStream
from gamesockets.send.second_copies import APART_US, LOST_TWICE, SecondCopies
from gamesockets.values.moments import NEVER


def segment(position: int = 1) -> Segment:
    return Segment(UnackedStream(0), position, b"data", 1, 0)


@pytest.mark.rule("2, 2.16 rule 27")
def test_a_copy_is_due_a_few_milliseconds_after_the_repeat() -> None:
    copies = SecondCopies()
    assert copies.next_at() == NEVER
    repeated = segment()
    copies.add(repeated, 10)
    assert copies.next_at() == 10 + APART_US
    assert copies.first(9 + APART_US) is None
    assert copies.first(10 + APART_US) is repeated
    copies.sent_first(77, 10 + APART_US)
    assert repeated.last_packet == 77, "that packet decides about it"
    assert copies.next_at() == NEVER


def test_what_was_lost_twice_has_one_more_copy() -> None:
    copies = SecondCopies()
    repeated = segment()
    repeated.transmissions = LOST_TWICE
    copies.add(repeated, 0)
    copies.sent_first(77, APART_US)
    assert copies.first(2 * APART_US - 1) is None
    assert copies.first(2 * APART_US) is repeated
    copies.sent_first(78, 2 * APART_US)
    assert repeated.last_packet == 78
    assert copies.next_at() == NEVER


def test_what_arrived_or_was_lost_meanwhile_is_not_copied() -> None:
    copies = SecondCopies()
    arrived, lost, again, last = segment(1), segment(2), segment(3), segment(4)
    for one in (arrived, lost, again, last):
        copies.add(one, 0)
    arrived.state = ACKED
    lost.state = LOST
    again.state = IN_FLIGHT
    again.transmissions += 1
    assert copies.first(APART_US) is last


@pytest.mark.rule("2, 2.16 rule 27")
def test_a_receiver_is_expected_to_have_what_is_on_its_way_again() -> None:
    stream = UnackedStream(0)
    retries = RetryQueue()
    segments = [Segment(stream, position, b"xx", position, 0) for position in (1, 3, 5, 7)]
    for one in segments:
        stream.add(one)
    assert stream.oldest_but_repeats() is segments[0]
    retries.add(segments[0], False)
    assert stream.oldest_but_repeats() is segments[0], "nobody repeats it yet"
    retries.sent_first(9)
    assert stream.oldest_but_repeats() is segments[1]
    retries.acknowledge(segments[1])
    assert stream.oldest_but_repeats() is segments[2]
    retries.add(segments[0], False)
    assert stream.oldest_but_repeats() is segments[0], "the repeat was lost"
    retries.sent_first(10)
    for one in segments[2:]:
        retries.acknowledge(one)
    assert stream.oldest_but_repeats() is None
    assert stream.oldest() is segments[0]
