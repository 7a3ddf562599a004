"""Which messages does a load tester send, and which came back: once, twice, late, never?

A message is a header (4 bytes `gsl1`, then the client's number, the sequence number and the sending time in
microseconds, big-endian) and zeros. The echo carries all that is needed to account for it, so nothing is remembered
for a message but one bit in a window.
"""

from __future__ import annotations

import struct
from typing import Final, final

from gamesockets.cli.histogram import Histogram

HEADER: Final = struct.Struct("!4sIIq")
MAGIC: Final = b"gsl1"
SIZE_MIN: Final = HEADER.size
WINDOW: Final = 4096
"""Messages of one client among which a second echo is told from a late one; at 30 Hz more than two minutes."""

_WINDOW_MASK: Final = (1 << WINDOW) - 1


@final
class Totals:
    """What all clients together have seen."""

    __slots__ = (
        "duplicated",
        "received",
        "refused",
        "reordered",
        "round_trips",
        "sent",
        "skipped",
        "strange",
        "too_late",
    )

    def __init__(self) -> None:
        self.sent = 0
        self.received = 0
        """Messages that came back, each counted once."""
        self.duplicated = 0
        self.reordered = 0
        """Messages that came back after one that was sent later."""
        self.too_late = 0
        """Echoes so old that nobody knows whether they are the first; not in `received`."""
        self.strange = 0
        """Messages that are no echo of ours, or a damaged one."""
        self.refused = 0
        """Messages that were due and found the send buffer full."""
        self.skipped = 0
        """Messages that were due while this program was busy, and were given up."""
        self.round_trips = Histogram()

    @property
    def missing(self) -> int:
        """Messages that have not come back, or not yet."""
        return self.sent - self.received

    @property
    def offered_share(self) -> float:
        """How much of what was due has been sent; 1 when nothing was due."""
        return self.sent / (self.sent + self.skipped + self.refused) if self.sent else 1.0

    @property
    def loss_percent(self) -> float:
        """The share of messages that have not come back; 0 when none was sent."""
        return 100.0 * self.missing / self.sent if self.sent else 0.0


@final
class ClientTraffic:
    """Makes the messages of one client and accounts for what comes back."""

    __slots__ = ("_filling", "_highest", "_number", "_seen", "_size_bytes", "_totals", "sent")

    def __init__(self, number: int, size_bytes: int, totals: Totals) -> None:
        self._number = number
        self._size_bytes = size_bytes
        self._filling = bytes(size_bytes - SIZE_MIN)
        self._totals = totals
        self._highest = 0
        self._seen = 0  # bit i: the echo of message `_highest - i` has come
        self.sent = 0

    def next_message(self, now_us: int) -> bytes:
        """The message to send next; call `count_sent` once it is on its way."""
        return HEADER.pack(MAGIC, self._number, (self.sent + 1) & 0xFFFF_FFFF, now_us) + self._filling

    def count_sent(self) -> None:
        """The message made last has been sent."""
        self.sent += 1
        self._totals.sent += 1

    def receive(self, data: bytes, now_us: int) -> None:
        """Account for a message that arrived at `now_us`."""
        totals = self._totals
        if len(data) != self._size_bytes:
            totals.strange += 1
            return
        magic, number, low_bits, sent_us = HEADER.unpack_from(data)
        # The number on the wire has 32 bits; the full one is the latest not above what was sent.
        sequence = self.sent - ((self.sent - low_bits) & 0xFFFF_FFFF)
        is_ours = magic == MAGIC and number == self._number and sequence > 0 and sent_us <= now_us
        if not is_ours or data[SIZE_MIN:] != self._filling:
            totals.strange += 1
            return
        ahead = sequence - self._highest
        if ahead > 0:
            self._seen = (self._seen << ahead | 1) & _WINDOW_MASK if ahead < WINDOW else 1
            self._highest = sequence
        elif -ahead >= WINDOW:
            totals.too_late += 1
            return
        else:
            bit = 1 << -ahead
            if self._seen & bit:
                totals.duplicated += 1
                return
            self._seen |= bit
            totals.reordered += 1
        totals.received += 1
        totals.round_trips.add(now_us - sent_us)
