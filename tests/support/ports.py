"""Which UDP ports can a test name: one that is free, and one at which nobody answers?

What binds port 0 by itself needs neither.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count, islice
from pathlib import Path
from typing import Final

import gamesockets as gs

_LOWEST: Final = 10_000
_COUNT: Final = 20_000
"""Below those that Linux, macOS and Windows give to whoever binds port 0, so that no other test gets one meanwhile."""

_numbers: Final = count(61 * os.getpid())
"""Tests run in several processes at once, and each begins elsewhere."""


def free_port(ip: str = "::") -> int:
    """A port that nobody uses at this moment, for a program that takes no port 0; with "::" free on IPv4 as well."""
    for number in islice(_numbers, _COUNT):
        port = _LOWEST + number % _COUNT
        with socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            with suppress(OSError):  # somebody uses it, or the system keeps it for itself
                probe.bind((ip, port))
                return port
    raise AssertionError("no port is free")


def is_bound(port: int) -> bool:
    """Whether somebody has that UDP port, where the system tells without being asked by binding it; else True."""
    tables = [Path("/proc/net/udp"), Path("/proc/net/udp6")]
    if not any(table.exists() for table in tables):
        return True
    rows = [row.split() for table in tables if table.exists() for row in table.read_text("ascii").splitlines()[1:]]
    return any(row[1].endswith(f":{port:04X}") for row in rows)


@contextmanager
def silent_address() -> Iterator[gs.Address]:
    """An address of this machine that takes datagrams and never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
        nobody.bind(("127.0.0.1", 0))
        yield gs.Address("127.0.0.1", nobody.getsockname()[1])
