"""Which calls tell how a connection is doing? The part of `NetworkingSockets` that only looks (spec 3, part 9)."""

from threading import Lock

from gamesockets.clock import now_us
from gamesockets.node.members import Entry
from gamesockets.observe.snapshots import connection_info, connection_status, lane_status
from gamesockets.observe.status_text import debug_text, detailed_status
from gamesockets.values.arguments import find
from gamesockets.values.handles import Connection
from gamesockets.values.records import ConnectionInfo, ConnectionStatus, LaneStatus


class InformationCalls:
    """Records and texts about a connection, made at the moment of asking."""

    _lock: Lock
    _entries: dict[int, Entry]

    def get_connection_info(self, connection: Connection) -> ConnectionInfo | None:
        """What is known of a connection and its peer; None for an unknown handle."""
        with self._lock:
            entry = find(self._entries, connection, "connection")
            if entry is None:
                return None
            core = entry.core
            return connection_info(core, entry.listen_socket, entry.name, core.state, core.end_reason, core.end_debug)

    def get_quick_connection_status(self, connection: Connection) -> ConnectionStatus | None:
        """Ping, quality, rates and queues; None for an unknown handle."""
        with self._lock:
            entry = find(self._entries, connection, "connection")
            if entry is None:
                return None
            entry.core.measure(now_us())
            return connection_status(entry.core)

    def get_lane_status(self, connection: Connection) -> list[LaneStatus] | None:
        """Queues lane by lane, an empty list once the connection has ended; None for an unknown handle."""
        with self._lock:
            entry = find(self._entries, connection, "connection")
            return None if entry is None else lane_status(entry.core)

    def get_detailed_connection_status(self, connection: Connection) -> str | None:
        """Everything measured on a connection, as text for people (spec 3, 9.3); None for an unknown handle.

        Rates, totals, histograms, and what the peer reported of its side; many lines, each ending with a newline.
        """
        with self._lock:
            entry = find(self._entries, connection, "connection")
            if entry is None:
                return None
            now = now_us()
            entry.core.measure(now)
            return detailed_status(entry.core, now)

    def get_connection_debug_text(self, connection: Connection) -> str | None:
        """The state of a connection's sender and receiver, as text for people; None for an unknown handle."""
        with self._lock:
            entry = find(self._entries, connection, "connection")
            return None if entry is None else debug_text(entry.core, entry.name)
