"""Which sockets did whoever started this program open for it? Socket activation, as systemd has it.

systemd opens the sockets of a unit, starts the program when something arrives, and says in the environment how many
sockets there are and for which process (sd_listen_fds(3)). They begin at descriptor 3.
"""

import errno
import os
import socket
from typing import Final, TypeAlias

from gamesockets.drivers.udp import UdpSocket
from gamesockets.values.address import Address

Place: TypeAlias = Address | socket.socket
"""Where to listen: an address to bind, or a socket that is bound already."""

_FIRST_DESCRIPTOR: Final = 3
_FAMILIES: Final = (socket.AF_INET, socket.AF_INET6)
_EVERYWHERE: Final = ("::", "0.0.0.0")  # noqa: S104 - compared with, not bound

_taken: set[int] = set()
"""Descriptors that were handed out, so that no two objects own the same."""


def inherited_sockets(name: str | None = None) -> list[socket.socket]:
    """The UDP sockets that this process was started with; see `Library.inherited_sockets`."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []  # they are meant for another process, such as a parent
    count = os.environ.get("LISTEN_FDS", "")
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    found: list[socket.socket] = []
    for place in range(int(count) if count.isascii() and count.isdigit() else 0):
        descriptor = _FIRST_DESCRIPTOR + place
        if descriptor in _taken or (name is not None and names[place : place + 1] != [name]):
            continue
        try:
            one = socket.socket(fileno=descriptor)
        except OSError as error:
            if error.errno == errno.EBADF:
                break  # there are fewer than was said
            continue  # a file or a pipe
        if one.family not in _FAMILIES or one.type != socket.SOCK_DGRAM:
            one.detach()  # it is for another part of the program
            continue
        one.set_inheritable(False)
        _taken.add(descriptor)
        found.append(one)
    return found


def open_at(place: Place) -> UdpSocket:
    """A socket that listens there; one that was given is taken over, and closed with what it becomes.

    Raises `OSError` as `UdpSocket.bind`, and `ValueError` for a socket that nobody can listen on.
    """
    if isinstance(place, Address):
        return UdpSocket.bind(place)
    if place.fileno() < 0:
        raise ValueError("address must be an open socket, and this one is closed")
    if place.family not in _FAMILIES or place.type != socket.SOCK_DGRAM:
        raise ValueError(f"address must be a UDP socket of IPv4 or IPv6, not {place!r}")
    local = Address.from_socket(place.getsockname())
    if not local.port:
        raise ValueError("address must be a socket that is bound to a port, and this one is bound to none")
    if _is_connected(place):
        raise ValueError(f"address must be a socket for everybody, and this one is connected: {place!r}")
    return UdpSocket(place, tells_local=local.ip in _EVERYWHERE)


def _is_connected(one: socket.socket) -> bool:
    try:
        one.getpeername()
    except OSError:
        return False
    return True
