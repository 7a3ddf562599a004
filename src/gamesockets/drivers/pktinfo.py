"""Which of the machine's addresses was a datagram sent to, and how is the answer sent from that one?

A socket that listens on every address can have the system say so with each datagram, as an in_pktinfo or in6_pktinfo
(RFC 3542), and takes the same with what it sends. Without that the route to the peer chooses, and a peer that asked one
address takes no answer from another. It costs 0.7 us for each system call that sends.

Linux and macOS can do it. Windows can, too, but Python has no `recvmsg` there.
"""

import socket
import sys
from typing import Final, final

from gamesockets.connection.path import ANY_LOCAL

# The socket module has a name for it from Python 3.12 on.
_IP_PKTINFO: Final = {"linux": 8, "darwin": 26}.get(sys.platform, 0)
_IPV6_RECVPKTINFO: Final[int] = getattr(socket, "IPV6_RECVPKTINFO", 0)
_IPV6_PKTINFO: Final[int] = getattr(socket, "IPV6_PKTINFO", 0)

_IPV4_BYTES: Final = 12
"""in_pktinfo: interface, local address, and the address in the packet's header, which may be one of many receivers."""

_IPV6_BYTES: Final = 20
"""in6_pktinfo: address, interface."""

_NO_INTERFACE: Final = bytes(4)
_LOCALS_MAX: Final = 64
"""How many are kept. Few machines have more, but where a whole network is local, strangers choose among them."""

ANCILLARY_BYTES: Final = socket.CMSG_SPACE(_IPV6_BYTES) if hasattr(socket, "CMSG_SPACE") else 0
"""Room for it in a call that receives."""


@final
class PacketInfo:
    """The local addresses of what one socket receives. `is_told` says whether the system tells them."""

    __slots__ = ("_locals", "is_told", "kind", "level")

    def __init__(self, bound_socket: socket.socket, wanted: bool) -> None:
        self.level = socket.IPPROTO_IP
        self.kind = option = _IP_PKTINFO
        if bound_socket.family == socket.AF_INET6:  # which also tells those of IPv4, as ::ffff:a.b.c.d
            self.level, self.kind, option = socket.IPPROTO_IPV6, _IPV6_PKTINFO, _IPV6_RECVPKTINFO
        self.is_told = wanted and option != 0 and self.kind != 0 and hasattr(bound_socket, "recvmsg")
        if self.is_told:
            try:
                bound_socket.setsockopt(self.level, option, 1)
            except OSError:
                self.is_told = False
        self._locals: dict[bytes, bytes] = {}
        """What to send with, by what was received."""

    def local(self, ancillary: list[tuple[int, int, bytes]]) -> bytes:
        """The local address among a datagram's ancillary data, in the form that is sent with the answer."""
        for level, kind, data in ancillary:
            if kind == self.kind and level == self.level:
                local = self._locals.get(data)
                if local is None:
                    if len(self._locals) >= _LOCALS_MAX:
                        self._locals.clear()
                    local = self._locals[data] = _to_answer_from(data)
                return local
        return ANY_LOCAL


def _to_answer_from(data: bytes) -> bytes:
    """The answer may leave by any interface, since routes may be asymmetric, unless its address exists on one only."""
    if len(data) == _IPV6_BYTES:
        is_link_local = data[0] == 0xFE and data[1] & 0xC0 == 0x80
        return data if is_link_local else data[:16] + _NO_INTERFACE
    if len(data) == _IPV4_BYTES:
        own = data[4:8] if any(data[4:8]) else data[8:]  # macOS leaves the former empty
        return _NO_INTERFACE + own + bytes(4)
    return ANY_LOCAL
