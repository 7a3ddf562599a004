"""Reliable bytes that were sent: which segments are unacknowledged, which must be repeated (spec 2, 2.8)."""

from heapq import heappop, heappush
from typing import Final, final

IN_FLIGHT: Final = 0
LOST: Final = 1
ACKED: Final = 2

_COMPACT_AT: Final = 64


@final
class Segment:
    """A range of one lane's stream as it was first sent; repeating it sends exactly the same range."""

    __slots__ = (
        "announce",
        "data",
        "is_hole",
        "last_packet",
        "message_begin",
        "position",
        "state",
        "stream",
        "transmissions",
    )

    def __init__(self, stream: "UnackedStream", position: int, data: bytes, message_begin: int, announce: int) -> None:
        self.stream = stream
        self.position = position
        self.data = data
        self.message_begin = message_begin
        """Where the message starts that the first byte belongs to: what a receiver must hold back for it."""
        self.announce = announce
        """A message number to mention ahead of the segment, because its own would look too far ahead; 0 for none."""
        self.is_hole = False
        """It was lost, so the peer keeps a hole for it, until it is acknowledged."""
        self.state = IN_FLIGHT
        self.last_packet = 0
        self.transmissions = 1


_NONE: Final[list[tuple[int, int, Segment]]] = []
"""What a stream has of which no repeat was ever lost; never changed."""


@final
class UnackedStream:
    """Segments of one lane that the peer has not acknowledged, in stream order."""

    __slots__ = ("_fresh", "_head", "_lost_again", "_segments", "index", "lost_bytes", "unacked_bytes")

    def __init__(self, index: int) -> None:
        self.index = index
        self._segments: list[Segment] = []
        self._head = 0
        """How many of them, from the first on, are known to be acknowledged."""
        self._fresh = 0
        """How many of them, from the first on, are known to be acknowledged or to have been repeated."""
        self._lost_again: list[tuple[int, int, Segment]] = _NONE
        """A heap of repeats that were lost, by position; some of them have been repeated or acknowledged since."""
        self.unacked_bytes = 0
        """Bytes in flight, each counted once."""
        self.lost_bytes = 0
        """Bytes waiting to be repeated."""

    def add(self, segment: Segment) -> None:
        """A new segment, behind all others."""
        self._segments.append(segment)
        self.unacked_bytes += len(segment.data)

    def release(self) -> None:
        """Forgets the segments; nothing is asked of it any more."""
        self._segments = []
        self._lost_again = _NONE
        self._head = self._fresh = 0

    def oldest(self) -> Segment | None:
        """The first unacknowledged segment; the acknowledged ones before it are forgotten."""
        segments = self._segments
        head = self._head
        end = len(segments)
        while head < end and segments[head].state == ACKED:
            head += 1
        if head and (head == end or (head >= _COMPACT_AT and head * 2 >= end)):
            del segments[:head]
            self._fresh = max(self._fresh - head, 0)
            head = 0
        self._head = head
        return segments[head] if segments else None

    def oldest_but_repeats(self) -> Segment | None:
        """The same for a receiver that has what is on its way again: repeats arrive before what is sent behind them."""
        segments = self._segments
        fresh = max(self._fresh, self._head)
        end = len(segments)
        while fresh < end:
            segment = segments[fresh]
            if segment.state != ACKED and segment.transmissions == 1:
                break
            fresh += 1
        self._fresh = fresh
        lost_again = self._lost_again
        while lost_again:
            position, transmissions, segment = lost_again[0]
            if segment.state == LOST and segment.transmissions == transmissions:
                return segment if fresh == end or position < segments[fresh].position else segments[fresh]
            heappop(lost_again)
        return segments[fresh] if fresh < end else None

    def lost_again(self, segment: Segment) -> None:
        """A repeat was lost. Kept apart, so that nobody has to look for it among thousands."""
        if self._lost_again is _NONE or not self.lost_bytes:
            self._lost_again = []  # none of those in it waits any more
        heappush(self._lost_again, (segment.position, segment.transmissions, segment))


@final
class RetryQueue:
    """Lost segments of all lanes, and how many bytes they are; within a lane the lowest position is repeated first."""

    __slots__ = ("_heap", "lost_bytes", "open_holes", "retransmissions", "waiting_holes")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Segment]] = []
        self.lost_bytes = 0
        self.open_holes = 0
        """How many holes the receiver has to keep for segments lost and not acknowledged yet."""
        self.waiting_holes = 0
        """Those among them that nothing on its way will fill."""
        self.retransmissions = 0
        """How often a segment was sent once more."""

    def add(self, segment: Segment, widens_hole: bool) -> None:
        """Moves a segment from in flight to lost; `widens_hole` if the one right before it was lost with it."""
        size = len(segment.data)
        segment.state = LOST
        if segment.transmissions > 1:
            segment.stream.lost_again(segment)
        if not segment.is_hole and not widens_hole:
            segment.is_hole = True
            self.open_holes += 1
        if segment.is_hole:
            self.waiting_holes += 1
        segment.stream.unacked_bytes -= size
        segment.stream.lost_bytes += size
        self.lost_bytes += size
        heappush(self._heap, (segment.position, segment.stream.index, segment))

    def first(self) -> Segment | None:
        """The next segment to repeat; those acknowledged meanwhile are skipped."""
        heap = self._heap
        while heap:
            segment = heap[0][2]
            if segment.state == LOST:
                return segment
            heappop(heap)
        return None

    def sent_first(self, packet_number: int) -> None:
        """`first` is on its way again, in this packet."""
        segment = heappop(self._heap)[2]
        size = len(segment.data)
        segment.state = IN_FLIGHT
        segment.last_packet = packet_number
        segment.transmissions += 1
        if segment.is_hole:
            self.waiting_holes -= 1
        self.retransmissions += 1
        segment.stream.lost_bytes -= size
        segment.stream.unacked_bytes += size
        self._no_longer_lost(size)

    def acknowledge(self, segment: Segment) -> None:
        """The peer has these bytes, whether they were waiting here or not."""
        size = len(segment.data)
        if segment.state == LOST:
            segment.stream.lost_bytes -= size
            if segment.is_hole:
                self.waiting_holes -= 1
            self._no_longer_lost(size)
        else:
            segment.stream.unacked_bytes -= size
        if segment.is_hole:
            segment.is_hole = False
            self.open_holes -= 1
        segment.state = ACKED
        segment.data = b""

    def _no_longer_lost(self, size_bytes: int) -> None:
        self.lost_bytes -= size_bytes
        if not self.lost_bytes:
            self._heap.clear()  # what is left was acknowledged while it waited
