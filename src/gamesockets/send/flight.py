"""Packets on their way: what each carried and when it left, until the peer has told its fate (spec 2, 2.8.1-2.8.3).

Packet numbers are consecutive, so the records are a list with an offset; settled ones in front are cut off now
and then.
"""

from typing import Final, TypeAlias, final

from gamesockets.send.reliable import Segment
from gamesockets.values.moments import NEVER

# When it left (us), the reliable segments in it, and a mark of the statistics it carried (0: none).
SentPacket: TypeAlias = tuple[int, tuple[Segment, ...], int]

_COMPACT_AT: Final = 512


@final
class Flight:
    """Records of sent packets by number."""

    __slots__ = ("_first", "_records", "_settled", "next_number")

    def __init__(self, next_number: int) -> None:
        self.next_number = next_number
        """The number of the next packet."""
        self._first = next_number
        self._records: list[SentPacket | None] = []
        self._settled = 0

    def add(self, sent_at: int, segments: tuple[Segment, ...], stats_mark: int) -> None:
        """Remembers the packet that takes `next_number`."""
        self._records.append((sent_at, segments, stats_mark))
        self.next_number += 1

    def get(self, number: int) -> SentPacket | None:
        """The record of a packet whose fate is open."""
        index = number - self._first
        if 0 <= index < len(self._records):
            return self._records[index]
        return None

    def take_range(self, begin: int, end: int) -> list[SentPacket]:
        """Removes and returns the open records in [begin, end): these packets arrived."""
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
        """The open records in [begin, end) with their numbers, left in place."""
        records = self._records
        first = self._first
        found: list[tuple[int, SentPacket]] = []
        for index in range(max(begin - first, self._settled), min(end - first, len(records))):
            record = records[index]
            if record is not None:
                found.append((first + index, record))
        return found

    def clear_mark(self, number: int) -> None:
        """The statistics mark of an open record has been dealt with."""
        index = number - self._first
        record = self._records[index]
        if record is not None:
            self._records[index] = (record[0], record[1], 0)

    def oldest_sent_at(self) -> int:
        """When the oldest packet left whose fate is open; NEVER if there is none."""
        if self._settled < len(self._records):
            record = self._records[self._settled]
            if record is not None:
                return record[0]
        return NEVER

    def forget_sent_before(self, time_us: int) -> list[tuple[int, SentPacket]]:
        """Drops the records of packets that left before `time_us` and returns them with their numbers."""
        records = self._records
        forgotten: list[tuple[int, SentPacket]] = []
        index = self._settled
        while index < len(records):
            record = records[index]
            if record is not None:
                if record[0] >= time_us:
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
