"""Reassembly of unreliable messages that came in pieces, for one lane (spec 2, 2.5.1)."""

from bisect import bisect_left
from typing import Final, TypeAlias, final

PIECES_BYTES_MAX: Final = 26_000
"""Largest end of a piece, 20 packets; pieces beyond are ignored."""

PIECES_MAX: Final = 20

PIECE_OVERHEAD_BYTES: Final = 256
"""About what keeping a piece takes beside its bytes."""

# Whether the message ends with it, and its bytes.
_Piece: TypeAlias = tuple[bool, bytes]


@final
class PartialMessage:
    """The pieces of one message, in order of their offsets."""

    __slots__ = ("_joined", "_offsets", "_pieces", "_reached", "held_bytes", "is_old")

    def __init__(self) -> None:
        self._offsets: list[int] = []
        self._pieces: list[_Piece] = []
        self._joined = 0
        """How many of them, from the first on, have no hole before them. None of these is the last."""
        self._reached = 0
        """Where the joined ones end."""
        self.held_bytes = 0
        self.is_old = False
        """No piece came since it was last asked about."""

    def count(self) -> int:
        """How many pieces there are."""
        return len(self._offsets)

    def insert(self, offset: int, is_last: bool, data: bytes) -> bytes | None:
        """Adds a piece, unless there is one at that offset; the whole message if that completed it."""
        offsets = self._offsets
        pieces = self._pieces
        self.is_old = False
        index = bisect_left(offsets, offset)
        if index < len(offsets) and offsets[index] == offset:
            return None
        offsets.insert(index, offset)
        pieces.insert(index, (is_last, data))
        self.held_bytes += len(data) + PIECE_OVERHEAD_BYTES
        reached = self._reached
        joined = self._joined
        if index < joined:
            if is_last:
                return self._join(index + 1)
            reached = max(reached, offset + len(data))
            joined += 1
        while joined < len(offsets) and offsets[joined] <= reached:
            ends_here, piece = pieces[joined]
            reached = max(reached, offsets[joined] + len(piece))
            joined += 1
            if ends_here:
                return self._join(joined)
        self._reached = reached
        self._joined = joined
        return None

    def _join(self, count: int) -> bytes:
        message = bytearray()
        for index in range(count):
            offset = self._offsets[index]
            _, data = self._pieces[index]
            message[offset : offset + len(data)] = data
        return bytes(message)


@final
class UnreliableReassembly:
    """At most 21 pieces are kept; the pieces of the lowest message make room."""

    __slots__ = ("_count", "_messages", "held_bytes")

    def __init__(self) -> None:
        self._messages: dict[int, PartialMessage] = {}
        self._count = 0
        self.held_bytes = 0
        """What all pieces take."""

    def insert(self, number: int, offset: int, is_last: bool, data: bytes) -> bytes | None:
        """Adds a piece of message `number`; the whole message if that completed it."""
        messages = self._messages
        if self._count > PIECES_MAX:
            self._drop(min(messages))
        message = messages.get(number)
        if message is None:
            message = messages[number] = PartialMessage()
        held_bytes = message.held_bytes
        whole = message.insert(offset, is_last, data)
        if message.held_bytes != held_bytes:
            self._count += 1
            self.held_bytes += message.held_bytes - held_bytes
            if whole is not None:
                self._drop(number)
        return whole

    def forget_old(self) -> int:
        """Drops the messages of which no piece came since the last call; how many."""
        old = [number for number, message in self._messages.items() if message.is_old]
        for number in old:
            self._drop(number)
        for message in self._messages.values():
            message.is_old = True
        return len(old)

    def _drop(self, number: int) -> None:
        message = self._messages.pop(number)
        self._count -= message.count()
        self.held_bytes -= message.held_bytes
