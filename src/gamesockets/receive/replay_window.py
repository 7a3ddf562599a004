"""Which packet numbers have been received: replay protection and the counts that quality is made of (spec 1, 4.6).

Instead of a bitmap the window keeps the few numbers that are *missing* near the newest one. On a healthy link
that set is empty and both questions, "is it new?" and "record it", are one comparison.
"""

from typing import Final, final

from gamesockets.build import mypyc_attr

NEW: Final = 0
DUPLICATE: Final = 1
TOO_OLD: Final = 2

MAX_JUMP: Final = 0x4000
"""A packet further than this above the newest one ends the connection."""

LURCH: Final = 100
"""From a jump this long on, everything below the new packet counts as received."""

_BLOCK: Final = 64


@mypyc_attr(acyclic=True)
@final
class ReplayWindow:
    """Numbers received in one direction. The handshake counts as number 1."""

    __slots__ = ("_missing", "dropped", "duplicate", "lurch", "newest", "out_of_order")

    def __init__(self, newest: int) -> None:
        self.newest = newest
        self._missing: set[int] | None = None
        """None while nothing was ever missing, as on most links: an empty set takes more than all the rest."""
        self.dropped = 0
        self.out_of_order = 0
        self.duplicate = 0
        self.lurch = 0

    def check(self, number: int) -> int:
        """NEW, DUPLICATE or TOO_OLD, without changing what is known of the number. Refusals are counted."""
        if number > self.newest:
            return NEW
        if number < self.oldest_accepted():
            self.lurch += 1
            return TOO_OLD
        if self._missing and number in self._missing:
            return NEW
        self.duplicate += 1
        return DUPLICATE

    def oldest_accepted(self) -> int:
        """Between 64 and 127 numbers back, and never below 1."""
        return max(1, (self.newest & ~(_BLOCK - 1)) - _BLOCK)

    def record(self, number: int) -> None:
        """Marks a number that `check` called NEW, once its packet was opened."""
        gap = number - self.newest
        if gap == 1:
            self.newest = number
            if self._missing and number & (_BLOCK - 1) == 0:
                self._forget_old()
        elif gap <= 0:
            if self._missing:
                self._missing.discard(number)
            self.out_of_order += 1
            self.dropped -= 1
        elif gap < LURCH:
            if self._missing is None:
                self._missing = set()
            self._missing.update(range(self.newest + 1, number))
            self.dropped += gap - 1
            self.newest = number
            self._forget_old()
        else:
            self._missing = None
            self.lurch += 1
            self.newest = number

    def _forget_old(self) -> None:
        if self._missing:
            oldest = self.oldest_accepted()
            self._missing = {number for number in self._missing if number >= oldest}
