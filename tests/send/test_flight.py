"""Records of packets on their way: the list with an offset behaves like a dictionary by packet number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.snp import fast, scripts

from gamesockets.send.flight import UNREPORTED_PACKETS_MAX, Flight, SentPacket
from gamesockets.send.reliable import Segment, UnackedStream
from gamesockets.values.moments import NEVER

SEGMENT = Segment(UnackedStream(0), 1, b"x", 1, 0)


def sent(at: int) -> SentPacket:
    return SentPacket(at, 100, (SEGMENT,), 0, False)


SCRIPT = scripts(
    st.one_of(
        st.tuples(st.just("add"), st.integers(1, 400), st.integers(0, 3)),
        st.tuples(st.sampled_from(("take", "missing")), st.integers(-900, 10), st.integers(0, 700)),
        st.tuples(st.just("get"), st.integers(-900, 10), st.just(0)),
        st.tuples(st.just("forget"), st.integers(0, 8), st.just(0)),
        st.tuples(st.just("skip"), st.just(0), st.just(0)),
    ),
    40,
)


@pytest.mark.rule("2, 2.8.1")
@fast
@given(SCRIPT, st.sampled_from((1, 2, 65_000)))
def test_it_is_a_dictionary_by_number(script: list[tuple[str, int, int]], first: int) -> None:
    flight = Flight(first)
    model: dict[int, SentPacket] = {}
    missing: set[int] = set()
    next_number = first
    for now, (verb, amount, more) in enumerate(script):
        begin = next_number + amount
        if verb == "add":
            for _ in range(amount):
                flight.add(record := sent(now))
                model[next_number] = record
                next_number += 1
        elif verb == "take":
            taken = [number for number in sorted(model) if begin <= number < begin + more]
            assert flight.take_range(begin, begin + more) == [model.pop(number) for number in taken]
        elif verb == "missing":
            new = [number for number in sorted(model) if begin <= number < begin + more and number not in missing]
            assert flight.report_missing(begin, begin + more) == [(number, model[number]) for number in new]
            missing.update(new)
        elif verb == "skip":
            assert flight.skip() == next_number
            next_number += 1
        elif verb == "get":
            assert flight.get(begin) == model.get(begin)
        else:
            old = [(number, record) for number, record in sorted(model.items()) if record.sent_at < now - amount]
            assert flight.forget_sent_before(now - amount) == old
            model = {number: record for number, record in model.items() if record.sent_at >= now - amount}
        assert flight.next_number == next_number
        assert flight.oldest_sent_at() == (model[min(model)].sent_at if model else NEVER)
    assert flight.take_range(0, next_number + 1) == [model[number] for number in sorted(model)]


def test_settled_records_do_not_pile_up() -> None:
    """Everything before the oldest open record is cut off now and then."""
    flight = Flight(2)
    last = sent(20_001)
    for number in range(2, 20_002):
        flight.add(last if number == 20_001 else sent(number))
        if number % 10 == 0:
            flight.take_range(0, number - 3)
    assert len(flight._records) < 600
    assert flight.get(20_001) is last
    assert flight.get(5) is None
    assert flight.next_number == 20_002


@pytest.mark.parametrize("number", [-1, 0, 1, 3, 1 << 40])
def test_numbers_that_were_never_sent(number: int) -> None:
    flight = Flight(2)
    flight.add(sent(0))
    assert flight.get(number) is None
    assert flight.take_range(number, number) == []


def test_a_hostile_range_costs_no_more_than_what_is_open() -> None:
    flight = Flight(2)
    flight.add(packet := sent(0))
    assert flight.report_missing(-(1 << 60), 1 << 60) == [(2, packet)]
    assert flight.take_range(-(1 << 60), 1 << 60) == [packet]
    assert flight.oldest_sent_at() == NEVER


def test_numbering_can_start_elsewhere() -> None:
    flight = Flight(2)
    flight.start_at(70_000)
    flight.add(packet := sent(0))
    assert flight.get(70_000) is packet
    assert flight.next_number == 70_001
    assert not flight.is_full()


@pytest.mark.rule("2, 2.8.4 rule 5", "2, 2.16 rule 17")
def test_it_is_full_until_the_peer_reports() -> None:
    flight = Flight(2)
    while not flight.is_full():
        flight.add(sent(0))
    assert flight.next_number == 2 + UNREPORTED_PACKETS_MAX
    flight.latest_reported = 2
    assert not flight.is_full()
