"""Where is a peer? An IP address and a port, as text, as bytes, and as the socket module gives them.

Inside, every address is 16 bytes, IPv4 as ``::ffff:a.b.c.d``, so that one form serves sockets of both
families and the handshake (spec 3, 1.4). Host names are never resolved here; ``localhost`` needs no resolving.

A link-local IPv6 address exists once for each network that a machine is on, and so it comes with the zone it is meant
in: the number of the network interface, which has a meaning on this machine only (RFC 4007). Zones are part of the
text of an address and of its equality, but never of its 16 bytes, of an identity or of anything a peer is told. All
other addresses have no zone.
"""

import re
from ipaddress import IPv6Address, ip_address
from operator import index
from socket import AF_INET, AF_INET6, if_nametoindex, inet_pton
from typing import Any, Final, TypeAlias, final

from gamesockets.build import mypyc_attr

SocketAddress: TypeAlias = tuple[Any, ...]
"""What `socket.recvfrom` returns as an address. Everything above the sockets only compares and hashes it."""

_ZONE_MAX: Final = (1 << 32) - 1

_IPV4_PREFIX: Final = bytes(10) + b"\xff\xff"
_ALL_ZEROS: Final = bytes(16)
_LOCALHOST: Final = (bytes(15) + b"\x01", _IPV4_PREFIX + b"\x7f\x00\x00\x01")

# Four numbers decide that the text is IPv4; what follows them and an optional port is ignored (spec 3, 10.1).
_NUMBER = r"[ \t\n\v\f\r]*([+-]?[0-9]+)"
_IPV4: Final = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?::{_NUMBER})?")

# The address takes as much text as it can, and a port is looked for behind it: hence the possessive and atomic parts,
# without which "::1:27015" would be ::1 with a port. A group before a dot can only begin a dotted tail.
_GROUP = r"[0-9a-fA-F]{1,4}+(?!\.)"
_DOTTED = r"[0-9]{1,3}+\.[0-9]{1,3}+\.[0-9]{1,3}+\.[0-9]{1,3}+"
_GROUPS = rf"{_GROUP}(?::{_GROUP})*"
_IPV6: Final = re.compile(
    rf"""
    [ \t]*(?P<bracket>\[[ \t]*)?
    (?> (?P<left>{_GROUPS})?::(?P<right>(?:{_GROUP}:)*{_DOTTED}|{_GROUPS})?
      | (?P<whole>(?:{_GROUP}:){{6}}{_DOTTED}|{_GROUP}(?::{_GROUP}){{7}}) )
    (?:%(?P<zone>[0-9]+)(?=[\] \t]|\Z))?
    (?(bracket)[ \t]*\])
    (?: [ \t]* | (?:[:#.pP]|[ \t]+port[ \t]*)(?P<port>[0-9]+)[ \t]* )\Z
    """,
    re.VERBOSE,
)


_LOCALHOST_TEXT: Final = re.compile(r"localhost(?::([0-9]{1,5}))?", re.IGNORECASE)


