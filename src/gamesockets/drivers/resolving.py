"""Which addresses does a name stand for? Asking the system may take many seconds, so it is done elsewhere."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from gamesockets.values.address import Address
from gamesockets.values.arguments import check_range, check_type

if TYPE_CHECKING:  # asyncio takes a third of the time that `import gamesockets` takes
    from asyncio import AbstractEventLoop, Future

_NAME_CHARACTERS_MAX: Final = 253

_EXAMPLE: Final = "'play.example:27015'"

Told: TypeAlias = Callable[[list[Address], OSError | None], None]
"""Takes the addresses of a name; or none, and an error that says why."""


async def resolve(
    loop: AbstractEventLoop, host: str | Address, port: int | None, *, may_be_zero: bool = False
) -> list[Address]:
    """The addresses of a host, the system's favourite first, then the two families in turn (RFC 8305, section 4).

    A name is looked up anew each time: what the system remembers of it, and for how long, is the system's affair.

    Args:
        loop: the one that runs.
        host: a name or an IP address, with its port if `port` is None; or an `Address`.
        port: beside a host that brings none.
        may_be_zero: whether port 0 means something, as it does for those who listen.

    Raises:
        OSError: the name is not known; `socket.gaierror` to be exact.
        TypeError, ValueError: the port is missing, given twice, or out of range, or the text is no host.
    """
    check_type("host", host, (str, Address))
    lowest = 0 if may_be_zero else 1
    if isinstance(host, Address):
        if port is not None:
            raise ValueError(f"an Address has its port already: leave out port, which was {port!r}")
        check_range("port", host.port, lowest, 65535)
        return [host]
    if port is None:
        host, port = split_host_and_port(host, lowest)
    check_range("port", port, lowest, 65535)
    try:
        return [Address(host, port)]
    except ValueError:
        _check_name(host)
    # A thread of the loop's executor would keep `asyncio.run` from ending until the system has answered. A loop with a
    # lookup of its own, such as uvloop's or a simulated one, is asked.
    from asyncio import BaseEventLoop  # noqa: PLC0415 - who has a loop has imported it already

    if isinstance(loop, BaseEventLoop) and type(loop).getaddrinfo is BaseEventLoop.getaddrinfo:
        return await _resolve_beside(loop, host, port)
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM, proto=socket.IPPROTO_UDP)
    except (UnicodeError, socket.gaierror) as error:
        raise _not_found(host, error) from None
    return _in_turn(found)


async def _resolve_beside(loop: AbstractEventLoop, host: str, port: int) -> list[Address]:
    answer: Future[list[Address]] = loop.create_future()

    def told(addresses: list[Address], error: OSError | None) -> None:
        def tell() -> None:
            if answer.done():
                return  # nobody waits any more
            if error is None:
                answer.set_result(addresses)
            else:
                answer.set_exception(error)

        with contextlib.suppress(RuntimeError):  # the loop was closed
            loop.call_soon_threadsafe(tell)

    resolve_on_a_thread(host, port, told)
    return await answer


def resolve_on_a_thread(host: str, port: int, told: Told) -> None:
    """Has `told` called with the addresses of a name, in the same order, on a thread of its own."""

    def run() -> None:
        try:
            addresses = look_up(host, port)
        except OSError as error:
            told([], error)
        else:
            told(addresses, None)

    threading.Thread(target=run, name="gamesockets-resolver", daemon=True).start()


def look_up(host: str, port: int) -> list[Address]:
    """The addresses of a name or of an IP address as text; takes as long as the system does.

    Raises `socket.gaierror`, whose text names the host, if nobody knows it.
    """
    try:
        return [Address(host, port)]
    except ValueError:
        pass  # a name
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, proto=socket.IPPROTO_UDP)
    except (UnicodeError, OSError) as error:
        raise _not_found(host, error) from None
    return _in_turn(found)


def split_host_and_port(text: str, lowest: int = 1) -> tuple[str, int]:
    """The two parts of a text such as ``play.example:27015`` or ``[::1]:27015``.

    Raises `ValueError`, which says what to write, for anything else; whether such a host exists is not asked.
    """
    host, colon, port = text.rpartition(":")
    if "://" in text:
        raise ValueError(f"{text[:300]!r} is a URL, and must be a host and a port without '//', as in {_EXAMPLE}")
    if not text.startswith("[") and text.count(":") > 1:
        raise ValueError(f"{text[:300]!r} must have its IPv6 address in brackets, as in '[::1]:27015' or {_EXAMPLE}")
    if not colon or not (port.isascii() and port.isdigit()) or len(port) > 5 or not lowest <= int(port) <= 65535:
        raise ValueError(f"{text[:300]!r} must end in a port of {lowest}..65535, as in {_EXAMPLE}")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        is_host = ":" in host
    else:
        is_host = bool(host)
    if not is_host or not _may_be_name(host):
        raise ValueError(f"{text[:300]!r} must be a host and a port, as in {_EXAMPLE} or '[::1]:27015'")
    return host, int(port)


def _check_name(host: str) -> None:
    """Raises `ValueError` for what can be no name, most of all for a host together with its port."""
    if ":" in host or "/" in host:
        raise ValueError(f"host {host[:300]!r} must be a name or an IP address, without a port, brackets or 'http://'")


def _may_be_name(host: str) -> bool:
    return len(host) <= _NAME_CHARACTERS_MAX and host.isprintable() and not set(host) & set(" /@?#")


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
