"""When does a message leave: at once, or a moment later together with those behind it?

The first one leaves at once. One pump for all that follow it closely costs much less than one for each.

This is asked for every message, so it calls nothing of the driver: it says what the driver has to do.
"""

from typing import Final, final

from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.drivers.port import Port

ALONE_AFTER_US: Final = 50
"""A message that is queued so long after others have left does not wait for more."""

# What the driver has to do after a message was queued.
NOTHING: Final = 0
PUMP_PORT: Final = 1
"""So much is queued that its port is to be pumped, whatever others wait for."""
PUMP_FIRST: Final = 2
"""Nothing has left a moment ago: its port is to be pumped, and `have_left` called."""
BEGIN: Final = 3
"""It is the first that waits: those that wait must be pumped soon, though nothing is queued behind them."""
PUMP_ALL: Final = 4
"""Those that wait have waited long enough."""
SERVE: Final = 5
"""Nothing is to leave, but the program has sent for so long without a pause that what has come is to be taken."""


@final
class Gathering:
    """The ports on which messages were queued that leave a moment later."""

    __slots__ = ("_alone_from", "has_sent", "ports", "serve_from", "until")

    def __init__(self) -> None:
        self.ports: dict[Port, None] = {}
        self.until = 0
        """When the next message that is queued takes along those that wait."""
        self._alone_from = 0
        """A message that is queued later than this leaves at once."""
        self.has_sent = False
        """Whether the program has sent something since somebody set this back."""
        self.serve_from = 0
        """When a program that sends message by message, without a pause, is to take what has come meanwhile."""

    def queued(self, port: Port, connection: DatagramConnection, now: int) -> int:
        """A message was queued on a connection of that port; what is to be done."""
        self.has_sent = True
        if not connection.needs_service(now):
            return NOTHING if now < self.serve_from else SERVE
        port.endpoint.touch(connection)
        gather_us = connection.may_gather_us(now)
        return self.add(port, gather_us, now) if gather_us else PUMP_PORT

    def add(self, port: Port, gather_us: int, now: int) -> int:
        """Something is to leave through that port in `gather_us` at the latest; what is to be done."""
        until = now + gather_us
        if not self.ports:
            if now >= self._alone_from:
                return PUMP_FIRST
            self.until = until
            self.ports[port] = None
            return BEGIN
        self.ports[port] = None
        if now >= self.until:
            return PUMP_ALL
        if until < self.until:
            self.until = until
        return NOTHING

    def have_left(self, now: int) -> None:
        """Messages have left: those that follow closely wait for each other."""
        self._alone_from = now + ALONE_AFTER_US
