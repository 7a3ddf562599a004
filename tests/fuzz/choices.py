"""How do bytes become decisions? A target reads its input from front to back, and small inputs are short stories."""

from collections.abc import Sequence
from typing import Final, TypeVar, final

T = TypeVar("T")

_INTERESTING: Final = (
    *(0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0x3FFF, 0x4000, 0x7FFF, 0x8000, 0xFFFF, 0x1_0000),
    *(0xFF_FFFF, 0x100_0000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x1_0000_0000, 1 << 47, 1 << 48, 1 << 61),
    *(1 << 62, (1 << 63) - 1, 1 << 63, (1 << 64) - 1),
)


@final
class Choices:
    """Decisions read from bytes. When these are used up, every further decision is 0."""

    __slots__ = ("_data", "_place")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def is_over(self) -> bool:
        """Whether all bytes were used."""
        return self._place >= len(self._data)

    def byte(self) -> int:
        """0..255."""
        place = self._place
        self._place = place + 1
        return self._data[place] if place < len(self._data) else 0

    def below(self, limit: int) -> int:
        """0..limit-1, the limit up to 65536."""
        value = self.byte()
        if limit > 256:
            value |= self.byte() << 8
        return value % limit

    def pick(self, options: Sequence[T]) -> T:
        """One of them."""
        return options[self.below(len(options))]

    def take(self, count: int) -> bytes:
        """So many bytes, fewer at the end of the input."""
        taken = self._data[self._place : self._place + count]
        self._place += count
        return taken

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self._data))

    def number(self, near: int = 0) -> int:
        """Any of 64 bits: small, at a border of the wire format, beside `near`, or arbitrary."""
        kind = self.byte()
        if kind < 0x60:
            return kind
        if kind < 0xA0:
            return max(near + kind - 0x80, 0)
        if kind < 0xE0:
            return max(self.pick(_INTERESTING) + kind % 3 - 1, 0)
        if kind < 0xF0:
            return max(near + int.from_bytes(self.take(2), "little") - 0x8000, 0)
        return int.from_bytes(self.take(8), "little")
