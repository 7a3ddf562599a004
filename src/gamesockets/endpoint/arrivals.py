"""Whose datagrams are next, when more have come than can be served at once?

Packets wait in a queue for each peer that has a connection, and in one for all strangers, and the queues take turns:
who sends little is served soon, whatever others send. Who sends too much loses what does not fit into its own queue.
Messages in the clear, which anybody can send in a peer's name, wait with the strangers.
"""

from collections import deque
from collections.abc import Container
from typing import Final, TypeAlias, final

from gamesockets.values.address import SocketAddress
from gamesockets.wire.packet import FLAG_DATA

# Datagrams that came in a row from one address and to one of ours; that address; ours, as `UdpSocket.send` takes it.
Arrival: TypeAlias = tuple[list[bytes], SocketAddress, bytes]

QUANTUM: Final = 8
"""Datagrams of one queue that are served in a row while others wait."""

QUANTUM_ALONE: Final = 32
"""The same while no others wait: whoever comes meanwhile shall not wait long."""

PEER_MAX: Final = 4096
"""Datagrams of one peer that may wait while there is room: as many full ones as a socket's buffer of 4 MiB holds."""

STRANGERS_MAX: Final = 4096

ROOMY: Final = 4096
"""While fewer datagrams wait, a peer may have `PEER_MAX`; then only `PEER_SHARE`."""

PEER_SHARE: Final = 8

_DATA: Final = bytes([FLAG_DATA])
"""The least first byte of a packet. Of datagrams that came in a row the first counts."""

ARRIVALS_MAX: Final = 16_384
"""Datagrams that may wait, from everybody together."""


@final
class ArrivalQueue:
    """What came from one peer, or from all strangers."""

    __slots__ = ("arrivals", "count")

    def __init__(self) -> None:
        self.arrivals: deque[Arrival] = deque()
        self.count = 0
        """Of datagrams."""


@final
class Arrivals:
    """Datagrams that were read from a socket and not served yet."""

    __slots__ = ("_peers", "_strangers", "_turns", "count", "dropped")

    def __init__(self) -> None:
        self._peers: dict[SocketAddress, ArrivalQueue] = {}
        """Those that are not empty, by remote address."""
        self._strangers = ArrivalQueue()
        self._turns: deque[tuple[SocketAddress, ArrivalQueue]] = deque()
        """Those that are not empty, in the order in which they are served."""
        self.count = 0
        """How many datagrams wait."""
        self.dropped = 0
        """How many found no room, ever."""

    def put(self, arrivals: list[Arrival], known: Container[SocketAddress]) -> None:
        """Adds what was read; `known` are the addresses of peers that have a connection."""
        for datagrams, remote, local in arrivals:
            queue = self._strangers
            limit = STRANGERS_MAX
            is_peer = remote in known and datagrams[0][:1] >= _DATA
            if is_peer:
                queue = self._peers.get(remote) or ArrivalQueue()
                limit = PEER_MAX if self.count < ROOMY else PEER_SHARE
            size = len(datagrams)
            room = min(limit - queue.count, ARRIVALS_MAX - self.count)
            if size > room:
                self.dropped += size - max(room, 0)
                if room <= 0:
                    continue
                size = room
            if not queue.count:
                self._turns.append((remote, queue))
                if is_peer:
                    self._peers[remote] = queue
            queue.arrivals.append((datagrams if size == len(datagrams) else datagrams[:size], remote, local))
            queue.count += size
            self.count += size

    def next(self) -> Arrival | None:
        """Takes what is served next."""
        if not self._turns:
            return None
        remote, queue = self._turns.popleft()
        arrival = queue.arrivals.popleft()
        size = len(arrival[0])
        quantum = QUANTUM if self._turns else QUANTUM_ALONE
        if size > quantum:
            datagrams, source, local = arrival
            queue.arrivals.appendleft((datagrams[quantum:], source, local))
            arrival = (datagrams[:quantum], source, local)
            size = quantum
        queue.count -= size
        self.count -= size
        if queue.count:
            self._turns.append((remote, queue))
        elif queue is not self._strangers:
            del self._peers[remote]
        return arrival
