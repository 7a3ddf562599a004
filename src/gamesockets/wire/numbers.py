"""How are integers written on the wire? As truncated numbers and as variable-length integers (spec 2, 2.2)."""

from typing import Final

VARINT32_BYTES: Final = 5
VARINT64_BYTES: Final = 10

ONE_BYTE: Final = [bytes((value,)) for value in range(256)]
"""Every single byte, ready made: a look-up costs a fraction of making the object."""

_MASK32: Final = 0xFFFF_FFFF
_MASK64: Final = 0xFFFF_FFFF_FFFF_FFFF


def widen(low: int, bits: int, reference: int) -> int:
    """The number with the given low `bits` that is nearest to `reference`; a tie goes down (spec 2, 2.2.2)."""
    half = 1 << (bits - 1)
    return reference + (((low - reference + half) & ((1 << bits) - 1)) - half)


def encode_varint(value: int) -> bytes:
    """Unsigned base-128, low group first (spec 2, 2.2.1)."""
    if value < 0x80:
        return ONE_BYTE[value]
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)


def varint_length(value: int) -> int:
    """How many bytes `encode_varint` needs."""
    return 1 if value < 0x80 else (value.bit_length() + 6) // 7


def decode_varint(data: bytes, offset: int, end: int, bytes_max: int) -> tuple[int, int]:
    """Value and the offset behind it; the offset is -1 when the data ends or more than `bytes_max` bytes are used.

    Bits beyond the target width (32 for 5 bytes, 64 for 10) are dropped (spec 2, 2.2.1).
    """
    value = 0
    shift = 0
    stop = min(end, offset + bytes_max)
    while offset < stop:
        byte = data[offset]
        offset += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (_MASK32 if bytes_max == VARINT32_BYTES else _MASK64), offset
        shift += 7
    return 0, -1
