"""The reliable stream: whatever the order, the cuts and the overlaps, the bytes come out as they were."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.snp import chances, fast, scripts

from gamesockets.receive.reliable import (
    FIRST_POSITION,
    HOLES_MAX_EXTENDING,
    HOLES_MAX_SPLITTING,
    ISLAND_OVERHEAD_BYTES,
    ReliableStream,
)

ROOMY = 1 << 20


def taken(stream: ReliableStream) -> bytes:
    data = bytes(stream.buffer)
    stream.consume(len(data))
    return data


@pytest.mark.rule("2, 2.16 rule 10")
@fast
@given(
    st.binary(min_size=1, max_size=60),
    scripts(st.tuples(st.integers(0, 60), st.integers(1, 30)), 40),
    chances,
    st.booleans(),
)
def test_overlapping_and_repeated_cuts_in_any_order_give_the_original(
    original: bytes, cuts: list[tuple[int, int]], chance: random.Random, takes_at_once: bool
) -> None:
    """A sender may cut anew, repeat and overtake itself (spec 2, 2.16 rule 10); at last everything has been sent."""
    pieces = [(begin, original[begin : begin + size]) for begin, size in cuts if begin < len(original)]
    stream = ReliableStream()
    out = b""
    known: set[int] = set()
    closing = [(place, original[place : place + 1]) for place in range(len(original))]
    chance.shuffle(closing)
    for begin, data in pieces + closing:
        if not stream.insert(FIRST_POSITION + begin, data, ROOMY):
            continue
        known.update(range(begin, begin + len(data)))
        first_unknown = next((place for place in range(len(original)) if place not in known), len(original))
        assert stream.base + len(stream.buffer) == FIRST_POSITION + first_unknown
        if takes_at_once:
            out += taken(stream)
    for place in range(len(original)):
        assert stream.insert(FIRST_POSITION + place, original[place : place + 1], ROOMY)
    assert out + taken(stream) == original


@pytest.mark.rule("2, 2.5.2 rule 2")
@fast
@given(
    scripts(st.tuples(st.integers(1, 400), st.integers(1, 40)), 100),
    st.integers(20, 300),
)
def test_refusals_and_holes_are_those_of_the_specification(segments: list[tuple[int, int]], limit: int) -> None:
    """The checks of spec 2, 2.5.2 in their order, against a model that keeps single bytes."""
    stream = ReliableStream()
    base = FIRST_POSITION
    present: set[int] = set()
    for begin, size in segments:
        end = begin + size
        edge = max(present, default=base - 1) + 1
        missing = set(range(base, edge)) - present
        holes = sum(place - 1 not in missing for place in missing)
        if end <= base:
            expected = True
        elif end > edge and end - base > limit:
            expected = False
        elif begin > edge:
            expected = holes < HOLES_MAX_EXTENDING
        else:
            around = range(max(begin, base) - 1, end + 1)
            is_inside = max(begin, base) > base and end < edge and not present.intersection(around)
            expected = not (is_inside and holes >= HOLES_MAX_SPLITTING)
        data = bytes(place % 251 for place in range(begin, end))
        assert stream.insert(begin, data, limit) == expected
        if expected:
            present.update(range(max(begin, base), end))
        assert stream.end() == max(present, default=base - 1) + 1
        missing = set(range(base, max(present, default=base))) - present
        holes = sum(place - 1 not in missing for place in missing)
        assert stream.held_bytes == len(present) + holes * ISLAND_OVERHEAD_BYTES
        assert len(present) <= limit
        front = next(place for place in range(base, 10_000) if place not in present)
        assert bytes(stream.buffer) == bytes(place % 251 for place in range(base, front))
        if front - base > limit // 2:
            present = {place for place in present if place >= front}
            base = front
            stream.consume(len(stream.buffer))


@pytest.mark.rule("2, 2.5.2 rule 2")
@pytest.mark.parametrize("count", [1, HOLES_MAX_EXTENDING])
def test_thirty_holes_may_be_opened_but_no_more(count: int) -> None:
    stream = ReliableStream()
    for hole in range(count):
        assert stream.insert(2 + 2 * hole, b"x", ROOMY)
    edge = stream.end()
    assert stream.insert(edge + 1, b"x", ROOMY) == (count < HOLES_MAX_EXTENDING)
    assert stream.insert(stream.end(), b"x", ROOMY), "what needs no new hole is always taken"
    assert stream.insert(FIRST_POSITION, b"x", ROOMY)


@pytest.mark.rule("2, 2.5.2 rule 2")
def test_splitting_a_hole_is_refused_from_twenty_holes_on() -> None:
    """Touching one of its edges is not splitting."""
    stream = ReliableStream()
    for hole in range(HOLES_MAX_SPLITTING):
        assert stream.insert(FIRST_POSITION + 10 + 11 * hole, b"x", ROOMY)
    assert not stream.insert(FIRST_POSITION + 5, b"y", ROOMY)
    assert stream.insert(FIRST_POSITION + 9, b"y", ROOMY)
    assert stream.insert(FIRST_POSITION, b"y", ROOMY)
    assert stream.insert(FIRST_POSITION + 11, bytes(10), ROOMY), "closes the second hole"
    assert stream.insert(FIRST_POSITION + 5, b"y", ROOMY)


@pytest.mark.rule("2, 2.5.2 rule 2")
def test_the_limit_counts_from_the_first_byte_that_was_not_taken() -> None:
    stream = ReliableStream()
    assert stream.insert(1, bytes(100), 100)
    assert not stream.insert(101, b"x", 100)
    assert not stream.insert(102, b"x", 100)
    assert stream.insert(50, bytes(51), 100), "nothing beyond what is there already"
    stream.consume(40)
    assert stream.insert(101, bytes(40), 100)
    assert not stream.insert(141, b"x", 100)


def test_old_bytes_are_ignored_and_never_change_what_was_taken() -> None:
    stream = ReliableStream()
    assert stream.insert(1, b"abcdef", ROOMY)
    stream.consume(4)
    assert stream.insert(1, b"XXXX", ROOMY)
    assert stream.insert(3, b"XX", ROOMY)
    assert bytes(stream.buffer) == b"ef"
    assert stream.insert(2, b"XXXXXg", ROOMY)
    assert bytes(stream.buffer) == b"XXg", "what is still here may be overwritten by a later segment"
    assert stream.base == 5
    assert stream.end() == 8


def test_a_hole_costs_no_memory() -> None:
    """A peer that sends one byte far ahead on each lane must not make us provide a whole buffer for each."""
    stream = ReliableStream()
    assert stream.insert(1 + 900_000, b"x", ROOMY)
    assert stream.end() == 900_002
    assert stream.held_bytes == 1 + ISLAND_OVERHEAD_BYTES
    assert len(stream.buffer) == 0


def test_bytes_behind_a_hole_are_not_moved_for_each_byte_that_comes_before_them() -> None:
    """Room to grow downwards doubles, so that it is made anew some twenty times for a hundred thousand bytes."""
    stream = ReliableStream()
    made_room = 0
    unused = 0
    for position in range(100_000, 1, -1):
        assert stream.insert(position, b"x", ROOMY)
        made_room += stream._islands[0]._unused > unused
        unused = stream._islands[0]._unused
    assert made_room <= 20
    assert stream.insert(FIRST_POSITION, b"x", ROOMY)
    assert taken(stream) == b"x" * 100_000


def test_a_large_island_takes_in_the_small_ones_before_it() -> None:
    """Not the other way round: closing many holes before it would move it each time."""
    stream = ReliableStream()
    assert stream.insert(10_000, bytes(5000), ROOMY)
    large = stream._islands[0]
    for begin in range(9_997, 100, -3):
        assert stream.insert(begin, b"x", ROOMY)
        assert stream.insert(begin + 1, b"yy", ROOMY)
        assert stream._islands == [large]
    assert stream.insert(FIRST_POSITION, bytes(99), ROOMY)
    assert stream.held_bytes == 99 + ISLAND_OVERHEAD_BYTES + large.size()
