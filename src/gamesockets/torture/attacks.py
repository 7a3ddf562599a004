"""What does somebody else send who sees the traffic, and can send from any address, but has no keys?

He must not be able to end a connection, to put anything into it, or to make it send more than it receives.
"""

from collections import deque
from enum import IntEnum
from random import Random
from typing import Final, final

from gamesockets.connection.closing import encode_closed, encode_no_connection
from gamesockets.sim.host import Host
from gamesockets.sim.passage import Passage
from gamesockets.sim.world import World
from gamesockets.values.address import Address

__all__ = ["Attacker", "Kind"]

_REMEMBERED: Final = 48
_DATA_FLAG: Final = 0x80
_HANDSHAKE: Final = frozenset((32, 33, 34, 35))
"""Lead bytes of the messages that begin a connection (spec 1, 2)."""

_STRANGER: Final = Address("198.51.100.7", 4444)


class Kind(IntEnum):
    """How he does it."""

    NOISE = 0
    """Random bytes."""
    REPLAY = 1
    """Anything that he has seen, once more."""
    SPOILED_DATA = 2
    """Data packets that he has seen, with bits changed."""
    SPOILED_HANDSHAKE = 3
    """Messages of the handshake that he has seen, with bits changed, and only while a connection is up."""
    FOREIGN_CLOSE = 4
    """The end of a connection with ids that he has guessed."""
    CUT_OFF = 5
    """The beginnings of datagrams that he has seen; of the handshake, too, only while a connection is up."""
    STRANGER = 6
    """What he has seen, from his own address."""


@final
class Attacker:
    """Sees what passes on the way to each host, and remembers some of it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._seen: dict[Address, deque[tuple[Address, bytes]]] = {}
        world.trace = self._see

    def _see(self, passage: Passage) -> None:
        if not passage.is_arrival:
            seen = self._seen.setdefault(passage.destination, deque(maxlen=_REMEMBERED))
            seen.append((passage.source, passage.data))

    def strike(self, target: Host, kind: int, count: int, seed: int, is_peer_up: bool) -> None:
        """Sends that many datagrams to a host."""
        random = Random(seed)
        seen = list(self._seen.get(target.address, ()))
        if not seen:
            seen = [(_STRANGER, b"")]
        for _ in range(count):
            source, data = random.choice(seen)
            made = self._make(kind, data, random, is_peer_up)
            if made is not None:
                self._world.inject(made, _STRANGER if kind == Kind.STRANGER else source, target)

    def _make(self, kind: int, data: bytes, random: Random, is_peer_up: bool) -> bytes | None:
        if kind == Kind.NOISE:
            return random.randbytes(random.choice((0, 1, 12, 100, 512, 1300)))
        if kind in (Kind.REPLAY, Kind.STRANGER):
            return data
        if kind == Kind.CUT_OFF:
            is_harmless = not data or data[0] & _DATA_FLAG or (data[0] in _HANDSHAKE and is_peer_up)
            return data[: random.randint(0, len(data))] if is_harmless else None
        if kind == Kind.FOREIGN_CLOSE:
            own_id, peer_id = random.getrandbits(32), random.getrandbits(32)
            if random.random() < 0.5:
                return encode_no_connection(own_id, peer_id)
            return encode_closed(own_id, peer_id, 1000, "")
        if not data:
            return None
        if kind == Kind.SPOILED_DATA and data[0] & _DATA_FLAG:
            return _spoiled(data, 1, random)
        if kind == Kind.SPOILED_HANDSHAKE and data[0] in _HANDSHAKE and is_peer_up:
            return _spoiled(data, 1, random)
        return None


def _spoiled(data: bytes, first: int, random: Random) -> bytes:
    """The same with a bit changed behind the first bytes."""
    spoiled = bytearray(data)
    if len(data) > first:
        spoiled[random.randrange(first, len(data))] ^= 1 << random.randrange(8)
    return bytes(spoiled)
