"""Packets on their way: the record of each until the peer has reported it (spec 2, 2.8.1-2.8.3).

Packet numbers are consecutive, so the records are a list with an offset; settled ones in front are cut off now
and then.
"""

from typing import Final, final

from gamesockets.send.reliable import Segment
from gamesockets.values.moments import NEVER

UNREPORTED_PACKETS_MAX: Final = 12_000
"""A receiver that got none of them still takes the next one: it refuses jumps above 16,384 (spec 2, 2.16 rule 1)."""

_COMPACT_AT: Final = 512

# One object for each size: fresh ones would be a quarter of a record's memory. An MTU is 1300 bytes at most.
_SIZES: Final = list(range(2048))


@final
class SentPacket:
    """What is remembered of a packet, and what was known when it left. Immutable: several packets may share one."""

    __slots__ = ("delivered_bytes", "is_application_limited", "is_lost", "segments", "sent_at", "size_bytes")

    def __init__(
        self,
        sent_at: int,
        size_bytes: int,
        segments: tuple[Segment, ...],
        delivered_bytes: int,
        is_application_limited: bool,
    ) -> None:
        self.sent_at = sent_at
        self.size_bytes = _SIZES[size_bytes]
        """The UDP payload."""
        self.segments = segments
        """The reliable segments in it."""
        self.delivered_bytes = delivered_bytes
        """How much of what was sent before it was known to have arrived."""
        self.is_application_limited = is_application_limited
        """The application had nothing more to send: this packet says little of what the path can carry."""
        self.is_lost = False
        """The peer reported it missing, or never reported it. It may still be late."""

    def as_lost(self) -> "SentPacket":
        """The record of the same packet once it is believed lost."""
        lost = SentPacket(
            self.sent_at, self.size_bytes, self.segments, self.delivered_bytes, self.is_application_limited
        )
        lost.is_lost = True
        return lost


@final
class Flight:
    """Records of sent packets by number."""

    __slots__ = ("_first", "_records", "_settled", "latest_reported", "next_number")

    def __init__(self, next_number: int) -> None:
        self.next_number = next_number
        """The number of the next packet."""
        self.latest_reported = next_number - 1
        """The highest number that the peer reported on."""
        self._first = next_number
        self._records: list[SentPacket | None] = []
        self._settled = 0

    def start_at(self, number: int) -> None:
        """Before anything was sent: the number of the first packet."""
        self.next_number = self._first = number
        self.latest_reported = number - 1
        self._records.clear()
        self._settled = 0

    def is_full(self) -> bool:
        """Whether no more data may leave until the peer reports."""
        return self.next_number - self.latest_reported > UNREPORTED_PACKETS_MAX

    def add(self, packet: SentPacket) -> None:
        """Remembers the packet that takes `next_number`."""
        self._records.append(packet)
        self.next_number += 1

    def get(self, number: int) -> SentPacket | None:
        """The record of a packet that is not settled."""
        index = number - self._first
        if 0 <= index < len(self._records):
            return self._records[index]
        return None

    def replace(self, number: int, packet: SentPacket) -> None:
        """Puts another record in place of that of a packet, if it is not settled."""
        if self.get(number) is not None:
            self._records[number - self._first] = packet

    def take_range(self, begin: int, end: int) -> list[SentPacket]:
        """Removes and returns the records in [begin, end): these packets arrived."""
        records = self._records
        start = max(begin - self._first, self._settled)
        stop = min(end - self._first, len(records))
        taken: list[SentPacket] = []
        for index in range(start, stop):
            record = records[index]
            if record is not None:
                taken.append(record)
                records[index] = None
        if start == self._settled and stop > start:
            self._settled = stop
            self._advance()
        return taken

    def open_range(self, begin: int, end: int) -> list[tuple[int, SentPacket]]:
        """The records in [begin, end) with their numbers, left in place."""
        records = self._records
        first = self._first
        found: list[tuple[int, SentPacket]] = []
        for index in range(max(begin - first, self._settled), min(end - first, len(records))):
            record = records[index]
            if record is not None:
                found.append((first + index, record))
        return found

    def oldest_sent_at(self) -> int:
        """When the oldest packet left that is not settled; NEVER if there is none."""
        if self._settled < len(self._records):
            record = self._records[self._settled]
            if record is not None:
                return record.sent_at
        return NEVER

    def forget_sent_before(self, time_us: int) -> list[tuple[int, SentPacket]]:
        """Drops the records of packets that left before `time_us`, and returns them with their numbers."""
        records = self._records
        forgotten: list[tuple[int, SentPacket]] = []
        index = self._settled
        while index < len(records):
            record = records[index]
            if record is not None:
                if record.sent_at >= time_us:
                    break
                forgotten.append((self._first + index, record))
                records[index] = None
            index += 1
        self._settled = index
        self._advance()
        return forgotten

    def _advance(self) -> None:
        records = self._records
        settled = self._settled
        while settled < len(records) and records[settled] is None:
            settled += 1
        if settled >= _COMPACT_AT:
            del records[:settled]
            self._first += settled
            settled = 0
        self._settled = settled
