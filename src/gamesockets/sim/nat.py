"""What does a router do that translates addresses between a host and the rest of the world?"""

from typing import Final, final

from gamesockets.values.address import Address, SocketAddress
from gamesockets.values.moments import NEVER, US_PER_SECOND

_FIRST_PORT: Final = 40_000
_LAST_PORT: Final = 65_535


@final
class Nat:
    """A router in front of one host, made by `World.nat`.

    The host appears outside with the router's address and a port of the router's choice, whomever it talks to. From
    outside only that port leads in, and only after the host has sent something.
    """

    __slots__ = ("_idle_us", "_ip", "_mapping", "_next_port", "_used_at", "inside")

    def __init__(self, inside: SocketAddress, ip: str, idle_seconds: float | None) -> None:
        self.inside = inside
        self._ip = ip
        self._idle_us = NEVER if idle_seconds is None else round(idle_seconds * US_PER_SECOND)
        self._next_port = _FIRST_PORT
        self._mapping: SocketAddress | None = None
        self._used_at = 0

    @property
    def address(self) -> Address | None:
        """How the host appears outside; None while the router knows nothing of it."""
        return None if self._mapping is None else Address.from_socket(self._mapping)

    def rebind(self) -> None:
        """Forgets the mapping, as a router that restarts: what the host sends next comes from another port."""
        self._mapping = None

    def outwards(self, now: int) -> SocketAddress:
        """From where a datagram of the host seems to come, for the network."""
        self._expire(now)
        if self._mapping is None:
            self._mapping = (self._ip, self._next_port)
            self._next_port = self._next_port + 1 if self._next_port < _LAST_PORT else _FIRST_PORT
        self._used_at = now
        return self._mapping

    def lets_in(self, outside: SocketAddress, now: int) -> bool:
        """Whether what comes to that address is handed on to the host, for the network."""
        self._expire(now)
        return outside == self._mapping

    def _expire(self, now: int) -> None:
        if now - self._used_at > self._idle_us:
            self._mapping = None
