"""What is an attack? A source of datagrams, each with the socket that it leaves by."""

from __future__ import annotations

import contextlib
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final, TypeAlias

Sending: TypeAlias = tuple[socket.socket, bytes]
"""A connected socket, and a datagram for it."""

LIMITED_BITS_PER_S: Final = 10_000_000
LIMITED_PACKETS_PER_S: Final = 20_000
_OVERHEAD_BYTES: Final = 28
"""Headers of IP and UDP."""
_LISTEN_EVERY: Final = 64
"""So many datagrams leave between two looks at what came."""
_NAP_S: Final = 0.001
_LARGEST_BYTES: Final = 65_535


@dataclass(frozen=True)
class Victim:
    """An honest client, as somebody on its path sees it."""

    ip: str
    port: int
    id: int
    """The id that it gave its connection."""
    server_id: int
    """The id that the server gave it."""


@dataclass(frozen=True)
class Target:
    """Whom to attack."""

    ip: str
    port: int
    victims: tuple[Victim, ...] = ()


class Attack(ABC):
    """One attacker. `patience_s` is how long it waits for an answer that it cannot go on without."""

    def __init__(self, target: Target, seed: int = 1, patience_s: float = 0.0) -> None:
        self.target = target
        self.random = Random(seed)
        self.patience_s = patience_s
        self._sockets: list[socket.socket] = []

    def open_socket(self, local_ip: str = "") -> socket.socket:
        """A new non-blocking socket, connected to the target, from a port of its own."""
        opened = socket.socket(socket.AF_INET6 if ":" in self.target.ip else socket.AF_INET, socket.SOCK_DGRAM)
        if local_ip:
            opened.bind((local_ip, 0))
        opened.connect((self.target.ip, self.target.port))
        opened.setblocking(False)
        self._sockets.append(opened)
        return opened

    def close_socket(self, opened: socket.socket) -> None:
        """The attacker does not need it any more."""
        self._sockets.remove(opened)
        opened.close()

    def begin(self) -> None:  # noqa: B027 - many need nothing
        """What has to be there before the datagrams: connections, for example. May wait for the target."""

    @abstractmethod
    def datagrams(self) -> Iterator[Sending]:
        """What to send, without end."""

    def listen(self) -> None:  # noqa: B027 - as above
        """Takes what the target has sent; called now and then."""

    def end(self) -> None:
        """Closes the sockets, without a word to the target."""
        for opened in self._sockets:
            opened.close()
        self._sockets.clear()


def take(opened: socket.socket, patience_s: float = 0.0) -> bytes | None:
    """The next datagram that has come, or comes within that time; None if there is none."""
    until = time.monotonic() + patience_s
    while True:
        try:
            return opened.recv(_LARGEST_BYTES)
        except BlockingIOError:
            if time.monotonic() >= until:
                return None
            time.sleep(_NAP_S / 4)
        except OSError:
            return None


def transmit(sending: Sending) -> None:
    """Sends it; what the system refuses is lost."""
    opened, data = sending
    with contextlib.suppress(OSError):
        opened.send(data)


@dataclass
class Pace:
    """Sent so far, and in how much time."""

    datagrams: int = 0
    data_bytes: int = 0
    seconds: float = 0.0


def run_for(attack: Attack, seconds: float, is_limited: bool) -> Pace:
    """Sends for so long: at the limited speed, or as fast as this process can."""
    pace = Pace()
    began = time.monotonic()
    until = began + seconds
    paid_until = began
    now = began
    for number, (opened, data) in enumerate(attack.datagrams(), 1):
        if is_limited:
            wire_bits = 8 * (len(data) + _OVERHEAD_BYTES)
            paid_until = max(paid_until, now - 2 * _NAP_S) + max(
                1 / LIMITED_PACKETS_PER_S, wire_bits / LIMITED_BITS_PER_S
            )
            while paid_until > now + _NAP_S:
                time.sleep(_NAP_S)
                now = time.monotonic()
        with contextlib.suppress(OSError):
            opened.send(data)
        pace.datagrams += 1
        pace.data_bytes += len(data)
        if number % _LISTEN_EVERY == 0:
            attack.listen()
            now = time.monotonic()
            if now >= until:
                break
        elif is_limited and now >= until:
            break
    pace.seconds = time.monotonic() - began
    return pace


def send_some(attack: Attack, source: Iterator[Sending], count: int) -> None:
    """The next datagrams of an attack that was begun."""
    for _ in range(count):
        transmit(next(source))
    attack.listen()
