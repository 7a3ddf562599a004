"""What is in the header of a data packet? Recipient, packet number, statistics, spacing (spec 1, 1.3-1.6).

Nothing in it is authenticated. The recipient and the number give the key and the nonce; the statistics and the
spacing are used only after the chunk behind them has been opened.
"""

import struct
from typing import Final

from gamesockets.wire.numbers import VARINT32_BYTES, decode_varint, encode_varint

FLAG_DATA: Final = 0x80
FLAG_STATS: Final = 0x01
FLAG_TIME_SINCE_PREVIOUS: Final = 0x02
UNUSED_FLAGS: Final = 0x7C
"""Sent as 0 by all, and ignored by who knows the connection."""

HEADER_BYTES: Final = 7
MAX_PLAINTEXT_BYTES: Final = 1300
"""The longest plaintext of a chunk."""

TIME_SINCE_PREVIOUS_SHIFT: Final = 4
"""The time since the previous packet counts units of 16 us."""

NO_TIME: Final = -1

NO_PACKET: Final = (-1, b"", NO_TIME, b"")
"""What `split_packet` makes of a datagram that is none."""

_HEADER: Final = struct.Struct("<BIH")
_HEADER_START: Final = struct.Struct("<BI")


def encode_plain_header_start(connection_id: int) -> bytes:
    """What all headers without optional fields begin with; the low 16 bits of the packet number complete them."""
    return _HEADER_START.pack(FLAG_DATA, connection_id)


def encode_header(connection_id: int, packet_number: int, stats: bytes, time_since_previous_us: int) -> bytes:
    """Header for one packet; empty `stats` and `NO_TIME` leave the optional fields out."""
    flags = FLAG_DATA
    optional = b""
    if stats:
        flags |= FLAG_STATS
        optional = encode_varint(len(stats)) + stats
    if time_since_previous_us >= 0:
        flags |= FLAG_TIME_SINCE_PREVIOUS
        optional += (time_since_previous_us >> TIME_SINCE_PREVIOUS_SHIFT).to_bytes(2, "little")
    return _HEADER.pack(flags, connection_id, packet_number & 0xFFFF) + optional


def split_packet(data: bytes) -> tuple[int, bytes, int, bytes]:
    """(low 16 bits of the number, stats, time since previous in us or NO_TIME, chunk); `NO_PACKET` if it cannot be one.

    Always a tuple, because compiled code returns one without making an object of it.
    """
    size = len(data)
    if size < HEADER_BYTES:
        return NO_PACKET
    wire_number = data[5] | data[6] << 8
    flags = data[0]
    if not flags & (FLAG_STATS | FLAG_TIME_SINCE_PREVIOUS):
        return wire_number, b"", NO_TIME, data[HEADER_BYTES:]
    offset = HEADER_BYTES
    stats = b""
    if flags & FLAG_STATS:
        length, offset = decode_varint(data, offset, size, VARINT32_BYTES)
        if offset < 0 or offset + length > size:
            return NO_PACKET
        stats = data[offset : offset + length]
        offset += length
    time_since_previous_us = NO_TIME
    if flags & FLAG_TIME_SINCE_PREVIOUS:
        if offset + 2 > size:
            return NO_PACKET
        time_since_previous_us = (data[offset] | data[offset + 1] << 8) << TIME_SINCE_PREVIOUS_SHIFT
        offset += 2
    return wire_number, stats, time_since_previous_us, data[offset:]
