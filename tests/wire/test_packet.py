"""The header of a data packet: what is written is read back, and nothing in it can make the reader fail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.snp import fast

from gamesockets.wire.numbers import encode_varint
from gamesockets.wire.packet import (
    FLAG_DATA,
    FLAG_STATS,
    FLAG_TIME_SINCE_PREVIOUS,
    HEADER_BYTES,
    NO_PACKET,
    NO_TIME,
    encode_header,
    encode_plain_header_start,
    split_packet,
)

IDS = st.integers(0, 0xFFFF_FFFF)
NUMBERS = st.integers(0, (1 << 64) - 1)


def test_the_bytes_of_a_plain_header() -> None:
    assert encode_header(0x04030201, 0x1_0605, b"", NO_TIME).hex() == "80010203040506"
    assert encode_plain_header_start(0x04030201).hex() == "8001020304"


def test_the_bytes_of_a_full_header() -> None:
    """Statistics come before the spacing, which counts units of 16 us (spec 1, 1.3 and 1.6)."""
    header = encode_header(1, 2, b"\x18\x06", 16 * 0x0102 + 15)
    assert header.hex() == "83" + "01000000" + "0200" + "021806" + "0201"


@pytest.mark.rule("1, 1.3 rule 1", "1, 1.6 rule 2")
@fast
@given(
    IDS,
    NUMBERS,
    st.one_of(st.binary(max_size=300), st.sampled_from((b"", bytes(127), bytes(128)))),
    st.one_of(st.just(NO_TIME), st.integers(0, (0xFFFF << 4) + 15)),
    st.binary(max_size=40),
)
def test_headers_are_read_back(connection_id: int, number: int, stats: bytes, spacing_us: int, chunk: bytes) -> None:
    header = encode_header(connection_id, number, stats, spacing_us)
    assert header[0] & FLAG_DATA
    assert header[1:5] == connection_id.to_bytes(4, "little")
    rounded_us = spacing_us & ~15 if spacing_us >= 0 else NO_TIME
    assert split_packet(header + chunk) == (number & 0xFFFF, stats, rounded_us, chunk)


@pytest.mark.rule("1, 1.3 rule 2")
@fast
@given(st.integers(0, 0x1F).map(lambda bits: bits << 2), st.binary(min_size=6, max_size=40))
def test_unused_flags_are_ignored(flags: int, rest: bytes) -> None:
    assert split_packet(bytes((FLAG_DATA | flags,)) + rest) == split_packet(bytes((FLAG_DATA,)) + rest)


@fast
@given(st.binary(max_size=40))
def test_arbitrary_bytes_never_raise_and_are_all_accounted_for(data: bytes) -> None:
    packet = split_packet(data)
    if packet == NO_PACKET:
        assert len(data) < HEADER_BYTES or data[0] & (FLAG_STATS | FLAG_TIME_SINCE_PREVIOUS)
        return
    number, stats, spacing_us, chunk = packet
    assert number == int.from_bytes(data[5:7], "little")
    assert data.endswith(chunk)
    optional = data[HEADER_BYTES : len(data) - len(chunk)]
    if data[0] & FLAG_TIME_SINCE_PREVIOUS:
        assert spacing_us == int.from_bytes(optional[-2:], "little") * 16
        optional = optional[:-2]
    else:
        assert spacing_us == NO_TIME
    if data[0] & FLAG_STATS:
        assert optional.endswith(stats)
        assert 1 <= len(optional) - len(stats) <= 5
    else:
        assert not stats
        assert not optional


@pytest.mark.rule("1, 1.3 rule 3")
@pytest.mark.parametrize("length", range(HEADER_BYTES))
def test_less_than_a_header_is_no_packet(length: int) -> None:
    assert split_packet(b"\x80" * length) == NO_PACKET


@pytest.mark.rule("1, 1.3 rule 1")
@fast
@given(st.binary(max_size=20), st.integers(1, 1 << 35))
def test_statistics_longer_than_the_packet_are_no_packet(rest: bytes, surplus: int) -> None:
    length = min(len(rest) + surplus, 0xFFFF_FFFF)
    header = encode_header(1, 2, b"", NO_TIME)
    data = bytes((FLAG_DATA | FLAG_STATS,)) + header[1:] + encode_varint(length) + rest
    assert split_packet(data) == NO_PACKET


@pytest.mark.rule("1, 1.3 rule 1")
@fast
@given(st.binary(min_size=1, max_size=200), st.integers(0, 250_000))
def test_a_header_cut_short_is_no_packet(stats: bytes, spacing_us: int) -> None:
    header = encode_header(1, 2, stats, spacing_us)
    for length in range(len(header)):
        assert split_packet(header[:length]) == NO_PACKET
