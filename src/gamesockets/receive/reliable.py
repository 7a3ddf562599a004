"""The reliable byte stream of one lane: segments in any order become contiguous bytes (spec 2, 2.5.2)."""

from bisect import bisect_right
from typing import Final, final

from gamesockets.build import mypyc_attr

FIRST_POSITION: Final = 1
HOLES_MAX_EXTENDING: Final = 30
HOLES_MAX_SPLITTING: Final = 20

BULK_HOLES: Final = 4_096
"""The same, both, for a peer of ours."""

ISLAND_OVERHEAD_BYTES: Final = 256
"""About what keeping bytes behind a hole takes beside them."""


@mypyc_attr(acyclic=True)
@final
class Island:
    """Bytes that came ahead of a hole. It grows at both ends, each byte at constant cost on average."""

    __slots__ = ("_store", "_unused", "begin", "end")

    def __init__(self, begin: int, data: bytes) -> None:
        self.begin = begin
        self.end = begin + len(data)
        """One past the position of its last byte."""
        self._store = bytearray(data)
        self._unused = 0
        """How many bytes of `_store` lie before the first one, as room to grow downwards."""

    def write(self, begin: int, data: bytes) -> None:
        """Puts bytes at a position that lies inside or touches it, over what is known there."""
        end = begin + len(data)
        if begin < self.begin:
            more = self.begin - begin
            if more > self._unused:
                room = more + len(self._store)
                self._store[:0] = bytes(room)
                self._unused += room
            self._unused -= more
            self.begin = begin
        place = self._unused + begin - self.begin
        self._store[place : place + len(data)] = data
        if end > self.end:
            self.end = end

    def size(self) -> int:
        """How many bytes it has."""
        return self.end - self.begin

    def bytes_between(self, begin: int, end: int) -> bytes:
        """The bytes at positions [begin, end) of its range."""
        place = self._unused + begin - self.begin
        return bytes(self._store[place : place + end - begin])


@mypyc_attr(acyclic=True)
@final
class ReliableStream:
    """Bytes received and not yet taken. Holes cost nothing: a peer claims only the memory that it sends bytes for."""

    __slots__ = (
        "_begins",
        "_islands",
        "base",
        "buffer",
        "held_bytes",
        "is_bulk",
        "last_message_number",
        "needed_bytes",
    )

    def __init__(self, is_bulk: bool = False) -> None:
        self.is_bulk = is_bulk
        """The peer is ours: it may leave `BULK_HOLES` holes."""
        self.base = FIRST_POSITION
        """Stream position of the first byte of `buffer`."""
        self.buffer = bytearray()
        """What has no hole before it."""
        self._islands: list[Island] = []
        self._begins: list[int] = []
        """Where each island begins."""
        self.held_bytes = 0
        """Bytes in `buffer` and behind holes, with what keeping those takes."""
        self.last_message_number = 0
        self.needed_bytes = 0
        """How many bytes of `buffer` the first message needs, once its header was read; saves reading it again."""

    def end(self) -> int:
        """One past the highest position received."""
        return self._islands[-1].end if self._islands else self.base + len(self.buffer)

    def consume(self, count: int) -> None:
        """Removes that many bytes from the start of `buffer`."""
        del self.buffer[:count]
        self.base += count
        self.held_bytes -= count

    def insert(self, begin: int, data: bytes, limit_bytes: int) -> bool:
        """Takes the segment at position `begin`; False if it would reach too far ahead or make too many holes."""
        base = self.base
        buffer = self.buffer
        contiguous_end = base + len(buffer)
        if begin == contiguous_end and not self._islands and len(buffer) + len(data) <= limit_bytes:
            buffer += data
            self.held_bytes += len(data)
            return True
        end = begin + len(data)
        if end <= base:
            return True
        top = self.end()
        if end > top:
            if end - base > limit_bytes:
                return False
            if begin > top and len(self._islands) >= HOLES_MAX_EXTENDING and not self._takes_holes():
                return False
        elif len(self._islands) >= HOLES_MAX_SPLITTING and not self._takes_holes() and self._splits_hole(begin, end):
            return False
        if begin < base:
            data = data[base - begin :]
            begin = base
        if begin < contiguous_end:
            known = min(end, contiguous_end) - begin
            buffer[begin - base : begin - base + known] = data[:known]
            data = data[known:]
            begin += known
        if data:
            self._place(begin, data)
            self._join()
        return True

    def _takes_holes(self) -> bool:
        """Whether there may be more holes than a reference library leaves."""
        return self.is_bulk and len(self._islands) < BULK_HOLES

    def _splits_hole(self, begin: int, end: int) -> bool:
        """Whether the range lies inside a hole and touches neither of its edges."""
        index = bisect_right(self._begins, end)
        hole_begin = self._islands[index - 1].end if index else self.base + len(self.buffer)
        return hole_begin < begin and index < len(self._islands)

    def _place(self, begin: int, data: bytes) -> None:
        """Puts bytes behind the first hole, over what is known there, and merges the islands that they touch."""
        islands = self._islands
        begins = self._begins
        end = begin + len(data)
        last = bisect_right(begins, end)
        first = last
        while first and islands[first - 1].end >= begin:
            first -= 1
        if first == last:
            islands.insert(first, Island(begin, data))
            begins.insert(first, begin)
            self.held_bytes += len(data) + ISLAND_OVERHEAD_BYTES
            return
        left = islands[first]
        right = islands[last - 1]
        known = 0
        for index in range(first, last):
            known += islands[index].size()
        # The larger one takes the bytes of the other: else closing many holes moved the same bytes each time.
        if left.size() >= right.size():
            kept = left
            kept.write(begin, data)
            if right.end > end and right is not left:
                kept.write(end, right.bytes_between(end, right.end))
        else:
            kept = right
            kept.write(begin, data)
            if left.begin < begin:
                kept.write(left.begin, left.bytes_between(left.begin, begin))
        islands[first:last] = [kept]
        begins[first:last] = [kept.begin]
        self.held_bytes += kept.size() - known - (last - first - 1) * ISLAND_OVERHEAD_BYTES

    def _join(self) -> None:
        """Moves the first island into `buffer` once no hole is left before it."""
        islands = self._islands
        if islands and islands[0].begin == self.base + len(self.buffer):
            island = islands.pop(0)
            del self._begins[0]
            self.buffer += island.bytes_between(island.begin, island.end)
            self.held_bytes -= ISLAND_OVERHEAD_BYTES
