"""Which UDP payloads are in a capture file? The formats pcap and pcapng, as tcpdump, tshark and Wireshark write them.

A capture may come from anybody: every length is checked, and what cannot be read is left out or ends the reading.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple, final

PACKET_BYTES_MAX: Final = 1 << 18
BLOCK_BYTES_MAX: Final = 1 << 24

_PCAP: Final = {
    b"\xd4\xc3\xb2\xa1": ("<", 1_000_000),
    b"\xa1\xb2\xc3\xd4": (">", 1_000_000),
    b"\x4d\x3c\xb2\xa1": ("<", 1_000_000_000),
    b"\xa1\xb2\x3c\x4d": (">", 1_000_000_000),
}
"""By the first bytes: the order of bytes, and how many units a second has."""
_PCAPNG: Final = b"\x0a\x0d\x0d\x0a"
_ORDERS: Final = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_SECTION, _INTERFACE, _SIMPLE, _ENHANCED = 0x0A0D0D0A, 1, 3, 6
_RESOLUTION_OPTION: Final = 9

# Link types: what stands in front of the IP header.
_NULL, _ETHERNET, _RAW, _LOOP, _COOKED, _COOKED_2 = 0, 1, 101, 108, 113, 276
_OTHER_RAW: Final = frozenset((12, 14, 228, 229))
_IPV4, _IPV6 = 0x0800, 0x86DD
_VLAN: Final = frozenset((0x8100, 0x88A8, 0x9100))
_UDP: Final = 17
_EXTENSIONS: Final = frozenset((0, 43, 60, 135))
_FRAGMENT: Final = 44
_EXTENSIONS_MAX: Final = 8


class Captured(NamedTuple):
    """A UDP datagram of a capture."""

    number: int
    """Of the packet in the file, from 1, as Wireshark shows it."""
    time_s: float
    """Since 1970, 0 where the file does not say."""
    source: str
    destination: str
    source_port: int
    destination_port: int
    payload: bytes


@final
class CaptureError(ValueError):
    """The file is no capture, or cannot be read further."""


def is_capture(start: bytes) -> bool:
    """Whether a file that begins so is a capture."""
    return start[:4] in _PCAP or start[:4] == _PCAPNG


def read_capture(stream: BinaryIO) -> Iterator[Captured]:
    """The UDP datagrams of a capture, in order; fragments of larger ones, and all else, are left out.

    Raises:
        CaptureError: it is none, or its structure is broken.
    """
    start = stream.read(4)
    if start in _PCAP:
        packets = _pcap(stream, *_PCAP[start])
    elif start == _PCAPNG:
        packets = _pcapng(stream)
    else:
        raise CaptureError("it begins neither as pcap nor as pcapng")
    for number, (time_s, link, data) in enumerate(packets, 1):
        found = _udp(number, time_s, link, data)
        if found is not None:
            yield found


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise CaptureError("it ends in the middle of a packet")
    return data


def _pcap(stream: BinaryIO, order: str, units: int) -> Iterator[tuple[float, int, bytes]]:
    link = struct.unpack(order + "HHiIII", _exactly(stream, 20))[5] & 0xFFFF
    head = struct.Struct(order + "IIII")
    while start := stream.read(head.size):
        if len(start) != head.size:
            raise CaptureError("it ends in the middle of a packet")
        seconds, fraction, kept, _ = head.unpack(start)
        if kept > PACKET_BYTES_MAX:
            raise CaptureError(f"a packet of {kept} bytes is longer than any there is")
        yield seconds + fraction / units, link, _exactly(stream, kept)


def _pcapng(stream: BinaryIO) -> Iterator[tuple[float, int, bytes]]:
    order = "<"
    interfaces: list[tuple[int, float]] = []
    kind = struct.pack("<I", _SECTION)
    while kind:
        if len(kind) != 4:
            raise CaptureError("it ends in the middle of a block")
        if kind == _PCAPNG:
            size = _exactly(stream, 4)
            magic = _exactly(stream, 4)
            if magic not in _ORDERS:
                raise CaptureError("a section of it has no known order of bytes")
            order = _ORDERS[magic]
            interfaces = []
            _rest(stream, struct.unpack(order + "I", size)[0], 12)
        else:
            body = _rest(stream, struct.unpack(order + "I", _exactly(stream, 4))[0], 8)
            found = _packet_of(struct.unpack(order + "I", kind)[0], body, order, interfaces)
            if found is not None:
                yield found
        kind = stream.read(4)


def _rest(stream: BinaryIO, size: int, read: int) -> bytes:
    """What is left of a block of that size, whose last four bytes repeat the size."""
    if not read + 4 <= size <= BLOCK_BYTES_MAX or size % 4:
        raise CaptureError(f"a block of {size} bytes cannot be one")
    return _exactly(stream, size - read)[:-4]


def _packet_of(
    kind: int, body: bytes, order: str, interfaces: list[tuple[int, float]]
) -> tuple[float, int, bytes] | None:
    """The packet in a block; None if it holds none. Interfaces are added to the list."""
    if kind == _INTERFACE and len(body) >= 8:
        interfaces.append((struct.unpack_from(order + "H", body)[0], _unit_s(body, order)))
    elif kind == _ENHANCED and len(body) >= 20:
        index, high, low, kept, _ = struct.unpack_from(order + "IIIII", body)
        if index >= len(interfaces) or kept > len(body) - 20:
            raise CaptureError("a packet of it names an interface or a length that is not there")
        link, unit_s = interfaces[index]
        return (high << 32 | low) * unit_s, link, body[20 : 20 + kept]
    elif kind == _SIMPLE and len(body) >= 4 and interfaces:
        kept = min(struct.unpack_from(order + "I", body)[0], len(body) - 4)
        return 0.0, interfaces[0][0], body[4 : 4 + kept]
    return None


def _unit_s(body: bytes, order: str) -> float:
    """How long a unit of an interface's time stamps is."""
    offset = 8
    while offset + 4 <= len(body):
        option, size = struct.unpack_from(order + "HH", body, offset)
        if option == _RESOLUTION_OPTION and size >= 1 and offset + 4 < len(body):
            exponent = body[offset + 4]
            return float(2 ** -(exponent & 0x7F) if exponent & 0x80 else 10**-exponent)
        offset += 4 + (size + 3) // 4 * 4
    return 1e-6


