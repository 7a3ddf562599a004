"""What did the ports of a node count, those included that are closed, and how did its connections begin and end?"""

from collections import Counter
from dataclasses import replace
from typing import Final, final

from gamesockets.connection.connection import Connection, StateChange
from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.connection.states import State
from gamesockets.connection.totals import Totals
from gamesockets.drivers.port import Port
from gamesockets.values.enums import EndReason
from gamesockets.values.statistics import Statistics

_BEFORE_THE_END: Final = (State.CONNECTING, State.CONNECTED)

_RANGES: Final = (
    (1000, "application"),
    (2000, "application_exception"),
    (3000, "local"),
    (4000, "remote"),
    (5000, "misc"),
)
_NAMED_FROM: Final = 3000
_RANGE: Final = 1000


def reason_class(reason: int) -> str:
    """A name for the reason of an end. There are few, for a peer may send any number of 1000 to 2999."""
    if reason >= _NAMED_FROM:
        for known in EndReason:
            if known == reason:
                return known.name.lower()
    for first, name in _RANGES:
        if first <= reason < first + _RANGE:
            return name
    return "other"


@final
class Tally:
    """The counts of closed ports, with them those of all, and those of changes of connections' states."""

    __slots__ = ("_closed", "ended", "established", "started", "totals")

    def __init__(self) -> None:
        self._closed = Statistics()
        self.totals = Totals()
        """What the connections of closed ports did."""
        self.started: Counter[str] = Counter()
        """Connections that began, by role: client or server."""
        self.established: Counter[str] = Counter()
        """Those that were connected."""
        self.ended: Counter[tuple[str, str]] = Counter()
        """Those that ended, by who ended them and `reason_class`."""

    def closed(self, port: Port) -> None:
        """What a port counted outlives it, but not how much there was of something."""
        self._closed += replace(port.statistics(), connections=0, memory_bytes=0)
        self.totals.add(port.endpoint.totals)
        for connection in port.endpoint.connections.values():
            self.totals.count(connection)

    def total(self, ports: list[Port]) -> Statistics:
        """All counts since the beginning; these are the ports that are open."""
        return sum([port.statistics() for port in ports], self._closed)

    def changed(self, change: StateChange, is_incoming: bool) -> None:
        """A connection went from one state to another."""
        role = "server" if is_incoming else "client"
        match change.new_state:
            case State.CONNECTING:
                self.started[role] += 1
            case State.CONNECTED:
                self.established[role] += 1
            case State.CLOSED_BY_PEER:
                self.ended["peer", reason_class(change.reason)] += 1
            case State.PROBLEM_DETECTED_LOCALLY:
                self.ended["problem", reason_class(change.reason)] += 1
            case _ if change.old_state in _BEFORE_THE_END:
                self.ended["application", reason_class(change.reason)] += 1
            case _:
                pass

    def cut_off(self, connection: Connection, reason: int) -> None:
        """A connection ends with its node, and nobody is told. Pipes do not count."""
        if connection.state in _BEFORE_THE_END and isinstance(connection, DatagramConnection):
            self.ended["application", reason_class(reason)] += 1
