"""Attacks in the name of honest clients: datagrams with their addresses as source. Needs raw sockets, and IPv4."""

from __future__ import annotations

import itertools
import socket
import struct
import sys
from abc import abstractmethod
from collections.abc import Iterator
from typing import Final

from benchmarks.hostile.attack import Attack, Sending, Victim
from benchmarks.hostile.peer import any_id, challenge_request, closed
from gamesockets.wire import datagram
from gamesockets.wire.messages_pb2 import NoConnection
from gamesockets.wire.packet import NO_TIME, encode_header

_POOL: Final = 2048
_TTL: Final = 64
_IP_HEADER: Final = struct.Struct(">BBHHHBBH4s4s")
_UDP_HEADER: Final = struct.Struct(">HHHH")


def may_forge() -> bool:
    """Whether this process may say where its datagrams come from, in the way of Linux."""
    if sys.platform != "linux":
        return False
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW).close()
    except OSError:
        return False
    return True


class Forger(Attack):
    """Knows the addresses of the honest clients, and the connection ids, as everybody on their path does."""

    def begin(self) -> None:
        self._raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self._raw.connect((self.target.ip, 0))
        self._sockets.append(self._raw)
        victims = itertools.cycle(self.target.victims)
        self._pool = [self._from(victim, self.make(victim)) for victim in itertools.islice(victims, _POOL)]

    @abstractmethod
    def make(self, victim: Victim) -> bytes:
        """One datagram in the name of that client."""

    def datagrams(self) -> Iterator[Sending]:
        return ((self._raw, data) for data in itertools.cycle(self._pool))

    def _from(self, victim: Victim, data: bytes) -> bytes:
        udp = _UDP_HEADER.pack(victim.port, self.target.port, _UDP_HEADER.size + len(data), 0)
        addresses = socket.inet_aton(victim.ip), socket.inet_aton(self.target.ip)
        size = _IP_HEADER.size + len(udp) + len(data)
        return _IP_HEADER.pack(0x45, 0, size, 0, 0, _TTL, socket.IPPROTO_UDP, 0, *addresses) + udp + data


class ForgedData(Forger):
    """Data packets with the right id that nobody could have sealed."""

    def make(self, victim: Victim) -> bytes:
        return encode_header(victim.server_id, self.random.getrandbits(16), b"", NO_TIME) + self.random.randbytes(80)


class ForgedStray(Forger):
    """Data packets with other ids."""

    def make(self, _victim: Victim) -> bytes:
        return encode_header(any_id(self.random), self.random.getrandbits(16), b"", NO_TIME) + self.random.randbytes(80)


class ForgedClosed(Forger):
    """Ends of the connections, with guessed ids: who knows both of them on the path can end a connection."""

    def make(self, _victim: Victim) -> bytes:
        return closed(any_id(self.random), any_id(self.random))


class ForgedNoConnection(Forger):
    """Hints that the client has lost its connection, with its real id."""

    def make(self, victim: Victim) -> bytes:
        return datagram.encode_control(datagram.NO_CONNECTION, NoConnection(from_connection_id=victim.id))


class ForgedChallengeRequests(Forger):
    """Requests for another connection from the same address."""

    def make(self, victim: Victim) -> bytes:
        return challenge_request(self.random.choice((victim.id, any_id(self.random))))