def _udp(number: int, time_s: float, link: int, data: bytes) -> Captured | None:
    """The datagram in a packet; None if it holds none, or not all of it."""
    data = _behind_link(link, data)
    if len(data) < 20:
        return None
    version = data[0] >> 4
    if version == 4:
        header = (data[0] & 15) * 4
        is_fragment = int.from_bytes(data[6:8], "big") & 0x3FFF
        if header < 20 or data[9] != _UDP or is_fragment:
            return None
        source, destination = data[12:16], data[16:20]
        segment = data[header:]
    elif version == 6 and len(data) >= 40:
        source, destination = data[8:24], data[24:40]
        following, segment = data[6], data[40:]
        for _ in range(_EXTENSIONS_MAX):
            if following not in _EXTENSIONS or len(segment) < 8:
                break
            following, segment = segment[0], segment[(segment[1] + 1) * 8 :]
        if following != _UDP:
            return None
    else:
        return None
    if len(segment) < 8:
        return None
    source_port, destination_port, size, _ = struct.unpack_from("!HHHH", segment)
    if size < 8 or size > len(segment):
        return None
    addresses = str(ipaddress.ip_address(source)), str(ipaddress.ip_address(destination))
    return Captured(number, time_s, *addresses, source_port, destination_port, segment[8:size])


def _behind_link(link: int, data: bytes) -> bytes:
    """What follows the header of the link: an IP packet, or nothing."""
    if link == _RAW or link in _OTHER_RAW:
        return data
    if link in (_NULL, _LOOP):
        return data[4:]
    if link == _COOKED_2:
        return data[20:] if data[:2] in (b"\x08\x00", b"\x86\xdd") else b""
    offset = {_ETHERNET: 12, _COOKED: 14}.get(link, -1)
    if offset < 0:
        return b""
    kind = int.from_bytes(data[offset : offset + 2], "big")
    while kind in _VLAN and len(data) >= offset + 6:
        offset += 4
        kind = int.from_bytes(data[offset : offset + 2], "big")
    return data[offset + 2 :] if kind in (_IPV4, _IPV6) else b""