@mypyc_attr(acyclic=True)
@final
class Address:
    """An IP address with a port. Immutable; equal and hashed by its 16 bytes, the port and the zone.

    Args:
        ip: text of an IPv4 or IPv6 address without a port; a colon means IPv6. Link-local IPv6 addresses are only
            reached with a zone, the name or number of a network interface of this machine: ``fe80::1%eth0``. After any
            other address a zone is dropped.
        port: 0..65535.

    Raises:
        ValueError: the text is no IP address, the machine has no interface of that name, or the port is out of range.
    """

    __slots__ = ("_packed", "_port", "_scope_id")

    def __init__(self, ip: str, port: int) -> None:
        host, _, zone = ip.partition("%")
        self._packed = _pack_ipv6(host) if ":" in ip else _pack_ipv4(ip)
        self._port = _check_port(port)
        self._scope_id = _scope_id(self._packed, zone)

    @classmethod
    def localhost(cls, port: int = 0) -> "Address":
        """``::1``, which is IPv6, as in the reference library. Raises `ValueError` for a port out of range."""
        return cls.from_packed(_LOCALHOST[0], port)

    @classmethod
    def ipv4(cls, ip: str, port: int) -> "Address":
        """An address that must be IPv4, else `ValueError`."""
        return cls.from_packed(_pack_ipv4(ip), port)

    @classmethod
    def ipv6(cls, ip: str, port: int) -> "Address":
        """An address that must be written as IPv6, else `ValueError`. ``::ffff:1.2.3.4`` still is IPv4."""
        if ":" not in ip:
            raise ValueError(f"{ip[:64]!r} is no IPv6 address")
        return cls(ip, port)

    @classmethod
    def from_packed(cls, packed: bytes, port: int) -> "Address":
        """From 16 bytes in network order, IPv4 as ``::ffff:a.b.c.d``, without a zone.

        Raises:
            ValueError: there are more or fewer bytes, or the port is out of range.
        """
        if len(packed) != 16:
            raise ValueError(f"an address has 16 bytes, not {len(packed)}")
        return cls._make(bytes(packed), port, "")

    @classmethod
    def _make(cls, packed: bytes, port: int, zone: str) -> "Address":
        address: Address = cls.__new__(cls)
        address._packed = packed
        address._port = _check_port(port)
        address._scope_id = _scope_id(packed, zone)
        return address

    @classmethod
    def from_socket(cls, sockaddr: SocketAddress) -> "Address":
        """From what the socket module returns: ``(host, port)``, or for IPv6 ``(host, port, flow, scope)``."""
        if len(sockaddr) < 4 or not sockaddr[3]:
            return cls(sockaddr[0], sockaddr[1])
        host = str(sockaddr[0]).partition("%")[0]
        return cls(f"{host}%{sockaddr[3]}", sockaddr[1])

    @classmethod
    def parse(cls, text: str) -> "Address":
        """From text, with port 0 if it names none: ``1.2.3.4:5``, ``::1``, ``[::1]:5``, ``localhost:5`` (spec 3, 10.1).

        As lenient as the reference library, to accept the same configuration files: four dotted numbers are an
        IPv4 address whatever follows them, and after an IPv6 address a port may come as ``#5``, ``p5`` or
        `` port 5``. A zone has to be a number. ``localhost`` is what `Address.localhost` says; other names are not
        addresses, and `NetworkingSockets.connect` looks them up.

        Raises:
            ValueError: the text is no address, or a number in it is out of range.
        """
        if match := _LOCALHOST_TEXT.fullmatch(text):
            return cls.localhost(int(match[1] or 0))
        return cls.parse_numbers(text)

    @classmethod
    def parse_numbers(cls, text: str) -> "Address":
        """The same without any name, as in texts from peers, which must not make this look anything up either."""
        if match := _IPV4.match(text):
            *octets, port = [int(number) for number in match.groups("0")]
            if min(octets) < 0 or max(octets) > 255:
                raise ValueError(f"{text[:64]!r} is no IPv4 address: its parts must be 0..255")
            return cls.from_packed(_IPV4_PREFIX + bytes(octets), port)
        if match := _IPV6.match(text):
            packed = _pack_groups(match["left"], match["right"], match["whole"])
            return cls._make(packed, int(match["port"] or 0), match["zone"] or "")
        raise ValueError(f"{text[:64]!r} is no IP address with an optional port")

    @property
    def packed(self) -> bytes:
        """16 bytes in network order, IPv4 as ``::ffff:a.b.c.d``."""
        return self._packed

    @property
    def port(self) -> int:
        """The port, 0..65535."""
        return self._port

    @property
    def ip(self) -> str:
        """Text without the port: IPv4 dotted, IPv6 in the shortest form of RFC 5952, with the zone as a number."""
        if self.is_ipv4:
            packed = self._packed
            return f"{packed[12]}.{packed[13]}.{packed[14]}.{packed[15]}"
        text = IPv6Address(self._packed).compressed
        return f"{text}%{self._scope_id}" if self._scope_id else text

    @property
    def scope_id(self) -> int:
        """The zone of a link-local IPv6 address: the number of a network interface; 0 if it has none."""
        return self._scope_id

    @property
    def is_ipv4(self) -> bool:
        """Whether it is an IPv4 address, also if it was written as ``::ffff:a.b.c.d``."""
        return self._packed.startswith(_IPV4_PREFIX)

    @property
    def is_private(self) -> bool:
        """Whether it is not routed on the public internet, as `ipaddress` judges it (RFC 1918, RFC 4193 and others)."""
        return ip_address(self.ip).is_private

    @property
    def is_loopback(self) -> bool:
        """Whether it is ::1 or in 127.0.0.0/8: such peers run on this machine."""
        packed = self._packed
        return packed in _LOCALHOST or (packed[12] == 127 and packed.startswith(_IPV4_PREFIX))

    @property
    def is_localhost(self) -> bool:
        """Exactly ``::1`` or ``127.0.0.1``, whatever the port; other addresses of 127.0.0.0/8 are not."""
        return self._packed in _LOCALHOST

    @property
    def is_all_zeros(self) -> bool:
        """The IPv6 "any" address ``::``, which also stands for "no address". ``0.0.0.0`` is not."""
        return self._packed == _ALL_ZEROS

    def __str__(self) -> str:
        return f"{self.ip}:{self._port}" if self.is_ipv4 else f"[{self.ip}]:{self._port}"

    def __repr__(self) -> str:
        return f"Address({self.ip!r}, {self._port})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Address):
            return NotImplemented
        return self._packed == other._packed and self._port == other._port and self._scope_id == other._scope_id

    def __hash__(self) -> int:
        return hash((self._packed, self._port, self._scope_id))


