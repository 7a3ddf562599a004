"""Attacks of those who have no connection, and do not ask for one in earnest."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Iterator
from typing import Final

from benchmarks.hostile.attack import Attack, Sending
from benchmarks.hostile.peer import Introduction, any_id, challenge_request, closed, connect_request
from gamesockets.wire import datagram
from gamesockets.wire.messages_pb2 import NoConnection
from gamesockets.wire.packet import NO_TIME, encode_header

POOL: Final = 2048
"""So many different datagrams are made beforehand."""
PORTS: Final = 200
CONTROL_KINDS: Final = range(datagram.CHALLENGE_REQUEST, datagram.NO_CONNECTION + 1)


class Flood(Attack):
    """The same datagrams over and over, from one port."""

    ports = 1

    def begin(self) -> None:
        self._pool = [self.make() for _ in range(POOL)]
        for _ in range(self.ports):
            self.open_socket()

    @abstractmethod
    def make(self) -> bytes:
        """One datagram of many."""

    def datagrams(self) -> Iterator[Sending]:
        return zip(itertools.cycle(self._sockets), itertools.cycle(self._pool), strict=False)


class OneByte(Flood):
    def make(self) -> bytes:
        return self.random.randbytes(1)


class SmallGarbage(Flood):
    def make(self) -> bytes:
        return self.random.randbytes(self.random.randrange(5, 60))


class LargeGarbage(Flood):
    def make(self) -> bytes:
        return self.random.randbytes(1200)


class Oversize(Flood):
    def make(self) -> bytes:
        return self.random.randbytes(9000)


class MalformedControl(Flood):
    """Control messages that end too early, say a wrong length, or hold nonsense."""

    def make(self) -> bytes:
        kind = bytes((self.random.choice(CONTROL_KINDS),))
        length = self.random.randrange(1, 600).to_bytes(2, "little")
        good = challenge_request(any_id(self.random))
        return self.random.choice(
            (
                kind + length + self.random.randbytes(520),
                kind + self.random.randbytes(self.random.randrange(4, 300)),
                good[: self.random.randrange(5, len(good))],
                kind + good[1:],
            )
        )


class ChallengeRequests(Flood):
    def make(self) -> bytes:
        return challenge_request(any_id(self.random))


class ChallengeRequestsOfManyPorts(ChallengeRequests):
    ports = PORTS


class BadChallenges(Flood):
    """Connect requests that are whole but for their challenge."""

    def begin(self) -> None:
        self._introduction = Introduction(self.random, "hostile")
        super().begin()

    def make(self) -> bytes:
        return connect_request(self._introduction.request(any_id(self.random), self.random.getrandbits(64)))


class StrayData(Flood):
    """Data packets of connections that do not exist."""

    def make(self) -> bytes:
        number = self.random.getrandbits(16)
        return encode_header(any_id(self.random), number, b"", NO_TIME) + self.random.randbytes(60)


class StrayClosed(Flood):
    """Ends of connections that do not exist."""

    def make(self) -> bytes:
        return closed(any_id(self.random), any_id(self.random))


class StrayNoConnection(Flood):
    def make(self) -> bytes:
        message = NoConnection(to_connection_id=any_id(self.random), from_connection_id=any_id(self.random))
        return datagram.encode_control(datagram.NO_CONNECTION, message)
