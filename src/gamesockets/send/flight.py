"""Packets on their way: the record of each until the peer has reported it (spec 2, 2.8.1-2.8.3).

Packet numbers are consecutive, so the records are a list with an offset; settled ones in front are cut off now
and then. What is settled behind open ones, and what was reported missing, is kept as runs: a report costs what it
says for the first time, and not what it says again.
"""

from typing import Final, final

from gamesockets.build import mypyc_attr
from gamesockets.send.number_runs import NumberRuns
from gamesockets.send.reliable import Segment
from gamesockets.values.moments import NEVER

UNREPORTED_PACKETS_MAX: Final = 12_000
"""A receiver that got none of them still takes the next one: it refuses jumps above 16,384 (spec 2, 2.16 rule 1)."""

NO_NUMBER: Final = -1

_COMPACT_AT: Final = 64

_LIMITED: Final = 1
_COUNTED: Final = 2

# One object for each size: fresh ones would be a quarter of a record's memory. An MTU is 1300 bytes at most.
_SIZES: Final = list(range(2048))


@mypyc_attr(acyclic=True)
@final
class SentPacket:
    """What is remembered of a packet, and what was known when it left. Immutable: several packets may share one."""

    __slots__ = ("_marks", "delivered_bytes", "is_lost", "segments", "sent_at", "size_bytes")

    def __init__(
        self,
        sent_at: int,
        size_bytes: int,
        segments: tuple[Segment, ...],
        delivered_bytes: int,
        is_application_limited: bool,
        is_counted: bool = False,
    ) -> None:
        self.sent_at = sent_at
        self.size_bytes = _SIZES[size_bytes]
        """The UDP payload."""
        self.segments = segments
        """The reliable segments in it."""
        self.delivered_bytes = delivered_bytes
        """How much of what was sent before it was known to have arrived."""
        self._marks = (_LIMITED if is_application_limited else 0) + (_COUNTED if is_counted else 0)
        self.is_lost = False
        """The peer reported it missing, or never reported it. It may still be late."""

    @property
    def is_application_limited(self) -> bool:
        """The application had nothing more to send: this packet says little of what the path can carry."""
        return self._marks & _LIMITED != 0

    @property
    def is_counted(self) -> bool:
        """The controller of the send rate hears of what becomes of it."""
        return self._marks & _COUNTED != 0

    def as_lost(self) -> "SentPacket":
        """The record of the same packet once it is believed lost."""
        lost = SentPacket(
            self.sent_at,
            self.size_bytes,
            self.segments,
            self.delivered_bytes,
            self.is_application_limited,
            self.is_counted,
        )
        lost.is_lost = True
        return lost


@final
class Flight:
    """Records of sent packets by number."""

    __slots__ = (
        "_first",
        "_missing",
        "_open_from",
        "_records",
        "_settled",
        "latest_reported",
        "next_number",
        "skipped_number",
    )

    def __init__(self, next_number: int) -> None:
        self.next_number = next_number
        """The number of the next packet."""
        self.latest_reported = next_number - 1
        """The highest number that the peer reported on."""
        self.skipped_number = NO_NUMBER
        """The last number that was passed over."""
        self._first = next_number
        self._records: list[SentPacket | None] = []
        self._open_from = next_number
        """Everything below is settled; the packet of this number, if it was sent, is not."""
        self._settled = NumberRuns()
        """What is settled above `_open_from`."""
        self._missing = NumberRuns()
        """What was reported missing, whether it was settled before or since; some of it below `_open_from`."""

    def start_at(self, number: int) -> None:
        """Before anything was sent: the number of the first packet."""
        self.next_number = self._first = self._open_from = number
        self.latest_reported = number - 1
        self._records.clear()
        self._settled.clear()
        self._missing.clear()

    def is_full(self) -> bool:
        """Whether no more data may leave until the peer reports."""
        return self.next_number - self.latest_reported > UNREPORTED_PACKETS_MAX

    def add(self, packet: SentPacket) -> None:
        """Remembers the packet that takes `next_number`."""
        self._records.append(packet)
        self.next_number += 1

    def skip(self) -> int:
        """Passes over `next_number`, and returns it: no packet has it, so it is settled."""
        number = self.next_number
        self._records.append(None)
        self.next_number += 1
        self.skipped_number = number
        if number == self._open_from:
            self._settle_below(number + 1)
        else:
            self._settled.add(number, number + 1)
        return number

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
        taken: list[SentPacket] = []
        open_from = self._open_from
        if begin <= open_from:
            begin = open_from
        if end > self.next_number:
            end = self.next_number
        if begin >= end:
            return taken
        if begin == open_from and self._settled.is_empty():
            self._take(begin, end, taken)
            self._settle_below(end)
            return taken
        for first, stop in self._settled.add(begin, end):
            self._take(first, stop, taken)
        if begin == open_from:
            self._settle_below(self._settled.take_through(end))
        return taken

    def _take(self, begin: int, end: int, taken: list[SentPacket]) -> None:
        records = self._records
        for index in range(begin - self._first, end - self._first):
            record = records[index]
            if record is not None:
                taken.append(record)
                records[index] = None

    def report_missing(self, begin: int, end: int) -> list[tuple[int, SentPacket]]:
        """The records in [begin, end), left in place, with their numbers; those returned before are left out."""
        found: list[tuple[int, SentPacket]] = []
        begin = max(begin, self._open_from)
        end = min(end, self.next_number)
        if begin >= end:
            return found
        records = self._records
        first = self._first
        for new_begin, new_end in self._missing.add(begin, end):
            for open_begin, open_end in self._settled.gaps(new_begin, new_end):
                for number in range(open_begin, open_end):
                    record = records[number - first]
                    if record is not None:
                        found.append((number, record))
        return found

    def oldest_sent_at(self) -> int:
        """When the oldest packet left that is not settled; NEVER if there is none."""
        record = self.get(self._open_from)
        return NEVER if record is None else record.sent_at

    def forget_sent_before(self, time_us: int) -> list[tuple[int, SentPacket]]:
        """Drops the records of packets that left before `time_us`, and returns them with their numbers."""
        forgotten: list[tuple[int, SentPacket]] = []
        number = self._open_from
        while True:
            record = self.get(number)
            if record is None or record.sent_at >= time_us:
                break
            forgotten.append((number, record))
            self._records[number - self._first] = None
            number = self._settled.take_through(number + 1)
        self._settle_below(number)
        return forgotten

    def _settle_below(self, number: int) -> None:
        self._open_from = number
        settled = number - self._first
        if settled >= _COMPACT_AT and settled * 2 >= len(self._records):
            del self._records[:settled]
            self._first = number
            self._missing.forget_below(number)
