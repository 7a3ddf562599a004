"""Which frames are in the plaintext of a data packet? Segments, acks, stop-waiting, select-lane (spec 2, 2.2).

`decode` walks a payload once and hands each frame to a `FrameSink` as it was sent, with numbers still
truncated: to widen them takes state that this module does not have. The encoders are its inverse.
"""

from abc import ABC, abstractmethod
from typing import Final, TypeAlias

from gamesockets.build import mypyc_attr
from gamesockets.wire.numbers import (
    ONE_BYTE,
    VARINT32_BYTES,
    VARINT64_BYTES,
    decode_varint,
    encode_varint,
    varint_length,
)

# A run of received packets and the run of missing ones below it, newest block first.
AckBlock: TypeAlias = tuple[int, int]

RELATIVE: Final = 0
"""As the number of bits: the number or position is relative to the previous one since the lane was selected."""

ACK_DELAY_SHIFT: Final = 5
"""Ack delays count units of 32 us."""

ACK_DELAY_UNKNOWN: Final = 0xFFFF
ACK_HEADER_BYTES: Final = 5
MAX_RUN_UPPER: Final = 100_000
MAX_LANE: Final = 255
SIZE_TO_END: Final = 7

_UNRELIABLE_END: Final = 0x20
_UNRELIABLE_NUMBER_WIDE: Final = 0x10
_UNRELIABLE_OFFSET: Final = 0x08


@mypyc_attr(allow_interpreted_subclasses=True)
class FrameSink(ABC):
    """Takes the frames of one payload in order. Each method returns False to have the rest of the payload skipped."""

    @abstractmethod
    def unreliable(self, number_bits: int, number: int, offset: int, is_last: bool, data: bytes) -> bool:
        """A piece of an unreliable message. With `RELATIVE`, `number` is the increment."""
        raise NotImplementedError

    @abstractmethod
    def reliable(self, position_bits: int, position: int, data: bytes) -> bool:
        """Bytes of the reliable stream. With `RELATIVE`, `position` is the gap behind the previous segment."""
        raise NotImplementedError

    @abstractmethod
    def ack(self, latest_bits: int, latest: int, delay: int, blocks: list[AckBlock]) -> bool:
        """Which packets came. `delay` is in units of 32 us, `ACK_DELAY_UNKNOWN` for none."""
        raise NotImplementedError

    @abstractmethod
    def stop_waiting(self, offset: int) -> bool:
        """No acks are wanted below packet number - offset - 1."""
        raise NotImplementedError

    @abstractmethod
    def select_lane(self, lane: int) -> bool:
        """Frames from here on belong to `lane`, 0..255."""
        raise NotImplementedError


