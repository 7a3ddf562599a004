"""How do an endpoint and its UDP socket exchange datagrams, through a simulated network if one is asked for?"""

from dataclasses import replace
from typing import Final, final

from gamesockets.bad_network.impairment import Impairment
from gamesockets.clock import now_us
from gamesockets.connection.path import Path
from gamesockets.drivers.udp import UdpSocket
from gamesockets.endpoint.arrivals import Arrival, Arrivals
from gamesockets.endpoint.counting import statistics_of
from gamesockets.endpoint.endpoint import Endpoint, Transmit
from gamesockets.observe.life_lines import refused, sending_fails
from gamesockets.observe.packet_trace import OFF, trace_received, trace_sent
from gamesockets.values.moments import NEVER
from gamesockets.values.statistics import Statistics

DATAGRAMS_PER_TURN: Final = 256
"""Read from one socket before others, and callers waiting for the lock, get their turn."""

LATE_DATAGRAMS: Final = 64
"""So many at once, and who serves the port is late: peers take turns then."""

READS_PER_TURN: Final = 16
"""So often that much is read where more has come, so that none of it is lost because of who sends most."""

TURN_US: Final = 5_000
"""How long a port is served, where it is late, before what its peers are owed is sent."""

PAUSE_MIN_US: Final = 1_000
PAUSE_MAX_US: Final = 64_000
"""The first and the longest pause of a port whose datagrams the system has no buffers for. Then they are dropped."""


