"""Which addresses does a name or a text stand for?"""

import socket
from asyncio import AbstractEventLoop

from gamesockets.values.address import Address
from gamesockets.values.arguments import check_range, check_type


async def resolve(loop: AbstractEventLoop, host: str | Address, port: int | None) -> list[Address]:
    """The addresses of a host, the system's favourite first.

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
    except UnicodeError:
        raise socket.gaierror(socket.EAI_NONAME, f"{host!r} cannot be a host name") from None
    except socket.gaierror as error:
        raise socket.gaierror(error.errno, f"cannot find {host!r}: {error.strerror}") from None
    return list(dict.fromkeys([Address.from_socket(entry[4]) for entry in found]))
