"""Reassembly of unreliable messages that came in pieces, for one lane (spec 2, 2.5.1)."""

from bisect import insort
from typing import Final, TypeAlias, final

PIECES_BYTES_MAX: Final = 26_000
"""Largest end of a piece, 20 packets; pieces beyond are ignored."""

PIECES_MAX: Final = 20

_Piece: TypeAlias = tuple[int, int, bool, bytes]


@final
class UnreliableReassembly:
    """At most 21 pieces are kept; the pieces of the lowest message make room. Nothing here ever times out."""

    __slots__ = ("_pieces",)

    def __init__(self) -> None:
        self._pieces: list[_Piece] = []

    def insert(self, number: int, offset: int, is_last: bool, data: bytes) -> bytes | None:
        """Adds a piece of message `number`; the whole message if that completed it."""
        pieces = self._pieces
        if len(pieces) > PIECES_MAX:
            lowest = pieces[0][0]
            self._pieces = pieces = [piece for piece in pieces if piece[0] != lowest]
        for piece in pieces:
            if piece[0] == number and piece[1] == offset:
                return None
        insort(pieces, (number, offset, is_last, data), key=_position)
        return self._complete(number)

    def _complete(self, number: int) -> bytes | None:
        message = bytearray()
        for piece_number, offset, is_last, data in self._pieces:
            if piece_number != number:
                continue
            if offset > len(message):
                return None
            message[offset : offset + len(data)] = data
            if is_last:
                self._pieces = [piece for piece in self._pieces if piece[0] != number]
                return bytes(message)
        return None


def _position(piece: _Piece) -> tuple[int, int]:
    return piece[0], piece[1]