def decode(payload: bytes, sink: FrameSink) -> str:
    """Hand every frame to `sink`; returns what is wrong with the payload, empty if nothing.

    The sink gets the frames before a fault too, as in the reference library (spec 2, 2.2.11).
    """
    offset = 0
    end = len(payload)
    number_known = False
    position_known = False
    while offset < end:
        lead = payload[offset]
        offset += 1
        if lead < 0x40:
            number_bits = RELATIVE
            number = 1
            if not number_known:
                number_bits = 32 if lead & _UNRELIABLE_NUMBER_WIDE else 16
                stop = offset + (number_bits >> 3)
                if stop > end:
                    return f"Truncated message number in frame 0x{lead:02x}"
                # Byte by byte: a call of `int.from_bytes` costs more than the rest of this frame.
                number = payload[offset] | payload[offset + 1] << 8
                if number_bits == 32:
                    number |= payload[offset + 2] << 16 | payload[offset + 3] << 24
                offset = stop
                number_known = True
            elif lead & _UNRELIABLE_NUMBER_WIDE:
                number, offset = decode_varint(payload, offset, end, VARINT64_BYTES)
                if offset < 0:
                    return f"Bad message number in frame 0x{lead:02x}"
            message_offset = 0
            if lead & _UNRELIABLE_OFFSET:
                message_offset, offset = decode_varint(payload, offset, end, VARINT32_BYTES)
                if offset < 0:
                    return f"Bad message offset in frame 0x{lead:02x}"
            size_code = lead & 7
            if size_code == SIZE_TO_END:
                stop = end
            elif size_code > 4 or offset >= end:
                return f"Bad segment size in frame 0x{lead:02x}"
            else:
                stop = offset + 1 + (size_code << 8) + payload[offset]
                offset += 1
                if stop > end:
                    return f"Truncated segment in frame 0x{lead:02x}"
            if not sink.unreliable(
                number_bits, number, message_offset, lead & _UNRELIABLE_END != 0, payload[offset:stop]
            ):
                return ""
            offset = stop
        elif lead < 0x60:
            code = lead >> 3 & 3
            if position_known:
                position_bits = RELATIVE
                width = 4 if code == 3 else code
            elif code == 3:
                return f"Invalid SNP frame lead byte 0x{lead:02x}"
            else:
                width = 3 + code if code < 2 else 6
                position_bits = width << 3
                position_known = True
            stop = offset + width
            if stop > end:
                return f"Truncated stream position in frame 0x{lead:02x}"
            position = int.from_bytes(payload[offset:stop], "little") if width else 0
            offset = stop
            size_code = lead & 7
            if size_code == SIZE_TO_END:
                stop = end
            elif size_code > 4 or offset >= end:
                return f"Bad segment size in frame 0x{lead:02x}"
            else:
                stop = offset + 1 + (size_code << 8) + payload[offset]
                offset += 1
                if stop > end:
                    return f"Truncated segment in frame 0x{lead:02x}"
            if not sink.reliable(position_bits, position, payload[offset:stop]):
                return ""
            offset = stop
        elif lead & 0xFC == 0x80:
            width = (1, 2, 3, 8)[lead & 3]
            stop = offset + width
            if stop > end:
                return "Truncated stop waiting frame"
            if not sink.stop_waiting(int.from_bytes(payload[offset:stop], "little")):
                return ""
            offset = stop
        elif lead & 0xF8 == 0x88:
            lane = (lead & 7) + 1
            if lane == 8:
                lane, offset = decode_varint(payload, offset, end, VARINT32_BYTES)
                if offset < 0 or lane > MAX_LANE:
                    return "Bad lane number"
            number_known = position_known = False
            if not sink.select_lane(lane):
                return ""
        elif lead & 0xF0 == 0x90:
            latest_bits = 16 if lead & 8 else 32
            stop = offset + (latest_bits >> 3)
            blocks_at = stop + 2
            if blocks_at > end:
                return "Truncated ack frame"
            latest = payload[offset] | payload[offset + 1] << 8
            if latest_bits == 32:
                latest |= payload[offset + 2] << 16 | payload[offset + 3] << 24
            delay = payload[stop] | payload[stop + 1] << 8
            count = lead & 7
            if count == 7:
                if blocks_at >= end:
                    return "Truncated ack frame"
                count = payload[blocks_at]
                blocks_at += 1
            blocks, offset = _decode_blocks(payload, blocks_at, count)
            if offset < 0:
                return "Bad ack block"
            if not sink.ack(latest_bits, latest, delay, blocks):
                return ""
        else:
            return f"Invalid SNP frame lead byte 0x{lead:02x}"
    return ""


def _decode_blocks(payload: bytes, offset: int, count: int) -> tuple[list[AckBlock], int]:
    blocks: list[AckBlock] = []
    end = len(payload)
    for _ in range(count):
        if offset >= end:
            return blocks, -1
        lead = payload[offset]
        offset += 1
        acks = lead >> 4
        if acks & 8:
            upper, offset = decode_varint(payload, offset, end, VARINT64_BYTES)
            if offset < 0 or upper > MAX_RUN_UPPER:
                return blocks, -1
            acks = (acks & 7) | upper << 3
        nacks = lead & 15
        if nacks & 8:
            upper, offset = decode_varint(payload, offset, end, VARINT64_BYTES)
            if offset < 0 or upper > MAX_RUN_UPPER:
                return blocks, -1
            nacks = (nacks & 7) | upper << 3
        blocks.append((acks, nacks))
    return blocks, offset


def encode_unreliable(number_bits: int, number: int, offset: int, is_last: bool) -> bytes:
    """Header up to the size, with the size code still 0; `number_bits` is 32, or RELATIVE with an increment."""
    lead = _UNRELIABLE_END if is_last else 0
    if number_bits == RELATIVE:
        if number == 1:
            fields = b""
        else:
            lead |= _UNRELIABLE_NUMBER_WIDE
            fields = encode_varint(number)
    elif number_bits == 16:
        fields = (number & 0xFFFF).to_bytes(2, "little")
    else:
        lead |= _UNRELIABLE_NUMBER_WIDE
        fields = (number & 0xFFFF_FFFF).to_bytes(4, "little")
    if offset:
        lead |= _UNRELIABLE_OFFSET
        fields += encode_varint(offset)
    return ONE_BYTE[lead] + fields


