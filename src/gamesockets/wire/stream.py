"""Where does a message begin in the reliable byte stream of a lane? At a header (spec 2, 2.3).

    0nLsssss [number increment] [size upper] body

n: an increment of the message number follows (else 1). L: the size continues in a varint, 5 bits up.
"""

from typing import Final

from gamesockets.wire.numbers import ONE_BYTE, VARINT64_BYTES, decode_varint, encode_varint

HEADER_BYTES_READ: Final = 1 + 2 * VARINT64_BYTES
"""At most this many bytes are needed to read a header, or to see that there is none."""

MAX_NUMBER_INCREMENT: Final = 1_000_000
MAX_NUMBER_AHEAD: Final = 10_000
MAX_SIZE_UPPER: Final = (1 << 27) - 1

NEED_MORE: Final = -1
BAD_HEADER: Final = -2

_FLAG_INCREMENT: Final = 0x40
_FLAG_LARGE: Final = 0x20
_SMALL_MASK: Final = 0x1F


def encode_message_header(increment: int, size: int) -> bytes:
    """Header of a message whose number is `increment` above the previous reliable one of its lane."""
    small = size & _SMALL_MASK
    if increment <= 1:
        if size < 32:
            return ONE_BYTE[small]
        if size < 0x80 << 5:
            return ONE_BYTE[_FLAG_LARGE | small] + ONE_BYTE[size >> 5]
        return ONE_BYTE[_FLAG_LARGE | small] + encode_varint(size >> 5)
    if size < 32:
        return ONE_BYTE[_FLAG_INCREMENT | small] + encode_varint(increment)
    lead = ONE_BYTE[_FLAG_INCREMENT | _FLAG_LARGE | small]
    return lead + encode_varint(increment) + encode_varint(size >> 5)


def decode_message_header(data: bytes, offset: int, end: int) -> tuple[int, int, int]:
    """(number increment, size, offset of the body); the offset is NEED_MORE or BAD_HEADER when there is no body yet.

    A varint that never ends means NEED_MORE, as in the reference library; the limit of the stream ends that wait.
    """
    if offset >= end:
        return 0, 0, NEED_MORE
    lead = data[offset]
    offset += 1
    if lead < _FLAG_LARGE:
        return 1, lead, offset
    if lead & 0x80:
        return 0, 0, BAD_HEADER
    if lead < _FLAG_INCREMENT and offset < end and data[offset] < 0x80:
        return 1, (lead & _SMALL_MASK) + (data[offset] << 5), offset + 1
    increment = 1
    if lead & _FLAG_INCREMENT:
        increment, offset = decode_varint(data, offset, end, VARINT64_BYTES)
        if offset < 0:
            return 0, 0, NEED_MORE
    size = lead & _SMALL_MASK
    if lead & _FLAG_LARGE:
        upper, offset = decode_varint(data, offset, end, VARINT64_BYTES)
        if offset < 0:
            return increment, 0, NEED_MORE
        size += upper << 5
    return increment, size, offset
