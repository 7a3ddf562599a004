"""Which connect requests are served next? The oldest, a few in each turn; the others wait, as far as there is room.

A request costs a signature, which takes as long as a hundred data packets. So a turn of the endpoint, from one
`datagrams_to_send` to the next, serves a few only, and connections that are established wait no longer than for these.
All that wait have proven their addresses, and each address waits once, however often it asks.
"""

from collections import deque
from typing import Final, final

from gamesockets.connection.path import Path
from gamesockets.values.address import SocketAddress
from gamesockets.wire.messages_pb2 import ConnectRequest

REQUESTS_PER_TURN: Final = 8
"""About a millisecond of work."""

REQUESTS_MAX: Final = 2048
"""Of about a kilobyte each. More are dropped, and clients ask again."""


@final
class Request:
    """A connect request whose challenge was good; nobody has looked at its signature yet."""

    __slots__ = ("message", "path", "received_at", "size_bytes")

    def __init__(self, message: ConnectRequest, path: Path, size_bytes: int, now: int) -> None:
        self.message = message
        self.path = path
        self.size_bytes = size_bytes
        """Of the datagram that it came in."""
        self.received_at = now


@final
class Requests:
    """Those that wait, oldest first."""

    __slots__ = ("_by_remote", "_in_order", "_left_in_turn", "count_max")

    def __init__(self) -> None:
        self.count_max = REQUESTS_MAX
        self._in_order: deque[Request] = deque()
        self._by_remote: dict[SocketAddress, Request] = {}
        self._left_in_turn = REQUESTS_PER_TURN

    def __len__(self) -> int:
        return len(self._in_order)

    def is_full(self) -> bool:
        """Whether no more may wait."""
        return len(self._in_order) >= self.count_max

    def client_id_at(self, remote: SocketAddress) -> int:
        """The client id in the request that waits from that address; 0 if none waits."""
        request = self._by_remote.get(remote)
        return 0 if request is None else request.message.client_connection_id

    def add(self, request: Request) -> None:
        """Waits behind all others. Nobody waits from its address yet."""
        self._in_order.append(request)
        self._by_remote[request.path.remote] = request

    def replace(self, remote: SocketAddress, message: ConnectRequest, now: int) -> None:
        """Another client asks from an address from which one waits, and takes its place."""
        request = self._by_remote[remote]
        request.message = message
        request.received_at = now

    def begin_turn(self) -> None:
        """A few more may be served."""
        self._left_in_turn = REQUESTS_PER_TURN

    def may_serve(self) -> bool:
        """Whether one waits, and this turn has time for it."""
        return self._left_in_turn > 0 and bool(self._in_order)

    def take(self) -> Request:
        """The oldest, which is served now. Call it only after `may_serve`."""
        self._left_in_turn -= 1
        request = self._in_order.popleft()
        del self._by_remote[request.path.remote]
        return request
