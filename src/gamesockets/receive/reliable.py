"""The reliable byte stream of one lane: segments in any order become contiguous bytes (spec 2, 2.5.2)."""

from typing import Final, final

FIRST_POSITION: Final = 1
HOLES_MAX_EXTENDING: Final = 30
HOLES_MAX_SPLITTING: Final = 20


@final
class ReliableStream:
    """Bytes received and not yet taken. In order and without holes nothing is searched."""

    __slots__ = ("_holes", "base", "buffer", "last_message_number", "needed_bytes")

    def __init__(self) -> None:
        self.base = FIRST_POSITION
        """Stream position of the first byte of `buffer`."""
        self.buffer = bytearray()
        self._holes: list[tuple[int, int]] = []
        self.last_message_number = 0
        self.needed_bytes = 0
        """How many available bytes the first message needs, once its header was read; saves reading it again."""

    def end(self) -> int:
        """One past the highest position received."""
        return self.base + len(self.buffer)

    def available(self) -> int:
        """How many bytes at the start of `buffer` have no hole before them."""
        return self._holes[0][0] - self.base if self._holes else len(self.buffer)

    def consume(self, count: int) -> None:
        """Removes that many available bytes."""
        del self.buffer[:count]
        self.base += count

    def insert(self, begin: int, data: bytes, limit_bytes: int) -> bool:
        """Takes the segment at position `begin`; False if it would need more memory or more holes than allowed."""
        base = self.base
        buffer = self.buffer
        end_of_buffer = base + len(buffer)
        end = begin + len(data)
        if begin == end_of_buffer and len(buffer) + len(data) <= limit_bytes:
            buffer += data
            return True
        if end <= base:
            return True
        if end > end_of_buffer:
            if end - base > limit_bytes:
                return False
            if begin > end_of_buffer:
                if len(self._holes) >= HOLES_MAX_EXTENDING:
                    return False
                self._holes.append((end_of_buffer, begin))
                buffer.extend(bytes(begin - end_of_buffer))
                buffer += data
                return True
            buffer.extend(bytes(end - end_of_buffer))
        if begin < base:
            data = data[base - begin :]
            begin = base
        if not self._close_holes(begin, end):
            return False
        buffer[begin - base : end - base] = data
        return True

    def _close_holes(self, begin: int, end: int) -> bool:
        holes = self._holes
        if len(holes) >= HOLES_MAX_SPLITTING:
            for hole_begin, hole_end in holes:
                if hole_begin < begin and end < hole_end:
                    return False
        remaining: list[tuple[int, int]] = []
        for hole_begin, hole_end in holes:
            if hole_end <= begin or hole_begin >= end:
                remaining.append((hole_begin, hole_end))
                continue
            if hole_begin < begin:
                remaining.append((hole_begin, begin))
            if hole_end > end:
                remaining.append((end, hole_end))
        self._holes = remaining
        return True
