"""Which packet numbers are in a set of few runs? A range costs as much as the runs in it, whatever its length."""

from bisect import bisect_left, bisect_right
from typing import Final, TypeAlias, final

from gamesockets.build import mypyc_attr

# A range [begin, end) of numbers.
Run: TypeAlias = tuple[int, int]

_NOTHING: Final[list[Run]] = []
_NO_NUMBERS: Final[list[int]] = []
"""What an empty set has instead of lists of its own; never changed."""


@mypyc_attr(acyclic=True)
@final
class NumberRuns:
    """A set of numbers as disjoint runs in ascending order; runs that touch are one."""

    __slots__ = ("_begins", "_ends")

    def __init__(self) -> None:
        self._begins = _NO_NUMBERS
        self._ends = _NO_NUMBERS

    def is_empty(self) -> bool:
        """Whether no number is in the set."""
        return not self._begins

    def clear(self) -> None:
        """Forgets everything."""
        self._begins = self._ends = _NO_NUMBERS

    def gaps(self, begin: int, end: int) -> list[Run]:
        """The parts of the range [begin, end), which is not empty, that are not in the set, ascending."""
        begins = self._begins
        ends = self._ends
        index = bisect_right(ends, begin)
        if index == len(begins) or begins[index] >= end:
            return [(begin, end)]
        if begins[index] <= begin and end <= ends[index]:
            return _NOTHING
        found: list[Run] = []
        place = begin
        while index < len(begins) and begins[index] < end:
            if begins[index] > place:
                found.append((place, begins[index]))
            place = ends[index]
            index += 1
        if place < end:
            found.append((place, end))
        return found

    def add(self, begin: int, end: int) -> list[Run]:
        """Adds the range [begin, end), which is not empty; the parts that were not in the set, ascending."""
        added = self.gaps(begin, end)
        if not added:
            return added
        if self._begins is _NO_NUMBERS:
            self._begins = []
            self._ends = []
        begins = self._begins
        ends = self._ends
        first = bisect_left(ends, begin)
        last = bisect_right(begins, end)
        if first < last:
            begin = min(begin, begins[first])
            end = max(end, ends[last - 1])
        begins[first:last] = [begin]
        ends[first:last] = [end]
        return added

    def take_through(self, number: int) -> int:
        """Forgets everything below `number` and the run that `number` is in or touches; one past the end of that."""
        if not self._begins:
            return number
        count = bisect_right(self._begins, number)
        if count:
            number = max(number, self._ends[count - 1])
            del self._begins[:count]
            del self._ends[:count]
        return number

    def forget_below(self, number: int) -> None:
        """Forgets the runs that lie completely below `number`."""
        if not self._begins:
            return
        count = bisect_right(self._ends, number)
        del self._begins[:count]
        del self._ends[:count]
