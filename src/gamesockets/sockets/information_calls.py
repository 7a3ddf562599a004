"""Which calls tell how a connection or a listen socket is doing? (spec 3, part 9)"""

from collections.abc import Callable
from typing import TypeVar

from gamesockets.node.members import Member
from gamesockets.sockets.calls import Calls
from gamesockets.values.arguments import find, horizon_us
from gamesockets.values.errors import InvalidHandle
from gamesockets.values.handles import Connection, ListenSocket
from gamesockets.values.records import ConnectionInfo, ConnectionStatus, LaneStatus
from gamesockets.values.statistics import Statistics

T = TypeVar("T")


class InformationCalls(Calls):
    """Records and texts, made at the moment of asking."""

    def get_connection_info(self, connection: Connection) -> ConnectionInfo | None:
        """What is known of a connection and its peer; None for an unknown handle."""
        return self._ask(connection, Member.info)

    def get_quick_connection_status(self, connection: Connection) -> ConnectionStatus | None:
        """Ping, quality, rates and queues; None for an unknown handle."""
        return self._ask(connection, Member.status)

    def get_lane_status(self, connection: Connection) -> list[LaneStatus] | None:
        """Queues lane by lane, an empty list once the connection has ended; None for an unknown handle."""
        return self._ask(connection, Member.lane_status)

    def bytes_until_full(self, connection: Connection, horizon: float) -> int | None:
        """How many bytes more may be sent now, for all of it to have left within `horizon` seconds.

        It is what an encoder or a snapshot may spend: the rate that the path is believed to carry, less what waits
        already, and never more than the send buffer has room for. Not in the reference library.

        Args:
            connection: whose.
            horizon: seconds, 0 to 60; for one message a tick, the length of a tick.

        Returns:
            Bytes; 0 once the connection has ended, None for an unknown handle.

        Raises:
            TypeError: `horizon` is no number.
            ValueError: it is not within 0 and 60.
        """
        span_us = horizon_us(horizon)
        return self._ask(connection, lambda member: member.bytes_until_full(span_us))

    def get_detailed_connection_status(self, connection: Connection) -> str | None:
        """Everything measured on a connection, as text for people (spec 3, 9.3); None for an unknown handle.

        Rates, totals, histograms, and what the peer reported of its side; many lines, each ending with a newline.
        """
        return self._ask(connection, Member.detailed_status)

    def get_connection_debug_text(self, connection: Connection) -> str | None:
        """The state of a connection's sender and receiver, as text for people; None for an unknown handle."""
        return self._ask(connection, Member.debug_text)

    def get_statistics(self, socket: ListenSocket | None = None) -> Statistics:
        """What a listen socket has refused and dropped, and why; by default everything of this object together.

        Raises:
            InvalidHandle: there is no such listen socket.
        """
        node = self._node
        with node.lock:
            if socket is None:
                return node.tally.total(node.service.ports())
            listener = node.listeners.get(socket)
            if listener is None:
                raise InvalidHandle(socket, "listen socket")
            return listener.port.statistics()

    def _ask(self, connection: Connection, question: Callable[[Member], T]) -> T | None:
        with self._node.lock:
            member = find(self._node.members, connection, "connection")
            return None if member is None else question(member)