def _check_port(port: int) -> int:
    number = index(port)
    if not 0 <= number <= 65535:
        raise ValueError(f"port {number} is outside 0..65535")
    return number


def _pack_ipv4(ip: str) -> bytes:
    try:
        return _IPV4_PREFIX + inet_pton(AF_INET, ip)
    except (OSError, ValueError):
        raise ValueError(f"{ip[:64]!r} is no IPv4 address{_what_to_write(ip)}") from None


def _what_to_write(ip: str) -> str:
    """Instead of a text that is no IP address."""
    if ip.lower() == "localhost":
        return " but a name: Address.localhost(port), or connect to the text 'localhost:27015'"
    if ip[:1] == "[" or re.fullmatch(r"[0-9.]+:[0-9]+|::[0-9a-fA-F]*:[0-9]{5}", ip):
        return ": leave out brackets and the port, which is an argument of its own; Address.parse takes all of it"
    if re.search(r"[a-zA-Z]", ip) and ":" not in ip:
        return ": a name is looked up by connect, which takes the text 'play.example:27015'"
    return ""


def _pack_ipv6(ip: str) -> bytes:
    try:
        return inet_pton(AF_INET6, ip)
    except (OSError, ValueError):
        raise ValueError(f"{ip[:64]!r} is no IPv6 address{_what_to_write(ip)}") from None


def _scope_id(packed: bytes, zone: str) -> int:
    """The number of a zone, which only link-local addresses have: fe80::/10."""
    if not zone or packed[0] != 0xFE or packed[1] & 0xC0 != 0x80:
        return 0
    if zone.isascii() and zone.isdigit():
        # A longer number is refused before it is converted: converting millions of digits takes long.
        number = int(zone) if len(zone) <= len(str(_ZONE_MAX)) else _ZONE_MAX + 1
        if number > _ZONE_MAX:
            raise ValueError(f"zone {zone[:64]} of an IPv6 address is outside 0..{_ZONE_MAX}")
        return number
    try:
        return if_nametoindex(zone)
    except (OSError, ValueError):
        raise ValueError(f"{zone[:64]!r} is no network interface of this machine, so it cannot be a zone") from None


def _pack_groups(left: str | None, right: str | None, whole: str | None) -> bytes:
    """The address whose groups stand before and after "::", or that is written out as a whole."""
    if whole:
        return _group_bytes(whole)
    head, tail = _group_bytes(left), _group_bytes(right)
    zeros = 16 - len(head) - len(tail)
    if zeros <= 0:
        raise ValueError("an IPv6 address with '::' has at most seven other groups")
    return head + bytes(zeros) + tail


def _group_bytes(text: str | None) -> bytes:
    """Two bytes for each group of hex digits, four for a dotted tail."""
    if not text:
        return b""
    groups = text.split(":")
    dotted = groups.pop() if "." in groups[-1] else ""
    packed = b"".join([int(group, 16).to_bytes(2, "big") for group in groups])
    if not dotted:
        return packed
    octets = [int(octet) for octet in dotted.split(".")]
    if max(octets) > 255:
        raise ValueError(f"{dotted!r} is no IPv4 address: its parts must be 0..255")
    return packed + bytes(octets)
