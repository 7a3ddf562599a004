"""How much have all connections of a process done, and how much is there of them now? For metrics."""

from collections import Counter
from collections.abc import Mapping
from typing import final

from gamesockets.clock import now_us
from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.connection.states import State
from gamesockets.connection.totals import Totals
from gamesockets.drivers.lag import Lag
from gamesockets.drivers.service import Service
from gamesockets.node.members import Member
from gamesockets.node.tally import Tally
from gamesockets.values.moments import NEVER
from gamesockets.values.statistics import Statistics


@final
class Measurements:
    """Counts since the beginning, and then what there is at this moment. Those of several nodes can be added."""

    __slots__ = (
        "ended",
        "established",
        "lag",
        "oldest_unread_us",
        "pending_reliable_bytes",
        "pending_unreliable_bytes",
        "queue_us_max",
        "reading",
        "started",
        "states",
        "statistics",
        "totals",
        "unacked_bytes",
        "unread_bytes",
        "unread_messages",
    )

    def __init__(self) -> None:
        self.statistics = Statistics()
        self.totals = Totals()
        self.lag = Lag()
        self.reading = Lag()
        """How long messages waited until they were read: of the whole process, so it is not added."""
        self.started: Counter[str] = Counter()
        self.established: Counter[str] = Counter()
        self.ended: Counter[tuple[str, str]] = Counter()
        self.states: Counter[str] = Counter()
        """How many connections there are, by state, those included that the application has closed."""
        self.pending_reliable_bytes = 0
        """Queued or to be repeated."""
        self.pending_unreliable_bytes = 0
        self.unacked_bytes = 0
        """Sent reliably, and not acknowledged."""
        self.queue_us_max = 0
        """How long what is queued needs to leave, on the connection where that takes longest."""
        self.unread_messages = 0
        """Received, and not read by the application."""
        self.unread_bytes = 0
        self.oldest_unread_us = 0
        """How long the one that came first of these has been waiting."""

    def count(self, connection: DatagramConnection) -> None:
        """Adds a connection."""
        self.totals.count(connection)
        self.states[connection.state.name.lower()] += 1
        if connection.state in (State.CONNECTING, State.CONNECTED, State.LINGER):
            sender = connection.sender
            pending = 0
            for lane in sender.lanes.lanes:
                self.pending_unreliable_bytes += lane.pending_unreliable
                self.pending_reliable_bytes += lane.pending_reliable + lane.unacked.lost_bytes
                self.unacked_bytes += lane.unacked.unacked_bytes
                pending += lane.pending_unreliable + lane.pending_reliable + lane.unacked.lost_bytes
            self.queue_us_max = max(self.queue_us_max, pending * 1_000_000 // sender.pacer.rate)
        self.unread_messages += connection.peer.queued_messages
        self.unread_bytes += connection.peer.queued_bytes

    def add_past(self, other: "Measurements") -> None:
        """Adds the counts of a node, but not how much there was of something."""
        self.statistics += other.statistics
        self.totals.add(other.totals)
        self.lag.add(other.lag)
        self.started.update(other.started)
        self.established.update(other.established)
        self.ended.update(other.ended)

    def add(self, other: "Measurements") -> None:
        """Adds those of another node."""
        self.add_past(other)
        self.states.update(other.states)
        self.pending_reliable_bytes += other.pending_reliable_bytes
        self.pending_unreliable_bytes += other.pending_unreliable_bytes
        self.unacked_bytes += other.unacked_bytes
        self.queue_us_max = max(self.queue_us_max, other.queue_us_max)
        self.unread_messages += other.unread_messages
        self.unread_bytes += other.unread_bytes
        self.oldest_unread_us = max(self.oldest_unread_us, other.oldest_unread_us)


def measure(service: Service, tally: Tally, members: Mapping[int, Member]) -> Measurements:
    """Those of one node, whose lock is taken for as long as it takes to see which connections there are."""
    found = Measurements()
    with service.lock:
        ports = list(service.ports())
        found.statistics = tally.total(ports)
        found.totals.add(tally.totals)
        for port in ports:
            found.totals.add(port.endpoint.totals)
        found.lag.add(service.lag)
        found.started.update(tally.started)
        found.established.update(tally.established)
        found.ended.update(tally.ended)
        connections = [x for port in ports for x in port.endpoint.connections.values()]
        oldest_at = min([member.connection.inbox.oldest_at() for member in members.values()], default=NEVER)
    # Without the lock, for there may be thousands: what each has counted stays with it, also if it ends meanwhile.
    for connection in connections:
        found.count(connection)
    found.oldest_unread_us = max(0, now_us() - oldest_at)
    return found
