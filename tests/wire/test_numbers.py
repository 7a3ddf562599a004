"""Truncated numbers become full ones again, and variable-length integers are read within their limits."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.snp import MalformedError, Reader, fast

from gamesockets.wire.numbers import VARINT32_BYTES, VARINT64_BYTES, decode_varint, encode_varint, varint_length, widen

WIDTHS = (16, 24, 32, 48)
MAX64 = (1 << 64) - 1
BORDERS = sorted({value for bits in range(0, 64, 7) for value in ((1 << bits) - 1, 1 << bits)} | {MAX64})


@pytest.mark.rule("1, 4.6 rule 3", "2, 2.2.2")
@pytest.mark.parametrize(
    ("low", "bits", "reference", "expected"),
    [
        (5, 16, 0, 5),
        (0xFFFF, 16, 0, -1),
        (0x7FFF, 16, 0, 0x7FFF),
        (0x8000, 16, 0, -0x8000),
        (0x0001, 16, 0xFFFF, 0x10001),
        (0xFFFF, 16, 0x10001, 0xFFFF),
        (0, 32, (1 << 32) - 1, 1 << 32),
        (3, 32, (5 << 32) + 2, (5 << 32) + 3),
    ],
)
def test_known_expansions(low: int, bits: int, reference: int, expected: int) -> None:
    assert widen(low, bits, reference) == expected


@fast
@given(st.sampled_from(WIDTHS), st.integers(0, 1 << 62), st.data())
def test_a_number_near_the_reference_survives_truncation(bits: int, reference: int, data: st.DataObject) -> None:
    half = 1 << (bits - 1)
    distance = data.draw(st.one_of(st.integers(-half, half - 1), st.sampled_from((-half, -1, 0, 1, half - 1))))
    number = reference + distance
    assert widen(number & ((1 << bits) - 1), bits, reference) == number


@pytest.mark.rule("2, 2.2.2")
@fast
@given(st.sampled_from(WIDTHS), st.integers(0, MAX64), st.integers(-(1 << 50), 1 << 62))
def test_the_result_has_the_low_bits_and_no_other_such_number_is_nearer(bits: int, low: int, reference: int) -> None:
    """A tie, exactly half the range away, goes down (spec 2, 2.2.2)."""
    low &= (1 << bits) - 1
    number = widen(low, bits, reference)
    assert number & ((1 << bits) - 1) == low
    assert -(1 << (bits - 1)) <= number - reference < 1 << (bits - 1)


@pytest.mark.rule("2, 2.2.1")
@pytest.mark.parametrize("value", BORDERS)
def test_varints_at_every_border_of_length(value: int) -> None:
    """One more byte for every 7 bits, the low group first, the high bit on all bytes but the last."""
    encoded = encode_varint(value)
    assert len(encoded) == varint_length(value) == max(1, -(-value.bit_length() // 7))
    assert all(byte & 0x80 for byte in encoded[:-1])
    assert not encoded[-1] & 0x80
    assert decode_varint(encoded, 0, len(encoded), VARINT64_BYTES) == (value, len(encoded))
    assert Reader(encoded).varint(64) == value


@fast
@given(st.integers(0, MAX64), st.binary(max_size=5), st.binary(max_size=5))
def test_varints_are_read_where_they_stand(value: int, before: bytes, behind: bytes) -> None:
    encoded = encode_varint(value)
    data = before + encoded + behind
    end = len(before) + len(encoded)
    assert decode_varint(data, len(before), len(data), VARINT64_BYTES) == (value, end)
    for cut in range(len(before), end):
        assert decode_varint(data, len(before), cut, VARINT64_BYTES)[1] == -1


@pytest.mark.rule("2, 2.2.1")
@fast
@given(
    st.one_of(st.binary(max_size=12), st.binary(max_size=12).map(lambda data: bytes(byte | 0x80 for byte in data))),
    st.sampled_from(((VARINT32_BYTES, 32), (VARINT64_BYTES, 64))),
    st.binary(max_size=3),
)
@example(b"\x80" * 4 + b"\x00", (VARINT32_BYTES, 32), b"")
@example(b"\xff" * 4 + b"\x7f", (VARINT32_BYTES, 32), b"")
@example(b"\xff" * 9 + b"\x7f", (VARINT64_BYTES, 64), b"")
@example(b"\xff" * 5, (VARINT32_BYTES, 32), b"\x00")
@example(b"\xff" * 10, (VARINT64_BYTES, 64), b"\x00")
def test_arbitrary_bytes_are_read_as_the_specification_says(data: bytes, width: tuple[int, int], behind: bytes) -> None:
    """Too long or cut off is a fault, superfluous groups are not, and surplus high bits are dropped (spec 2, 2.2.1).

    Nothing behind `end` is read.
    """
    bytes_max, bits = width
    reader = Reader(data)
    try:
        expected = (reader.varint(bits), reader.place)
    except MalformedError:
        expected = (0, -1)
    assert decode_varint(data + behind, 0, len(data), bytes_max) == expected
