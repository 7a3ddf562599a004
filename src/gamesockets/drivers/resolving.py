"""Which addresses does a name stand for? Asking the system may take many seconds, so it is done elsewhere."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from gamesockets.values.address import Address
from gamesockets.values.arguments import check_range, check_type

if TYPE_CHECKING:  # asyncio takes a third of the time that `import gamesockets` takes
    from asyncio import AbstractEventLoop

_NAME_CHARACTERS_MAX: Final = 253

Told: TypeAlias = Callable[[list[Address], str], None]
"""Takes the addresses of a name; or none, and a text that says why."""


async def resolve(loop: AbstractEventLoop, host: str | Address, port: int | None) -> list[Address]:
    """The addresses of a host, the system's favourite first, then the two families in turn (RFC 8305, section 4).

    Raises:
        OSError: the name is not known; `socket.gaierror` to be exact.
        TypeError, ValueError: the port is missing, given twice, or out of range.
    """
    check_type("host", host, (str, Address))
    if isinstance(host, Address):
        if port is not None:
            raise ValueError(f"an Address has its port already: leave out port, which was {port!r}")
        return [host]
    if port is None:
        raise TypeError("port is missing: only an Address brings its own")
    check_range("port", port, 0, 65535)
    try:
        return [Address(host, port)]
    except ValueError:
        pass  # a name
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM, proto=socket.IPPROTO_UDP)
    except (UnicodeError, socket.gaierror) as error:
        raise _not_found(host, error) from None
    return _in_turn(found)


def resolve_on_a_thread(host: str, port: int, told: Told) -> None:
    """Has `told` called with the addresses of a name, in the same order, on a thread of its own."""

    def run() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, proto=socket.IPPROTO_UDP)
        except (UnicodeError, OSError) as error:
            told([], str(_not_found(host, error).strerror))
        else:
            told(_in_turn(found), "")

    threading.Thread(target=run, name="gamesockets-resolver", daemon=True).start()


def split_host_and_port(text: str) -> tuple[str, int]:
    """The two parts of a text such as ``play.example:27015`` or ``[::1]:27015``.

    Raises `ValueError` for anything else; whether such a host exists is not asked.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or len(port) > 5 or not 0 < int(port) <= 65535:
        raise ValueError(f"{text[:300]!r} must end in a port of 1..65535, as in 'play.example:27015'")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        is_host = ":" in host
    else:
        is_host = bool(host) and ":" not in host
    if not is_host or len(host) > _NAME_CHARACTERS_MAX or not host.isprintable() or " " in host:
        raise ValueError(f"{text[:300]!r} must be a host and a port, as in 'play.example:27015' or '[::1]:27015'")
    return host, int(port)


def _not_found(host: str, error: Exception) -> socket.gaierror:
    if isinstance(error, OSError):
        return socket.gaierror(error.errno, f"cannot find {host!r}: {error.strerror}")
    return socket.gaierror(socket.EAI_NONAME, f"{host!r} cannot be a host name")


def _in_turn(found: list[tuple[Any, ...]]) -> list[Address]:
    """Each address once, the families in turn: if one of them does not work, the first attempts are not all in vain."""
    addresses = list(dict.fromkeys([Address.from_socket(entry[4]) for entry in found]))
    first = [address for address in addresses if address.is_ipv4 == addresses[0].is_ipv4]
    second = [address for address in addresses if address.is_ipv4 != addresses[0].is_ipv4]
    return [address for pair in zip_longest(first, second) for address in pair if address is not None]
