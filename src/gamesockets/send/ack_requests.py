"""When does the next packet ask the peer for an immediate ack?

A reference receiver would wait up to 50 ms otherwise (spec 2, 2.6.2), and its silence says nothing about losses.
"""

from typing import Final, final

from gamesockets.build import mypyc_attr
from gamesockets.send.peer_window import PEER_BUFFER_BYTES

ACK_WANTED_BYTES: Final = PEER_BUFFER_BYTES // 8
"""Ask for an ack once this much reliable data is unreported."""

ACK_WANTED_PACKETS: Final = 4_096
"""Ask for an ack once more packets than this are unreported, ..."""

_ACK_WANTED_EVERY: Final = 512
"""... and again after each further so many."""

SOONER_US: Final = 2_000
"""Where the sender is about to stop, for lack of room in a window, it need not wait for its interval."""


@mypyc_attr(acyclic=True)
@final
class AckRequests:
    """What was sent since the peer last acknowledged something new, and whether to ask about it."""

    __slots__ = ("_asked_at", "_reliable_bytes", "_rest_us", "asked_number", "wanted")

    def __init__(self) -> None:
        self._asked_at = 0
        self._rest_us = 0
        """So long after that nothing would ask again."""
        self.asked_number = -1
        """The last packet that `on_bulk` had ask."""
        self._reliable_bytes = 0
        self.wanted = False
        """The next packet should ask for an immediate ack; sending it resets this."""

    def on_reliable_sent(self, size_bytes: int) -> None:
        """New reliable bytes leave."""
        self._reliable_bytes += size_bytes
        if self._reliable_bytes >= ACK_WANTED_BYTES:
            self._reliable_bytes = 0
            self.wanted = True

    def on_many_unreported(self, packets: int) -> None:
        """A packet leaves while so many before it, more than `ACK_WANTED_PACKETS`, are unreported."""
        if packets & (_ACK_WANTED_EVERY - 1) == 0:
            self.wanted = True

    def rests(self, now: int) -> bool:
        """Whether it is too early for `on_bulk`, unless the packet is the last one for now."""
        return now - self._asked_at < self._rest_us

    def on_bulk(self, interval_us: int, number: int, now: int) -> None:
        """Packet `number` leaves while much is on its way."""
        self._rest_us = min(interval_us, SOONER_US)
        if now - self._asked_at >= interval_us:
            self._asked_at = now
            self.asked_number = number
            self.wanted = True

    def on_progress(self) -> None:
        """The peer acknowledged reliable bytes for the first time."""
        self._reliable_bytes = 0
