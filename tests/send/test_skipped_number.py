"""A number that no packet has: honest receivers report it missing, and who acknowledges it is believed no more."""

from itertools import pairwise

import pytest
from tests.support.line import RELIABLE, Line

from gamesockets.send.flight import NO_NUMBER, Flight, SentPacket
from gamesockets.send.initial_rate import INITIAL_RATE
from gamesockets.send.rate_control import FIXED_RATE
from gamesockets.send.skipped_number import APART_DRAWN, APART_MIN, FIRST_DRAWN, FIRST_MIN, SkippedNumber
from gamesockets.values.entropy import SeededEntropy
from gamesockets.wire.frames import AckBlock


def skipped_numbers(seed: int, packets: int, are_reported: bool = True) -> list[int]:
    flight = Flight(2)
    skipped = SkippedNumber(flight, SeededEntropy(seed))
    numbers: list[int] = []
    for _ in range(packets):
        before = flight.next_number
        skipped.before_packet()
        if flight.next_number != before:
            numbers.append(before)
            assert flight.skipped_number == before
        flight.add(SentPacket(0, 1000, (), 0, False))
        if are_reported:
            flight.latest_reported = flight.next_number - 1
    return numbers


@pytest.mark.rule("2, 2.16 rule 29")
def test_one_number_in_some_thousand_is_passed_over_at_random() -> None:
    numbers = skipped_numbers(1, 50_000)
    assert FIRST_MIN <= numbers[0] - 2 <= FIRST_DRAWN
    apart = [after - before for before, after in pairwise(numbers)]
    assert min(apart) > APART_MIN
    assert max(apart) <= APART_DRAWN + 1
    assert len(set(apart)) == len(apart) > 12
    assert skipped_numbers(2, 50_000) != numbers


def test_the_next_one_waits_until_the_last_one_has_told() -> None:
    assert len(skipped_numbers(1, 50_000, are_reported=False)) == 1


def bulk(line: Line, packets: int) -> list[int]:
    """Sends that many packets of bulk as the conductor does; the numbers of those that left."""
    line.sender.path.begin_bulk(line.now)
    numbers: list[int] = []
    for _ in range(packets):
        line.send(bytes(1200), RELIABLE)
        line.sender.flush()
        line.sender.before_packet(True, line.now)
        numbers.append(line.packet())
        line.now += 1
    return numbers


@pytest.mark.rule("2, 2.16 rule 29")
def test_an_honest_receiver_reports_it_missing_and_nothing_is_repeated_for_it() -> None:
    line = Line()
    for _ in range(12):
        numbers = bulk(line, 100)
        line.arrive(*numbers)
        line.ack()
    skipped = line.sender.flight.skipped_number
    assert skipped != NO_NUMBER
    path = line.sender.path
    assert not path.is_distrusted
    assert (path.lost_packets, line.sender.retries.retransmissions) == (0, 0)
    assert path.control is path.learned
    assert len(line.sender.flight._records) < 200, "no record stays open"
    line.finish()


@pytest.mark.rule("2, 2.16 rule 29")
@pytest.mark.parametrize("is_implied", [True, False])
def test_who_acknowledges_it_gets_the_rate_of_the_reference_library(is_implied: bool) -> None:
    """Whether a block says so, or everything below the blocks is taken for acknowledged."""
    line = Line()
    bulk(line, FIRST_DRAWN + 10)
    path = line.sender.path
    skipped = line.sender.flight.skipped_number
    newest = line.sender.flight.next_number - 1
    blocks: list[AckBlock] = [] if is_implied else [(newest - 3, 1)]
    line.sender.loss.acknowledge(newest, blocks, line.now)
    assert 2 <= skipped < newest
    assert path.is_distrusted
    assert path.control is FIXED_RATE
    assert (path.learned, path.waits_for_bulk) == (None, False)
    assert path.pacer.rate == INITIAL_RATE
    path.limit(16_384, 0)
    assert path.pacer.rate == INITIAL_RATE, "no setting makes it trusted again"
    path.limit(16_384, 100_000)
    assert path.pacer.rate == 100_000
    path.limit(500_000, 500_000)
    assert path.pacer.rate == 500_000, "who fixes the rate trusts nobody's word"


def test_a_report_that_it_is_missing_is_no_lie() -> None:
    line = Line()
    bulk(line, FIRST_DRAWN + 10)
    skipped = line.sender.flight.skipped_number
    newest = line.sender.flight.next_number - 1
    line.sender.loss.acknowledge(newest, [(newest - skipped, 1)], line.now)
    assert not line.sender.path.is_distrusted