@final
class Port:
    """One UDP socket with the endpoint behind it."""

    __slots__ = (
        "_pause_us",
        "_retry_at",
        "_unsent",
        "arrivals",
        "awaits_room",
        "backlog",
        "deadline",
        "endpoint",
        "impairment",
        "is_open",
        "owner",
        "trace_bytes_max",
        "udp",
    )

    def __init__(self, udp: UdpSocket, endpoint: Endpoint, impairment: Impairment) -> None:
        self.udp = udp
        self.endpoint = endpoint
        self.impairment = impairment
        self.backlog: list[Transmit] = []
        """What the operating system would not take yet; meanwhile the endpoint is not asked for more."""
        self.arrivals = Arrivals()
        """What was read and not served yet, where the port is late."""
        self.awaits_room = False
        """Whether the backlog waits until the socket is writable."""
        self._retry_at = NEVER
        """When the backlog is tried again because the system lacks buffers, which no socket tells the end of."""
        self._pause_us = PAUSE_MIN_US
        self._unsent: set[Path] | None = None
        """The paths of connections for which the system refuses all that is sent; None before the first."""
        self.deadline = NEVER
        self.is_open = True
        self.owner = 0
        """Handle of the listen socket it belongs to; 0 for a port of one outgoing connection, closed after it."""
        self.trace_bytes_max = OFF
        """How much of each datagram is shown in debug output; 0 only its size."""

    def pump(self, now: int) -> None:
        """Sends everything that is due."""
        endpoint = self.endpoint
        if self.backlog and now >= self._retry_at:
            self.flush_backlog(now)
        for address, text in endpoint.take_refused():
            refused(self.udp.local_address, address, text)
        if self.impairment.is_active:
            self._pump_impaired(now)
            return
        while not self.backlog:
            transmits = endpoint.datagrams_to_send(now)
            if not transmits:
                return
            self._send(transmits, now)
            if endpoint.next_timer() > now:
                return

    def _send(self, transmits: list[Transmit], now: int) -> None:
        udp = self.udp
        for index, (datagrams, path) in enumerate(transmits):
            errors = udp.send_errors
            taken = udp.send(datagrams, path.remote, path.local)
            if self.trace_bytes_max > OFF:
                trace_sent(udp.local_address, path.remote, datagrams[:taken], self.trace_bytes_max)
            if udp.send_errors != errors or self._unsent:
                self._note_refusals(path, taken, udp.send_errors - errors, now)
            if taken < len(datagrams):
                self.backlog.append((datagrams[taken:], path))
                self.backlog.extend(transmits[index + 1 :])
                if udp.lacks_buffers:
                    self._pause(path, now)
                else:
                    self.awaits_room = True
                return
        self._pause_us = PAUSE_MIN_US

    def _note_refusals(self, path: Path, taken: int, refused: int, now: int) -> None:
        """Tells a connection when the system refuses all that it sends, and when something leaves again."""
        connection = self.endpoint.connections.get(path.remote)
        if connection is None or not taken:
            return
        if refused < taken:
            if self._unsent is not None:
                self._unsent.discard(path)
            connection.send_error = ""
            return
        if self._unsent is None:
            self._unsent = set()
        if path not in self._unsent:
            connections = self.endpoint.connections
            if len(self._unsent) > 2 * len(connections):  # most have ended
                self._unsent = {one for one in self._unsent if one.remote in connections}
            self._unsent.add(path)
        if connection.send_error != self.udp.send_error_text:
            connection.send_error = self.udp.send_error_text
            connection.send_error_since = now
            sending_fails(connection)

    def _pause(self, path: Path, now: int) -> None:
        """Waits for buffers, each time twice as long. What is refused too often is lost, as anywhere in a network."""
        if self._pause_us > PAUSE_MAX_US:
            count = sum([len(datagrams) for datagrams, _ in self.backlog])
            self.backlog.clear()
            self._retry_at = NEVER
            self._pause_us = PAUSE_MAX_US
            self.udp.send_errors += count
            self._note_refusals(path, 1, 1, now)
            return
        self._retry_at = now + self._pause_us
        self._pause_us *= 2

    def flush_backlog(self, now: int) -> None:
        """The socket takes datagrams again, or it is time to try."""
        waiting = self.backlog
        self.backlog = []
        self.awaits_room = False
        self._retry_at = NEVER
        self._send(waiting, now)

    def _pump_impaired(self, now: int) -> None:
        outgoing = self.impairment.outgoing
        for datagrams, path in self.endpoint.datagrams_to_send(now):
            for data in datagrams:
                outgoing.receive_datagram(data, path, now)
        if not self.backlog:
            self._send([([data], path) for data, path in outgoing.datagrams_to_send(now)], now)

    def pump_at_once(self, now: int) -> None:
        """Sends what is due past the simulated network, as the last thing before closing."""
        self._send(self.endpoint.datagrams_to_send(now), now)

    def receive(self, now: int) -> bool:
        """Reads what has arrived, and serves up to one turn's worth; whether anything had arrived."""
        groups = self._read()
        endpoint = self.endpoint
        if self.impairment.is_active:
            incoming = self.impairment.incoming
            for datagrams, remote, local in groups:
                for data in datagrams:
                    incoming.receive_datagram(data, (remote, local), now)
            self.deliver_delayed(now)
        elif self.udp.taken < LATE_DATAGRAMS and not self.arrivals.count:
            for datagrams, remote, local in groups:
                endpoint.receive_datagrams(datagrams, remote, now, local)
        else:
            self._serve_in_turns(groups, now)
        return bool(groups)

    def _read(self) -> list[Arrival]:
        groups = self.udp.receive(DATAGRAMS_PER_TURN)
        if self.trace_bytes_max > OFF:
            for datagrams, remote, _ in groups:
                trace_received(self.udp.local_address, remote, datagrams, self.trace_bytes_max)
        return groups

    def _serve_in_turns(self, groups: list[Arrival], now: int) -> None:
        """Much has come: reads it all, and then peers take turns."""
        arrivals = self.arrivals
        endpoint = self.endpoint
        arrivals.put(groups, endpoint.connections)
        for _ in range(READS_PER_TURN):
            if self.udp.taken < DATAGRAMS_PER_TURN:
                break
            arrivals.put(self._read(), endpoint.connections)
        until = now_us() + TURN_US
        while now_us() < until:
            arrival = arrivals.next()
            if arrival is None:
                break
            datagrams, remote, local = arrival
            endpoint.receive_datagrams(datagrams, remote, now, local)

    def deliver_delayed(self, now: int) -> None:
        """Hands the endpoint what the simulated network has held back long enough."""
        for data, (remote, local) in self.impairment.incoming.datagrams_to_send(now):
            self.endpoint.receive_datagram(data, remote, now, local)

    def statistics(self) -> Statistics:
        """What was counted here since the beginning."""
        udp = self.udp
        return replace(
            statistics_of(self.endpoint),
            send_errors=udp.send_errors,
            receive_errors=udp.receive_errors,
            oversize_dropped=udp.oversize_dropped,
            overload_dropped=self.arrivals.dropped,
            locals_refused=udp.locals_refused,
        )

    def next_timer(self) -> int:
        """When this port next needs service."""
        if self.arrivals.count:
            return 0
        impairment = self.impairment
        if self.backlog:
            # What leaves the simulated network could not be sent either: only a writable socket helps, or time.
            return min(self._retry_at, impairment.incoming.next_timer()) if impairment.is_active else self._retry_at
        deadline = self.endpoint.next_timer()
        return min(deadline, impairment.next_timer()) if impairment.is_active else deadline
