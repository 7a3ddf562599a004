"""What can a game do with the one at the other end of a connection?"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, final

from gamesockets.sockets.networking_sockets import NetworkingSockets
from gamesockets.values.address import Address
from gamesockets.values.enums import ConnectionState, SendFlags
from gamesockets.values.handles import Connection
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.limits import MAX_MESSAGE_BYTES
from gamesockets.values.records import ConnectionInfo, ConnectionStatus, MessageData
from gamesockets.values.results import Result


@final
class Peer:
    """The other end of a connection of a `Client` or a `Server`, which make it. Usable after the end, too.

    Attributes:
        connection: its handle, for the calls of `NetworkingSockets`.
        user: whatever the game wants to keep with it; None at first.
    """

    __slots__ = ("_info", "_sockets", "connection", "user")

    def __init__(self, sockets: NetworkingSockets, connection: Connection, info: ConnectionInfo) -> None:
        self._sockets = sockets
        self._info = info
        self.connection = connection
        self.user: Any = None

    def __repr__(self) -> str:
        info = self.info()
        return f"<gamesockets.Peer #{self.connection} {info.identity} {info.address} {info.state.name}>"

    @property
    def identity(self) -> NetworkingIdentity:
        """Who it claims to be."""
        return self.info().identity

    @property
    def address(self) -> Address:
        """Where it is."""
        return self.info().address

    @property
    def is_connected(self) -> bool:
        """Whether messages flow."""
        return self.info().state == ConnectionState.CONNECTED

    def info(self) -> ConnectionInfo:
        """What is known of it and of the connection; after the end, how that came about."""
        info = self._sockets.get_connection_info(self.connection)
        if info is not None:
            self._info = info
        return self._info

    def status(self) -> ConnectionStatus | None:
        """Ping, quality, rates and queues; None once the connection was closed."""
        return self._sockets.get_quick_connection_status(self.connection)

    def send(self, data: MessageData, flags: SendFlags = SendFlags.UNRELIABLE, lane: int = 0) -> Result:
        """Queues a message; never blocks. While the connection is being made, messages wait.

        Returns:
            `OK`; `LIMIT_EXCEEDED` (the send buffer is full: try again later); `NO_CONNECTION` (it has ended); `IGNORED`
            (`NO_DELAY`, and it is not connected yet).

        Raises:
            ValueError: the message is too large, or there is no such lane.
            TypeError: an argument is of a wrong type.
        """
        result = self._sockets.send_message_to_connection(self.connection, data, flags, lane)
        if result == Result.VALUE_OUT_OF_RANGE:
            raise ValueError(f"a message has at most {MAX_MESSAGE_BYTES} bytes, not {len(memoryview(data).cast('B'))}")
        if result == Result.INVALID_PARAM:
            if self._sockets.get_connection_info(self.connection) is None:
                return Result.NO_CONNECTION
            raise ValueError(f"there is no lane {lane}: call configure_lanes first")
        return result

    def configure_lanes(self, priorities: Sequence[int], weights: Sequence[int] | None = None) -> Result:
        """Sets up the lanes towards it; see `NetworkingSockets.configure_connection_lanes`."""
        return self._sockets.configure_connection_lanes(self.connection, priorities, weights)


def mark_ended(peer: Peer, reason: int, debug: str) -> None:
    """The connection was closed by this side: what `info` says from now on."""
    info = peer.info()
    if info.state not in (ConnectionState.CLOSED_BY_PEER, ConnectionState.PROBLEM_DETECTED_LOCALLY):
        peer._info = replace(info, state=ConnectionState.NONE, end_reason=reason, end_debug=debug)  # noqa: SLF001 - the owner's way in, for this package alone
