"""What do both ends of one connection say of it, and do they agree?"""

from typing import Final, final

from gamesockets.connection.states import State
from gamesockets.sim.host import Connection, Host
from gamesockets.torture.ledger import Ledger, Violation
from gamesockets.torture.reference_acks import FIRST_PACKET
from gamesockets.torture.scenario import CLIENT, SERVER, SIDES
from gamesockets.values.enums import ConnectionState, EndReason
from gamesockets.values.records import StatusInfo

__all__ = ["ENDED", "End", "Pairing"]

ENDED: Final = (ConnectionState.CLOSED_BY_PEER, ConnectionState.PROBLEM_DETECTED_LOCALLY)
"""The states in which an application has to close."""

NEVER_S: Final = float("inf")

EXPLAINS_S: Final = 50.0
"""So long after its end trouble explains a timeout: with the longest of a scenario, and a keepalive before."""

_AGAIN: Final = 1 << 20
"""From the key of a server's end to that of its next: above all others of a run, and small, for keys have 32 bits."""
_LIVE: Final = (State.CONNECTED, State.CONNECTING, State.LINGER)


@final
class End:
    """One side's view.

    Attributes:
        connection: what the application holds.
        host: where it lives.
        outgoing: what it sent.
        incoming: what the other side sent.
    """

    def __init__(self, connection: Connection, outgoing: Ledger, incoming: Ledger) -> None:
        self.connection = connection
        self.host: Host = connection.host
        self.outgoing = outgoing
        self.incoming = incoming
        self.is_reading = True
        self.has_been_connected = False
        self.is_closed = False
        """By its own application."""
        self.has_lingered = False
        self.is_gone = False
        """Its host died."""
        self.ended: tuple[ConnectionState, int, str] | None = None
        """State, reason and text that the application was told."""
        self.ended_at = NEVER_S
        self._closed_at = NEVER_S

    @property
    def is_connected(self) -> bool:
        """Whether it can send."""
        return not self.is_closed and not self.is_gone and self.connection.is_connected

    @property
    def is_over(self) -> bool:
        """Nothing more is to come of it."""
        return self.is_gone or self.connection.core.state not in _LIVE

    def on_status(self, info: StatusInfo) -> None:
        """The application is told of a change. Raises `Violation` if it must not be."""
        state = info.connection_info.state
        if self.is_gone:
            raise Violation(f"{self} was told {state.name} after its host died")
        if self.is_closed and state != ConnectionState.NONE:
            raise Violation(f"{self} was told {state.name} after it was closed")
        if self.ended is not None and state != ConnectionState.NONE:
            raise Violation(f"{self} was told {state.name} after {self.ended[0].name}")
        if state == ConnectionState.CONNECTED:
            self.has_been_connected = True
        if state in ENDED:
            self.ended_at = self.host.world.now
            self.ended = (state, info.connection_info.end_reason, info.connection_info.end_debug)

    def was_over_at(self, at: float) -> bool:
        """Whether it had ended before that, so that the other side's timeout is no wonder."""
        return self.is_gone or self._closed_at <= at or self.ended_at < at

    def read(self) -> None:
        """The application reads everything. Raises `Violation` for a message that must not be there."""
        while messages := self.connection.receive(1000):
            if self.is_closed or self.is_gone:
                raise Violation(f"{self} received {len(messages)} messages after it was closed")
            for message in messages:
                self.incoming.arrived(message)

    def close(self, reason: int, linger: bool) -> None:
        """The application closes it."""
        self.read()
        self.has_lingered = linger and self.connection.core.state == State.CONNECTED
        self.is_closed = True
        self._closed_at = self.host.world.now
        self.connection.close(reason, f"closed with {reason}", linger)
        self.read()

    def __repr__(self) -> str:
        return f"{self.connection!r}"


