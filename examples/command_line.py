"""How do the examples read their command lines?"""

import argparse
import socket
from collections.abc import Callable

import gamesockets as gs


def address(default_port: int) -> Callable[[str], gs.Address]:
    """For `argparse`: an IP address or a name, with or without a port, as an address."""

    def convert(text: str) -> gs.Address:
        host, colon, port = text.rpartition(":")
        if not colon or "]" in port or (":" in host and not host.startswith("[")):
            host, port = text, str(default_port)
        try:
            found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)
            return gs.Address.from_socket(found[0][4])
        except (OSError, ValueError) as error:
            raise argparse.ArgumentTypeError(f"{text!r} is no address ({error}); write HOST:PORT") from None

    return convert


def whole_number(minimum: int, maximum: int) -> Callable[[str], int]:
    """For `argparse`: a number in that range."""

    def convert(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and minimum <= int(text) <= maximum):
            raise argparse.ArgumentTypeError(f"{text!r} is not {minimum} to {maximum}")
        return int(text)

    return convert
