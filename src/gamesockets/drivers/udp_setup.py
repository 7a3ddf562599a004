"""How is a UDP socket opened and set up, on each system?"""

import select
import socket
import sys
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from gamesockets.values.address import Address, SocketAddress

# Numbers of the Linux system interface; the socket module has no names for them in Python 3.11.
SOL_UDP: Final = 17
_SO_SNDBUFFORCE: Final = 32
_SO_RCVBUFFORCE: Final = 33

_BUFFER_BYTES_WANTED: Final = 4 << 20
_BUFFER_BYTES_WORTH_TRYING: Final = 64 << 10

OpenSocket: TypeAlias = Callable[[int, int], socket.socket]
"""Makes a socket of a family and a type."""


def to_bind(address: Address) -> tuple[str, int] | tuple[str, int, int, int]:
    """What `open_bound` takes for an address."""
    if address.is_ipv4:
        return (address.ip, address.port)
    return (ipv6_text(address), address.port, 0, address.scope_id)


def open_bound(open_socket: OpenSocket, family: int, address: SocketAddress, both_families: bool) -> socket.socket:
    """A UDP socket at `address`. Raises `OSError`."""
    new_socket = open_socket(family, socket.SOCK_DGRAM)
    try:
        if family == socket.AF_INET6:
            new_socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if both_families else 1)
        if sys.platform == "win32":
            new_socket.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        new_socket.bind(address)
    except BaseException:
        new_socket.close()
        raise
    return new_socket


def enlarge_buffers(bound_socket: socket.socket) -> None:
    """Ask for buffers that hold bursts; smaller ones work too, so a refusal is no error."""
    _enlarge(bound_socket, socket.SO_RCVBUF, _SO_RCVBUFFORCE)
    _enlarge(bound_socket, socket.SO_SNDBUF, _SO_SNDBUFFORCE)


def _enlarge(bound_socket: socket.socket, option: int, force_option: int) -> None:
    wanted_bytes = _BUFFER_BYTES_WANTED
    if sys.platform == "linux" and _accepts(bound_socket, socket.SOL_SOCKET, force_option, wanted_bytes):
        return
    while wanted_bytes >= _BUFFER_BYTES_WORTH_TRYING:
        if _accepts(bound_socket, socket.SOL_SOCKET, option, wanted_bytes):
            return
        wanted_bytes //= 2


def poll_of(bound_socket: socket.socket) -> Callable[[int], list[Any]] | None:
    """Asks whether something can be read, cheaply; None where the system has no `poll`."""
    if not hasattr(select, "poll"):
        return None
    poll = select.poll()
    poll.register(bound_socket, select.POLLIN)
    return poll.poll


def accepts_udp_option(bound_socket: socket.socket, option: int, value: int) -> bool:
    """Sets a UDP option of Linux; whether it is there."""
    return sys.platform == "linux" and _accepts(bound_socket, SOL_UDP, option, value)


def _accepts(bound_socket: socket.socket, level: int, option: int, value: int) -> bool:
    try:
        bound_socket.setsockopt(level, option, value)
    except OSError:
        return False
    return True


def silence_port_unreachable(bound_socket: socket.socket) -> None:
    """Keep Windows from reporting a peer's closed port as an error of the next receive.

    `socket.ioctl` does not take this code, hence the direct call. Where it fails, `receive` skips the errors.
    """
    if sys.platform == "win32":
        import ctypes  # noqa: PLC0415 - needed on Windows only

        no = ctypes.c_ulong(0)
        returned = ctypes.c_ulong(0)
        for code in (0x9800000C, 0x9800000F):  # SIO_UDP_CONNRESET, SIO_UDP_NETRESET
            ctypes.windll.ws2_32.WSAIoctl(
                ctypes.c_size_t(bound_socket.fileno()),
                ctypes.c_ulong(code),
                ctypes.byref(no),
                ctypes.c_ulong(4),
                None,
                ctypes.c_ulong(0),
                ctypes.byref(returned),
                None,
                None,
            )


def ipv6_text(address: Address) -> str:
    """As the socket module writes it, IPv4 as ``::ffff:1.2.3.4``: `Address.ip` differs in places."""
    return socket.inet_ntop(socket.AF_INET6, address.packed)
