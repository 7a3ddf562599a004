"""The reliable byte stream of one lane: segments in any order become contiguous bytes (spec 2, 2.5.2)."""

from typing import Final, final

FIRST_POSITION: Final = 1
HOLES_MAX_EXTENDING: Final = 30
HOLES_MAX_SPLITTING: Final = 20


@final
class Island:
    """Bytes that came ahead of a hole."""

    __slots__ = ("begin", "data")

    def __init__(self, begin: int, data: bytearray) -> None:
        self.begin = begin
        self.data = data

    def end(self) -> int:
        """One past the position of its last byte."""
        return self.begin + len(self.data)


@final
class ReliableStream:
    """Bytes received and not yet taken. Holes cost nothing: a peer claims only the memory that it sends bytes for."""

    __slots__ = ("_islands", "base", "buffer", "held_bytes", "last_message_number", "needed_bytes")

    def __init__(self) -> None:
        self.base = FIRST_POSITION
        """Stream position of the first byte of `buffer`."""
        self.buffer = bytearray()
        """What has no hole before it."""
        self._islands: list[Island] = []
        self.held_bytes = 0
        """Bytes in `buffer` and behind holes."""
        self.last_message_number = 0
        self.needed_bytes = 0
        """How many bytes of `buffer` the first message needs, once its header was read; saves reading it again."""

    def end(self) -> int:
        """One past the highest position received."""
        return self._islands[-1].end() if self._islands else self.base + len(self.buffer)

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
            if end - base > limit_bytes or (begin > top and len(self._islands) >= HOLES_MAX_EXTENDING):
                return False
        elif len(self._islands) >= HOLES_MAX_SPLITTING and self._splits_hole(begin, end):
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

    def _splits_hole(self, begin: int, end: int) -> bool:
        """Whether the range lies inside a hole and touches neither of its edges."""
        hole_begin = self.base + len(self.buffer)
        for island in self._islands:
            if hole_begin < begin and end < island.begin:
                return True
            hole_begin = island.end()
        return False

    def _place(self, begin: int, data: bytes) -> None:
        """Puts bytes behind the first hole, over what is known there, and merges the islands that they touch."""
        islands = self._islands
        end = begin + len(data)
        index = 0
        while index < len(islands) and islands[index].end() < begin:
            index += 1
        if index == len(islands) or islands[index].begin > end:
            islands.insert(index, Island(begin, bytearray(data)))
            self.held_bytes += len(data)
            return
        island = islands[index]
        size = len(island.data)
        if begin < island.begin:
            island.data[: end - island.begin] = data
            island.begin = begin
        else:
            offset = begin - island.begin
            island.data[offset : offset + len(data)] = data
        self.held_bytes += len(island.data) - size
        while index + 1 < len(islands) and islands[index + 1].begin <= island.end():
            following = islands.pop(index + 1)
            known = min(island.end() - following.begin, len(following.data))
            island.data += following.data[known:]
            self.held_bytes -= known

    def _join(self) -> None:
        """Moves the first island into `buffer` once no hole is left before it."""
        islands = self._islands
        if islands and islands[0].begin == self.base + len(self.buffer):
            self.buffer += islands.pop(0).data
