"""When a connection next has something to do: named deadlines instead of timer objects."""

from typing import final

from gamesockets.build import mypyc_attr
from gamesockets.values.moments import NEVER


@mypyc_attr(acyclic=True)
@final
class Timers:
    """The deadlines of one connection in microseconds of the driver's clock; NEVER where none is set."""

    __slots__ = ("expiry", "handshake", "interval", "is_due", "liveness", "scheduled_at", "send", "statistics")

    def __init__(self) -> None:
        self.handshake = NEVER
        """The next ChallengeRequest, while connecting."""
        self.expiry = NEVER
        """The end of the state: connecting took too long, or FinWait is over."""
        self.liveness = NEVER
        """Reply timer, keepalive, probe, giving up."""
        self.send = NEVER
        """Acks, Nagle, pacing, repetitions."""
        self.statistics = NEVER
        """Statistics that are due to be sent to the peer."""
        self.interval = NEVER
        """The end of the current measuring interval; NEVER while nothing happens."""
        self.is_due = False
        """The endpoint will ask the connection for datagrams. The endpoint alone sets this and the next field."""
        self.scheduled_at = NEVER
        """For when the endpoint has noted the connection down; NEVER where it has not."""

    def earliest(self) -> int:
        """The next deadline of all."""
        earliest = self.send
        # Comparisons: compiled code would make objects of six numbers for one call of `min`.
        if self.liveness < earliest:
            earliest = self.liveness
        if self.interval < earliest:
            earliest = self.interval
        if self.statistics < earliest:
            earliest = self.statistics
        if self.expiry < earliest:
            earliest = self.expiry
        if self.handshake < earliest:
            earliest = self.handshake
        return earliest

    def clear(self) -> None:
        """Unsets all."""
        self.handshake = self.expiry = self.liveness = NEVER
        self.send = self.statistics = self.interval = NEVER
