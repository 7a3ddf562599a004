"""Message headers inside the reliable stream: what is written is read back, a bad one is not taken for a short one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.snp import fast

from gamesockets.wire.numbers import encode_varint
from gamesockets.wire.stream import (
    BAD_HEADER,
    HEADER_BYTES_READ,
    MAX_NUMBER_INCREMENT,
    NEED_MORE,
    decode_message_header,
    encode_message_header,
)

INCREMENTS = st.one_of(st.integers(1, MAX_NUMBER_INCREMENT), st.sampled_from((1, 2, 127, 128, MAX_NUMBER_INCREMENT)))
SIZES = st.one_of(st.integers(0, 1 << 28), st.sampled_from((0, 31, 32, 4095, 4096, 524_288, 1 << 28)))


@pytest.mark.rule("2, 2.3 rule 3")
@pytest.mark.parametrize(
    ("increment", "size", "header"),
    [
        (1, 0, "00"),
        (1, 31, "1f"),
        (1, 32, "2001"),
        (1, 4095, "3f7f"),
        (1, 4096, "208001"),
        (2, 3, "4302"),
        (128, 31, "5f8001"),
        (300, 100, "64ac0203"),
    ],
)
def test_known_headers(increment: int, size: int, header: str) -> None:
    """The increment stands before the size, each only where it is needed (spec 2, 2.3)."""
    assert encode_message_header(increment, size).hex() == header


@fast
@given(INCREMENTS, SIZES, st.binary(max_size=3), st.binary(max_size=3))
def test_headers_are_read_back(increment: int, size: int, before: bytes, behind: bytes) -> None:
    header = encode_message_header(increment, size)
    assert len(header) <= HEADER_BYTES_READ
    data = before + header + behind
    body = len(before) + len(header)
    assert decode_message_header(data, len(before), len(data)) == (increment, size, body)
    for cut in range(len(before), body):
        assert decode_message_header(data, len(before), cut)[2] == NEED_MORE


@pytest.mark.rule("2, 2.3 rule 2")
@fast
@given(st.integers(0, 1), st.integers(0, 31))
def test_forms_that_nobody_writes_are_accepted(increment: int, size: int) -> None:
    """An explicit increment of 0 or 1, and a small size in the long form."""
    header = bytes((0x60 | size, increment, 0))
    assert decode_message_header(header, 0, len(header)) == (increment, size, len(header))


@pytest.mark.rule("2, 2.3 rule 2")
@given(st.integers(0x80, 0xFF), st.binary(max_size=4))
def test_the_high_bit_of_the_lead_byte_is_a_fault_at_once(lead: int, behind: bytes) -> None:
    data = bytes((lead,)) + behind
    assert decode_message_header(data, 0, len(data))[2] == BAD_HEADER


@pytest.mark.parametrize("lead", [0x20, 0x40, 0x60])
def test_a_varint_without_end_means_more_is_needed(lead: int) -> None:
    data = bytes((lead,)) + b"\xff" * 40
    assert decode_message_header(data, 0, len(data))[2] == NEED_MORE


@fast
@given(st.binary(max_size=24), st.binary(max_size=4), st.integers(0, 24))
def test_arbitrary_bytes_never_raise_and_nothing_is_read_past_the_end(data: bytes, behind: bytes, start: int) -> None:
    start = min(start, len(data))
    increment, size, body = decode_message_header(data + behind, start, len(data))
    assert (increment, size, body) == decode_message_header(data, start, len(data))
    if body >= 0:
        assert start < body <= len(data)
        assert increment >= 0
        assert size >= 0
    else:
        assert body in (NEED_MORE, BAD_HEADER)


@fast
@given(INCREMENTS, st.integers(0, (1 << 64) - 1), st.integers(0, 31))
def test_sizes_of_any_claim_are_reported_in_full(increment: int, upper: int, small: int) -> None:
    """The receiver checks the limits; here no large size may wrap around to a small one."""
    data = bytes((0x60 | small,)) + encode_varint(increment) + encode_varint(upper)
    assert decode_message_header(data, 0, len(data)) == (increment, (upper << 5) + small, len(data))