@final
class Pairing:
    """Both ends of one connection.

    Args:
        key: different for each connection of a run.
        client: the end that connects.
    """

    def __init__(self, key: int, client: Connection) -> None:
        self.ledgers = (Ledger(2 * key), Ledger(2 * key + 1))
        self.client = End(client, self.ledgers[CLIENT], self.ledgers[SERVER])
        self.server: End | None = None
        self._troubles: list[tuple[float, float]] = []
        """From when to when something was wrong that explains the end of a connection that nobody closed."""
        self.began_lossy = False
        """Whether the handshake may well have failed."""
        self.began_corrupt = False
        """Whether it may have failed for any reason: its messages are in the clear."""

    def trouble(self, begin: float, end: float) -> None:
        """Something is wrong with the path or a host between these times, in seconds."""
        self._troubles.append((begin, end))

    def was_in_trouble(self, at: float) -> bool:
        """Whether a timeout at that time has a reason."""
        return any(begin <= at <= end + EXPLAINS_S for begin, end in self._troubles)

    def accept(self, connection: Connection) -> None:
        """The server has its end. If it had one before, the client never knew of it."""
        if self.server is not None:
            self.ledgers = (self.ledgers[CLIENT], Ledger(self.ledgers[SERVER].key + _AGAIN))
            self.client.incoming = self.ledgers[SERVER]
        self.server = End(connection, self.ledgers[SERVER], self.ledgers[CLIENT])

    def end(self, side: int) -> End | None:
        """The client's or the server's."""
        return self.client if side == CLIENT else self.server

    @property
    def ends(self) -> list[End]:
        """Those that there are."""
        return [self.client] if self.server is None else [self.client, self.server]

    @property
    def is_up(self) -> bool:
        """Both ends are connected."""
        return self.client.is_connected and self.server is not None and self.server.is_connected

    @property
    def is_over(self) -> bool:
        """Both ends have ended, for whatever reason."""
        return all(end.is_over for end in self.ends)

    @property
    def is_settled(self) -> bool:
        """Nothing is on its way any more."""
        if self.is_up:
            return not self.ledgers[CLIENT].missing and not self.ledgers[SERVER].missing
        return self.is_over

    # ------------------------------------------------------------------ the verdict

    def judge(self) -> None:
        """After the network was calm for long enough. Raises `Violation`."""
        if self.is_up:
            for side in SIDES:
                self._check_complete(self.ledgers[side], side)
            return
        if not self.is_over:
            others = [f"{end} ended {end.ended}, closed {end.is_closed}, gone {end.is_gone}" for end in self.ends]
            raise Violation("one end lives and the other does not: " + "; ".join(others))
        for side in SIDES:
            end, other = self.end(side), self.end(1 - side)
            if end is not None and end.ended is not None and not end.is_gone:
                self._judge_end(end, other, *end.ended)

    def _judge_end(self, end: End, other: End | None, state: ConnectionState, reason: int, debug: str) -> None:
        if state == ConnectionState.PROBLEM_DETECTED_LOCALLY:
            self._judge_problem(end, other, reason, debug)
        elif reason == EndReason.MISC_PEER_SENT_NO_CONNECTION:
            if other is not None and not other.is_over:
                raise Violation(f"{end} was told of no connection, and {other} lives")
        elif other is None:
            raise Violation(f"{end} was closed by a peer that never had the connection: {reason} {debug!r}")
        else:
            core = other.connection.core
            is_spoiled = self.began_corrupt  # the message that tells of the end is in the clear, too
            if (core.end_reason, core.end_debug) != (reason, debug) and not other.is_gone and not is_spoiled:
                raise Violation(
                    f"{end} was closed with {reason} {debug!r}, its peer with {core.end_reason} {core.end_debug!r}"
                )
            if other.has_lingered and reason != EndReason.MISC_TIMEOUT and not other.is_gone:
                self._check_complete(end.incoming, CLIENT if other is self.client else SERVER)

    def _judge_problem(self, end: End, other: End | None, reason: int, debug: str) -> None:
        if self.began_corrupt and not (end.has_been_connected and _has_heard(end)):
            return  # a wrong bit in a message of the handshake gives both sides different keys
        if reason != EndReason.MISC_TIMEOUT:
            raise Violation(f"{end} found a fault in its peer, which is one of ours: {reason} {debug!r}")
        if self.was_in_trouble(end.ended_at):
            return
        if not end.has_been_connected and self.began_lossy:
            return
        if other is not None and other.was_over_at(end.ended_at):
            return
        raise Violation(f"{end} timed out, and nothing was wrong with the network: {debug!r}")

    def _check_complete(self, ledger: Ledger, side: int) -> None:
        if ledger.missing:
            raise Violation(
                f"{ledger.missing} of {ledger.reliable_sent} reliable messages of {self.end(side)} never arrived"
            )


def _has_heard(end: End) -> bool:
    """Whether a data packet of the peer has ever been opened."""
    return end.connection.core.traffic.window.newest >= FIRST_PACKET
