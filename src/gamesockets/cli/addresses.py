"""Which UDP addresses does a text such as "example.org:27015" on the command line mean?

The command line resolves names once, before anything is opened, so that a wrong one is told at once.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from typing import Final

import gamesockets as gs
from gamesockets.cli.terminal import InputError

DEFAULT_PORT: Final = 27015
FORMS: Final = f"host:port, 192.0.2.1:port or [2001:db8::1]:port (port {DEFAULT_PORT} when left out)"


def split_host_port(text: str, default_port: int = DEFAULT_PORT) -> tuple[str, int]:
    """Cut `text` into host and port; the host may be empty (":27015"). Raises `InputError`.

    A bare IPv6 address has no port, because its last group could not be told from one.
    """
    text = text.strip()
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket:
            raise InputError(f"{text!r} lacks the closing bracket: write [2001:db8::1]:port")
        if rest and not rest.startswith(":"):
            raise InputError(f"{text!r} has {rest!r} after the bracket: write {FORMS}")
        return host, _port(rest[1:], text) if rest else default_port
    if text.count(":") > 1:
        return text, default_port
    host, colon, port = text.partition(":")
    return host, _port(port, text) if colon else default_port


def resolve(text: str, default_port: int = DEFAULT_PORT) -> Sequence[gs.Address]:
    """The addresses to connect to, the system's favourite first; at least one. Raises `InputError`."""
    host, port = split_host_port(text, default_port)
    if not host:
        raise InputError(f"{text!r} names no host: write {FORMS}")
    if port == 0:
        raise InputError(f"{text!r} has port 0, which nobody listens on: give the port that the server printed")
    addresses = _lookup(host, port)
    if ipaddress.ip_address(addresses[0].ip).is_unspecified:
        raise InputError(f"{text!r} means every address of this machine: to connect, name one, such as [::1]:{port}")
    return addresses


def resolve_bind(text: str, default_port: int = DEFAULT_PORT) -> gs.Address:
    """The one address to listen on; an empty host or `*` is every address. Raises `InputError`."""
    host, port = split_host_port(text, default_port)
    return _lookup("::" if host in {"", "*"} else host, port)[0]


def _port(text: str, whole: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > 65535:
        raise InputError(f"{whole!r} has the port {text!r}: a port is a number from 0 to 65535")
    return int(text)


def _lookup(host: str, port: int) -> Sequence[gs.Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not a valid name"
        raise InputError(f"cannot resolve {host!r} ({reason}): check the spelling or give an IP address") from None
    return list(dict.fromkeys([gs.Address.from_socket(sockaddr) for *_, sockaddr in found]))