def encode_unreliable_to_end(number: int) -> bytes:
    """The completed header of a whole message that fills the whole payload."""
    return b"\x37" + (number & 0xFFFF_FFFF).to_bytes(4, "little")


def encode_reliable(position_bits: int, position: int) -> bytes:
    """Header up to the size, with the size code still 0; `position_bits` is 24, 32 or 48, or RELATIVE with a gap."""
    if position_bits == 48:
        return b"\x50" + (position & 0xFFFF_FFFF_FFFF).to_bytes(6, "little")
    if position_bits == RELATIVE:
        if position == 0:
            return b"\x40"
        if position < 0x100:
            return b"\x48" + ONE_BYTE[position]
        if position < 0x1_0000:
            return b"\x50" + position.to_bytes(2, "little")
        return b"\x58" + position.to_bytes(4, "little")
    if position_bits == 24:
        return b"\x40" + (position & 0xFF_FFFF).to_bytes(3, "little")
    return b"\x48" + (position & 0xFFFF_FFFF).to_bytes(4, "little")


def encode_reliable_to_end(position: int) -> bytes:
    """The completed header of a segment that fills the whole payload."""
    return b"\x57" + (position & 0xFFFF_FFFF_FFFF).to_bytes(6, "little")


def with_size(header: bytes, size: int) -> bytes:
    """The segment header completed for data of `size` bytes, at most 0x4FF, that may be followed by other frames."""
    return ONE_BYTE[header[0] | size >> 8] + header[1:] + ONE_BYTE[size & 0xFF]


def to_end(header: bytes) -> bytes:
    """The segment header completed for data that runs to the end of the payload."""
    return ONE_BYTE[header[0] | SIZE_TO_END] + header[1:]


def encode_stop_waiting(offset: int) -> bytes:
    """In packet P: no acks are wanted below P - offset - 1."""
    if offset < 0x100:
        return b"\x80" + ONE_BYTE[offset]
    if offset < 0x1_0000:
        return b"\x81" + offset.to_bytes(2, "little")
    if offset < 0x100_0000:
        return b"\x82" + offset.to_bytes(3, "little")
    return b"\x83" + offset.to_bytes(8, "little")


def encode_select_lane(lane: int) -> bytes:
    """One byte for lanes 1..7; lane 0 and lanes from 8 on need the long form."""
    if 1 <= lane <= 7:
        return ONE_BYTE[0x87 + lane]
    return b"\x8f" + encode_varint(lane)


def encode_ack_block(block: AckBlock) -> bytes:
    """One block: its two runs in one byte, with varints behind it for runs of 8 and more."""
    acks, nacks = block
    if acks < 8 and nacks < 8:
        return ONE_BYTE[acks << 4 | nacks]
    lead = 0
    varints = b""
    if acks < 8:
        lead = acks << 4
    else:
        lead = 0x80 | (acks & 7) << 4
        varints = encode_varint(acks >> 3)
    if nacks < 8:
        lead |= nacks
    else:
        lead |= 8 | nacks & 7
        varints += encode_varint(nacks >> 3)
    return ONE_BYTE[lead] + varints


def ack_block_length(block: AckBlock) -> int:
    """How many bytes `encode_ack_block` needs."""
    acks, nacks = block
    length = 1
    if acks >= 8:
        length += varint_length(acks >> 3)
    if nacks >= 8:
        length += varint_length(nacks >> 3)
    return length


def encode_ack(latest: int, delay_us: int, blocks: list[AckBlock]) -> bytes:
    """An ack frame with 16 bits of `latest`, which every protocol version reads; delay below 0 means unknown."""
    delay = ACK_DELAY_UNKNOWN if delay_us < 0 else min(delay_us >> ACK_DELAY_SHIFT, ACK_DELAY_UNKNOWN)
    count = len(blocks)
    start = ONE_BYTE[0x98 | min(count, 7)] + (latest & 0xFFFF | delay << 16).to_bytes(4, "little")
    if not count:
        return start
    frame = bytearray(start)
    if count >= 7:
        frame.append(count)
    for block in blocks:
        frame += encode_ack_block(block)
    return bytes(frame)
