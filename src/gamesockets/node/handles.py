"""Which numbers stand for listen sockets and poll groups? A slot, and a counter above it (spec 3, "Ideas shared")."""

from typing import Final, Generic, TypeVar, final

from gamesockets.values.arguments import find

T = TypeVar("T")

_SLOTS_MAX: Final = 0x1_0000
_COUNTER_MAX: Final = 0x7FFF


@final
class HandleTable(Generic[T]):
    """Objects by handle. A handle is not given out again until the counter has gone round."""

    def __init__(self, high_bit: bool) -> None:
        self._kind = "group" if high_bit else "socket"
        self._high_bit = 0x8000_0000 if high_bit else 0
        self._objects: dict[int, T] = {}
        self._slots: set[int] = set()
        self._counter = 0

    def add(self, item: T) -> int:
        """A new handle for `item`; `OSError` when all slots are taken."""
        slot = 0
        while slot in self._slots:
            slot += 1
        if slot >= _SLOTS_MAX:
            raise OSError(f"more than {_SLOTS_MAX} objects of one kind at once")
        self._counter = self._counter % _COUNTER_MAX + 1
        handle = self._high_bit | self._counter << 16 | slot
        self._slots.add(slot)
        self._objects[handle] = item
        return handle

    def get(self, handle: int) -> T | None:
        """The object; None for an unknown handle. Raises `TypeError` for what is no integer."""
        return find(self._objects, handle, self._kind)

    def remove(self, handle: int) -> T | None:
        """Takes the object out; its handle is dead from now on."""
        item = self._objects.pop(handle, None)
        if item is not None:
            self._slots.discard(handle & 0xFFFF)
        return item

    def values(self) -> list[T]:
        """All objects."""
        return list(self._objects.values())

    def handles(self) -> list[int]:
        """The handles of all objects."""
        return list(self._objects)
